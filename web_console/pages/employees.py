"""台账, 从业人员: who works where, in which post, with photograph and certificates (E5.8.3-1)."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.employees import service as employees
from backend.employees.schemas import EmployeeIn, EmployeeLine
from backend.errors import UnusableError
from backend.lists import Columns
from backend.pages import EXPORT_MOST, Page
from backend.photos.service import PhotoStore
from backend.scope import requires
from backend.settings import Settings
from backend.stations import service as stations
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.lists import words_for
from web_console.pages.certificates import STATES as CERTIFICATE_STATES
from web_console.pages.ledgers import tabs
from web_console.rendering import Visit, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
SEXES = {"": ("—", "—"), "female": ("女", "Female"), "male": ("男", "Male")}
_VIEW = requires("staff.view")
_EDIT = requires("staff.edit")
_LARGEST_BODY = 16 * 1024 * 1024


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    organisation_id: str = ""
    post: str = ""
    active: bool | None = None


async def _found(request: Visit, session: AsyncSession, *, limit: int, offset: int = 0) -> Page[EmployeeLine]:
    wanted = msgspec.structs.asdict(read_filters(request, Filter))
    caller = visitor(request).narrowed("staff.view")
    return await employees.list_employees(session, caller, **wanted, limit=limit, offset=offset)


@get("/ledgers/staff", guards=[_VIEW])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    reach = await accounts.list_organisations(session, visitor(request).narrowed("staff.view"))
    return render(
        request,
        "employees.html",
        filter=read_filters(request, Filter),
        tabs=tabs(request),
        units=[each for each in reach if each.kind == "unit"],
        words=await words_for(request, session),
    )


@get("/ledgers/staff/found", guards=[_VIEW])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    ledger = await _found(request, session, limit=PAGE, offset=PAGE * (page - 1))
    return render(
        request, "parts/employees.html", ledger=ledger, sexes=SEXES, states=CERTIFICATE_STATES, page=page, size=PAGE
    )


@get(files("/ledgers/staff/export"), guards=[_VIEW])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))

    def held(one: EmployeeLine) -> list[str]:
        return [f"{say((each.kind_zh, each.kind_en))} {each.number} {each.expires_on}" for each in one.certificates]

    columns: Columns = [
        (t("所属行政区域"), "area"),
        (t("所属企业"), "company_name"),
        (t("所属机构"), "organisation_name"),
        (t("所属站点"), "station_name"),
        (t("员工代码"), "staff_number"),
        (t("员工姓名"), "name"),
        (t("岗位"), lambda one: say((one.post_zh, one.post_en))),
        (t("性别"), lambda one: say(SEXES[one.sex]) if one.sex else ""),
        (t("照片"), lambda one: bool(one.photo_id)),
        (t("登记时间"), "registered_on"),
        (t("证照"), held),
        (t("在职"), "active"),
    ]
    return await export(request, "staff", columns, await _found(request, session, limit=EXPORT_MOST))


@get("/ledgers/staff/{staff_id:str}", guards=[_VIEW])
async def open_one(request: Visit, session: AsyncSession, staff_id: str) -> Response[str]:
    return await _opened(request, session, staff_id)


async def _opened(request: Visit, session: AsyncSession, staff_id: str) -> Response[str]:
    one = await employees.find_employee(session, visitor(request).narrowed("staff.view"), staff_id)
    editor = with_right(request, "staff.edit")
    places = await stations.list_stations(session, editor, limit=EXPORT_MOST) if editor else None
    return render(
        request,
        "parts/employee.html",
        one=one,
        sexes=SEXES,
        states=CERTIFICATE_STATES,
        words=await words_for(request, session),
        stations=places.items if places else [],
        may_edit=editor is not None,
        may_certify=with_right(request, "certificate.edit") is not None,
    )


@post("/ledgers/staff/{staff_id:str}", guards=[_EDIT], status_code=200, request_max_body_size=_LARGEST_BODY)
async def change(request: Visit, session: AsyncSession, settings: Settings, staff_id: str) -> Response[str]:
    """Record and, where one was chosen, the photograph; answers with the record as it now stands."""
    caller = visitor(request).narrowed("staff.edit")
    given = await read_form(request, EmployeeIn)
    upload = (await request.form()).get("photo")
    await employees.set_employee(session, caller, staff_id, given)
    if isinstance(upload, UploadFile) and upload.filename:
        content = await upload.read()
        if not content:
            raise UnusableError("employee.photo", "照片文件是空的。", "The photograph's file is empty.")
        await employees.set_photo(session, caller, PhotoStore.of(settings), staff_id, content)
    answer = await _opened(request, session, staff_id)
    answer.headers["HX-Trigger"] = "employees-changed"
    return answer


@get("/ledgers/staff/{staff_id:str}/photo", guards=[_VIEW])
async def open_photo(request: Visit, session: AsyncSession, settings: Settings, staff_id: str) -> Response[bytes]:
    caller = visitor(request).narrowed("staff.view")
    picture = await employees.open_photo(session, caller, PhotoStore.of(settings), staff_id)
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type="image/jpeg", headers=headers)


handlers: list[Any] = [show, found, download, open_one, change, open_photo]
