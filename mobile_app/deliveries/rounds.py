"""A round (一趟车): it begins with 出库装车 and ends with 回站入库; its track is recorded all the while (E5.8.3-8)."""

import asyncio
from collections.abc import Sequence

import msgspec

from device_bridge.models import Fix
from mobile_app.clock import monotonic
from mobile_app.deliveries.scans import Scanned
from mobile_app.errors import FieldError
from mobile_app.patrol.track import OpenChunk
from mobile_app.phone import Phone
from sync.documents.cylinders import CylindersLoaded, CylindersStored, StoredCylinder
from sync.documents.deliveries import DeliveryCompleted
from sync.documents.vehicles import VehicleTracked
from sync.rules.loading import OnBoard, load_of, missing_of

DRAFT = "delivery-round"
# A vehicle is followed well by a fix in five seconds; a receiver gives one a second, and not on the dot.
FIX_EVERY_S = 4.5
# So much of the track is lost at most when the app is killed.
DRAFT_EVERY_S = 30.0


class Running(msgspec.Struct, frozen=True, kw_only=True):
    round_id: str
    station_id: str
    vehicle: str
    chunk: OpenChunk


async def load_list(phone: Phone) -> tuple[OnBoard, ...]:
    """装载清单: what is on the vehicle by this phone's records."""
    facts: list[CylindersLoaded | DeliveryCompleted | CylindersStored] = []
    for kind in (CylindersLoaded, DeliveryCompleted, CylindersStored):
        facts += await phone.recorded(kind)
    return load_of(facts)


async def came_back_empty(phone: Phone, code: str) -> bool:
    """Whether the last that this phone knows of the cylinder is that it came back empty."""
    full = {s.code: r.record_number for r in await phone.recorded(CylindersLoaded) for s in r.cylinders}
    empty: dict[str, int] = {}
    for delivered in await phone.recorded(DeliveryCompleted):
        empty |= {each.scan.code: delivered.record_number for each in delivered.returned}
    for stored in await phone.recorded(CylindersStored):
        for each in stored.cylinders:
            (full if each.full else empty)[each.scan.code] = stored.record_number
    return empty.get(code, 0) > full.get(code, 0)


class Round:
    """`await Round.resume(phone)` after a kill; `begin` after loading; at most one runs."""

    def __init__(self, phone: Phone, running: Running) -> None:
        self.phone = phone
        self.running = running
        self._kept_at = monotonic()
        self._turn = asyncio.Lock()

    @classmethod
    async def resume(cls, phone: Phone) -> "Round | None":
        """Also where the app was killed between the loading and the round's first draft."""
        draft = await phone.draft(DRAFT)
        if draft is not None:
            return cls(phone, msgspec.json.decode(draft.body, type=Running))
        loaded, stored = await phone.recorded(CylindersLoaded), await phone.recorded(CylindersStored)
        if not loaded or (stored and stored[-1].record_number > loaded[-1].record_number):
            return None
        return await cls._begin(phone, loaded[-1])

    @classmethod
    async def begin(cls, phone: Phone, loaded: CylindersLoaded) -> "Round":
        """Loading once more goes on with the round that is under way."""
        return await cls.resume(phone) or await cls._begin(phone, loaded)

    @classmethod
    async def _begin(cls, phone: Phone, loaded: CylindersLoaded) -> "Round":
        running = Running(
            round_id=loaded.id, station_id=loaded.station_id, vehicle=loaded.vehicle, chunk=OpenChunk(number=0)
        )
        made = cls(phone, running)
        if (fix := phone.fresh_fix()) is not None:
            await made.take_fix(fix)  # where it set out, also on a round of a minute
        await made.keep()
        return made

    async def take_fix(self, fix: Fix) -> None:
        """One more position of the vehicle; a mocked one is none."""
        if fix.mocked:
            return
        t_s = self.phone.clock.now().at.timestamp()
        async with self._turn:
            chunk = self.running.chunk
            if chunk.points and t_s - chunk.started_s - chunk.points[-1].offset_s < FIX_EVERY_S:
                return
            if not chunk.fits(t_s):
                await self._record_chunk()
            self._put(self.running.chunk.with_fix(t_s, fix, None))
            if monotonic() - self._kept_at >= DRAFT_EVERY_S:
                await self.keep()

    async def store(self, scans: Sequence[tuple[Scanned, bool]], missing_reason: str = "") -> CylindersStored:
        """回站入库: each cylinder with whether it is full. Raises FieldError where some lack and nobody says why."""
        board = await load_list(self.phone)
        missing = missing_of(board, [found.scan.code for found, _ in scans])
        if missing and not missing_reason.strip():
            raise FieldError(
                "return.missing",
                f"还有 {len(missing)} 只没扫到：{'、'.join(missing[:5])}",
                f"{len(missing)} were not scanned: {', '.join(missing[:5])}",
                action_zh="在车上再找找；确实没有就写明原因",
                action_en="look on the vehicle again; say why where they are not there",
                field="missing_reason",
                missing=missing,
            )
        async with self._turn:
            await self._record_chunk()
            return await self.phone.record(
                CylindersStored,
                photo_ids=tuple(dict.fromkeys(key for found, _ in scans for key in found.photo_ids)),
                draft=DRAFT,
                station_id=self.running.station_id,
                vehicle=self.running.vehicle,
                cylinders=tuple(StoredCylinder(scan=found.scan, full=full) for found, full in scans),
                missing=missing,
                missing_reason=missing_reason.strip(),
            )

    async def keep(self) -> None:
        self._kept_at = monotonic()
        await self.phone.save_draft(DRAFT, msgspec.json.encode(self.running))

    async def _record_chunk(self) -> None:
        chunk = self.running.chunk
        if not chunk.points:
            return
        await self.phone.record(
            VehicleTracked,
            round_id=self.running.round_id,
            vehicle=self.running.vehicle,
            chunk=chunk.number,
            started_at=chunk.started_at,
            points=chunk.points,
        )
        self._put(OpenChunk(number=chunk.number + 1))
        await self.keep()

    def _put(self, chunk: OpenChunk) -> None:
        self.running = msgspec.structs.replace(self.running, chunk=chunk)
