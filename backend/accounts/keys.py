"""The backend's ES256 keys: for access tokens and for what it writes to phones.

Private keys lie in the data directory (`keys/<key id>.pem`, readable by the owner only). Rotation adds a key; the
public halves of old ones stay, so that what they signed is believed as long as it lives.
"""

import fcntl
import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.db import new_key


class SigningKeys:
    def __init__(self, directory: Path) -> None:
        """Makes the first key where there is none."""
        self._directory = directory
        self._private: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._public: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (directory / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.reload()
            if not self._private:
                self._make()

    @property
    def current(self) -> tuple[str, ec.EllipticCurvePrivateKey]:
        """Key id and key to sign with: the newest (ids sort by time)."""
        key_id = max(self._private)
        return key_id, self._private[key_id]

    def public_pem(self, key_id: str) -> str | None:
        """Reads the directory again for an id it does not know: another process may have rotated."""
        if key_id not in self._public:
            self.reload()
        return self._public.get(key_id)

    def public_pems(self) -> dict[str, str]:
        return dict(self._public)

    def rotate(self) -> str:
        """A new current key's id."""
        with (self._directory / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._make()

    def reload(self) -> None:
        for path in self._directory.glob("*.pem"):
            if path.stem not in self._private:
                key = serialization.load_pem_private_key(path.read_bytes(), password=None)
                if isinstance(key, ec.EllipticCurvePrivateKey):
                    self._remember(path.stem, key)

    def _make(self) -> str:
        key_id, key = new_key(), ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self._directory / f"{key_id}.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
        self._remember(key_id, key)
        return key_id

    def _remember(self, key_id: str, key: ec.EllipticCurvePrivateKey) -> None:
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._private[key_id], self._public[key_id] = key, public.decode()
