"""Start-of-shift probes (开工体检) of the handheld or vehicle box itself; a phone asks its own system instead."""

import shutil
from datetime import datetime
from pathlib import Path

import msgspec

from device_bridge.models import Fix

POWER_SUPPLIES = Path("/sys/class/power_supply")


class Health(msgspec.Struct, frozen=True):
    """What can be known here; None means that this machine does not tell."""

    battery_percent: int | None
    free_storage_bytes: int
    clock_ahead_s: float | None


def probe_health(storage: Path, *, fix: Fix | None, now_utc: datetime) -> Health:
    return Health(battery_percent(), free_storage_bytes(storage), clock_ahead_s(fix, now_utc))


def battery_percent(supplies: Path = POWER_SUPPLIES) -> int | None:
    """The emptiest system battery in percent (Linux); None without one. A mouse's battery does not count."""
    levels = []
    for supply in sorted(supplies.glob("*")):
        if _word(supply / "type") == "Battery" and _word(supply / "scope") != "Device":
            capacity = _word(supply / "capacity")
            if capacity.isdigit():
                levels.append(min(int(capacity), 100))
    return min(levels, default=None)


def free_storage_bytes(storage: Path) -> int:
    """What the current user may still write beside `storage`; raises OSError when the folder is not there."""
    return shutil.disk_usage(storage).free


def clock_ahead_s(fix: Fix | None, now_utc: datetime) -> float | None:
    """How far the machine's clock runs ahead of the satellites'; negative when it is behind."""
    if fix is None or fix.time_utc is None:
        return None
    return (now_utc - fix.time_utc).total_seconds()


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
