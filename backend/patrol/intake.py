"""Records of a patrol taken into the tables, in any order of arrival."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import Row, Rows, insert_new, one_of
from backend.intake import service as intake
from backend.patrol.models import Patrol, Pause, ShiftCheck, TrackChunk, Visit
from backend.patrol.service import record_finishes, record_starts
from backend.patrol.service.counting import mark
from backend.positions import service as positions
from backend.positions.rules import point_wkt
from backend.taken import NONE_WAIT, Take, Taken, Waiting
from sync.documents.envelope import Position
from sync.documents.patrol import (
    CheckPointVisited,
    PatrolFinished,
    PatrolPaused,
    PatrolStarted,
    PatrolTracked,
    ShiftChecked,
)

_Part = type[TrackChunk | Pause | Visit]


async def take_shift_checks(session: AsyncSession, takens: Sequence[Taken[ShiftChecked]]) -> Mapping[str, Waiting]:
    await insert_new(
        session,
        ShiftCheck,
        [
            {
                "id": taken.record.id,
                "organisation_id": taken.organisation_id,
                "staff_id": taken.staff_id,
                "device_id": taken.device_id,
                "at": taken.recorded_at,
                "items": msgspec.to_builtins(taken.record.items),
                "instrument_id": taken.record.instrument_id,
                "instrument_verified_until": taken.record.instrument_verified_until,
                "started_anyway": taken.record.started_anyway,
            }
            for taken in takens
        ],
    )
    await events.announce_all(
        session,
        [
            events.Event("shift.checked", taken.record.id, taken.organisation_id, {"staff_id": taken.staff_id})
            for taken in takens
        ],
    )
    return NONE_WAIT


async def take_walks(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    """All records of walks together: the walks' rows are locked and read once, folded here, and written once."""
    walks = await Rows.read(session, Patrol, {walk_of(taken) for taken in takens})
    batch = _Batch(walks)
    starts = _of(takens, PatrolStarted)
    for taken in starts:
        _start(walks, taken)
    finishes = _own(batch, _of(takens, PatrolFinished))
    # Before the walk's start has come nobody knows whose walk it ends: it waits, and does no task.
    counted = [taken for taken in finishes if _finish(walks, taken)]
    await _take_chunks(session, batch, _own(batch, _of(takens, PatrolTracked)))
    await _take_pauses(session, batch, _own(batch, _of(takens, PatrolPaused)))
    await _take_visits(session, batch, _own(batch, _of(takens, CheckPointVisited)))
    await _take_back(session, batch)
    await _count_chunks(session, batch)
    if batch.foreign:
        await intake.open_conflicts(session, [_other_staff(taken) for taken in batch.foreign])
    uncounted = any(not walk["counted"] for walk in [*walks.new(), *walks.changed()])
    await walks.write(session)
    if uncounted:
        await mark(session)
    await record_starts(session, starts)
    await record_finishes(session, counted)
    foreign = {taken.record.id for taken in batch.foreign}
    own = [taken for taken in takens if taken.record.id not in foreign]
    visits = [taken for taken in own if isinstance(taken.record, CheckPointVisited)]
    await events.announce_all(session, [_event(taken) for taken in [*starts, *counted, *visits]])
    return {
        taken.record.id: Waiting((walk_of(taken),))
        for taken in own
        if (walks.get(walk_of(taken)) or {}).get("started_at") is None
    }


def walk_of(taken: Taken[Any]) -> str:
    record = taken.record
    return str(record.id if isinstance(record, PatrolStarted) else record.patrol_id)


def _of(takens: Sequence[Taken[Any]], kind: type[Any]) -> list[Taken[Any]]:
    return [taken for taken in takens if isinstance(taken.record, kind)]


class _Batch:
    """`foreign`: what others recorded for somebody's walk; `touched`: walks whose chunks came or went."""

    def __init__(self, walks: Rows) -> None:
        self.walks = walks
        self.foreign: list[Taken[Any]] = []
        self.touched: set[str] = set()


