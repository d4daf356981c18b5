"""What is done to the hub now and then: tokens' keys, the comparison with PostGIS, and quarters that are over."""

import asyncio
import time
from datetime import UTC, datetime

import structlog

from backend.accounts.keys import SigningKeys
from backend.db import Database
from backend.intake import manifest, quarters
from backend.intake.hub import HubClient
from backend.intake.hub_admin import show_keys, tell_updates
from backend.photos.service import PhotoStore
from backend.settings import Settings

# A new key is in every node long before it signs (`accounts.keys.LEAD_S`).
LOOK_EVERY_S = 20.0
# A CouchDB that was set up anew knows no key.
_SHOW_ANYWAY_S = 300.0
COMPARE_EVERY_S = 3600.0

_log = structlog.get_logger(__name__)


async def keep(settings: Settings, database: Database, keys: SigningKeys, *, hub_url: str) -> None:
    """Until cancelled; raises what a further try may cure, for the worker's outer loop."""
    hub = HubClient(hub_url)
    photos = PhotoStore.of(settings)
    compared: float | None = None
    showing = KeysShown(hub, keys)
    try:
        while True:
            if settings.couchdb_url:
                await showing.look()
            for key_id in keys.retire_old(settings.access_token_s):
                _log.info("keys.retired", key_id=key_id)
            if compared is None or time.monotonic() - compared >= COMPARE_EVERY_S:
                await manifest.reconcile(database, hub, photos)
                await quarters.close_old(settings, database, hub, now=datetime.now(UTC))
                compared = time.monotonic()
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await hub.close()


class KeysShown:
    """Shows CouchDB the keys when they have changed, and now and then in any case."""

    def __init__(self, hub: HubClient, keys: SigningKeys) -> None:
        self._hub = hub
        self._keys = keys
        self._shown: tuple[frozenset[str], frozenset[str]] | None = None
        self._shown_at = 0.0

    async def look(self) -> None:
        now = (frozenset(self._keys.token_pems()), self._keys.ended_ids())
        if now == self._shown and time.monotonic() - self._shown_at < _SHOW_ANYWAY_S:
            return
        await tell_updates(self._hub)
        await show_keys(self._hub, self._keys)
        self._shown, self._shown_at = now, time.monotonic()
