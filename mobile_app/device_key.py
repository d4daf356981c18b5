"""The key of a phone's files in the device's own keystore: Keystore on Android, Keychain on iOS.

Apart from the window, so that the work runs without Flet. Not tried on a device: no phone build was made here. Tried
against the same plugin in a browser.
"""

import asyncio
import logging
import secrets
from typing import Any, Protocol

from flet_secure_storage import AndroidOptions, IOSOptions, KeychainAccessibility, SecureStorage

from mobile_app.store_keys import FileKey, parse_key
from sync.errors import StoreError
from sync.store.seal import KEY_BYTES

NAME = "qixun.seal"
# A keystore that does not answer must not keep a worker from signing in for ever.
ANSWERS_WITHIN_S = 15.0
_log = logging.getLogger(__name__)


class Keystore(Protocol):
    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, value: Any) -> None: ...


def device_keystore() -> Keystore:
    storage: Keystore = SecureStorage(
        # By default the plugin erases everything when it cannot read one thing: that would be the key.
        android_options=AndroidOptions(reset_on_error=False),
        # Sending goes on behind a locked screen; the key moves to a new phone with an encrypted backup of the old one.
        ios_options=IOSOptions(accessibility=KeychainAccessibility.FIRST_UNLOCK),
    )
    return storage


class DeviceKey:
    """In the keystore; in a file where a device has none that works, which is then kept to."""

    def __init__(self, keystore: Keystore, fallback: FileKey) -> None:
        self._keystore = keystore
        self._fallback = fallback

    async def find(self) -> bytes | None:
        return await self._stored() or await self._fallback.find()

    async def make(self) -> bytes:
        key = secrets.token_bytes(KEY_BYTES)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await self._keystore.set(NAME, key.hex())
        except Exception:  # noqa: BLE001 - whatever a device's plugin raises
            _log.warning("the device's keystore cannot be written", exc_info=True)
        # What it says it has kept is read back before anything is sealed with it.
        return key if await self._stored() == key else await self._fallback.make()

    async def _stored(self) -> bytes | None:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                kept = await self._keystore.get(NAME)
        except Exception:  # noqa: BLE001 - whatever a device's plugin raises
            _log.warning("the device's keystore cannot be read", exc_info=True)
            return None
        try:
            return parse_key(kept) if kept else None
        except ValueError as error:
            raise StoreError("What the device's keystore holds is no key.", error="no_key") from error
