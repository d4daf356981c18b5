"""Cylinders over HTTP."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, delete, get, post, put
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service
from backend.cylinders.rules import State
from backend.cylinders.schemas import (
    CylinderIn,
    CylinderLine,
    CylinderOut,
    LostLine,
    LostReason,
    ScrapIn,
    ScrappingOut,
    StockLine,
    UndoIn,
)
from backend.pages import EXPORT_MOST, Limit, Offset, Page, csv_response
from backend.scope import Caller, requires

_VIEW = [requires("cylinder.view")]
_EDIT = [requires("cylinder.edit")]
_HEADS = {
    "code": "气瓶编号",
    "specification": "规格",
    "medium": "充装介质",
    "manufacturer": "制造单位",
    "made_on": "制造年月",
    "next_inspection_on": "下次检验日期",
    "service_ends_on": "使用年限至",
    "state": "状态",
    "owned": "自有产权",
    "scrapped": "报废",
    "holder_kind": "当前位置",
    "holder_name": "持有",
    "holder_since": "起",
}
LOST_HEADS = {
    "code": "气瓶编号",
    "specification": "规格",
    "organisation_name": "所属站",
    "reason": "原因",
    "holder_kind": "当前位置",
    "holder_name": "持有",
    "held_days": "持有天数",
    "last_heard_at": "最后消息",
    "silent_days": "无消息天数",
}
STOCK_HEADS = {
    "day": "日期",
    "holder_kind": "类别",
    "organisation_name": "单位",
    "holder_name": "站点或送气员",
    "plate": "车牌",
    "specification": "规格",
    "opening": "期初",
    "arrived": "入",
    "departed": "出",
    "closing": "期末",
}


@get("/", guards=_VIEW)
async def list_cylinders(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    organisation_id: str = "",
    specification: str = "",
    shown: Annotated[State | None, QueryParameter(name="state")] = None,
    holder_kind: str = "",
    holder_id: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[CylinderLine]:
    return await service.list_cylinders(
        session,
        caller,
        search=search,
        organisation_id=organisation_id,
        specification=specification,
        state=shown,
        holder_kind=holder_kind,
        holder_id=holder_id,
        limit=limit,
        offset=offset,
    )


@get("/export.csv", guards=_VIEW)
async def export_cylinders(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    shown: Annotated[State | None, QueryParameter(name="state")] = None,
) -> Response[bytes]:
    page = await service.list_cylinders(session, caller, search=search, state=shown, limit=EXPORT_MOST)
    return csv_response("cylinders", _HEADS, page.items)


@post("/", guards=_EDIT)
async def create_cylinder(session: AsyncSession, caller: Caller, data: CylinderIn) -> CylinderOut:
    return await service.create_cylinder(session, caller, data)


@get("/{cylinder_id:str}", guards=_VIEW)
async def find_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str) -> CylinderOut:
    return await service.find_cylinder(session, caller, cylinder_id)


@put("/{cylinder_id:str}", guards=_EDIT)
async def change_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str, data: CylinderIn) -> CylinderOut:
    return await service.change_cylinder(session, caller, cylinder_id, data)


@post("/{cylinder_id:str}/scrap", guards=_EDIT)
async def scrap_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str, data: ScrapIn) -> CylinderOut:
    return await service.scrap_cylinder(session, caller, cylinder_id, data)


@post("/{cylinder_id:str}/undo-scrapping", guards=[requires("accounts.manage")])
async def undo_scrapping(session: AsyncSession, caller: Caller, cylinder_id: str, data: UndoIn) -> CylinderOut:
    return await service.undo_scrapping(session, caller, cylinder_id, data.reason)


@get("/{cylinder_id:str}/scrappings", guards=_VIEW)
async def list_scrappings(session: AsyncSession, caller: Caller, cylinder_id: str) -> list[ScrappingOut]:
    return await service.list_scrappings(session, caller, cylinder_id)


@delete("/{cylinder_id:str}", guards=_EDIT)
async def delete_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str) -> None:
    """One that was entered by mistake and of which nothing was recorded."""
    await service.delete_cylinder(session, caller, cylinder_id)


@get("/lost", guards=_VIEW)
async def list_lost(
    session: AsyncSession,
    caller: Caller,
    *,
    reason: LostReason | None = None,
    organisation_id: str = "",
    specification: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[LostLine]:
    """Nothing heard for longer than the company's settings say, or at a customer's for longer than they say."""
    return await service.list_lost(
        session,
        caller,
        reason=reason,
        organisation_id=organisation_id,
        specification=specification,
        limit=limit,
        offset=offset,
    )


@get("/lost.csv", guards=_VIEW)
async def export_lost(
    session: AsyncSession,
    caller: Caller,
    *,
    reason: LostReason | None = None,
    organisation_id: str = "",
    specification: str = "",
) -> Response[bytes]:
    page = await service.list_lost(
        session,
        caller,
        reason=reason,
        organisation_id=organisation_id,
        specification=specification,
        limit=EXPORT_MOST,
    )
    return csv_response("lost-cylinders", LOST_HEADS, page.items)


@get("/", guards=_VIEW)
async def list_stock(
    session: AsyncSession,
    caller: Caller,
    *,
    day: date | None = None,
    holder_kind: str = "",
    holder_id: str = "",
    organisation_id: str = "",
    specification: str = "",
) -> list[StockLine]:
    """Stations and vehicles on one day in Beijing, by size; without `day` today up to now."""
    return await service.list_stock(
        session,
        caller,
        day=day,
        holder_kind=holder_kind,
        holder_id=holder_id,
        organisation_id=organisation_id,
        specification=specification,
    )


@get("/export.csv", guards=_VIEW)
async def export_stock(
    session: AsyncSession,
    caller: Caller,
    *,
    day: date | None = None,
    holder_kind: str = "",
    holder_id: str = "",
    organisation_id: str = "",
    specification: str = "",
) -> Response[bytes]:
    lines = await service.list_stock(
        session,
        caller,
        day=day,
        holder_kind=holder_kind,
        holder_id=holder_id,
        organisation_id=organisation_id,
        specification=specification,
    )
    return csv_response("stock", STOCK_HEADS, lines)


@get("/{holder_kind:str}/{holder_id:str}/days", guards=_VIEW)
async def list_balances(
    session: AsyncSession, caller: Caller, *, holder_kind: str, holder_id: str, since: date, until: date
) -> list[StockLine]:
    """The written balances of a station or vehicle, newest day first."""
    return await service.list_balances(session, caller, holder_kind, holder_id, since=since, until=until)


router = Router(
    "/api/cylinders",
    tags=["cylinders"],
    route_handlers=[
        list_cylinders,
        export_cylinders,
        create_cylinder,
        find_cylinder,
        change_cylinder,
        scrap_cylinder,
        undo_scrapping,
        list_scrappings,
        list_lost,
        export_lost,
        delete_cylinder,
    ],
)
stock_router = Router("/api/stock", tags=["cylinders"], route_handlers=[list_stock, export_stock, list_balances])
