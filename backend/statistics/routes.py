"""Figures over HTTP, and as spreadsheets."""

from datetime import date
from typing import Any

from litestar import Response, Router, get
from sqlalchemy.ext.asyncio import AsyncSession

from backend.customers import service as customers
from backend.scope import Caller, requires
from backend.statistics import service
from backend.statistics.rules import Span, period_of
from backend.statistics.schemas import DayFigures, Operation, RegistrationFigures
from backend.tables import XLSX, write_xlsx, xlsx_response
from sync.databases import beijing_today

_VIEW = [requires("statistics.view")]
UNIT_HEADS = {
    "name": "单位",
    "storage_stations": "储配站",
    "supply_stations": "供应站",
    "supply_points": "供应点",
    "delivery_workers": "送气工",
    "vehicles": "配送车辆",
    "customers": "客户",
    "own_cylinders": "自有气瓶",
    "stock": "站内库存",
    "filled": "充装 瓶",
    "filled_kg": "充装 kg",
    "refused": "拒充 瓶",
    "sold": "送达 瓶",
    "checked_households": "安检 户",
    "entered_percent": "入户率 %",
    "hazards": "隐患 条",
}
DAY_HEADS = {
    "day": "日期",
    "name": "单位",
    "filled": "充装 瓶",
    "filled_kg": "充装 kg",
    "refused": "拒充 瓶",
    "sold": "送达 瓶",
    "entered": "入户安检",
    "failed_visits": "未入户",
    "hazards": "隐患 条",
}
PAPER_WORDS = {
    "in_home_check": "入户安检",
    "agreement": "协议签订",
    "safety_notice": "安全告示",
    "fittings": "配件置换",
}


@get("/operation", guards=_VIEW)
async def operation(  # noqa: PLR0917 - Litestar gives arguments by name
    session: AsyncSession,
    caller: Caller,
    span: Span = "month",
    day: date | None = None,
    organisation_id: str = "",
    specification: str = "",
) -> Operation:
    period = period_of(span, day or beijing_today())
    return await service.operation(
        session, caller, period, organisation_id=organisation_id, specification=specification
    )


@get("/days", guards=_VIEW)
async def list_days(
    session: AsyncSession, caller: Caller, span: Span = "month", day: date | None = None, organisation_id: str = ""
) -> list[DayFigures]:
    return await service.list_days(
        session, caller, period_of(span, day or beijing_today()), organisation_id=organisation_id
    )


@get("/registration", guards=_VIEW)
async def registration(session: AsyncSession, caller: Caller, organisation_id: str = "") -> RegistrationFigures:
    return await service.registration(session, caller, organisation_id=organisation_id)


@get("/days.xlsx", guards=_VIEW)
async def export_days(
    session: AsyncSession, caller: Caller, span: Span = "month", day: date | None = None, organisation_id: str = ""
) -> Response[bytes]:
    period = period_of(span, day or beijing_today())
    rows = await service.list_days(session, caller, period, organisation_id=organisation_id)
    return xlsx_response(f"days-{period.since:%Y%m%d}-{period.until:%Y%m%d}", DAY_HEADS, rows)


@get("/units.xlsx", guards=_VIEW)
async def export_units(
    session: AsyncSession, caller: Caller, span: Span = "month", day: date | None = None, organisation_id: str = ""
) -> Response[bytes]:
    period = period_of(span, day or beijing_today())
    found = await service.operation(session, caller, period, organisation_id=organisation_id)
    found.total.name = "合计"
    return xlsx_response(f"units-{period.since:%Y%m%d}-{period.until:%Y%m%d}", UNIT_HEADS, [*found.units, found.total])


@get("/registration.xlsx", guards=_VIEW)
async def export_registration(session: AsyncSession, caller: Caller, organisation_id: str = "") -> Response[bytes]:
    found = await service.registration(session, caller, organisation_id=organisation_id)
    found.total.name = "合计"
    return registration_sheet(found)


def registration_sheet(found: RegistrationFigures) -> Response[bytes]:
    heads = ["单位", "自有产权气瓶", "总用户", "实名登记", "今日产权瓶充装"]
    for kind in customers.PAPERS:
        heads += [f"{PAPER_WORDS[kind]} 实时完成 %", f"{PAPER_WORDS[kind]} 已审核 %"]
    rows: list[list[Any]] = []
    for unit in (*found.units, found.total):
        row: list[Any] = [unit.name, unit.own_cylinders, unit.customers, unit.named, unit.filled_today]
        for kind in customers.PAPERS:
            row += [unit.done_percent[kind], unit.reviewed_percent[kind]]
        rows.append(row)
    disposition = f'attachment; filename="registration-{beijing_today():%Y%m%d}.xlsx"'
    return Response(write_xlsx(heads, rows), media_type=XLSX, headers={"Content-Disposition": disposition})


router = Router(
    "/api/statistics",
    tags=["statistics"],
    route_handlers=[operation, list_days, registration, export_days, export_units, export_registration],
)
