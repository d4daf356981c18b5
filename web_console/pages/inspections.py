"""到期 and 送检: what is due, what the office was reminded of, sheets sent to inspection bodies and their results."""

from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.cylinders import service as cylinders
from backend.cylinders.exporting import due_columns
from backend.cylinders.schemas import DueFilters
from backend.errors import UnusableError
from backend.inspections import service as inspections
from backend.inspections.schemas import BatchIn, ResultIn
from backend.pages import EXPORT_MOST
from backend.reference import service as reference
from backend.scope import requires
from backend.tables import read_upload
from web_console.forms import as_struct
from web_console.listing import PageNumber, export, files, read_filters
from web_console.pages.cylinders import HOLDERS, STATES
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor, with_right

_PAGE = 50
_MOST = 100
_LARGEST_BODY = 1 << 26
_VIEW = [requires("cylinder.view")]
_EDIT = [requires("cylinder.edit")]
RESULTS = {
    "": ("未返回", "Out", "warn"),
    "passed": ("合格", "Passed", "ok"),
    "failed": ("不合格", "Failed", "danger"),
}


class DueForm(msgspec.Struct, frozen=True, kw_only=True):
    """`stage`: `overdue`, days ahead, or all that is due."""

    stage: str = ""
    organisation_id: str = ""
    specification: str = ""
    holder_kind: Literal["", "station", "vehicle", "customer", "inspection_body"] = ""

    def filters(self, days: tuple[int, ...]) -> DueFilters:
        ahead = int(self.stage) if self.stage.isdecimal() and int(self.stage) in days else None
        return DueFilters(
            within=max(days) if ahead is None else ahead,
            stage="overdue" if self.stage == "overdue" else "ahead" if ahead is not None else "",
            organisation_id=self.organisation_id,
            specification=self.specification,
            holder_kind=self.holder_kind,
        )


async def _days(request: Visit, session: AsyncSession) -> tuple[int, ...]:
    settings = await reference.find_settings(session, visitor(request).company_id)
    return tuple(sorted(settings.fields.inspection_reminder_days))


async def _choices(request: Visit, session: AsyncSession, right: str) -> dict[str, Any]:
    caller = visitor(request).narrowed(right)
    sizes = await reference.words(session, visitor(request).company_id, "cylinder_specification")
    return {
        "units": [o for o in await accounts.list_organisations(session, caller) if o.kind == "unit"],
        "sizes": list(sizes),
    }


@get("/cylinders/due", guards=_VIEW)
async def show_due(request: Visit, session: AsyncSession) -> Response[str]:
    caller = visitor(request).narrowed("cylinder.view")
    return render(
        request,
        "cylinders_due.html",
        filter=read_filters(request, DueForm),
        days=await _days(request, session),
        counts=await cylinders.count_due(session, caller),
        reminders=await cylinders.list_reminders(session, caller),
        holders=HOLDERS,
        may_edit=with_right(request, "cylinder.edit") is not None,
        **await _choices(request, session, "cylinder.view"),
    )


