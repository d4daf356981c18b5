"""Patrols over HTTP: plans, tasks, walks, tracks and rates."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.lists import list_routes
from backend.pages import Limit
from backend.patrol import service
from backend.patrol.rules import Rates
from backend.patrol.schemas import (
    PatrolFilters,
    PatrolOut,
    PlanIn,
    PlanOut,
    Preview,
    Reason,
    Reassign,
    ShiftCheckOut,
    TaskFilters,
    TaskOut,
    VisitOut,
)
from backend.scope import Caller, requires
from sync.databases import BEIJING

GEOJSON = "application/geo+json"
_VIEW = [requires("patrol.view")]
_PLAN = [requires("patrol.plan")]
_TASKS = (
    ("日期", "day"),
    ("任务", "title"),
    ("巡线片区", "area_name"),
    ("人员", "staff_name"),
    ("状态", "state"),
    ("开始", "start_at"),
    ("截止", "due_at"),
    ("完成", "done_at"),
    ("管长 m", "length_m"),
    ("已巡 m", "covered_m"),
    ("覆盖率 %", "coverage_percent"),
    ("检查点", "points"),
    ("到位", "points_reached"),
    ("超速段", "too_fast"),
)
_PATROLS = (
    ("开始", "started_at"),
    ("结束", "finished_at"),
    ("任务", "title"),
    ("人员", "staff_name"),
    ("方式", "mode"),
    ("管长 m", "assigned_m"),
    ("已巡 m", "covered_m"),
    ("覆盖率 %", "coverage_percent"),
    ("走过 m", "walked_m"),
    ("超速 m", "too_fast_m"),
    ("检查点", "check_points"),
    ("到位", "visited"),
    ("无法到达", "unreachable"),
    ("异常", "abnormal"),
    ("轨迹收齐", "complete"),
    ("未完成原因", "unfinished_reason"),
)


@get("/plans/preview", guards=_PLAN)
async def preview_plan(session: AsyncSession, caller: Caller, area_id: str, pressure_level: Sequence[str]) -> Preview:
    return await service.preview_plan(session, caller, area_id, pressure_level)


@get("/plans", guards=_VIEW)
async def list_plans(
    session: AsyncSession,
    caller: Caller,
    *,
    plan_state: Annotated[str, QueryParameter(name="state")] = "active",
    area_id: str = "",
) -> list[PlanOut]:
    return await service.list_plans(session, caller, state=plan_state, area_id=area_id)


@post("/plans", guards=_PLAN)
async def save_plan(session: AsyncSession, caller: Caller, data: PlanIn) -> PlanOut:
    return await service.save_plan(session, caller, data)


@get("/plans/{plan_id:str}", guards=_VIEW)
async def find_plan(session: AsyncSession, caller: Caller, plan_id: str) -> PlanOut:
    return await service.find_plan(session, caller, plan_id)


@post("/plans/{plan_id:str}/stop", status_code=200, guards=_PLAN)
async def stop_plan(session: AsyncSession, caller: Caller, plan_id: str) -> PlanOut:
    return await service.stop_plan(session, caller, plan_id)


@get("/tasks/{task_id:str}", guards=_VIEW)
async def find_task(session: AsyncSession, caller: Caller, task_id: str) -> TaskOut:
    return await service.find_task(session, caller, task_id)


@post("/tasks/{task_id:str}/reassign", status_code=200, guards=_PLAN)
async def reassign_task(session: AsyncSession, caller: Caller, task_id: str, data: Reassign) -> TaskOut:
    return await service.reassign_task(session, caller, task_id, data.staff_id, data.reason)


@post("/tasks/{task_id:str}/withdraw", status_code=200, guards=_PLAN)
async def withdraw_task(session: AsyncSession, caller: Caller, task_id: str, data: Reason) -> TaskOut:
    return await service.withdraw_task(session, caller, task_id, data.reason)


@get("/patrols/{patrol_id:str}", guards=_VIEW)
async def find_patrol(session: AsyncSession, caller: Caller, patrol_id: str) -> PatrolOut:
    return await service.find_patrol(session, caller, patrol_id)


@get("/patrols/{patrol_id:str}/coverage.geojson", guards=_VIEW)
async def coverage_geojson(session: AsyncSession, caller: Caller, patrol_id: str) -> Response[bytes]:
    return Response(await service.uncovered_geojson(session, caller, patrol_id), media_type=GEOJSON)


@get("/tracks.geojson", guards=_VIEW)
async def tracks_geojson(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    patrol_id: str = "",
    staff_id: str = "",
) -> Response[bytes]:
    """Of today, where no time and no patrol is asked for."""
    if since is None and not patrol_id:
        since = datetime.combine(datetime.now(BEIJING).date(), datetime.min.time(), BEIJING)
    found = await service.tracks_geojson(
        session, caller, since=since, until=until, patrol_id=patrol_id, staff_id=staff_id
    )
    return Response(found, media_type=GEOJSON)


@get("/visits", guards=_VIEW)
async def list_visits(
    session: AsyncSession, caller: Caller, *, patrol_id: str = "", since: datetime | None = None, limit: Limit = 500
) -> list[VisitOut]:
    return await service.list_visits(session, caller, patrol_id=patrol_id, since=since, limit=limit)


@get("/shift-checks", guards=_VIEW)
async def list_shift_checks(
    session: AsyncSession, caller: Caller, *, since: datetime | None = None, staff_id: str = ""
) -> list[ShiftCheckOut]:
    start = since or datetime.now(BEIJING) - timedelta(days=1)
    return await service.list_shift_checks(session, caller, since=start, staff_id=staff_id)


@get("/rates", guards=_VIEW)
async def rates(
    session: AsyncSession,
    caller: Caller,
    *,
    day_from: date | None = None,
    day_to: date | None = None,
    staff_id: str = "",
    area_id: str = "",
) -> Rates:
    """到位率, 覆盖率, 及时率; of today where no day is given."""
    today = datetime.now(BEIJING).date()
    first = day_from or day_to or today
    return await service.rates_of(
        session, caller, first, day_to or max(first, today), staff_id=staff_id, area_id=area_id
    )


router = Router(
    "/api/patrol",
    tags=["patrol"],
    route_handlers=[
        preview_plan,
        list_plans,
        save_plan,
        find_plan,
        stop_plan,
        *list_routes("/tasks", service.list_tasks, TaskFilters, _TASKS, guards=_VIEW),
        find_task,
        reassign_task,
        withdraw_task,
        *list_routes("/patrols", service.list_patrols, PatrolFilters, _PATROLS, guards=_VIEW),
        find_patrol,
        coverage_geojson,
        tracks_geojson,
        list_visits,
        list_shift_checks,
        rates,
    ],
)
