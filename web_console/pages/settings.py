"""设置: the company's limits and lists, and bringing in a pipe network with a trial run first."""

import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.errors import AppError, UnusableError
from backend.network import service as network
from backend.reference import service as reference
from backend.reference.schemas import InspectionPeriod
from backend.scope import requires, signed_in
from backend.settings import Settings
from sync.documents.reference import ListEntry
from web_console.forms import as_struct, read_form
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor, with_right
from web_console.words import FIELD_WORDS, IMPORT_FIELDS, LISTS

_CHUNK = 1 << 20
# The multipart frame around the file; the file itself is held to the setting's limit.
_LARGEST_BODY = 1 << 31
_SHOWN_REFUSALS = 500


class LimitsForm(msgspec.Struct, frozen=True, kw_only=True):
    company_name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    emergency_phone: str = ""
    leak_alarm_ppm: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
    leak_emergency_ppm: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
    customer_required_fields: tuple[str, ...] = ()
    company_required_fields: tuple[str, ...] = ()
    gas_unit: str = "ppm"
    delivery_promise_min: Annotated[float, msgspec.Meta(gt=0, le=10_080)] | None = None
    certificate_reminder_days: tuple[Annotated[int, msgspec.Meta(ge=0, le=3650)], ...] = ()
    inspection_reminder_days: tuple[Annotated[int, msgspec.Meta(ge=1, le=365)], ...] = ()
    tag_required_from: date | None = None
    explosion_proof_from: date | None = None
    cylinder_silent_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    cylinder_outstanding_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 60


@get("/settings", guards=[signed_in])
async def show(request: Visit, session: AsyncSession) -> Response[str] | Redirect:
    """Who may only import networks is led there."""
    if with_right(request, "accounts.manage") is None:
        return Redirect("/settings/network")
    company_id = visitor(request).company_id
    return render(
        request,
        "settings.html",
        limits=await reference.find_settings(session, company_id),
        lists=await reference.list_lists(session, company_id),
        periods=await reference.find_periods(session, company_id),
        list_words=LISTS,
        fields=FIELD_WORDS,
    )


@post("/settings", guards=[requires("accounts.manage")], status_code=204)
async def save(request: Visit, session: AsyncSession) -> Response[None]:
    form = await read_form(request, LimitsForm)
    caller = visitor(request).narrowed("accounts.manage")
    # What the form does not offer stays as it is.
    before = (await reference.find_settings(session, caller.company_id)).fields
    given = msgspec.structs.asdict(form)
    given["delivery_promise_min"] = form.delivery_promise_min or before.delivery_promise_min
    given["certificate_reminder_days"] = form.certificate_reminder_days or before.certificate_reminder_days
    given["inspection_reminder_days"] = form.inspection_reminder_days or before.inspection_reminder_days
    fields = msgspec.structs.replace(before, **given)
    saved = await reference.change_settings(session, caller, caller.company_id, fields)
    t = translate_into(language_of(request))
    return done(toast=t("已保存为第 {n} 版，会发到各单位的手机", n=saved.version))


@get("/settings/lists/{name:str}", guards=[requires("accounts.manage")])
async def open_list(request: Visit, session: AsyncSession, name: str) -> Response[str]:
    found = await reference.find_list(session, visitor(request).company_id, name)
    return render(request, "parts/list_form.html", found=found, list_words=LISTS)


@post("/settings/lists/{name:str}", guards=[requires("accounts.manage")], status_code=204)
async def save_list(request: Visit, session: AsyncSession, name: str) -> Response[None]:
    """Words and order; what else an entry carries (icon, unit, limit, help) stays with its code."""
    caller = visitor(request).narrowed("accounts.manage")
    form = await request.form()
    columns = {
        column: [str(cell).strip() for cell in form.getall(column, [])] for column in ("code", "zh", "en", "limit")
    }
    before = {entry.code: entry for entry in (await reference.find_list(session, caller.company_id, name)).entries}
    entries = [
        _entry(before, code, zh, en, limit) for code, zh, en, limit in zip(*columns.values(), strict=True) if code
    ]
    if not entries or any(not entry.zh or not entry.en for entry in entries):
        raise UnusableError("list.words", "每个选项都要有中文和英文。", "Every entry needs its Chinese and English.")
    saved = await reference.change_list(session, caller, caller.company_id, name, entries)
    t = translate_into(language_of(request))
    return done(toast=t("已保存为第 {n} 版，会发到各单位的手机", n=saved.version), changed="lists-changed")


