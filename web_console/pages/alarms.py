"""场站报警: what a station's sensors say now, its alarms, and what was done about each. E5.8.3-7, E5.8.3-9."""

from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.alarms import service as alarms
from backend.alarms.schemas import Acknowledgement, AlarmOut
from backend.lists import Columns
from backend.pages import EXPORT_MOST, Page
from backend.scope import requires
from sync.databases import BEIJING
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.rendering import Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
KINDS = {
    "level": ("液位", "Level"),
    "pressure": ("压力", "Pressure"),
    "temperature": ("温度", "Temperature"),
    "gas": ("可燃气体", "Combustible gas"),
    "controller": ("站控系统", "Controller"),
    "fire_water": ("消防水", "Fire water"),
}
REASONS = {
    "over": ("超限", "Over its limit"),
    "high": ("超低限", "Over the first step"),
    "lost": ("失联", "Lost"),
    "garbled": ("数据异常", "Garbled"),
    "not_started": ("未启动", "Did not start"),
}
STATES = {
    "normal": ("正常", "Normal", "ok", "icon:check"),
    "high": ("超低限", "First step", "warn", "icon:warning"),
    "over": ("超限", "Over limit", "danger", "icon:error"),
    "lost": ("失联", "Lost", "danger", "icon:cloud_off"),
    "garbled": ("数据异常", "Garbled", "danger", "icon:help"),
    "unknown": ("未知", "Unknown", "warn", "icon:help"),
}
_VIEW = requires("station.view")
_HANDLE = requires("alarm.handle")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: open (not cleared), unhandled (nobody said what was done), or all."""

    search: str = ""
    state: Literal["", "open", "unhandled"] = ""
    kind: str = ""
    serious: bool = False
    since: date | None = None
    until: date | None = None


async def _found(request: Visit, session: AsyncSession, *, limit: int, offset: int = 0) -> Page[AlarmOut]:
    wanted = read_filters(request, Filter)
    return await alarms.list_alarms(
        session,
        visitor(request).narrowed("station.view"),
        search=wanted.search,
        kind=wanted.kind,
        serious=True if wanted.serious else None,
        is_open=True if wanted.state == "open" else None,
        acknowledged=False if wanted.state == "unhandled" else None,
        since=_midnight(wanted.since) if wanted.since else None,
        until=_midnight(wanted.until) + timedelta(days=1) if wanted.until else None,
        limit=limit,
        offset=offset,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)


@get("/alarms", guards=[_VIEW])
async def show(request: Visit, tab: str = "", alarm: str = "") -> Response[str]:
    tab = "stations" if tab == "stations" else ""
    return render(request, "alarms.html", filter=read_filters(request, Filter), kinds=KINDS, tab=tab, opened=alarm)


@get("/alarms/found", guards=[_VIEW])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    listed = await _found(request, session, limit=PAGE, offset=PAGE * (page - 1))
    return render(request, "parts/alarms.html", listed=listed, kinds=KINDS, reasons=REASONS, page=page, size=PAGE)


@get(files("/alarms/export"), guards=[_VIEW])
async def export_alarms(request: Visit, session: AsyncSession) -> Response[bytes]:
    """What the list shows, in words."""
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    columns: Columns = (
        (t("场站编号"), "station_code"),
        (t("场站"), "station_name"),
        (t("测点"), "sensor_name"),
        (t("类型"), lambda one: say(KINDS[one.kind])),
        (t("报警原因"), lambda one: say(REASONS[one.reason])),
        (t("数值"), "value"),
        (t("限值"), "limit_value"),
        (t("单位"), "unit"),
        (t("报警时间"), "raised_at"),
        (t("消除时间"), "cleared_at"),
        (t("消防水启动"), "fire_water_at"),
        (t("处理时间"), "acknowledged_at"),
        (t("处理人"), "acknowledged_by_name"),
        (t("处理情况"), "action"),
    )
    return await export(request, "alarms", columns, await _found(request, session, limit=EXPORT_MOST))


@get("/alarms/stations", guards=[_VIEW])
async def stations(request: Visit, session: AsyncSession) -> Response[str]:
    """Every monitored station with its readings."""
    found = await alarms.list_states(session, visitor(request).narrowed("station.view"))
    return render(request, "parts/station_states.html", found=found, kinds=KINDS, states=STATES, alone=False)


@get("/alarms/stations/{station_id:str}", guards=[_VIEW])
async def station(request: Visit, session: AsyncSession, station_id: str) -> Response[str]:
    """One station's readings, as its own page shows them."""
    state = await alarms.state_of(session, visitor(request).narrowed("station.view"), station_id)
    found = [state] if state else []
    return render(request, "parts/station_states.html", found=found, kinds=KINDS, states=STATES, alone=True)


@get("/alarms/{alarm_id:str}", guards=[_VIEW])
async def open_one(request: Visit, session: AsyncSession, alarm_id: str) -> Response[str]:
    one = await alarms.find_alarm(session, visitor(request).narrowed("station.view"), alarm_id)
    may_handle = one.acknowledged_at is None and with_right(request, "alarm.handle") is not None
    return render(request, "parts/alarm.html", one=one, kinds=KINDS, reasons=REASONS, may_handle=may_handle)


@post("/alarms/{alarm_id:str}/acknowledge", guards=[_HANDLE], status_code=204)
async def acknowledge(request: Visit, session: AsyncSession, alarm_id: str) -> Response[None]:
    given = await read_form(request, Acknowledgement)
    await alarms.acknowledge_alarm(session, visitor(request).narrowed("alarm.handle"), alarm_id, given)
    return done(toast=translate_into(language_of(request))("处理情况已登记"), changed="alarms-changed")


handlers: list[Any] = [show, found, export_alarms, stations, station, open_one, acknowledge]
