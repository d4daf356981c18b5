"""The ledger of staff over HTTP."""

from typing import Annotated

import msgspec
from litestar import Response, Router, get, put
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from sqlalchemy.ext.asyncio import AsyncSession

from backend.employees import service
from backend.employees.schemas import EmployeeFilters, EmployeeIn, EmployeeLine
from backend.lists import list_routes
from backend.photos.service import PhotoStore
from backend.scope import Caller, requires
from backend.settings import Settings

_VIEW = [requires("staff.view")]
_EDIT = [requires("staff.edit")]
_LARGEST_BODY = 16 * 1024 * 1024
_EMPLOYEES = (
    ("所属行政区域", "area"),
    ("所属企业", "company_name"),
    ("所属机构", "organisation_name"),
    ("所属站点", "station_name"),
    ("员工代码", "staff_number"),
    ("员工姓名", "name"),
    ("岗位", "post_zh"),
    ("性别", "sex"),
    ("登记时间", "registered_on"),
    ("证照", lambda one: [f"{each.kind_zh} {each.number} {each.expires_on}" for each in one.certificates]),
    ("在职", "active"),
)


class PhotoForm(msgspec.Struct, kw_only=True):
    file: UploadFile


@get("/{staff_id:str}", guards=_VIEW)
async def find_employee(session: AsyncSession, caller: Caller, staff_id: str) -> EmployeeLine:
    return await service.find_employee(session, caller, staff_id)


@put("/{staff_id:str}", guards=_EDIT)
async def set_employee(session: AsyncSession, caller: Caller, staff_id: str, data: EmployeeIn) -> EmployeeLine:
    return await service.set_employee(session, caller, staff_id, data)


@put("/{staff_id:str}/photo", guards=_EDIT, request_max_body_size=_LARGEST_BODY)
async def set_photo(
    data: Annotated[PhotoForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    session: AsyncSession,
    caller: Caller,
    settings: Settings,
    staff_id: str,
) -> EmployeeLine:
    return await service.set_photo(session, caller, PhotoStore.of(settings), staff_id, await data.file.read())


@get("/{staff_id:str}/photo", guards=_VIEW)
async def open_photo(session: AsyncSession, caller: Caller, settings: Settings, staff_id: str) -> Response[bytes]:
    picture = await service.open_photo(session, caller, PhotoStore.of(settings), staff_id)
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type="image/jpeg", headers=headers)


router = Router(
    "/api/employees",
    tags=["employees"],
    route_handlers=[
        *list_routes("/", service.list_employees, EmployeeFilters, _EMPLOYEES, guards=_VIEW),
        find_employee,
        set_employee,
        set_photo,
        open_photo,
    ],
)
