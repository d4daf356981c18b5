"""Time that a worker cannot set: from satellites or from the server, carried on by the monotonic clock.

An aeroplane mode plus a changed clock fakes watermark cameras. So the phone's own clock counts only as `unset`
(未校时); a trusted moment is kept with the boot it was learnt in and is gone after a restart.
"""

import time
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from mobile_app.files import read_struct, write_durable
from sync.databases import BEIJING
from sync.documents.envelope import Moment

ClockSource = Literal["gnss", "server", "unset"]

# Satellites and server agree within seconds; a receiver farther off is simulated or spoofed.
GNSS_TOLERANCE_S = 60.0
# Smaller corrections are not worth a write to flash.
_REWRITE_S = 0.5
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Where the system tells no boot, each process is one: the trusted time is then learnt anew.
_PROCESS_BOOT = uuid.uuid4().hex


class Anchors(msgspec.Struct, frozen=True):
    """Seconds to add to the monotonic clock of this boot to get UTC; None where not learnt."""

    boot_id: str
    server_s: float | None = None
    gnss_s: float | None = None


class Clock:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._boot_id = boot_id()
        kept = read_struct(path, Anchors)
        self._anchors = kept if kept and kept.boot_id == self._boot_id else Anchors(self._boot_id)

    @property
    def source(self) -> ClockSource:
        if self._anchors.gnss_s is not None:
            return "gnss"
        return "server" if self._anchors.server_s is not None else "unset"

    def now(self) -> Moment:
        """The trusted time, or the phone's own marked `unset`; to the millisecond."""
        monotonic_s = monotonic()
        offset_s = self._anchors.gnss_s if self._anchors.gnss_s is not None else self._anchors.server_s
        at = datetime.now(UTC) if offset_s is None else datetime.fromtimestamp(offset_s + monotonic_s, UTC)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        return Moment(at=at, boot_id=self._boot_id, monotonic_s=round(monotonic_s, 3), clock=self.source)

    def today(self) -> date:
        """The date in Beijing."""
        return self.now().at.astimezone(BEIJING).date()

    def ahead_s(self) -> float | None:
        """How far the phone's own clock runs ahead of the trusted time; None while there is none."""
        if self.source == "unset":
            return None
        return (datetime.now(UTC) - self.now().at) / timedelta(seconds=1)

    def take_server(self, at: datetime) -> None:
        offset_s = at.timestamp() - monotonic()
        gnss_s = self._anchors.gnss_s
        if gnss_s is not None and abs(gnss_s - offset_s) > GNSS_TOLERANCE_S:
            gnss_s = None
        self._keep(Anchors(self._boot_id, offset_s, gnss_s))

    def take_gnss(self, at: datetime, *, mocked: bool = False) -> None:
        """Satellite time counts unless it is simulated or contradicts the server's."""
        offset_s = at.timestamp() - monotonic()
        server_s = self._anchors.server_s
        if mocked or (server_s is not None and abs(offset_s - server_s) > GNSS_TOLERANCE_S):
            return
        self._keep(Anchors(self._boot_id, server_s, offset_s))

    def _keep(self, anchors: Anchors) -> None:
        before, self._anchors = self._anchors, anchors
        if _moved(before.server_s, anchors.server_s) or _moved(before.gnss_s, anchors.gnss_s):
            write_durable(self._path, msgspec.json.encode(anchors))


def boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return _PROCESS_BOOT


def monotonic() -> float:
    """Seconds since boot, time asleep included where the system counts it."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _moved(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(before - after) > _REWRITE_S
