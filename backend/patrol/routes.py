"""Patrols over HTTP: plans, tasks, walks, tracks and rates."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.pages import EXPORT_MOST, Limit, Offset, Page, csv_response
from backend.patrol import service
from backend.patrol.rules import Rates
from backend.patrol.schemas import (
    PatrolLine,
    PatrolOut,
    PlanIn,
    PlanOut,
    Preview,
    Reason,
    Reassign,
    ShiftCheckOut,
    TaskLine,
    TaskOut,
    TaskState,
    VisitOut,
)
from backend.scope import Caller, requires
from sync.databases import BEIJING

GEOJSON = "application/geo+json"
_VIEW = [requires("patrol.view")]
_PLAN = [requires("patrol.plan")]
_HEADS = {
    "day": "日期",
    "title": "任务",
    "area_name": "巡线片区",
    "staff_name": "人员",
    "state": "状态",
    "start_at": "开始",
    "due_at": "截止",
    "done_at": "完成",
    "length_m": "管长 m",
    "covered_m": "已巡 m",
    "coverage_percent": "覆盖率 %",
    "points": "检查点",
    "points_reached": "到位",
    "too_fast": "超速段",
}


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


@get("/tasks", guards=_VIEW)
async def list_tasks(
    session: AsyncSession,
    caller: Caller,
    *,
    day_from: date | None = None,
    day_to: date | None = None,
    staff_id: str = "",
    area_id: str = "",
    task_state: Annotated[TaskState | None, QueryParameter(name="state")] = None,
    search: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[TaskLine]:
    return await service.list_tasks(
        session,
        caller,
        day_from=day_from,
        day_to=day_to,
        staff_id=staff_id,
        area_id=area_id,
        state=task_state,
        search=search,
        limit=limit,
        offset=offset,
    )


@get("/tasks.csv", guards=_VIEW)
async def export_tasks(
    session: AsyncSession,
    caller: Caller,
    *,
    day_from: date | None = None,
    day_to: date | None = None,
    task_state: Annotated[TaskState | None, QueryParameter(name="state")] = None,
) -> Response[bytes]:
    page = await service.list_tasks(
        session, caller, day_from=day_from, day_to=day_to, state=task_state, limit=EXPORT_MOST
    )
    return csv_response("patrol-tasks", _HEADS, page.items)


@get("/tasks/{task_id:str}", guards=_VIEW)
async def find_task(session: AsyncSession, caller: Caller, task_id: str) -> TaskOut:
    return await service.find_task(session, caller, task_id)


@post("/tasks/{task_id:str}/reassign", status_code=200, guards=_PLAN)
async def reassign_task(session: AsyncSession, caller: Caller, task_id: str, data: Reassign) -> TaskOut:
    return await service.reassign_task(session, caller, task_id, data.staff_id, data.reason)


@post("/tasks/{task_id:str}/withdraw", status_code=200, guards=_PLAN)
async def withdraw_task(session: AsyncSession, caller: Caller, task_id: str, data: Reason) -> TaskOut:
    return await service.withdraw_task(session, caller, task_id, data.reason)


@get("/patrols", guards=_VIEW)
async def list_patrols(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    staff_id: str = "",
    task_id: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[PatrolLine]:
    return await service.list_patrols(
        session,
        caller,
        since=since,
        until=until,
        staff_id=staff_id,
        task_id=task_id,
        limit=limit,
        offset=offset,
    )


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
        list_tasks,
        export_tasks,
        find_task,
        reassign_task,
        withdraw_task,
        list_patrols,
        find_patrol,
        coverage_geojson,
        tracks_geojson,
        list_visits,
        list_shift_checks,
        rates,
    ],
)
