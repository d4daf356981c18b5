"""Records of a patrol taken into the tables, in any order of arrival."""

from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.intake import service as intake
from backend.patrol.models import Patrol, Pause, ShiftCheck, TrackChunk, Visit
from backend.patrol.service import record_finish, record_start
from backend.patrol.service.counting import mark
from backend.positions import service as positions
from backend.positions.rules import point_wkt
from backend.taken import Take, Taken, Waiting
from sync.documents.envelope import Position
from sync.documents.patrol import (
    CheckPointVisited,
    PatrolFinished,
    PatrolPaused,
    PatrolStarted,
    PatrolTracked,
    ShiftChecked,
)


async def take_shift_check(session: AsyncSession, taken: Taken[ShiftChecked]) -> Waiting | None:
    record = taken.record
    row = insert(ShiftCheck).values(
        id=record.id,
        organisation_id=taken.organisation_id,
        staff_id=taken.staff_id,
        device_id=taken.device_id,
        at=taken.recorded_at,
        items=msgspec.to_builtins(record.items),
        instrument_id=record.instrument_id,
        instrument_verified_until=record.instrument_verified_until,
        started_anyway=record.started_anyway,
    )
    await session.execute(row.on_conflict_do_nothing())
    await positions.note_seen(session, taken)
    await events.announce(session, "shift.checked", record.id, taken.organisation_id, staff_id=taken.staff_id)
    return None


async def take_start(session: AsyncSession, taken: Taken[PatrolStarted]) -> Waiting | None:
    await _ensure(session, taken, taken.record.id)
    await _forget_anothers_end(session, taken)
    await session.execute(
        update(Patrol)
        .where(Patrol.id == taken.record.id)
        .values(
            started_at=taken.recorded_at,
            mode=taken.record.mode,
            organisation_id=taken.organisation_id,
            task_id=taken.record.task_id,
            staff_id=taken.staff_id,
            device_id=taken.device_id,
            counted=False,
        )
    )
    await record_start(session, taken)
    await positions.note_seen(session, taken)
    await mark(session)
    await events.announce(session, "patrol.started", taken.record.id, taken.organisation_id, staff_id=taken.staff_id)
    return None


async def _forget_anothers_end(session: AsyncSession, taken: Taken[PatrolStarted]) -> None:
    """Before its start came, somebody else's records could make the walk look like his."""
    blank = dict.fromkeys(("finished_at", "finish_id", "chunks_expected", "phone_assigned_m", "phone_covered_m"))
    foreign = (Patrol.id == taken.record.id) & (Patrol.staff_id != taken.staff_id)
    await session.execute(update(Patrol).where(foreign).values(unfinished_reason="", **blank))


async def take_chunk(session: AsyncSession, taken: Taken[PatrolTracked]) -> Waiting | None:
    record = taken.record
    if await _is_anothers(session, taken):
        await _take_back(session, TrackChunk, taken)
        return None
    # The chunk's own start is by the phone's clock as well.
    start = record.started_at + (taken.recorded_at - record.recorded.at)
    row = insert(TrackChunk).values(
        id=record.id,
        patrol_id=record.patrol_id,
        organisation_id=taken.organisation_id,
        chunk=record.chunk,
        started_at=start,
        ended_at=start + timedelta(seconds=max(point.offset_s for point in record.points)),
        points=msgspec.json.encode(record.points),
        line=_line(record),
    )
    new = await session.scalar(row.on_conflict_do_nothing().returning(TrackChunk.id))
    if new is not None:
        await _ensure(session, taken, record.patrol_id)
        await _count_chunks(session, record.patrol_id)
        last = max(record.points, key=lambda point: point.offset_s)
        position = Position(lon=last.lon, lat=last.lat, accuracy_m=last.accuracy_m, source="gnss")
        at = start + timedelta(seconds=last.offset_s)
        await positions.note_position(session, taken, position, at, methane_ppm=last.methane_ppm)
        await mark(session)
    return await _waiting(session, record.patrol_id)


def _line(record: PatrolTracked) -> str:
    points = [f"{point.lon} {point.lat}" for point in record.points]
    # A line has two points, a chunk may have one.
    return f"SRID=4490;LINESTRING({', '.join(points if len(points) > 1 else points * 2)})"


async def take_pause(session: AsyncSession, taken: Taken[PatrolPaused]) -> Waiting | None:
    record = taken.record
    if await _is_anothers(session, taken):
        await _take_back(session, Pause, taken)
        return None
    row = insert(Pause).values(
        id=record.id,
        patrol_id=record.patrol_id,
        organisation_id=taken.organisation_id,
        at=taken.recorded_at,
        resumed=record.resumed,
    )
    await session.execute(row.on_conflict_do_nothing())
    await _ensure(session, taken, record.patrol_id)
    await positions.note_seen(session, taken)
    return await _waiting(session, record.patrol_id)


