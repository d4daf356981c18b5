"""The key that this phone's files are sealed with: kept apart from them, made once, never made anew over sealed files.

On a computer it is a file of this user alone; on a phone the device's own keystore holds it (`mobile_app.device_key`).
"""

import asyncio
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from mobile_app.files import write_durable
from sync.errors import StoreError
from sync.store.seal import KEY_BYTES, is_sealed

FILE_NAME = "seal.key"


class KeySource(Protocol):
    async def find(self) -> bytes | None:
        """The key, None when there is none yet. Raises StoreError when it cannot be read."""
        ...

    async def make(self) -> bytes:
        """A new key, kept when it returns."""
        ...


class FileKey:
    """A file with the key in hexadecimal. Whoever has both it and the stores can read them: keep backups apart."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def beside(cls, data_dir: Path, environment: Mapping[str, str] = os.environ) -> "FileKey":
        """Where QIXUN_PHONE_KEY_FILE says, else beside the folder of the stores."""
        return cls(Path(environment.get("QIXUN_PHONE_KEY_FILE") or data_dir / FILE_NAME))

    async def find(self) -> bytes | None:
        return await asyncio.to_thread(self._read)

    async def make(self) -> bytes:
        key = secrets.token_bytes(KEY_BYTES)
        await asyncio.to_thread(write_durable, self.path, key.hex().encode() + b"\n")
        return key

    def _read(self) -> bytes | None:
        try:
            return parse_key(self.path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"The key file {self.path} cannot be read: {error}.", error="no_key") from error


def parse_key(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    return key


async def store_key(keys: KeySource, stores_dir: Path) -> bytes:
    """The phone's key. A new one is made only while nothing is sealed yet; else its loss is a StoreError."""
    found = await keys.find()
    if found is not None:
        return found
    if await asyncio.to_thread(_any_sealed, stores_dir):
        raise StoreError(f"The files in {stores_dir} are sealed and their key is gone.", error="no_key")
    return await keys.make()


def _any_sealed(stores_dir: Path) -> bool:
    return any(is_sealed(path) for path in stores_dir.rglob("*.sqlite"))