@get("/cylinders/due/found", guards=_VIEW)
async def found_due(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    wanted = read_filters(request, DueForm).filters(await _days(request, session))
    caller = visitor(request).narrowed("cylinder.view")
    listed = await cylinders.list_due(session, caller, wanted, limit=_PAGE, offset=_PAGE * (page - 1))
    return render(
        request,
        "parts/cylinders_due.html",
        listed=listed,
        page=page,
        size=_PAGE,
        states=STATES,
        holders=HOLDERS,
        may_edit=with_right(request, "cylinder.edit") is not None,
    )


@get(files("/cylinders/due/export"), guards=_VIEW)
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    wanted = read_filters(request, DueForm).filters(await _days(request, session))
    caller = visitor(request).narrowed("cylinder.view")
    listed = await cylinders.list_due(session, caller, wanted, limit=EXPORT_MOST)
    return await export(request, "due", await due_columns(session, caller), listed)


@post("/cylinders/reminders/{reminder_id:str}/seen", guards=_EDIT, status_code=204)
async def seen(request: Visit, session: AsyncSession, reminder_id: str) -> Response[None]:
    await cylinders.mark_seen(session, visitor(request).narrowed("cylinder.edit"), reminder_id)
    answer = done(close=False)
    answer.headers["HX-Refresh"] = "true"
    return answer


@get("/cylinders/inspections", guards=_VIEW)
async def show(
    request: Visit,
    session: AsyncSession,
    *,
    q: str = "",
    id: str = "",  # noqa: A002
    out: bool = False,
) -> Response[str]:
    caller = visitor(request).narrowed("cylinder.view")
    batches = await inspections.list_batches(session, caller, search=q.strip(), still_out=out, limit=_MOST)
    chosen = id or (batches.items[0].id if batches.items else "")
    return render(
        request,
        "inspections.html",
        q=q,
        out=out,
        batches=batches,
        one=await inspections.find_batch(session, caller, chosen) if chosen else None,
        results=RESULTS,
        may_edit=with_right(request, "cylinder.edit") is not None,
    )


@get("/cylinders/inspections/new", guards=_EDIT)
async def new(request: Visit, session: AsyncSession) -> Response[str]:
    """With the codes that were ticked in the list of what is due."""
    caller = visitor(request).narrowed("cylinder.edit")
    known = await inspections.list_batches(session, caller, limit=_MOST)
    return render(
        request,
        "parts/inspection_new.html",
        codes=request.query_params.getall("codes", []),
        bodies=sorted({batch.inspection_body for batch in known.items}),
        **await _choices(request, session, "cylinder.edit"),
    )


@post("/cylinders/inspections", guards=_EDIT, status_code=204)
async def send(request: Visit, session: AsyncSession) -> Response[None]:
    form = await request.form()
    codes = str(form.get("codes", "")).replace("，", " ").replace(",", " ").replace("、", " ").split()
    given = as_struct(form, BatchIn, codes=codes)
    made = await inspections.send_batch(session, visitor(request).narrowed("cylinder.edit"), given)
    answer = done(toast=translate_into(language_of(request))("送检单 {n} 已保存", n=made.batch.number))
    answer.headers["HX-Redirect"] = f"/cylinders/inspections?id={made.batch.id}"
    return answer


@get("/cylinders/inspections/{batch_id:str}/results", guards=_EDIT)
async def ask_results(request: Visit, session: AsyncSession, batch_id: str) -> Response[str]:
    """For the ticked ones, else all that are out."""
    one = await inspections.find_batch(session, visitor(request).narrowed("cylinder.edit"), batch_id)
    ticked = set(request.query_params.getall("codes", []))
    items = [item for item in one.items if (item.code in ticked if ticked else not item.result)]
    return render(request, "parts/inspection_results.html", batch=one.batch, items=items)


@post("/cylinders/inspections/{batch_id:str}/results", guards=_EDIT, status_code=204)
async def record(request: Visit, session: AsyncSession, batch_id: str) -> Response[None]:
    form = await request.form()
    codes = [str(code) for code in form.getall("codes", [])]
    if not codes:
        raise UnusableError("inspection.none", "请至少选一个气瓶。", "Choose a cylinder at least.")
    given = [as_struct(form, ResultIn, code=code) for code in codes]
    await inspections.record_results(session, visitor(request).narrowed("cylinder.edit"), batch_id, given)
    answer = done(toast=translate_into(language_of(request))("已登记 {n} 个检验结果", n=len(codes)))
    answer.headers["HX-Redirect"] = f"/cylinders/inspections?id={batch_id}"
    return answer


@get("/cylinders/inspections/{batch_id:str}/file", guards=_EDIT)
async def ask_file(request: Visit, session: AsyncSession, batch_id: str) -> Response[str]:
    one = await inspections.find_batch(session, visitor(request).narrowed("cylinder.edit"), batch_id)
    return render(request, "parts/inspection_file.html", batch=one.batch, report=None)


@post("/cylinders/inspections/{batch_id:str}/file", guards=_EDIT, status_code=200, request_max_body_size=_LARGEST_BODY)
async def take_file(request: Visit, session: AsyncSession, batch_id: str) -> Response[str]:
    """A trial unless the form says otherwise."""
    form = await request.form()
    upload = form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise UnusableError("import.no_file", "请选择文件。", "Choose a file.")
    caller = visitor(request).narrowed("cylinder.edit")
    dry_run = form.get("dry_run", "true") != "false"
    content = await read_upload(upload)
    report = await inspections.take_results_file(session, caller, batch_id, content, dry_run=dry_run)
    return render(request, "parts/inspection_report.html", report=report, batch_id=batch_id)


@post("/cylinders/inspections/{batch_id:str}/items/{item_id:str}/withdraw", guards=_EDIT, status_code=204)
async def withdraw(request: Visit, session: AsyncSession, batch_id: str, item_id: str) -> Response[None]:
    await inspections.withdraw_item(session, visitor(request).narrowed("cylinder.edit"), batch_id, item_id)
    answer = done(toast=translate_into(language_of(request))("已从送检单撤回"))
    answer.headers["HX-Redirect"] = f"/cylinders/inspections?id={batch_id}"
    return answer


handlers = [
    show_due,
    found_due,
    download,
    seen,
    show,
    new,
    send,
    ask_results,
    record,
    ask_file,
    take_file,
    withdraw,
]
