"""Alarms and readings of stations over HTTP."""

from datetime import datetime

from litestar import Router, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.alarms import service
from backend.alarms.schemas import Acknowledgement, AlarmFilters, AlarmOut, MinuteOut, StationStateOut
from backend.lists import list_routes
from backend.scope import Caller, requires

_VIEW = [requires("station.view")]
_COLUMNS = (
    ("场站编号", "station_code"),
    ("场站", "station_name"),
    ("所属单位", "organisation_name"),
    ("测点", "sensor_name"),
    ("类型", "kind"),
    ("原因", "reason"),
    ("数值", "value"),
    ("限值", "limit_value"),
    ("单位", "unit"),
    ("报警时间", "raised_at"),
    ("消除时间", "cleared_at"),
    ("消防水启动", "fire_water_at"),
    ("消防泵运行", "fire_water_runs"),
    ("处理时间", "acknowledged_at"),
    ("处理人", "acknowledged_by_name"),
    ("处理情况", "action"),
)


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
    route_handlers=[
        *list_routes("/", service.list_alarms, AlarmFilters, _COLUMNS, guards=_VIEW),
        list_states,
        list_minutes,
        find_alarm,
        acknowledge_alarm,
    ],
)