def _ensure(walks: Rows, taken: Taken[Any]) -> Row:
    """The patrol's row, by whichever of its records comes first."""
    found = walks.get(walk_of(taken))
    return found or walks.add(
        {
            "id": walk_of(taken),
            "organisation_id": taken.organisation_id,
            "task_id": taken.record.task_id,
            "staff_id": taken.staff_id,
            "device_id": taken.device_id,
        }
    )


def _start(walks: Rows, taken: Taken[PatrolStarted]) -> None:
    walk = _ensure(walks, taken)
    if walk["staff_id"] != taken.staff_id:
        # Before its start came, somebody else's records could make the walk look like his.
        walk |= dict.fromkeys(("finished_at", "finish_id", "chunks_expected", "phone_assigned_m", "phone_covered_m"))
        walk["unfinished_reason"] = ""
    walk |= {
        "started_at": taken.recorded_at,
        "mode": taken.record.mode,
        "organisation_id": taken.organisation_id,
        "task_id": taken.record.task_id,
        "staff_id": taken.staff_id,
        "device_id": taken.device_id,
        "counted": False,
    }


def _own(batch: _Batch, takens: Iterable[Taken[Any]]) -> list[Taken[Any]]:
    """Without the records of somebody else's walk: the office hears of them and the walk does not count them. One
    that came before the walk's start waits, and is asked again when it comes.
    """
    own = []
    for taken in takens:
        walk = batch.walks.get(walk_of(taken))
        if walk is None or walk["started_at"] is None or walk["staff_id"] == taken.staff_id:
            own.append(taken)
        else:
            batch.foreign.append(taken)
    return own


def _other_staff(taken: Taken[Any]) -> intake.Contradiction:
    facts = {"staff_id": taken.staff_id, "at": taken.recorded_at}
    ids = [taken.record.id, taken.record.patrol_id]
    return intake.Contradiction(taken.organisation_id, "patrol.other_staff", ids, facts)


def _finish(walks: Rows, taken: Taken[PatrolFinished]) -> bool:
    """A second end of the same walk never replaces the first; whose it is shows when its start has come."""
    record, walk = taken.record, _ensure(walks, taken)
    if walk["staff_id"] != taken.staff_id:
        return False
    if walk["finish_id"] is None or walk["finish_id"] >= record.id:
        walk |= {
            "finished_at": taken.recorded_at,
            "finish_id": record.id,
            "chunks_expected": record.chunks,
            "phone_assigned_m": record.assigned_m,
            "phone_covered_m": record.covered_m,
            "unfinished_reason": record.unfinished_reason,
            "counted": False,
        }
    return walk["started_at"] is not None


async def _take_chunks(session: AsyncSession, batch: _Batch, takens: Sequence[Taken[PatrolTracked]]) -> None:
    for taken in takens:
        _ensure(batch.walks, taken)
    new = await insert_new(session, TrackChunk, [_chunk(taken) for taken in _by_id(takens)])
    fresh = [taken for taken in takens if taken.record.id in new]
    batch.touched |= {taken.record.patrol_id for taken in fresh}
    await positions.note_positions(session, [_last_fix(taken) for taken in fresh])


def _chunk(taken: Taken[PatrolTracked]) -> Row:
    record, start = taken.record, _start_of(taken)
    return {
        "id": record.id,
        "patrol_id": record.patrol_id,
        "organisation_id": taken.organisation_id,
        "chunk": record.chunk,
        "started_at": start,
        "ended_at": start + timedelta(seconds=max(point.offset_s for point in record.points)),
        "points": msgspec.json.encode(record.points),
        "line": _line(record),
    }


def _start_of(taken: Taken[PatrolTracked]) -> datetime:
    """The chunk's own start is by the phone's clock as well."""
    return taken.record.started_at + (taken.recorded_at - taken.record.recorded.at)


def _line(record: PatrolTracked) -> str:
    points = [f"{point.lon} {point.lat}" for point in record.points]
    # A line has two points, a chunk may have one.
    return f"SRID=4490;LINESTRING({', '.join(points if len(points) > 1 else points * 2)})"


