"""Hazards as the office and the regulator see them: list, board by stage, map, one with its history."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.errors import MissingError
from backend.hazards.models import Hazard, HazardStep
from backend.hazards.rules import STAGE_WORDS, STAGES, Stage, is_overdue, open_actions
from backend.hazards.schemas import HazardLine, HazardOut, Lane, StepOut
from backend.pages import Page
from backend.scope import Caller, within
from sync.databases import BEIJING

_COPIED = (
    *("id", "organisation_id", "number", "source", "hazard_type", "address", "pipe_id", "customer_id", "task_id"),
    *("reported_at", "reported_by", "photos", "proposed_grade", "grade", "stage", "stage_since", "department"),
    *("responsible_id", "due_on", "extended", "returned", "supervised", "closed_at"),
)
_LANE = 20
# Closed hazards stay on the board for this long.
_CLOSED_DAYS = 31


def _filters(
    caller: Caller,
    *,
    stage: Stage | None = None,
    grade: str = "",
    hazard_type: str = "",
    department: str = "",
    source: str = "",
    customer_id: str = "",
    overdue: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
    search: str = "",
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [within(Hazard.organisation_id, caller)]
    plain = (
        (Hazard.stage, stage),
        (Hazard.hazard_type, hazard_type),
        (Hazard.department, department),
        (Hazard.source, source),
        (Hazard.customer_id, customer_id),
    )
    wanted += [column == value for column, value in plain if value]
    if grade:
        wanted.append(func.coalesce(func.nullif(Hazard.grade, ""), Hazard.proposed_grade) == grade)
    if overdue:
        wanted.append(_late())
    if since is not None:
        wanted.append(Hazard.reported_at >= since)
    if until is not None:
        wanted.append(Hazard.reported_at < until)
    if search:
        wanted.append(
            or_(*(c.contains(search, autoescape=True) for c in (Hazard.number, Hazard.address, Hazard.detail)))
        )
    return wanted


def _late() -> ColumnElement[bool]:
    return (Hazard.stage != "closed") & (Hazard.due_on < datetime.now(BEIJING).date())


async def list_hazards(
    session: AsyncSession, caller: Caller, *, limit: int = 100, offset: int = 0, **filters: Any
) -> Page[HazardLine]:
    """Newest first. Filters: stage, grade, hazard_type, department, source, customer_id, overdue, since, until,
    search (number, address, detail).
    """
    wanted = _filters(caller, **filters)
    total = await session.scalar(select(func.count(Hazard.id)).where(*wanted))
    order = (Hazard.reported_at.desc(), Hazard.id.desc())
    return Page(await _lines(session, wanted, order, limit, offset), total or 0)


async def board(session: AsyncSession, caller: Caller, **filters: Any) -> list[Lane]:
    """One lane for each stage; the most urgent on top: overdue, then supervised, then by due day and age."""
    wanted = _filters(caller, **filters)
    recent = func.now() - func.make_interval(0, 0, 0, _CLOSED_DAYS)
    wanted.append((Hazard.stage != "closed") | (Hazard.closed_at >= recent))
    rows = await session.execute(
        select(Hazard.stage, func.count(Hazard.id), func.count(case((_late(), 1))))
        .where(*wanted)
        .group_by(Hazard.stage)
    )
    counts = {row[0]: (row[1], row[2]) for row in rows}
    urgency = (_late().desc(), Hazard.supervised.desc(), Hazard.due_on.asc().nulls_last(), Hazard.stage_since)
    return [
        Lane(
            stage=stage,
            zh=STAGE_WORDS[stage][0],
            en=STAGE_WORDS[stage][1],
            total=counts.get(stage, (0, 0))[0],
            overdue=counts.get(stage, (0, 0))[1],
            tickets=await _lines(
                session,
                [*wanted, Hazard.stage == stage],
                (Hazard.closed_at.desc(),) if stage == "closed" else urgency,
                _LANE,
                0,
            ),
        )
        for stage in STAGES
    ]


async def _lines(
    session: AsyncSession, wanted: Sequence[ColumnElement[bool]], order: Sequence[Any], limit: int, offset: int
) -> list[HazardLine]:
    query = select(Hazard, func.ST_X(Hazard.point), func.ST_Y(Hazard.point)).where(*wanted)
    rows = (await session.execute(query.order_by(*order).limit(limit).offset(offset))).all()
    people = {person for row in rows for person in (row[0].reported_by, row[0].responsible_id)}
    names = await accounts.staff_names(session, people)
    return [_line(hazard, lon, lat, names) for hazard, lon, lat in rows]


def _line(hazard: Hazard, lon: float | None, lat: float | None, names: dict[str, str]) -> HazardLine:
    stage: Any = hazard.stage
    return HazardLine(
        lon=lon,
        lat=lat,
        reported_by_name=names.get(hazard.reported_by, ""),
        responsible_name=names.get(hazard.responsible_id, ""),
        overdue=is_overdue(stage, hazard.due_on, datetime.now(BEIJING).date()),
        **{name: getattr(hazard, name) for name in _COPIED},
    )


async def find_hazard(session: AsyncSession, caller: Caller, hazard_id: str) -> HazardOut:
    lines = await _lines(session, [Hazard.id == hazard_id, within(Hazard.organisation_id, caller)], (), 1, 0)
    if not lines:
        raise MissingError("hazard.unknown", "没有这条隐患。", "There is no such hazard.")
    hazard = await session.get_one(Hazard, hazard_id)
    query = select(HazardStep).where(HazardStep.hazard_id == hazard_id).order_by(HazardStep.id)
    steps = (await session.scalars(query)).all()
    names = await accounts.staff_names(session, [step.staff_id for step in steps])
    own = [name for name in StepOut.__struct_fields__ if name != "staff_name"]
    copied = ("detail", "temporary_control", "clause", "measure", "origin_id", "accuracy_m")
    return HazardOut(
        hazard=lines[0],
        rectified_at=hazard.rectified_at,
        rectified_photos=hazard.rectified_photos,
        actions=open_actions(lines[0].stage),
        steps=[
            StepOut(staff_name=names.get(s.staff_id, ""), **{name: getattr(s, name) for name in own}) for s in steps
        ],
        **{name: getattr(hazard, name) for name in copied},
    )


async def hazards_geojson(session: AsyncSession, caller: Caller, *, with_closed: bool = False, **filters: Any) -> bytes:
    """Those that have a position, as a FeatureCollection."""
    wanted = [*_filters(caller, **filters), Hazard.point.is_not(None)]
    if not with_closed:
        wanted.append(Hazard.stage != "closed")
    lines = await _lines(session, wanted, (Hazard.reported_at,), 5000, 0)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [line.lon, line.lat]},
            "properties": {
                "id": line.id,
                "number": line.number,
                "hazard_type": line.hazard_type,
                "grade": line.grade or line.proposed_grade,
                "stage": line.stage,
                "overdue": line.overdue,
                "address": line.address,
            },
        }
        for line in lines
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


async def regulator_items(session: AsyncSession, hazard_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """隐患上报记录 (T2-14): type, address, grade, stage, photos by number; the reporter's name only."""
    lines = await _lines(session, [Hazard.id.in_(hazard_ids)], (Hazard.id,), len(hazard_ids), 0)
    hidden = {"id", "reported_by", "responsible_id", "customer_id", "lon", "lat"}
    return {
        line.id: {name: getattr(line, name) for name in line.__struct_fields__ if name not in hidden}
        | {"position": [line.lon, line.lat] if line.lon is not None else None}
        for line in lines
    }
