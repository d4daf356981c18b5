"""Fillings and refused cylinders over HTTP."""

from litestar import Router, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.filling import service
from backend.filling.schemas import FillingDetail, FillingFilters, Handling, RefusalFilters, RefusalOut, Withdrawal
from backend.lists import list_routes
from backend.scope import Caller, requires

_VIEW = [requires("filling.view")]
_EDIT = [requires("filling.edit")]
_FILLINGS = (
    ("气瓶条码", "code"),
    ("充装单位", "filling_company"),
    ("充装站", "station_name"),
    ("气瓶检验单位", "inspection_company"),
    ("充装枪号", "gun_number"),
    ("瓶身总重 kg", "gross_kg"),
    ("充装净含量 kg", "net_kg"),
    ("复秤净含量 kg", "final_net_kg"),
    ("皮重 kg", "tare_kg"),
    ("残液量 kg", "residue_kg"),
    ("充装介质", "medium"),
    ("充装日期", "filled_on"),
    ("末次充装日期", "last_filled_on"),
    ("充装人员工号", "filler_number"),
    ("充装人员证号", "filler_certificate"),
    ("秤号", "scale_number"),
    ("秤检定有效期至", "scale_verified_until"),
    ("开始时间", "started_at"),
    ("结束时间", "ended_at"),
    ("状态", "state"),
)
_REFUSALS = (
    ("气瓶条码", "code"),
    ("充装站", "station_name"),
    ("人员", "staff_name"),
    ("时间", "at"),
    ("环节", "stage"),
    ("原因", "reasons"),
    ("备注", "note"),
    ("处理时间", "handled_at"),
    ("处理人", "handled_by_name"),
    ("处理方式", "action"),
    ("处理说明", "handling"),
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
        *list_routes("/", service.list_fillings, FillingFilters, _FILLINGS, guards=_VIEW),
        *list_routes("/refusals", service.list_refusals, RefusalFilters, _REFUSALS, guards=_VIEW),
        handle_refusal,
        find_filling,
        withdraw_filling,
    ],
)
