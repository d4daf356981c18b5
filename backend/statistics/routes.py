"""Figures over HTTP, and as spreadsheets."""

from datetime import date

from litestar import Response, Router, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.pages import Limit, Offset, Page
from backend.scope import Caller, requires
from backend.statistics import reports, service
from backend.statistics.rules import Span, period_of
from backend.statistics.schemas import (
    DAY_HEADS,
    UNIT_HEADS,
    DayFigures,
    Operation,
    RegistrationFigures,
    ReportOut,
)
from backend.tables import XLSX, write_xlsx, xlsx_response
from sync.databases import beijing_today

_VIEW = [requires("statistics.view")]


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
    return workbook(f"registration-{beijing_today():%Y%m%d}", write_xlsx(*reports.registration_table(found)))


@post("/reports", guards=[requires("statistics.report")])
async def make_report(
    session: AsyncSession, caller: Caller, span: Span = "month", day: date | None = None, organisation_id: str = ""
) -> Response[bytes]:
    """上报表: made, kept and handed out."""
    period = period_of(span, day or beijing_today())
    made = await reports.make_report(session, caller, period, organisation_id=organisation_id)
    return workbook(made.number, made.content, status_code=201)


@get("/reports", guards=_VIEW)
async def list_reports(
    session: AsyncSession, caller: Caller, *, limit: Limit = 100, offset: Offset = 0
) -> Page[ReportOut]:
    return await reports.list_reports(session, caller, limit=limit, offset=offset)


@get("/reports/{report_id:str}", guards=_VIEW)
async def find_report(session: AsyncSession, caller: Caller, report_id: str) -> Response[bytes]:
    return workbook(*await reports.find_report(session, caller, report_id))


def workbook(name: str, content: bytes, *, status_code: int = 200) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"'}
    return Response(content, media_type=XLSX, headers=headers, status_code=status_code)


router = Router(
    "/api/statistics",
    tags=["statistics"],
    route_handlers=[
        operation,
        list_days,
        registration,
        export_days,
        export_units,
        export_registration,
        make_report,
        list_reports,
        find_report,
    ],
)
