"""Certificates over HTTP."""

from litestar import Router, get, post, put
from sqlalchemy.ext.asyncio import AsyncSession

from backend.certificates import service
from backend.certificates.schemas import (
    CertificateFilters,
    CertificateIn,
    CertificateOut,
    Expiry,
    Holder,
    HolderKind,
    WithdrawIn,
)
from backend.lists import list_routes
from backend.scope import Caller, requires
from sync.rules.certificates import FILLING_LICENCE

_VIEW = [requires("certificate.view")]
_EDIT = [requires("certificate.edit")]
_CERTIFICATES = (
    ("所属单位", "organisation_name"),
    ("持证人编码", "holder_code"),
    ("持证人", "holder_name"),
    ("证照类型", "kind_zh"),
    ("证号", "number"),
    ("适用型号", "covers"),
    ("发证机关", "issued_by"),
    ("发证日期", "issued_on"),
    ("有效期至", "expires_on"),
    ("剩余天数", "days_left"),
    ("状态", "state"),
)


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
        *list_routes("/", service.list_certificates, CertificateFilters, _CERTIFICATES, guards=_VIEW),
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
