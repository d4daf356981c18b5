"""Online application for licences, and their review, over HTTP."""

from typing import Annotated
from urllib.parse import quote

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from sqlalchemy.ext.asyncio import AsyncSession

from backend.licensing import service
from backend.licensing.models import LicenceAttachment
from backend.licensing.schemas import ApplicationFilters, ApplicationIn, ApplicationOut, ApprovalIn, ReasonIn
from backend.lists import list_routes
from backend.photos.service import PhotoStore
from backend.scope import Caller, requires
from backend.settings import Settings

_VIEW = [requires("licence.view")]
_APPLY = [requires("licence.apply")]
_REVIEW = [requires("licence.review")]
_LARGEST_BODY = 16 * 1024 * 1024
_APPLICATIONS = (
    ("申请编号", "number"),
    ("企业", "company_name"),
    ("申请人类型", "holder_kind"),
    ("申请人编码", "holder_code"),
    ("申请人", "holder_name"),
    ("许可类型", "kind_zh"),
    ("事由", "purpose"),
    ("状态", "state"),
    ("提交时间", "submitted_at"),
    ("办理期限", "due_on"),
    ("逾期", "overdue"),
    ("办结时间", "decided_at"),
)


class PaperForm(msgspec.Struct, kw_only=True):
    file: UploadFile
    role: str


@post("/", guards=_APPLY)
async def create_application(session: AsyncSession, caller: Caller, data: ApplicationIn) -> ApplicationOut:
    return await service.create_application(session, caller, data)


@get("/{application_id:str}", guards=_VIEW)
async def find_application(session: AsyncSession, caller: Caller, application_id: str) -> ApplicationOut:
    return await service.find_application(session, caller, application_id)


@put("/{application_id:str}", guards=_APPLY)
async def change_application(
    session: AsyncSession, caller: Caller, application_id: str, data: ApplicationIn
) -> ApplicationOut:
    return await service.change_application(session, caller, application_id, data)


@post("/{application_id:str}/attachments", guards=_APPLY, request_max_body_size=_LARGEST_BODY)
async def add_attachment(
    data: Annotated[PaperForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    session: AsyncSession,
    caller: Caller,
    settings: Settings,
    application_id: str,
) -> ApplicationOut:
    content, store = await data.file.read(), PhotoStore.of(settings)
    return await service.add_attachment(session, caller, store, application_id, data.role, data.file.filename, content)


@get("/{application_id:str}/attachments/{attachment_id:str}", guards=_VIEW)
async def open_attachment(
    session: AsyncSession, caller: Caller, settings: Settings, application_id: str, attachment_id: str
) -> Response[bytes]:
    store = PhotoStore.of(settings)
    found, content = await service.open_attachment(session, caller, store, application_id, attachment_id)
    return as_file(found, content)


def as_file(found: LicenceAttachment, content: bytes) -> Response[bytes]:
    """To be kept, not shown by the browser as a page of ours."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name)}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=found.media_type, headers=headers)


@delete("/{application_id:str}/attachments/{attachment_id:str}", guards=_APPLY, status_code=200)
async def remove_attachment(
    session: AsyncSession, caller: Caller, application_id: str, attachment_id: str
) -> ApplicationOut:
    return await service.remove_attachment(session, caller, application_id, attachment_id)


@post("/{application_id:str}/submit", guards=_APPLY, status_code=200)
async def submit(session: AsyncSession, caller: Caller, application_id: str) -> ApplicationOut:
    return await service.submit(session, caller, application_id)


@post("/{application_id:str}/withdraw", guards=_APPLY, status_code=200)
async def withdraw(session: AsyncSession, caller: Caller, application_id: str) -> ApplicationOut:
    return await service.withdraw(session, caller, application_id)


@post("/{application_id:str}/accept", guards=_REVIEW, status_code=200)
async def accept(session: AsyncSession, caller: Caller, application_id: str) -> ApplicationOut:
    return await service.accept(session, caller, application_id)


@post("/{application_id:str}/return", guards=_REVIEW, status_code=200)
async def send_back(session: AsyncSession, caller: Caller, application_id: str, data: ReasonIn) -> ApplicationOut:
    return await service.send_back(session, caller, application_id, data.reason)


@post("/{application_id:str}/refuse", guards=_REVIEW, status_code=200)
async def refuse(session: AsyncSession, caller: Caller, application_id: str, data: ReasonIn) -> ApplicationOut:
    return await service.refuse(session, caller, application_id, data.reason)


@post("/{application_id:str}/approve", guards=_REVIEW, status_code=200)
async def approve(session: AsyncSession, caller: Caller, application_id: str, data: ApprovalIn) -> ApplicationOut:
    return await service.approve(session, caller, application_id, data)


router = Router(
    "/api/licences",
    tags=["licences"],
    route_handlers=[
        *list_routes("/", service.list_applications, ApplicationFilters, _APPLICATIONS, guards=_VIEW),
        create_application,
        find_application,
        change_application,
        add_attachment,
        open_attachment,
        remove_attachment,
        submit,
        withdraw,
        accept,
        send_back,
        refuse,
        approve,
    ],
)
