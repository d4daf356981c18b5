"""The backend's ES256 keys: for access tokens and for what it writes to phones.

A key's life, in the data directory under `keys/`:
- `<id>.pem`, readable by the owner only: signs, or will. A new one is published at once and signs after `LEAD_S`, by
  when phones and Apache CouchDB know it.
- `<id>.pub`: followed by another, its last token has expired. What it signed stays believed; the private half is gone.
- `<id>.revoked`: it may be in a stranger's hands. Phones believe nothing by it; intake still knows what it once signed,
  so that its own old receipts do not come up as forgeries.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.db import new_key

# Longer than a token lives, so that every phone in touch has renewed its token, and with it learned the key.
LEAD_S = 900.0
# Other processes rotate, too: the directory is looked at again this often.
_LOOK_AGAIN_S = 5.0
# Two servers' clocks, and a token that is on its way.
_MARGIN_S = 60.0
_ID_LENGTH = 32


class SigningKeys:
    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Makes the first key where there is none."""
        self._directory = directory
        self._clock = clock
        self._private: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._public: dict[str, str] = {}
        self._revoked: dict[str, str] = {}
        self._looked_at = 0.0
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            self.reload()
            if not self._private:
                self._make()
                self.reload()

    @property
    def current(self) -> tuple[str, ec.EllipticCurvePrivateKey]:
        """Key id and key to sign with: the newest that is old enough to be known everywhere (ids sort by time)."""
        self._look_again()
        private = self._private
        known = [key_id for key_id in private if self._clock() - _made_at(key_id) >= LEAD_S]
        key_id = max(known) if known else min(private)
        return key_id, private[key_id]

    def public_pem(self, key_id: str) -> str | None:
        """The public half that checks a token by this key; None once its last token has expired."""
        self._look_again()
        if key_id not in self._private:
            self.reload()
        return self._public.get(key_id) if key_id in self._private else None

    def public_pems(self) -> dict[str, str]:
        """What phones believe documents by: every key that was not revoked."""
        self._look_again()
        return dict(self._public)

    def token_pems(self) -> dict[str, str]:
        """What tokens are checked by: keys that sign, will sign, or signed until moments ago."""
        self._look_again()
        private, public = self._private, self._public
        return {key_id: public[key_id] for key_id in private if key_id in public}

    def known_pems(self) -> dict[str, str]:
        """Every key that this backend ever signed with, revoked ones too."""
        self.reload()
        return self._public | self._revoked

    def ended_ids(self) -> frozenset[str]:
        """Keys that check no token any more."""
        return frozenset(self.known_pems()) - frozenset(self._private)

    def rotate(self, *, revoke_old: bool = False) -> str:
        """A new key's id. `revoke_old`: the others may be stolen; this one signs at once, theirs counts for nothing."""
        with self._locked():
            key_id = self._make()
            if revoke_old:
                self.reload()
                for old in set(self._public) - {key_id}:
                    self._write(f"{old}.revoked", self._public[old].encode(), 0o600)
                    for suffix in (".pem", ".pub"):
                        (self._directory / f"{old}{suffix}").unlink(missing_ok=True)
            self.reload()
        return key_id

    def retire_old(self, token_life_s: float) -> list[str]:
        """Puts aside the private halves whose last token has expired; answers which."""
        current, _ = self.current
        in_use_since = _made_at(current) + LEAD_S
        if self._clock() < in_use_since + token_life_s + _MARGIN_S:
            return []
        with self._locked():
            self.reload()
            old = sorted(key_id for key_id in self._private if key_id < current)
            for key_id in old:
                self._write(f"{key_id}.pub", self._public[key_id].encode(), 0o600)
                (self._directory / f"{key_id}.pem").unlink(missing_ok=True)
            self.reload()
        return old

    def reload(self) -> None:
        self._looked_at = time.monotonic()
        private, public = {}, {}
        for path in self._directory.glob("*.pem"):
            key = self._private.get(path.stem) or _read(path)
            if key is not None:
                private[path.stem], public[path.stem] = key, self._public.get(path.stem) or _public_pem(key)
        for path in self._directory.glob("*.pub"):
            public.setdefault(path.stem, self._public.get(path.stem) or path.read_text())
        revoked = {path.stem: path.read_text() for path in self._directory.glob("*.revoked")}
        # A revocation that was cut off leaves both files: the mark counts.
        self._private = {key_id: key for key_id, key in private.items() if key_id not in revoked}
        self._public = {key_id: pem for key_id, pem in public.items() if key_id not in revoked}
        self._revoked = revoked

    def _look_again(self) -> None:
        if time.monotonic() - self._looked_at > _LOOK_AGAIN_S:
            self.reload()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._directory / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make(self) -> str:
        key_id, key = new_key(), ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._write(f"{key_id}.pem", pem, 0o600)
        return key_id

    def _write(self, name: str, content: bytes, mode: int) -> None:
        """Whole or not at all: a key that a power cut left half would stop every start."""
        path = self._directory / f".{name}.new"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            if os.geteuid() == 0:
                # The administrator's command must not make a key that the server's own user cannot read.
                owner = self._directory.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        path.rename(self._directory / name)


def _read(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        # Another process has put it aside at this moment.
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def _made_at(key_id: str) -> float:
    """Seconds since 1970, which a UUIDv7 begins with; a key of another name was put there by hand, long ago."""
    try:
        return int(key_id[:12], 16) / 1000 if len(key_id) == _ID_LENGTH else 0.0
    except ValueError:
        return 0.0
