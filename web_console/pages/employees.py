"""台账, 从业人员: who works where, in which post, with photograph and certificates (E5.8.3-1)."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.employees import service as employees
from backend.employees.schemas import EmployeeIn, EmployeeLine
from backend.errors import UnusableError
from backend.pages import EXPORT_MOST, Page
from backend.photos.service import PhotoStore
from backend.scope import requires
from backend.settings import Settings
from backend.stations import service as stations
from backend.tables import xlsx_response
from sync.databases import beijing_today
from web_console.forms import read_form
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


def _filter(request: Visit) -> Filter:
    given = {k: v.strip() for k, v in request.query_params.items() if v.strip()}
    return msgspec.convert(given, Filter, strict=False)


async def _found(request: Visit, session: AsyncSession, *, limit: int, offset: int = 0) -> Page[EmployeeLine]:
    wanted = msgspec.structs.asdict(_filter(request))
    caller = visitor(request).narrowed("staff.view")
    return await employees.list_employees(session, caller, **wanted, limit=limit, offset=offset)


@get("/ledgers/staff", guards=[_VIEW])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    reach = await accounts.list_organisations(session, visitor(request).narrowed("staff.view"))
    return render(
        request,
        "employees.html",
        filter=_filter(request),
        tabs=tabs(request),
        units=[each for each in reach if each.kind == "unit"],
        words=await words_for(request, session),
    )


@get("/ledgers/staff/found", guards=[_VIEW])
async def found(
    request: Visit, session: AsyncSession, page: Annotated[int, Parameter(ge=1, le=10_000)] = 1
) -> Response[str]:
    ledger = await _found(request, session, limit=PAGE, offset=PAGE * (page - 1))
    return render(
        request, "parts/employees.html", ledger=ledger, sexes=SEXES, states=CERTIFICATE_STATES, page=page, size=PAGE
    )


class Row(msgspec.Struct, frozen=True):
    area: str
    company_name: str
    organisation_name: str
    station_name: str
    staff_number: str
    name: str
    post: str
    sex: str
    photo: bool
    registered_on: Any
    certificates: str
    active: bool


@get("/ledgers/staff/export.xlsx", guards=[_VIEW])
async def export(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    heads = {
        "area": t("所属行政区域"),
        "company_name": t("所属企业"),
        "organisation_name": t("所属机构"),
        "station_name": t("所属站点"),
        "staff_number": t("员工代码"),
        "name": t("员工姓名"),
        "post": t("岗位"),
        "sex": t("性别"),
        "photo": t("照片"),
        "registered_on": t("登记时间"),
        "certificates": t("证照"),
        "active": t("在职"),
    }
    same = ("area", "company_name", "organisation_name", "station_name", "staff_number", "name", "registered_on")
    rows = (
        Row(
            post=say((one.post_zh, one.post_en)),
            sex=say(SEXES[one.sex]) if one.sex else "",
            photo=bool(one.photo_id),
            certificates="、".join(
                f"{say((c.kind_zh, c.kind_en))} {c.number} {c.expires_on}" for c in one.certificates
            ),
            active=one.active,
            **{name: getattr(one, name) for name in same},
        )
        for one in (await _found(request, session, limit=EXPORT_MOST)).items
    )
    return xlsx_response(f"staff-{beijing_today():%Y%m%d}", heads, rows)


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


handlers: list[Any] = [show, found, export, open_one, change, open_photo]
