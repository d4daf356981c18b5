"""Alarms and readings of stations over HTTP."""

from datetime import datetime
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.alarms import service
from backend.alarms.schemas import Acknowledgement, AlarmOut, MinuteOut, StationStateOut
from backend.pages import EXPORT_MOST, Limit, Offset, Page
from backend.scope import Caller, requires
from backend.tables import xlsx_response

_VIEW = [requires("station.view")]
HEADS = {
    "station_code": "场站编号",
    "station_name": "场站",
    "organisation_name": "所属单位",
    "sensor_name": "测点",
    "kind": "类型",
    "reason": "原因",
    "value": "数值",
    "limit_value": "限值",
    "unit": "单位",
    "raised_at": "报警时间",
    "cleared_at": "消除时间",
    "fire_water_at": "消防水启动",
    "fire_water_runs": "消防泵运行",
    "acknowledged_at": "处理时间",
    "acknowledged_by_name": "处理人",
    "action": "处理情况",
}


@get("/", guards=_VIEW)
async def list_alarms(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    station_code: str = "",
    organisation_id: str = "",
    kind: str = "",
    reason: str = "",
    serious: bool | None = None,
    is_open: Annotated[bool | None, QueryParameter(name="open")] = None,
    acknowledged: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[AlarmOut]:
    return await service.list_alarms(
        session,
        caller,
        search=search,
        station_code=station_code,
        organisation_id=organisation_id,
        kind=kind,
        reason=reason,
        serious=serious,
        is_open=is_open,
        acknowledged=acknowledged,
        since=since,
        until=until,
        limit=limit,
        offset=offset,
    )


@get("/export.xlsx", guards=_VIEW)
async def export_alarms(
    session: AsyncSession, caller: Caller, since: datetime | None = None, until: datetime | None = None
) -> Response[bytes]:
    page = await service.list_alarms(session, caller, since=since, until=until, limit=EXPORT_MOST)
    return xlsx_response("alarms", HEADS, page.items)


@get("/stations", guards=_VIEW)
async def list_states(session: AsyncSession, caller: Caller) -> list[StationStateOut]:
    """What every monitored station says now."""
    return await service.list_states(session, caller)


@get("/stations/{station_code:str}/minutes", guards=_VIEW)
async def list_minutes(
    session: AsyncSession, caller: Caller, station_code: str, since: datetime, until: datetime
) -> list[MinuteOut]:
    return await service.list_minutes(session, caller, station_code, since=since, until=until)


@get("/{alarm_id:str}", guards=_VIEW)
async def find_alarm(session: AsyncSession, caller: Caller, alarm_id: str) -> AlarmOut:
    return await service.find_alarm(session, caller, alarm_id)


@post("/{alarm_id:str}/acknowledge", status_code=200, guards=[requires("alarm.handle")])
async def acknowledge_alarm(session: AsyncSession, caller: Caller, alarm_id: str, data: Acknowledgement) -> AlarmOut:
    return await service.acknowledge_alarm(session, caller, alarm_id, data)


router = Router(
    "/api/alarms",
    tags=["alarms"],
    route_handlers=[list_alarms, export_alarms, list_states, list_minutes, find_alarm, acknowledge_alarm],
)