async def take_visit(session: AsyncSession, taken: Taken[CheckPointVisited]) -> Waiting | None:
    record = taken.record
    if await _is_anothers(session, taken):
        await _take_back(session, Visit, taken)
        return None
    row = insert(Visit).values(
        id=record.id,
        patrol_id=record.patrol_id,
        check_point_id=record.check_point_id,
        organisation_id=taken.organisation_id,
        task_id=record.task_id,
        staff_id=taken.staff_id,
        at=taken.recorded_at,
        proof=record.proof,
        result=record.result,
        reason=record.reason,
        items=msgspec.to_builtins(record.items),
        distance_m=record.distance_m,
        dwell_s=record.dwell_s,
        inlet_pressure_kpa=record.inlet_pressure_kpa,
        outlet_pressure_kpa=record.outlet_pressure_kpa,
        photos=list(record.photos),
        note=record.note,
        point=point_wkt(record.position),
    )
    await session.execute(row.on_conflict_do_nothing())
    await _ensure(session, taken, record.patrol_id)
    await _uncount(session, record.patrol_id)
    await positions.note_seen(session, taken)
    await events.announce(session, "checkpoint.visited", record.id, taken.organisation_id, patrol_id=record.patrol_id)
    return await _waiting(session, record.patrol_id)


async def take_finish(session: AsyncSession, taken: Taken[PatrolFinished]) -> Waiting | None:
    record = taken.record
    if await _is_anothers(session, taken):
        return None
    await _ensure(session, taken, record.patrol_id)
    # A second end of the same walk never replaces the first; whose it is shows when its start has come.
    own = (Patrol.id == record.patrol_id) & (Patrol.staff_id == taken.staff_id)
    if await session.scalar(select(Patrol.id).where(own)) is None:
        return Waiting((record.patrol_id,))
    first = own & (Patrol.finish_id.is_(None) | (Patrol.finish_id >= record.id))
    await session.execute(
        update(Patrol)
        .where(first)
        .values(
            finished_at=taken.recorded_at,
            finish_id=record.id,
            chunks_expected=record.chunks,
            phone_assigned_m=record.assigned_m,
            phone_covered_m=record.covered_m,
            unfinished_reason=record.unfinished_reason,
            counted=False,
        )
    )
    await record_finish(session, taken)
    await positions.note_seen(session, taken)
    await mark(session)
    await events.announce(session, "patrol.finished", record.patrol_id, taken.organisation_id)
    return await _waiting(session, record.patrol_id)


async def _is_anothers(session: AsyncSession, taken: Taken[Any]) -> bool:
    """Whether somebody else began this walk: his figures are his own, and the office hears of it. What came before
    the walk's start waits, and is asked again when it comes.
    """
    patrol_id = taken.record.patrol_id
    begun = select(Patrol.staff_id).where(Patrol.id == patrol_id, Patrol.started_at.is_not(None))
    walker = await session.scalar(begun)
    if walker is None or walker == taken.staff_id:
        return False
    facts = {"staff_id": taken.staff_id, "at": taken.recorded_at}
    await intake.open_conflict(
        session, taken.organisation_id, "patrol.other_staff", [taken.record.id, patrol_id], facts
    )
    return True


async def _take_back(session: AsyncSession, table: type[TrackChunk | Visit | Pause], taken: Taken[Any]) -> None:
    await session.execute(delete(table).where(table.id == taken.record.id))
    await _count_chunks(session, taken.record.patrol_id)
    await mark(session)


async def _count_chunks(session: AsyncSession, patrol_id: str) -> None:
    chunks = select(func.count()).where(TrackChunk.patrol_id == patrol_id).scalar_subquery()
    await session.execute(update(Patrol).where(Patrol.id == patrol_id).values(chunks=chunks, counted=False))


async def _ensure(session: AsyncSession, taken: Taken[Any], patrol_id: str) -> None:
    """The patrol's row, by whichever of its records comes first."""
    row = insert(Patrol).values(
        id=patrol_id,
        organisation_id=taken.organisation_id,
        task_id=taken.record.task_id,
        staff_id=taken.staff_id,
        device_id=taken.device_id,
    )
    await session.execute(row.on_conflict_do_nothing())


async def _uncount(session: AsyncSession, patrol_id: str) -> None:
    await session.execute(update(Patrol).where(Patrol.id == patrol_id).values(counted=False))
    await mark(session)


async def _waiting(session: AsyncSession, patrol_id: str) -> Waiting | None:
    started = await session.scalar(select(Patrol.started_at).where(Patrol.id == patrol_id))
    return Waiting((patrol_id,)) if started is None else None


TAKES: dict[str, Take] = {
    "shift.checked": take_shift_check,
    "patrol.started": take_start,
    "patrol.tracked": take_chunk,
    "patrol.paused": take_pause,
    "checkpoint.visited": take_visit,
    "patrol.finished": take_finish,
}
