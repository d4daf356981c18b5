"""Plans: which pipes are walked, when, by whom, and the check points on the way."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.db import new_key
from backend.errors import MissingError, UnusableError
from backend.network import service as network
from backend.patrol.models import PatrolPlan, PlanCheckPoint
from backend.patrol.rules import Recurrence, turns_on
from backend.patrol.schemas import CheckPointOut, PlanIn, PlannedDay, PlanOut, Preview
from backend.patrol.service.tasks import generate_tasks
from backend.reference import service as reference
from backend.scope import Caller, scoped
from sync.databases import BEIJING


async def preview_plan(session: AsyncSession, caller: Caller, area_id: str, pressure_levels: Sequence[str]) -> Preview:
    """The pipes that would be walked; raises where there are none."""
    area = await network.find_area(session, area_id, caller)
    pipes = await network.pipes_of_area(session, area_id, pressure_levels)
    if not pipes:
        raise UnusableError(
            "plan.no_pipes",
            "这个片区没有所选压力级制的管段。",
            "The area has no pipe of these pressure levels.",
            action="请换压力级制或片区",
            action_en="Choose other levels or another area",
        )
    return Preview(
        area_id=area.id,
        area_name=area.name,
        organisation_id=area.organisation_id,
        pipe_count=len(pipes),
        length_m=round(sum(pipe.length_m for pipe in pipes), 1),
        pipe_ids=tuple(pipe.id for pipe in pipes),
    )


async def save_plan(session: AsyncSession, caller: Caller, plan: PlanIn) -> PlanOut:
    """Today's tasks go out at once, where today is one of the plan's days."""
    picked = await preview_plan(session, caller, plan.area_id, plan.pressure_levels)
    place = await reference.find_place(session, picked.organisation_id, caller=caller, right="patrol.plan")
    await _check(session, place.organisation_id, plan)
    today = datetime.now(BEIJING).date()
    row = PatrolPlan(
        id=new_key(),
        organisation_id=place.organisation_id,
        name=plan.name,
        area_id=picked.area_id,
        area_name=picked.area_name,
        pressure_levels=list(plan.pressure_levels),
        recurrence=msgspec.to_builtins(plan.recurrence),
        mode=plan.mode,
        staff_id=plan.staff_id,
        buffer_m=plan.buffer_m,
        max_speed_mps=plan.max_speed_mps,
        starts_on=plan.starts_on or today,
        ends_on=plan.ends_on,
        state="active",
        created_at=datetime.now(UTC),
        created_by=caller.staff_id,
    )
    session.add(row)
    await session.flush()
    session.add_all(_check_points(row, plan))
    await session.flush()
    await audit.record(session, caller, "plan.saved", "patrol.plan", row.id, {"pipes": picked.pipe_count})
    await generate_tasks(session, today, plan_id=row.id)
    await events.announce(session, "plan.changed", row.id, row.organisation_id)
    return await find_plan(session, caller, row.id)


async def _check(session: AsyncSession, unit_id: str, plan: PlanIn) -> None:
    if plan.staff_id not in {staff.id for staff in await accounts.staff_of_unit(session, unit_id)}:
        raise UnusableError(
            "plan.staff",
            "所选人员不在这个单位。",
            "This person does not belong to the unit.",
            action="请选本单位人员",
            action_en="Choose somebody of the unit",
        )
    if plan.recurrence.kind == "weekdays" and not plan.recurrence.weekdays:
        raise UnusableError("plan.weekdays", "请选择星期。", "Choose the days of the week.")
    if plan.ends_on is not None and plan.ends_on < (plan.starts_on or datetime.now(BEIJING).date()):
        raise UnusableError("plan.ends_on", "结束日期早于开始日期。", "The plan ends before it begins.")
    for point in plan.check_points:
        if point.proof != "gps" and not point.code:
            raise UnusableError(
                "plan.check_point_code",
                f"检查点“{point.name}”用扫码或标签证明，缺编码。",
                f"Check point {point.name} is proved by code or tag and has none.",
            )


def _check_points(plan: PatrolPlan, given: PlanIn) -> list[PlanCheckPoint]:
    return [
        PlanCheckPoint(
            id=new_key(),
            plan_id=plan.id,
            organisation_id=plan.organisation_id,
            name=point.name,
            point=f"SRID=4490;POINT({point.lon} {point.lat})",
            order=number,
            proof=point.proof,
            code=point.code,
            radius_m=point.radius_m,
            dwell_s=point.dwell_s,
            accuracy_m=point.accuracy_m,
            items=list(point.items),
        )
        for number, point in enumerate(given.check_points, start=1)
    ]


async def list_plans(
    session: AsyncSession, caller: Caller, *, state: str = "active", area_id: str = ""
) -> list[PlanOut]:
    query = scoped(select(PatrolPlan), PatrolPlan.organisation_id, caller).order_by(PatrolPlan.name, PatrolPlan.id)
    if state:
        query = query.where(PatrolPlan.state == state)
    if area_id:
        query = query.where(PatrolPlan.area_id == area_id)
    return await _plans_out(session, (await session.scalars(query)).all())


async def list_planned_days(
    session: AsyncSession, caller: Caller, day_from: date, day_to: date, *, area_id: str = ""
) -> list[PlannedDay]:
    """What the plans ask for beyond the tasks that are out already: the days after today."""
    first = max(day_from, datetime.now(BEIJING).date() + timedelta(days=1))
    days = [first + timedelta(days=number) for number in range((day_to - first).days + 1)]
    return [
        PlannedDay(
            plan_id=plan.id,
            title=plan.name,
            area_name=plan.area_name,
            staff_id=plan.staff_id,
            staff_name=plan.staff_name,
            day=day,
            turns=len(turns),
        )
        for plan in await list_plans(session, caller, area_id=area_id)
        for day in days
        if (turns := turns_on(plan.recurrence, plan.starts_on, plan.ends_on, day))
    ]


async def find_plan(session: AsyncSession, caller: Caller, plan_id: str) -> PlanOut:
    return (await _plans_out(session, [await _find(session, caller, plan_id)]))[0]


async def stop_plan(session: AsyncSession, caller: Caller, plan_id: str) -> PlanOut:
    """No further tasks; those that are out stay."""
    plan = await _find(session, caller, plan_id)
    await reference.find_place(session, plan.organisation_id, caller=caller, right="patrol.plan")
    plan.state, plan.ends_on = "stopped", max(plan.starts_on, datetime.now(BEIJING).date())
    await session.flush()
    await audit.record(session, caller, "plan.stopped", "patrol.plan", plan.id)
    await events.announce(session, "plan.changed", plan.id, plan.organisation_id)
    return (await _plans_out(session, [plan]))[0]


async def _find(session: AsyncSession, caller: Caller, plan_id: str) -> PatrolPlan:
    query = select(PatrolPlan).where(PatrolPlan.id == plan_id)
    plan: PatrolPlan | None = await session.scalar(scoped(query, PatrolPlan.organisation_id, caller))
    if plan is None:
        raise MissingError("plan.unknown", "没有这个巡线计划。", "There is no such patrol plan.")
    return plan


async def _plans_out(session: AsyncSession, plans: Sequence[PatrolPlan]) -> list[PlanOut]:
    names = await accounts.staff_names(session, [plan.staff_id for plan in plans])
    points = await check_points_of(session, [plan.id for plan in plans])
    return [
        PlanOut(
            id=plan.id,
            organisation_id=plan.organisation_id,
            name=plan.name,
            area_id=plan.area_id,
            area_name=plan.area_name,
            pressure_levels=tuple(plan.pressure_levels),
            recurrence=msgspec.convert(plan.recurrence, Recurrence),
            mode=plan.mode,
            staff_id=plan.staff_id,
            staff_name=names.get(plan.staff_id, ""),
            buffer_m=plan.buffer_m,
            max_speed_mps=plan.max_speed_mps,
            starts_on=plan.starts_on,
            ends_on=plan.ends_on,
            state="active" if plan.state == "active" else "stopped",
            check_points=tuple(points.get(plan.id, ())),
        )
        for plan in plans
    ]


async def check_points_of(session: AsyncSession, plan_ids: Sequence[str]) -> dict[str, list[CheckPointOut]]:
    rows = await session.execute(
        select(PlanCheckPoint, func.ST_X(PlanCheckPoint.point), func.ST_Y(PlanCheckPoint.point))
        .where(PlanCheckPoint.plan_id.in_(plan_ids))
        .order_by(PlanCheckPoint.order)
    )
    found: dict[str, list[CheckPointOut]] = {}
    for point, lon, lat in rows:
        found.setdefault(point.plan_id, []).append(_check_point_out(point, lon, lat))
    return found


def _check_point_out(point: PlanCheckPoint, lon: float, lat: float) -> CheckPointOut:
    fields: dict[str, Any] = {
        name: getattr(point, name) for name in ("name", "order", "proof", "code", "radius_m", "dwell_s", "accuracy_m")
    }
    return CheckPointOut(check_point_id=point.id, lon=lon, lat=lat, items=tuple(point.items), **fields)
