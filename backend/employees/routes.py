"""The ledger of staff over HTTP."""

from typing import Annotated

import msgspec
from litestar import Response, Router, get, put
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from sqlalchemy.ext.asyncio import AsyncSession

from backend.employees import service
from backend.employees.schemas import EmployeeIn, EmployeeLine
from backend.pages import Limit, Offset, Page
from backend.photos.service import PhotoStore
from backend.scope import Caller, requires
from backend.settings import Settings

_VIEW = [requires("staff.view")]
_EDIT = [requires("staff.edit")]
_LARGEST_BODY = 16 * 1024 * 1024


class PhotoForm(msgspec.Struct, kw_only=True):
    file: UploadFile


@get("/", guards=_VIEW)
async def list_employees(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    organisation_id: str = "",
    station_id: str = "",
    post: str = "",
    active: bool | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[EmployeeLine]:
    return await service.list_employees(
        session,
        caller,
        search=search,
        organisation_id=organisation_id,
        station_id=station_id,
        post=post,
        active=active,
        limit=limit,
        offset=offset,
    )


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
    route_handlers=[list_employees, find_employee, set_employee, set_photo, open_photo],
)