def _last_fix(taken: Taken[PatrolTracked]) -> positions.Fix:
    last = max(taken.record.points, key=lambda point: point.offset_s)
    return positions.Fix(
        taken=taken,
        position=Position(lon=last.lon, lat=last.lat, accuracy_m=last.accuracy_m, source="gnss"),
        at=_start_of(taken) + timedelta(seconds=last.offset_s),
        methane_ppm=last.methane_ppm,
    )


async def _take_pauses(session: AsyncSession, batch: _Batch, takens: Sequence[Taken[PatrolPaused]]) -> None:
    for taken in takens:
        _ensure(batch.walks, taken)
    rows = [
        {
            "id": taken.record.id,
            "patrol_id": taken.record.patrol_id,
            "organisation_id": taken.organisation_id,
            "at": taken.recorded_at,
            "resumed": taken.record.resumed,
        }
        for taken in _by_id(takens)
    ]
    await insert_new(session, Pause, rows)


async def _take_visits(session: AsyncSession, batch: _Batch, takens: Sequence[Taken[CheckPointVisited]]) -> None:
    new = await insert_new(session, Visit, [_visit(taken) for taken in _by_id(takens)])
    for taken in takens:
        walk = _ensure(batch.walks, taken)
        if taken.record.id in new:
            walk["counted"] = False


def _visit(taken: Taken[CheckPointVisited]) -> Row:
    record = taken.record
    copied = (
        *("patrol_id", "check_point_id", "task_id", "proof", "result", "reason", "distance_m", "dwell_s"),
        *("inlet_pressure_kpa", "outlet_pressure_kpa", "note"),
    )
    return {
        "id": record.id,
        "organisation_id": taken.organisation_id,
        "staff_id": taken.staff_id,
        "at": taken.recorded_at,
        "items": msgspec.to_builtins(record.items),
        "photos": list(record.photos),
        "point": point_wkt(record.position),
        **{name: getattr(record, name) for name in copied},
    }


def _by_id(takens: Iterable[Taken[Any]]) -> list[Taken[Any]]:
    return sorted(takens, key=lambda taken: taken.record.id)


async def _take_back(session: AsyncSession, batch: _Batch) -> None:
    """What was taken for somebody else's walk while its start had not come."""
    kinds: tuple[tuple[type[Any], _Part], ...] = (
        (PatrolTracked, TrackChunk),
        (PatrolPaused, Pause),
        (CheckPointVisited, Visit),
    )
    for kind, table in kinds:
        foreign = _of(batch.foreign, kind)
        if foreign:
            await session.execute(delete(table).where(one_of(table.id, sorted(t.record.id for t in foreign))))
            batch.touched |= {taken.record.patrol_id for taken in foreign}


async def _count_chunks(session: AsyncSession, batch: _Batch) -> None:
    if not batch.touched:
        return
    counts = await session.execute(
        select(TrackChunk.patrol_id, func.count())
        .where(one_of(TrackChunk.patrol_id, sorted(batch.touched)))
        .group_by(TrackChunk.patrol_id)
    )
    chunks = {patrol_id: count for patrol_id, count in counts}  # noqa: C416 (rows are not pairs to dict)
    for patrol_id in batch.touched:
        walk = batch.walks.get(patrol_id)
        assert walk is not None, "a walk has its row before it has chunks"
        walk |= {"chunks": chunks.get(patrol_id, 0), "counted": False}


def _event(taken: Taken[Any]) -> events.Event:
    record, unit = taken.record, taken.organisation_id
    if isinstance(record, PatrolStarted):
        return events.Event("patrol.started", record.id, unit, {"staff_id": taken.staff_id})
    if isinstance(record, PatrolFinished):
        return events.Event("patrol.finished", record.patrol_id, unit)
    return events.Event("checkpoint.visited", record.id, unit, {"patrol_id": record.patrol_id})


TAKES: dict[str, Take] = {
    "shift.checked": take_shift_checks,
    "patrol.started": take_walks,
    "patrol.tracked": take_walks,
    "patrol.paused": take_walks,
    "checkpoint.visited": take_walks,
    "patrol.finished": take_walks,
}
