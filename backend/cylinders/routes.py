"""Cylinders over HTTP."""

from typing import Annotated

from litestar import Response, Router, get, post, put
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service
from backend.cylinders.rules import State
from backend.cylinders.schemas import CylinderIn, CylinderLine, CylinderOut, ScrapIn, ScrappingOut, UndoIn
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
    ],
)
