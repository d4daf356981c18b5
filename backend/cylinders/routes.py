"""Cylinders over HTTP."""

import asyncio
from datetime import date
from typing import Annotated, Literal

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency, Provide
from litestar.enums import RequestEncodingType
from litestar.params import Body, Parameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service
from backend.cylinders.exporting import DUE_HEADS, EXPORT_HEADS, export_cylinders, export_due
from backend.cylinders.importing import import_cylinders, rejected_workbook
from backend.cylinders.rules import State
from backend.cylinders.schemas import (
    CylinderFilters,
    CylinderIn,
    CylinderLine,
    CylinderOut,
    DueCount,
    DueFilters,
    DueLine,
    ImportReport,
    LostLine,
    LostReason,
    ReminderOut,
    ScrapIn,
    ScrappingOut,
    StockLine,
    TagKeyOut,
    UndoIn,
)
from backend.pages import EXPORT_MOST, Limit, Offset, Page, csv_response
from backend.scope import Caller, requires
from backend.tables import XLSX, read_upload, xlsx_response

_VIEW = [requires("cylinder.view")]
_EDIT = [requires("cylinder.edit")]
# The multipart frame around the file; `read_upload` holds the file itself to its limit.
_LARGEST_BODY = 1 << 26
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


class ImportForm(msgspec.Struct, kw_only=True):
    """`keep_existing` rejects rows that would change what is in the archive."""

    file: UploadFile
    organisation_id: str
    dry_run: bool = False
    keep_existing: bool = False


def read_filters(
    *,
    search: str = "",
    organisation_id: str = "",
    specification: str = "",
    shown: Annotated[State | None, QueryParameter(name="state")] = None,
    holder_kind: str = "",
    holder_id: str = "",
) -> CylinderFilters:
    return CylinderFilters(
        search=search,
        organisation_id=organisation_id,
        specification=specification,
        state=shown,
        holder_kind=holder_kind,
        holder_id=holder_id,
    )


def read_due_filters(
    *,
    within: Annotated[int, Parameter(ge=0, le=3650)] = 60,
    stage: Literal["", "overdue", "ahead"] = "",
    organisation_id: str = "",
    specification: str = "",
    holder_kind: str = "",
) -> DueFilters:
    return DueFilters(
        within=within,
        stage=stage,
        organisation_id=organisation_id,
        specification=specification,
        holder_kind=holder_kind,
    )


_DUE = {"wanted": Provide(read_due_filters, sync_to_thread=False)}
WantedDue = NamedDependency[DueFilters]
_FILTERED = {"wanted": Provide(read_filters, sync_to_thread=False)}
Wanted = NamedDependency[CylinderFilters]


@get("/", guards=_VIEW, dependencies=_FILTERED)
async def list_cylinders(
    session: AsyncSession, caller: Caller, wanted: Wanted, limit: Limit = 100, offset: Offset = 0
) -> Page[CylinderLine]:
    return await service.list_cylinders(session, caller, **msgspec.structs.asdict(wanted), limit=limit, offset=offset)


@get("/export.csv", guards=_VIEW, dependencies=_FILTERED)
async def export_csv(session: AsyncSession, caller: Caller, wanted: Wanted) -> Response[bytes]:
    rows = await export_cylinders(session, caller, wanted)
    return await asyncio.to_thread(csv_response, "cylinders", EXPORT_HEADS, rows)


@get("/export.xlsx", guards=_VIEW, dependencies=_FILTERED)
async def export_xlsx(session: AsyncSession, caller: Caller, wanted: Wanted) -> Response[bytes]:
    rows = await export_cylinders(session, caller, wanted)
    return await asyncio.to_thread(xlsx_response, "cylinders", EXPORT_HEADS, rows)


@post("/imports", status_code=200, guards=_EDIT, request_max_body_size=_LARGEST_BODY)
async def import_file(
    data: Annotated[ImportForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    session: AsyncSession,
    caller: Caller,
) -> ImportReport:
    return await import_cylinders(
        session,
        caller,
        await read_upload(data.file),
        organisation_id=data.organisation_id,
        file_name=data.file.filename,
        dry_run=data.dry_run,
        keep_existing=data.keep_existing,
    )


@get("/imports/{import_id:str}/rejected.xlsx", guards=_EDIT)
async def rejected_rows(session: AsyncSession, caller: Caller, import_id: str) -> Response[bytes]:
    """Each refused row as it stood, with its reasons: to be mended there and imported again."""
    name, content = await rejected_workbook(session, caller, import_id)
    return Response(content, media_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"'})


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


@get("/due", guards=_VIEW, dependencies=_DUE)
async def list_due(
    session: AsyncSession, caller: Caller, wanted: WantedDue, limit: Limit = 100, offset: Offset = 0
) -> Page[DueLine]:
    return await service.list_due(session, caller, wanted, limit=limit, offset=offset)


@get("/due/counts", guards=_VIEW)
async def count_due(session: AsyncSession, caller: Caller) -> list[DueCount]:
    return await service.count_due(session, caller)


@get("/due/export.csv", guards=_VIEW, dependencies=_DUE)
async def export_due_csv(session: AsyncSession, caller: Caller, wanted: WantedDue) -> Response[bytes]:
    rows = await export_due(session, caller, wanted)
    return await asyncio.to_thread(csv_response, "due", DUE_HEADS, rows)


@get("/due/export.xlsx", guards=_VIEW, dependencies=_DUE)
async def export_due_xlsx(session: AsyncSession, caller: Caller, wanted: WantedDue) -> Response[bytes]:
    rows = await export_due(session, caller, wanted)
    return await asyncio.to_thread(xlsx_response, "due", DUE_HEADS, rows)


@get("/reminders", guards=_VIEW)
async def list_reminders(session: AsyncSession, caller: Caller, *, unseen: bool = True) -> list[ReminderOut]:
    return await service.list_reminders(session, caller, unseen=unseen)


@post("/reminders/{reminder_id:str}/seen", status_code=204, guards=_EDIT)
async def mark_seen(session: AsyncSession, caller: Caller, reminder_id: str) -> None:
    await service.mark_seen(session, caller, reminder_id)


@get("/tag-keys/{company_id:str}", guards=[requires("devices.manage")])
async def find_tag_key(session: AsyncSession, caller: Caller, company_id: str) -> TagKeyOut:
    return await service.find_tag_key(session, caller, company_id)


@post("/tag-keys/{company_id:str}/replace", guards=[requires("devices.manage")])
async def replace_tag_key(session: AsyncSession, caller: Caller, company_id: str) -> dict[str, int]:
    """A phone was lost: tags are written under a new key, and nothing is believed under the old ones."""
    return {"number": await service.replace_tag_key(session, caller, company_id)}


router = Router(
    "/api/cylinders",
    tags=["cylinders"],
    route_handlers=[
        list_cylinders,
        export_csv,
        export_xlsx,
        list_due,
        count_due,
        export_due_csv,
        export_due_xlsx,
        list_reminders,
        mark_seen,
        import_file,
        rejected_rows,
        create_cylinder,
        find_cylinder,
        change_cylinder,
        scrap_cylinder,
        undo_scrapping,
        list_scrappings,
        list_lost,
        export_lost,
        delete_cylinder,
        find_tag_key,
        replace_tag_key,
    ],
)
stock_router = Router("/api/stock", tags=["cylinders"], route_handlers=[list_stock, export_stock, list_balances])
