"""What was walked: lists, one patrol with its visits, tracks for the map, rates, and what the regulator reads."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.errors import MissingError
from backend.pages import Page
from backend.patrol.models import Patrol, PatrolTask, ShiftCheck, TrackChunk, Visit
from backend.patrol.rules import Rates, TaskOutcome, rates
from backend.patrol.schemas import PatrolLine, PatrolOut, ShiftCheckOut, TooFastOut, VisitOut
from backend.patrol.service.counting import count_due
from backend.scope import Caller, scoped, within
from sync.databases import BEIJING

_COPIED = (
    *("id", "organisation_id", "task_id", "staff_id", "mode", "started_at", "finished_at", "chunks"),
    *("chunks_expected", "phone_covered_m", "check_points", "visited", "unreachable", "abnormal"),
)


async def list_patrols(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    staff_id: str = "",
    task_id: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[PatrolLine]:
    """Newest first; those that have not even started (a chunk came before its start) stand on top."""
    await count_due(session)
    query = scoped(select(Patrol), Patrol.organisation_id, caller)
    if since is not None:
        query = query.where(func.coalesce(Patrol.started_at, func.now()) >= since)
    if until is not None:
        query = query.where(func.coalesce(Patrol.started_at, func.now()) < until)
    if staff_id:
        query = query.where(Patrol.staff_id == staff_id)
    if task_id:
        query = query.where(Patrol.task_id == task_id)
    total = await session.scalar(select(func.count()).select_from(query.subquery()))
    ordered = query.order_by(Patrol.started_at.desc().nulls_first(), Patrol.id.desc())
    rows = (await session.scalars(ordered.limit(limit).offset(offset))).all()
    return Page(await _lines(session, rows), total or 0)


async def _lines(session: AsyncSession, patrols: Sequence[Patrol]) -> list[PatrolLine]:
    names = await accounts.staff_names(session, [p.staff_id for p in patrols])
    rows = await session.execute(
        select(PatrolTask.id, PatrolTask.title).where(PatrolTask.id.in_([p.task_id for p in patrols]))
    )
    titles = {row[0]: row[1] for row in rows}
    return [_line(p, names.get(p.staff_id, ""), titles.get(p.task_id, "")) for p in patrols]


def _line(patrol: Patrol, staff_name: str, title: str) -> PatrolLine:
    return PatrolLine(
        title=title,
        staff_name=staff_name,
        complete=patrol.chunks_expected is not None and patrol.chunks >= patrol.chunks_expected,
        assigned_m=round(patrol.assigned_m, 1),
        covered_m=round(patrol.covered_m, 1),
        coverage_percent=round(100 * patrol.covered_m / patrol.assigned_m, 1) if patrol.assigned_m else 0.0,
        walked_m=round(patrol.walked_m, 1),
        too_fast_m=round(patrol.too_fast_m, 1),
        unfinished_reason=patrol.unfinished_reason,
        **{name: getattr(patrol, name) for name in _COPIED},
    )


async def find_patrol(session: AsyncSession, caller: Caller, patrol_id: str) -> PatrolOut:
    await count_due(session)
    patrol = await _find(session, caller, patrol_id)
    visits = await list_visits(session, caller, patrol_id=patrol.id)
    too_fast = [TooFastOut(_at(s["from_s"]), _at(s["to_s"]), round(s["length_m"], 1)) for s in patrol.too_fast]
    return PatrolOut(patrol=(await _lines(session, [patrol]))[0], visits=visits, too_fast=too_fast)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def _find(session: AsyncSession, caller: Caller, patrol_id: str) -> Patrol:
    query = select(Patrol).where(Patrol.id == patrol_id)
    patrol: Patrol | None = await session.scalar(scoped(query, Patrol.organisation_id, caller))
    if patrol is None:
        raise MissingError("patrol.unknown", "没有这次巡线。", "There is no such patrol.")
    return patrol


async def list_visits(
    session: AsyncSession, caller: Caller, *, patrol_id: str = "", since: datetime | None = None, limit: int = 500
) -> list[VisitOut]:
    query = scoped(select(Visit), Visit.organisation_id, caller)
    if patrol_id:
        query = query.where(Visit.patrol_id == patrol_id)
    if since is not None:
        query = query.where(Visit.at >= since)
    rows = await session.scalars(query.order_by(Visit.at, Visit.id).limit(limit))
    return [VisitOut(**{name: getattr(row, name) for name in VisitOut.__struct_fields__}) for row in rows]


async def list_shift_checks(
    session: AsyncSession, caller: Caller, *, since: datetime, staff_id: str = "", limit: int = 200
) -> list[ShiftCheckOut]:
    query = scoped(select(ShiftCheck).where(ShiftCheck.at >= since), ShiftCheck.organisation_id, caller)
    if staff_id:
        query = query.where(ShiftCheck.staff_id == staff_id)
    rows = (await session.scalars(query.order_by(ShiftCheck.at.desc()).limit(limit))).all()
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    own = [name for name in ShiftCheckOut.__struct_fields__ if name != "staff_name"]
    return [
        ShiftCheckOut(staff_name=names.get(row.staff_id, ""), **{name: getattr(row, name) for name in own})
        for row in rows
    ]


async def tracks_geojson(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    patrol_id: str = "",
    staff_id: str = "",
) -> bytes:
    """A line for each chunk, as a FeatureCollection."""
    wanted: list[ColumnElement[bool]] = [within(TrackChunk.organisation_id, caller)]
    if since is not None:
        wanted.append(TrackChunk.ended_at >= since)
    if until is not None:
        wanted.append(TrackChunk.started_at < until)
    if patrol_id:
        wanted.append(TrackChunk.patrol_id == patrol_id)
    if staff_id:
        wanted.append(Patrol.staff_id == staff_id)
    rows = await session.execute(
        select(
            func.ST_AsGeoJSON(TrackChunk.line, 7),
            TrackChunk.patrol_id,
            TrackChunk.chunk,
            TrackChunk.started_at,
            TrackChunk.ended_at,
            Patrol.staff_id,
        )
        .outerjoin(Patrol, Patrol.id == TrackChunk.patrol_id)
        .where(*wanted)
        .order_by(TrackChunk.patrol_id, TrackChunk.started_at)
    )
    return _collection(
        [
            (
                line,
                {
                    "patrol_id": patrol,
                    "chunk": chunk,
                    "started_at": start.isoformat(),
                    "ended_at": end.isoformat(),
                    "staff_id": staff,
                },
            )
            for line, patrol, chunk, start, end, staff in rows
        ]
    )


async def uncovered_geojson(session: AsyncSession, caller: Caller, patrol_id: str) -> bytes:
    """What of the assigned pipe was walked and what was not, by `walked`."""
    await count_due(session)
    patrol = await _find(session, caller, patrol_id)
    query = select(func.ST_AsGeoJSON(Patrol.walked, 7), func.ST_AsGeoJSON(Patrol.unwalked, 7))
    walked, unwalked = (await session.execute(query.where(Patrol.id == patrol.id))).one()
    parts = ((walked, {"walked": True}), (unwalked, {"walked": False}))
    return _collection([part for part in parts if part[0]])


async def walked_geojson(session: AsyncSession, caller: Caller, since: datetime, until: datetime) -> bytes:
    """The assigned pipe that the patrols of this time have covered, a feature for each patrol."""
    await count_due(session)
    query = scoped(
        select(func.ST_AsGeoJSON(Patrol.walked, 6), Patrol.id, Patrol.staff_id), Patrol.organisation_id, caller
    ).where(Patrol.started_at >= since, Patrol.started_at < until, Patrol.walked.is_not(None))
    rows = await session.execute(query)
    return _collection([(line, {"patrol_id": patrol, "staff_id": staff}) for line, patrol, staff in rows if line])


def _collection(parts: Sequence[tuple[str, dict[str, Any]]]) -> bytes:
    features = [{"type": "Feature", "geometry": json.loads(shape), "properties": facts} for shape, facts in parts]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


async def rates_of(
    session: AsyncSession, caller: Caller, day_from: date, day_to: date, *, staff_id: str = "", area_id: str = ""
) -> Rates:
    """到位率, 覆盖率, 及时率 of the tasks of these days; withdrawn and reassigned ones do not count."""
    await count_due(session)
    query = scoped(select(PatrolTask), PatrolTask.organisation_id, caller).where(
        PatrolTask.day.between(day_from, day_to), PatrolTask.status.not_in(("withdrawn", "reassigned"))
    )
    if staff_id:
        query = query.where(PatrolTask.staff_id == staff_id)
    if area_id:
        query = query.where(PatrolTask.area_id == area_id)
    tasks = (await session.scalars(query)).all()
    return rates(
        (
            TaskOutcome(
                due_at=task.due_at,
                done_at=task.done_at,
                points=len(task.check_points),
                points_reached=task.points_reached,
                assigned_m=task.length_m,
                covered_m=min(task.covered_m, task.length_m),
                too_fast=task.too_fast,
            )
            for task in tasks
        ),
        datetime.now(UTC),
    )


async def regulator_items(session: AsyncSession, patrol_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """管网巡检记录 (T2-08) as the regulator reads them; no personal data but the worker's name."""
    query = select(Patrol, func.ST_AsGeoJSON(Patrol.walked, 6)).where(Patrol.id.in_(patrol_ids))
    rows = (await session.execute(query)).all()
    lines = {line.id: line for line in await _lines(session, [row[0] for row in rows])}
    visits: dict[str, list[dict[str, Any]]] = {}
    for visit in await session.scalars(select(Visit).where(Visit.patrol_id.in_(patrol_ids)).order_by(Visit.at)):
        visits.setdefault(visit.patrol_id, []).append(
            {
                "check_point_id": visit.check_point_id,
                "at": visit.at,
                "proof": visit.proof,
                "result": visit.result,
                "reason": visit.reason,
                "items": visit.items,
            }
        )
    return {patrol.id: _item(lines[patrol.id], walked, visits.get(patrol.id, [])) for patrol, walked in rows}


def _item(line: PatrolLine, walked: str | None, visits: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "organisation_id": line.organisation_id,
        "task": line.title,
        "task_id": line.task_id,
        "staff_name": line.staff_name,
        "mode": line.mode,
        "started_at": line.started_at,
        "finished_at": line.finished_at,
        "assigned_m": line.assigned_m,
        "covered_m": line.covered_m,
        "coverage_percent": line.coverage_percent,
        "check_points": line.check_points,
        "visited": line.visited,
        "unreachable": line.unreachable,
        "abnormal": line.abnormal,
        "too_fast_m": line.too_fast_m,
        "unfinished_reason": line.unfinished_reason,
        "covered_line": json.loads(walked) if walked else None,
        "visits": visits,
    }


def day_span(day: date) -> tuple[datetime, datetime]:
    """A day in Beijing time."""
    start = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
    return start, start + timedelta(days=1)
