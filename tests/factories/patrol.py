"""A street with its pipe, a plan that walks it, and the track of somebody who did."""

from datetime import UTC, datetime, time
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.network.models import PatrolArea
from backend.patrol import service as patrol
from backend.patrol.rules import Recurrence, Window
from backend.patrol.schemas import CheckPointIn, PlanIn, PlanOut
from sync.documents.patrol import PatrolTracked, TrackPoint
from tests.factories.accounts import Company, make_company, make_staff
from tests.factories.network import LAT, LON, make_area, make_pipe
from tests.factories.records import moment
from tests.factories.taken import MORNING, office, record

# About a metre and a quarter of walking eastwards.
STEP = 0.0000155


class Street(msgspec.Struct, frozen=True):
    """One pipe of some 81 m from west to east, a plan for it and its inspector."""

    company: Company
    area: PatrolArea
    inspector: Staff
    dispatcher: Staff
    pipe_id: str


async def make_street(session: AsyncSession) -> Street:
    company = await make_company(session)
    area = await make_area(session, company.unit)
    pipe = await make_pipe(session, company.unit, area=area)
    await make_pipe(session, company.unit, area=area, level="low", line=((LON, LAT + 0.01), (LON + 0.001, LAT + 0.01)))
    inspector = await make_staff(session, company)
    dispatcher = await make_staff(session, company, roles=["dispatcher"], name="演示-赵调度")
    return Street(company, area, inspector, dispatcher, pipe.id)


def plan_for(street: Street, **fields: Any) -> PlanIn:
    given: dict[str, Any] = {
        "name": "站前街中压",
        "area_id": street.area.id,
        "pressure_levels": ("medium_a",),
        "staff_id": street.inspector.id,
        "recurrence": Recurrence(windows=(Window(time(0), time(23, 59)),)),
        "check_points": (
            CheckPointIn(name="阀井", lon=LON, lat=LAT),
            CheckPointIn(name="调压箱", lon=LON + 0.001, lat=LAT, proof="qr", code="SH-CP-2"),
        ),
    }
    return PlanIn(**(given | fields))


async def make_plan(session: AsyncSession, street: Street, **fields: Any) -> PlanOut:
    return await patrol.save_plan(session, office(street.company, street.dispatcher), plan_for(street, **fields))


def chunk(
    street: Street,
    patrol_id: str,
    *,
    number: int = 0,
    first: int = 0,
    points: int = 70,
    every_s: float = 1.0,
    task_id: str = "",
    at: datetime = MORNING,
) -> PatrolTracked:
    """A fix each second along the pipe; `first` is the number of steps from its western end."""
    return record(
        PatrolTracked,
        street.inspector,
        patrol_id=patrol_id,
        chunk=number,
        task_id=task_id,
        recorded=moment(at),
        started_at=datetime.fromtimestamp(at.timestamp() + first * every_s, UTC),
        points=tuple(
            TrackPoint(i * every_s, LON + (first + i) * STEP, LAT, 4.0, 1.25, 2.0 if i % 2 else None)
            for i in range(points)
        ),
    )
