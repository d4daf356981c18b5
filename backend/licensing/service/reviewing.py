"""The authority's side: taken up, returned, refused, or approved, which makes the certificate."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateIn
from backend.errors import NotAllowedError
from backend.licensing.models import LicenceApplication
from backend.licensing.rules import next_state
from backend.licensing.schemas import ApplicationOut, ApprovalIn
from backend.licensing.service.showing import find_application, find_row, holder_kind_of, state_of
from backend.licensing.service.steps import move
from backend.reference import service as reference
from backend.scope import Caller

RIGHT = "licence.review"


async def accept(session: AsyncSession, caller: Caller, application_id: str) -> ApplicationOut:
    """受理: the papers are complete, the review begins."""
    row = await _before_me(session, caller, application_id)
    await move(session, caller, row, "accept")
    return await find_application(session, caller, row.id)


async def send_back(session: AsyncSession, caller: Caller, application_id: str, reason: str) -> ApplicationOut:
    """退回补正."""
    row = await _before_me(session, caller, application_id)
    await move(session, caller, row, "return", reason=reason)
    return await find_application(session, caller, row.id)


async def refuse(session: AsyncSession, caller: Caller, application_id: str, reason: str) -> ApplicationOut:
    row = await _before_me(session, caller, application_id)
    await move(session, caller, row, "refuse", reason=reason)
    return await find_application(session, caller, row.id)


async def approve(session: AsyncSession, caller: Caller, application_id: str, given: ApprovalIn) -> ApplicationOut:
    row = await _before_me(session, caller, application_id)
    made = None
    if next_state(state_of(row), "approve") is not None:
        authority = await accounts.find_organisation(session, caller.organisation_id)
        certificate = CertificateIn(
            holder_kind=holder_kind_of(row),
            holder_id=row.holder_id,
            kind=row.kind,
            number=given.number,
            issued_by=given.issued_by or authority.name,
            issued_on=given.issued_on,
            expires_on=given.expires_on,
        )
        made = (await certificates.issue_certificate(session, caller, certificate, right=RIGHT)).id
    await move(session, caller, row, "approve", certificate_id=made)
    return await find_application(session, caller, row.id)


async def _before_me(session: AsyncSession, caller: Caller, application_id: str) -> LicenceApplication:
    row = await find_row(session, caller, application_id, change=True)
    await reference.find_place(session, row.organisation_id, caller=caller, right=RIGHT)
    if row.created_by == caller.staff_id:
        raise NotAllowedError("licence.own", "不能审核自己提交的申请。", "Nobody reviews an application of his own.")
    return row