@get("/settings/periods", guards=[requires("accounts.manage")])
async def open_periods(request: Visit, session: AsyncSession) -> Response[str]:
    found = await reference.find_periods(session, visitor(request).company_id)
    return render(request, "parts/periods_form.html", found=found)


@post("/settings/periods", guards=[requires("accounts.manage")], status_code=204)
async def save_periods(request: Visit, session: AsyncSession) -> Response[None]:
    """A line without years is left out."""
    caller = visitor(request).narrowed("accounts.manage")
    form = await request.form()
    names = msgspec.structs.fields(InspectionPeriod)
    columns = {field.name: [str(cell).strip() for cell in form.getall(field.name, [])] for field in names}
    lines = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    entries = [_period(line) for line in lines if line["inspection_years"] and line["service_years"]]
    if not entries:
        raise UnusableError("periods.none", "至少要有一行。", "There must be a line at least.")
    saved = await reference.change_periods(session, caller, caller.company_id, entries)
    t = translate_into(language_of(request))
    answer = done(toast=t("检验周期表已保存为第 {n} 版", n=saved.version))
    answer.headers["HX-Refresh"] = "true"
    return answer


def _period(line: dict[str, str]) -> InspectionPeriod:
    sizes = line.pop("specifications").replace("，", "、").replace(",", "、").split("、")
    given = {name: cell for name, cell in line.items() if cell}
    return as_struct(given, InspectionPeriod, specifications=[size.strip() for size in sizes if size.strip()])


def _entry(before: dict[str, ListEntry], code: str, zh: str, en: str, limit: str) -> ListEntry:
    known = before.get(code) or ListEntry(code=code, zh=zh, en=en)
    try:
        number = float(limit) if limit else None
    except ValueError as error:
        raise UnusableError("list.limit", f"限值“{limit}”不是数字。", f"The limit {limit!r} is no number.") from error
    return msgspec.structs.replace(known, zh=zh, en=en, limit=number)


@get("/settings/network", guards=[requires("network.import")])
async def show_import(request: Visit, session: AsyncSession) -> Response[str]:
    caller = visitor(request).narrowed("network.import")
    units = [o for o in await accounts.list_organisations(session, caller) if o.kind == "unit"]
    versions = {unit.id: await network.network_version(session, unit.id) for unit in units}
    return render(
        request,
        "network.html",
        units=units,
        versions=versions,
        areas=await network.list_areas(session, caller),
        fields=IMPORT_FIELDS,
        may_settings=with_right(request, "accounts.manage") is not None,
    )


@post("/settings/network", guards=[requires("network.import")], status_code=200, request_max_body_size=_LARGEST_BODY)
async def run_import(request: Visit, session: AsyncSession, settings: Settings) -> Response[str]:
    """A trial unless the form says otherwise; both answer with the same report."""
    form = await request.form()
    upload = form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise UnusableError("import.no_file", "请选择文件。", "Choose a file.")
    mapping = {name: str(form.get(f"map_{name}", "")).strip() for name in IMPORT_FIELDS}
    dry_run = form.get("dry_run", "true") != "false"
    with tempfile.TemporaryDirectory(prefix="qixun-upload-") as folder:
        path = Path(folder) / "upload"
        await _save(upload, path, settings.max_upload_bytes)
        report = await network.import_network(
            session,
            visitor(request).narrowed("network.import"),
            path,
            organisation_id=str(form.get("organisation_id", "")),
            layer=str(form.get("layer", "")).strip() or None,
            mapping={name: heading for name, heading in mapping.items() if heading},
            crs=str(form.get("crs", "")).strip() or None,
            dry_run=dry_run,
            name=upload.filename,
        )
    return render(request, "parts/import_report.html", report=report, fields=IMPORT_FIELDS, shown=_SHOWN_REFUSALS)


async def _save(upload: UploadFile, path: Path, limit: int) -> None:
    size = 0
    with path.open("wb") as file:
        while chunk := await upload.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise AppError(413, "body.too_large", "文件超过大小限制。", "The file is too large.", limit=limit)
            file.write(chunk)


handlers: list[Any] = [show, save, open_list, save_list, open_periods, save_periods, show_import, run_import]
