"""How the phone is, for the office's list of phones."""

from datetime import UTC, datetime
from typing import Any

from device_bridge.health import battery_percent, free_storage_bytes
from mobile_app.closed_quarters import unsettled_databases
from mobile_app.phone import Phone
from mobile_app.sync_status import SyncStatus


def device_report(phone: Phone, status: SyncStatus) -> dict[str, Any]:
    own = [*phone.stores.all_own("user"), *phone.stores.all_own("media")]
    oldest = min((at for store in own if (at := store.oldest_open_at()) is not None), default=None)
    now = phone.clock.now().at
    return {
        "waiting": status.waiting,
        "refused": status.refused,
        "app_version": phone.session.app_version,
        "storage_free_bytes": free_storage_bytes(phone.data_dir),
        "battery_percent": battery_percent(),
        # As long ago as this phone's clock has gone since, whatever time it shows.
        "oldest_waiting_at": now - (datetime.now(UTC) - oldest) if oldest else None,
        "clock_at": now,
        "unsettled": unsettled_databases(phone.stores),
    }
