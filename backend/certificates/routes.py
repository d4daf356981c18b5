"""Certificates over HTTP."""

from typing import Annotated

from litestar import Response, Router, get, post, put
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.certificates import service
from backend.certificates.rules import State
from backend.certificates.schemas import CertificateIn, CertificateOut, Expiry, Holder, HolderKind, WithdrawIn
from backend.pages import EXPORT_MOST, Limit, Offset, Page, csv_response
from backend.scope import Caller, requires
from sync.rules.certificates import FILLING_LICENCE

_VIEW = [requires("certificate.view")]
_EDIT = [requires("certificate.edit")]
HEADS = {
    "organisation_name": "所属单位",
    "holder_code": "持证人编码",
    "holder_name": "持证人",
    "kind_zh": "证照类型",
    "number": "证号",
    "covers": "适用型号",
    "issued_by": "发证机关",
    "issued_on": "发证日期",
    "expires_on": "有效期至",
    "days_left": "剩余天数",
    "state": "状态",
}


@get("/", guards=_VIEW)
async def list_certificates(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    holder_kind: str = "",
    holder_id: str = "",
    kind: str = "",
    shown: Annotated[State | None, QueryParameter(name="state")] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[CertificateOut]:
    return await service.list_certificates(
        session,
        caller,
        search=search,
        holder_kind=holder_kind,
        holder_id=holder_id,
        kind=kind,
        state=shown,
        limit=limit,
        offset=offset,
    )


@get("/export.csv", guards=_VIEW)
async def export_certificates(
    session: AsyncSession,
    caller: Caller,
    *,
    holder_kind: str = "",
    shown: Annotated[State | None, QueryParameter(name="state")] = None,
) -> Response[bytes]:
    page = await service.list_certificates(session, caller, holder_kind=holder_kind, state=shown, limit=EXPORT_MOST)
    return csv_response("certificates", HEADS, page.items)


@get("/expiry", guards=_VIEW)
async def expiry(session: AsyncSession, caller: Caller) -> Expiry:
    return await service.expiry(session, caller)


@get("/companies-without", guards=_VIEW)
async def companies_without(session: AsyncSession, caller: Caller, kind: str = FILLING_LICENCE) -> list[Holder]:
    return await service.companies_without(session, caller, kind)


@get("/handhelds-without", guards=_VIEW)
async def handhelds_without(session: AsyncSession, caller: Caller) -> list[Holder]:
    return await service.handhelds_without(session, caller)


@get("/holders", guards=_EDIT)
async def list_holders(
    session: AsyncSession, caller: Caller, holder_kind: HolderKind, search: str = ""
) -> list[Holder]:
    return await service.list_holders(session, caller, holder_kind, search=search)


@post("/", guards=_EDIT)
async def create_certificate(session: AsyncSession, caller: Caller, data: CertificateIn) -> CertificateOut:
    return await service.create_certificate(session, caller, data)


@get("/{certificate_id:str}", guards=_VIEW)
async def find_certificate(session: AsyncSession, caller: Caller, certificate_id: str) -> CertificateOut:
    return await service.find_certificate(session, caller, certificate_id)


@put("/{certificate_id:str}", guards=_EDIT)
async def change_certificate(
    session: AsyncSession, caller: Caller, certificate_id: str, data: CertificateIn
) -> CertificateOut:
    return await service.change_certificate(session, caller, certificate_id, data)


@post("/{certificate_id:str}/withdraw", guards=_EDIT, status_code=200)
async def withdraw_certificate(
    session: AsyncSession, caller: Caller, certificate_id: str, data: WithdrawIn
) -> CertificateOut:
    return await service.withdraw_certificate(session, caller, certificate_id, data.reason)


router = Router(
    "/api/certificates",
    tags=["certificates"],
    route_handlers=[
        list_certificates,
        export_certificates,
        expiry,
        companies_without,
        handhelds_without,
        list_holders,
        create_certificate,
        find_certificate,
        change_certificate,
        withdraw_certificate,
    ],
)
