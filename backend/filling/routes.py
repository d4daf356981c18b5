"""Fillings and refused cylinders over HTTP."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.filling import service
from backend.filling.rules import State
from backend.filling.schemas import FillingDetail, FillingOut, Handling, RefusalOut, Withdrawal
from backend.pages import EXPORT_MOST, Limit, Offset, Page, csv_response
from backend.scope import Caller, requires
from backend.tables import xlsx_response

_VIEW = [requires("filling.view")]
_EDIT = [requires("filling.edit")]
HEADS = {
    "code": "气瓶条码",
    "filling_company": "充装单位",
    "station_name": "充装站",
    "inspection_company": "气瓶检验单位",
    "gun_number": "充装枪号",
    "gross_kg": "瓶身总重 kg",
    "net_kg": "充装净含量 kg",
    "final_net_kg": "复秤净含量 kg",
    "tare_kg": "皮重 kg",
    "residue_kg": "残液量 kg",
    "medium": "充装介质",
    "filled_on": "充装日期",
    "last_filled_on": "末次充装日期",
    "filler_number": "充装人员工号",
    "filler_certificate": "充装人员证号",
    "scale_number": "秤号",
    "scale_verified_until": "秤检定有效期至",
    "started_at": "开始时间",
    "ended_at": "结束时间",
    "state": "状态",
}


@get("/", guards=_VIEW)
async def list_fillings(
    session: AsyncSession,
    caller: Caller,
    *,
    since: date | None = None,
    until: date | None = None,
    search: str = "",
    organisation_id: str = "",
    staff_id: str = "",
    gun_number: str = "",
    shown: Annotated[State | None, QueryParameter(name="state")] = None,
    doubted: bool = False,
    withdrawn: bool = False,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[FillingOut]:
    return await service.list_fillings(
        session,
        caller,
        since=since,
        until=until,
        search=search,
        organisation_id=organisation_id,
        staff_id=staff_id,
        gun_number=gun_number,
        state=shown,
        doubted=doubted,
        withdrawn=withdrawn,
        limit=limit,
        offset=offset,
    )


@get("/export.csv", guards=_VIEW)
async def export_csv(
    session: AsyncSession,
    caller: Caller,
    *,
    since: date | None = None,
    until: date | None = None,
    search: str = "",
    shown: Annotated[State | None, QueryParameter(name="state")] = None,
) -> Response[bytes]:
    page = await service.list_fillings(
        session, caller, since=since, until=until, search=search, state=shown, limit=EXPORT_MOST
    )
    return csv_response("fillings", HEADS, page.items)


@get("/export.xlsx", guards=_VIEW)
async def export_xlsx(
    session: AsyncSession,
    caller: Caller,
    *,
    since: date | None = None,
    until: date | None = None,
    search: str = "",
    shown: Annotated[State | None, QueryParameter(name="state")] = None,
) -> Response[bytes]:
    page = await service.list_fillings(
        session, caller, since=since, until=until, search=search, state=shown, limit=EXPORT_MOST
    )
    return xlsx_response("fillings", HEADS, page.items)


@get("/refusals", guards=_VIEW)
async def list_refusals(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    organisation_id: str = "",
    reason: str = "",
    handled: bool | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[RefusalOut]:
    return await service.list_refusals(
        session,
        caller,
        search=search,
        organisation_id=organisation_id,
        reason=reason,
        handled=handled,
        limit=limit,
        offset=offset,
    )


@post("/refusals/{refusal_id:str}/handle", status_code=200, guards=_EDIT)
async def handle_refusal(session: AsyncSession, caller: Caller, refusal_id: str, data: Handling) -> RefusalOut:
    return await service.handle_refusal(session, caller, refusal_id, data)


@get("/{filling_id:str}", guards=_VIEW)
async def find_filling(session: AsyncSession, caller: Caller, filling_id: str) -> FillingDetail:
    return await service.find_filling(session, caller, filling_id)


@post("/{filling_id:str}/withdraw", status_code=200, guards=_EDIT)
async def withdraw_filling(session: AsyncSession, caller: Caller, filling_id: str, data: Withdrawal) -> FillingDetail:
    return await service.withdraw_filling(session, caller, filling_id, data.reason)


router = Router(
    "/api/fillings",
    tags=["fillings"],
    route_handlers=[
        list_fillings,
        export_csv,
        export_xlsx,
        list_refusals,
        handle_refusal,
        find_filling,
        withdraw_filling,
    ],
)
