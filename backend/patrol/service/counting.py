"""Counts a patrol's coverage in the office, with the code that counts it on the phone, from whatever has come so far.

A batch after a day without network brings fifty chunks of one patrol; counting after each would cost fifty times the
work. So a record only marks its patrol, and whoever reads (or the worker, woken by the commit) counts it once.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import shapely
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.accounts import service as accounts
from backend.changes import service as changes
from backend.network import service as network
from backend.patrol.models import Patrol, PatrolTask, TrackChunk, Visit
from sync.documents.patrol import TrackPoint
from sync.rules.coverage import Coverage, TimedPoint
from sync.rules.geometry import Line

# Notified with each commit that leaves a patrol to be counted.
UNCOUNTED_CHANNEL = "qixun_patrols"
# For a walk without a task: the usual limits of walking.
_BUFFER_M = 15.0
_MAX_SPEED_MPS = 2.5
_points = msgspec.json.Decoder(tuple[TrackPoint, ...])


async def mark(session: AsyncSession) -> None:
    await events.notify(session, UNCOUNTED_CHANNEL)


async def count_due(session: AsyncSession, *, limit: int = 50) -> int:
    """Counts patrols that have news; those that another transaction is counting are left to it."""
    due = (
        await session.scalars(
            select(Patrol)
            .where(Patrol.counted.is_(False))
            .order_by(Patrol.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()
    for patrol in due:
        await _count(session, patrol)
    await session.flush()
    return len(due)


async def _count(session: AsyncSession, patrol: Patrol) -> None:
    task = await session.get(PatrolTask, patrol.task_id, with_for_update=True) if patrol.task_id else None
    if task is not None and not await accounts.same_company(session, task.organisation_id, patrol.organisation_id):
        task = None  # another company's: neither its pipes nor its figures are this walk's
    pipes: dict[str, Line] = {}
    if task is not None:
        pipes = {key: pipe.line for key, pipe in (await network.find_pipes(session, task.pipe_ids)).items()}
    coverage = _coverage(task, pipes, await _track(session, [patrol.id]))
    _note_coverage(patrol, task, coverage)
    await _note_visits(session, patrol)
    if task is not None:
        await _note_task(session, patrol, task, pipes, coverage)
    patrol.counted = True
    await session.flush()
    await changes.changed(session, "T2-08", patrol.id, patrol.organisation_id)
    await events.announce(
        session,
        "patrol.counted",
        patrol.id,
        patrol.organisation_id,
        task_id=patrol.task_id,
        percent=round(coverage.percent, 1),
    )


def _coverage(task: PatrolTask | None, pipes: dict[str, Line], track: Iterable[TimedPoint]) -> Coverage:
    coverage = Coverage(
        pipes,
        task.buffer_m if task else _BUFFER_M,
        task.max_speed_mps if task else _MAX_SPEED_MPS,
    )
    coverage.take_all(track)
    return coverage


async def _track(session: AsyncSession, patrol_ids: Sequence[str]) -> list[TimedPoint]:
    """Of one or several walks, by time."""
    rows = await session.execute(
        select(TrackChunk.started_at, TrackChunk.points)
        .where(TrackChunk.patrol_id.in_(patrol_ids))
        .order_by(TrackChunk.started_at, TrackChunk.chunk, TrackChunk.id)
    )
    return [
        TimedPoint(started_at.timestamp() + point.offset_s, point.lon, point.lat, point.accuracy_m)
        for started_at, points in rows
        for point in _points.decode(points)
    ]


def _note_coverage(patrol: Patrol, task: PatrolTask | None, coverage: Coverage) -> None:
    patrol.assigned_m = coverage.assigned_m
    patrol.covered_m = coverage.covered_m
    patrol.walked_m = coverage.walked_m
    patrol.too_fast = [msgspec.to_builtins(stretch) for stretch in coverage.too_fast]
    patrol.too_fast_m = sum(stretch.length_m for stretch in coverage.too_fast)
    patrol.walked = _multiline(coverage.walked())
    patrol.unwalked = _multiline(coverage.unwalked())
    patrol.check_points = len(task.check_points) if task else 0


def _multiline(lines: Sequence[Sequence[Sequence[float]]]) -> str | None:
    drawn = [line for line in lines if len(line) > 1]
    return f"SRID=4490;{shapely.MultiLineString(drawn).wkt}" if drawn else None


async def _note_visits(session: AsyncSession, patrol: Patrol) -> None:
    visits = (await session.scalars(select(Visit).where(Visit.patrol_id == patrol.id))).all()
    reached = {visit.check_point_id for visit in visits if visit.result != "unreachable"}
    patrol.visited = len(reached)
    patrol.unreachable = len({v.check_point_id for v in visits if v.result == "unreachable"} - reached)
    patrol.abnormal = len({v.check_point_id for v in visits if v.result == "abnormal"})


async def _note_task(
    session: AsyncSession, patrol: Patrol, task: PatrolTask, pipes: dict[str, Line], coverage: Coverage
) -> None:
    """A task that was walked in parts, by one or by two people, is covered by all of them together."""
    rows = await session.execute(
        select(Patrol.id, Patrol.too_fast, Patrol.organisation_id).where(Patrol.task_id == task.id)
    )
    walks = [row for row in rows if await accounts.same_company(session, row[2], task.organisation_id)]
    too_fast: dict[str, list[Any]] = {row[0]: row[1] or [] for row in walks} | {patrol.id: patrol.too_fast}
    if len(too_fast) > 1:
        coverage = _coverage(task, pipes, await _track(session, list(too_fast)))
    planned = {point["check_point_id"] for point in task.check_points}
    reached = await session.scalar(
        select(func.count(Visit.check_point_id.distinct())).where(
            Visit.patrol_id.in_(list(too_fast)), Visit.result != "unreachable", Visit.check_point_id.in_(planned)
        )
    )
    task.covered_m = coverage.covered_m
    task.points_reached = reached or 0
    task.too_fast = sum(len(stretches) for stretches in too_fast.values())
