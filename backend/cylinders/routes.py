"""Cylinders over HTTP."""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service
from backend.cylinders.exporting import archive_columns, due_columns
from backend.cylinders.importing import import_cylinders, rejected_workbook
from backend.cylinders.schemas import (
    CylinderFilters,
    CylinderIn,
    CylinderOut,
    DueCount,
    DueFilters,
    DueLine,
    ImportReport,
    LostFilters,
    ReminderOut,
    ScrapIn,
    ScrappingOut,
    StockFilters,
    StockLine,
    TagKeyOut,
    UndoIn,
)
from backend.lists import list_routes
from backend.pages import Page
from backend.scope import Caller, requires
from backend.tables import XLSX, read_upload

_VIEW = [requires("cylinder.view")]
_EDIT = [requires("cylinder.edit")]
# The multipart frame around the file; `read_upload` holds the file itself to its limit.
_LARGEST_BODY = 1 << 26
_LOST = (
    ("气瓶编号", "code"),
    ("规格", "specification"),
    ("所属站", "organisation_name"),
    ("原因", "reason"),
    ("当前位置", "holder_kind"),
    ("持有", "holder_name"),
    ("持有天数", "held_days"),
    ("最后消息", "last_heard_at"),
    ("无消息天数", "silent_days"),
)
_STOCK = (
    ("日期", "day"),
    ("类别", "holder_kind"),
    ("单位", "organisation_name"),
    ("站点或送气员", "holder_name"),
    ("车牌", "plate"),
    ("规格", "specification"),
    ("期初", "opening"),
    ("入", "arrived"),
    ("出", "departed"),
    ("期末", "closing"),
)


class ImportForm(msgspec.Struct, kw_only=True):
    """`keep_existing` rejects rows that would change what is in the archive."""

    file: UploadFile
    organisation_id: str
    dry_run: bool = False
    keep_existing: bool = False


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


@get("/{holder_kind:str}/{holder_id:str}/days", guards=_VIEW)
async def list_balances(
    session: AsyncSession, caller: Caller, *, holder_kind: str, holder_id: str, since: date, until: date
) -> list[StockLine]:
    """The written balances of a station or vehicle, newest day first."""
    return await service.list_balances(session, caller, holder_kind, holder_id, since=since, until=until)


async def list_due(
    session: AsyncSession, caller: Caller, *, limit: int = 100, offset: int = 0, **filters: Any
) -> Page[DueLine]:
    return await service.list_due(session, caller, DueFilters(**filters), limit=limit, offset=offset)


@get("/due/counts", guards=_VIEW)
async def count_due(session: AsyncSession, caller: Caller) -> list[DueCount]:
    return await service.count_due(session, caller)


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
        *list_routes("/", service.list_cylinders, CylinderFilters, archive_columns, guards=_VIEW),
        *list_routes("/lost", service.list_lost, LostFilters, _LOST, guards=_VIEW),
        *list_routes("/due", list_due, DueFilters, due_columns, guards=_VIEW, exports="/due/export"),
        count_due,
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
        delete_cylinder,
        find_tag_key,
        replace_tag_key,
    ],
)
stock_router = Router(
    "/api/stock",
    tags=["cylinders"],
    route_handlers=[*list_routes("/", service.list_stock, StockFilters, _STOCK, guards=_VIEW), list_balances],
)
