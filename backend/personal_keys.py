"""The two keys in the data directory that personal data depend on; without a backup of both nothing of it opens.

`personal.key` wraps each person's own key and seals pictures of persons; `personal_exchange.pem` opens what phones have
sealed for the office (`sync.sealed`).
"""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import AppError
from backend.settings import Settings, load_settings

KEY_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_MASTER_FILE = "personal.key"
_OFFICE_FILE = "personal_exchange.pem"
_read: dict[Path, bytes] = {}


def data_dir(session: AsyncSession) -> Path:
    settings: Settings = session.info.get("settings") or load_settings()
    return settings.data_dir


def master_key(folder: Path) -> bytes:
    return _kept(folder / _MASTER_FILE, lambda: os.urandom(KEY_BYTES))


def office_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(_kept(folder / _OFFICE_FILE, _made), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def office_public_pem(folder: Path) -> str:
    public = office_key(folder).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def encrypt(key: bytes, plain: bytes, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    encryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(bound_to.encode())
    sealed = encryptor.update(plain) + encryptor.finalize()
    return nonce + sealed + encryptor.tag


def decrypt(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    nonce, tag = sealed[:_NONCE_BYTES], sealed[-_TAG_BYTES:]
    decryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(bound_to.encode())
    try:
        return decryptor.update(sealed[_NONCE_BYTES:-_TAG_BYTES]) + decryptor.finalize()
    except InvalidTag as error:
        raise AppError(
            500,
            "customer.master_key",
            "个人信息无法解密：数据目录里的主密钥不对。",
            "Personal data cannot be opened: the master key in the data directory is not the one that sealed it.",
        ) from error


def _made() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    if path not in _read:
        _read[path] = _read_or_make(path, make)
    return _read[path]


def _read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    if path.exists():
        return path.read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link is made or it is not: of several processes that start at once, one's key becomes the key.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()
