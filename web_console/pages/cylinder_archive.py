"""The archive as the office keeps it: a register taken in from a file and out again, scrapping, repairs."""

from typing import Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.accounts import service as accounts
from backend.cylinders import service as cylinders
from backend.cylinders.exporting import archive_columns
from backend.cylinders.importing import import_cylinders, rejected_workbook
from backend.cylinders.importing.rows import HEADS
from backend.cylinders.schemas import CylinderOut, ScrapIn, UndoIn
from backend.db import Database
from backend.errors import UnusableError
from backend.inspections import service as inspections
from backend.inspections.schemas import RepairIn
from backend.pages import EXPORT_MOST
from backend.scope import requires
from backend.tables import XLSX, read_upload, write_xlsx
from web_console.forms import read_form
from web_console.listing import export, files
from web_console.lists import words_for
from web_console.pages.cylinders import find_hits
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor, with_right

_LARGEST_BODY = 1 << 26
# The page shows the first; the workbook has them all.
_SHOWN = 200
_VIEW = [requires("cylinder.view")]
_EDIT = [requires("cylinder.edit")]
_EXAMPLE = {
    "code": "SH-0001",
    "specification": "YSP35.5",
    "factory_number": "20220501-001",
    "manufacturer": "某某容器厂",
    "made_on": "2022-05",
    "standard": "GB 5842-2006",
    "medium": "液化石油气",
    "tare_kg": 16.5,
    "owned": "是",
    "storage_position": "A-1",
}


@get(files("/cylinders/export"), guards=_VIEW)
async def download(
    request: Visit, session: AsyncSession, *, q: str = "", holder: str = "", untagged: bool = False
) -> Response[bytes]:
    """Every field, of what was searched for."""
    caller = visitor(request).narrowed("cylinder.view")
    page = await find_hits(request, session, q=q, holder=holder, untagged=untagged, limit=EXPORT_MOST)
    return await export(request, "cylinders", await archive_columns(session, caller), page)


@get("/cylinders/import", guards=_EDIT)
async def show_import(request: Visit, session: AsyncSession) -> Response[str]:
    caller = visitor(request).narrowed("cylinder.edit")
    units = [o for o in await accounts.list_organisations(session, caller) if o.kind == "unit"]
    return render(request, "cylinders_import.html", units=units, heads=HEADS)


@get("/cylinders/import/template.xlsx", guards=_EDIT)
async def template() -> Response[bytes]:
    """The heads with one line as an example."""
    heads = [names[0] for names in HEADS.values()]
    content = write_xlsx(heads, [[_EXAMPLE.get(field) for field in HEADS]])
    disposition = 'attachment; filename="cylinders-template.xlsx"'
    return Response(content, media_type=XLSX, headers={"Content-Disposition": disposition})


@post("/cylinders/import", guards=_EDIT, status_code=200, request_max_body_size=_LARGEST_BODY)
async def run_import(request: Visit, session: AsyncSession, database: Database) -> Response[str]:
    """A trial unless the form says otherwise; both answer with the same report. How far it is, open pages hear."""
    form = await request.form()
    unit_id = str(form.get("organisation_id", ""))

    async def tell(done: int, total: int) -> None:
        # Apart from the import, which is heard of only once it is committed.
        async with database.sessions() as apart, apart.begin():
            await events.announce(apart, "importing.cylinders", "", unit_id, done=done, total=total)

    upload = form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise UnusableError("import.no_file", "请选择文件。", "Choose a file.")
    report = await import_cylinders(
        session,
        visitor(request).narrowed("cylinder.edit"),
        await read_upload(upload),
        organisation_id=unit_id,
        file_name=upload.filename,
        dry_run=form.get("dry_run", "true") != "false",
        keep_existing=form.get("keep_existing") == "true",
        on_progress=tell,
    )
    return render(request, "parts/cylinder_import_report.html", report=report, heads=HEADS, shown=_SHOWN)


@get("/cylinders/imports/{import_id:str}/rejected.xlsx", guards=_EDIT)
async def rejected(request: Visit, session: AsyncSession, import_id: str) -> Response[bytes]:
    name, content = await rejected_workbook(session, visitor(request).narrowed("cylinder.edit"), import_id)
    return Response(content, media_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"'})


@get("/cylinders/{cylinder_id:str}/life", guards=_VIEW)
async def life(request: Visit, session: AsyncSession, cylinder_id: str) -> Response[str]:
    """Scrapping and repairs: what there were, and the forms for further ones."""
    caller = visitor(request).narrowed("cylinder.view")
    one = await cylinders.find_cylinder(session, caller, cylinder_id)
    return render(
        request,
        "parts/cylinder_life.html",
        one=one,
        scrappings=await cylinders.list_scrappings(session, caller, cylinder_id),
        repairs=await inspections.list_repairs(session, caller, cylinder_id),
        words=await words_for(request, session),
        may_edit=with_right(request, "cylinder.edit") is not None,
        may_undo=with_right(request, "accounts.manage") is not None,
    )


@post("/cylinders/{cylinder_id:str}/scrap", guards=_EDIT, status_code=204)
async def scrap(request: Visit, session: AsyncSession, cylinder_id: str) -> Response[None]:
    given = await read_form(request, ScrapIn)
    caller = visitor(request).narrowed("cylinder.edit")
    one = await cylinders.scrap_cylinder(session, caller, cylinder_id, given)
    return _saved(one, translate_into(language_of(request))("已报废，标签一并作废"))


@post("/cylinders/{cylinder_id:str}/undo-scrapping", guards=[requires("accounts.manage")], status_code=204)
async def undo(request: Visit, session: AsyncSession, cylinder_id: str) -> Response[None]:
    given = await read_form(request, UndoIn)
    caller = visitor(request).narrowed("accounts.manage")
    one = await cylinders.undo_scrapping(session, caller, cylinder_id, given.reason)
    return _saved(one, translate_into(language_of(request))("已撤销报废，请绑定新标签"))


@post("/cylinders/{cylinder_id:str}/repairs", guards=_EDIT, status_code=204)
async def repair(request: Visit, session: AsyncSession, cylinder_id: str) -> Response[None]:
    caller = visitor(request).narrowed("cylinder.edit")
    one = await cylinders.find_cylinder(session, caller, cylinder_id)
    known = {"code": one.cylinder.code, "organisation_id": one.cylinder.organisation_id}
    await inspections.record_repair(session, caller, await read_form(request, RepairIn, **known))
    return _saved(one, translate_into(language_of(request))("维修已登记"))


def _saved(one: CylinderOut, said: str) -> Response[None]:
    answer = done(toast=said)
    answer.headers["HX-Redirect"] = f"/cylinders?id={one.cylinder.id}"
    return answer


handlers: list[Any] = [download, show_import, template, run_import, rejected, life, scrap, undo, repair]
