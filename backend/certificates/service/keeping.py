"""Certificates: entered, changed, withdrawn."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.certificates.models import Certificate
from backend.certificates.schemas import CertificateIn, CertificateOut, HolderKind
from backend.certificates.service.holders import find_holder
from backend.certificates.service.listing import LIST_OF, find_certificate, unknown
from backend.certificates.service.sending import send
from backend.db import new_key
from backend.errors import ConflictingError, UnusableError
from backend.reference import service as reference
from backend.scope import Caller, scoped

Listener = Callable[[AsyncSession, HolderKind, str], Awaitable[None]]
# Who tells of a holder's certificates elsewhere, and must tell anew.
_listeners: list[Listener] = []


def when_changed(listener: Listener) -> None:
    _listeners.append(listener)


async def create_certificate(session: AsyncSession, caller: Caller, given: CertificateIn) -> CertificateOut:
    return await issue_certificate(session, caller, given, right="certificate.edit")


async def issue_certificate(
    session: AsyncSession, caller: Caller, given: CertificateIn, *, right: str
) -> CertificateOut:
    """By whoever holds `right` where the holder belongs: the office that enters it, or the authority that grants it."""
    holder = await find_holder(session, caller, given.holder_kind, given.holder_id)
    place = await reference.find_place(session, holder.organisation_id, caller=caller, right=right)
    certificate = Certificate(
        id=new_key(),
        organisation_id=holder.organisation_id,
        company_id=place.company_id,
        created_at=datetime.now(UTC),
    )
    await _write(session, caller, certificate, given)
    return await find_certificate(session, caller, certificate.id)


async def change_certificate(
    session: AsyncSession, caller: Caller, certificate_id: str, given: CertificateIn
) -> CertificateOut:
    """What was entered wrongly; the holder stays. A renewal is a further certificate."""
    certificate = await _find(session, caller, certificate_id)
    if (given.holder_kind, given.holder_id) != (certificate.holder_kind, certificate.holder_id):
        raise UnusableError(
            "certificate.holder",
            "持证人不能更换，请为新的持证人另建。",
            "A certificate stays with its holder: enter another one for the new holder.",
        )
    await _write(session, caller, certificate, given)
    return await find_certificate(session, caller, certificate.id)


async def withdraw_certificate(
    session: AsyncSession, caller: Caller, certificate_id: str, reason: str
) -> CertificateOut:
    """Taken back by the authority, or entered by mistake: it counts for nothing from now on, also on phones."""
    certificate = await _find(session, caller, certificate_id)
    if certificate.withdrawn_at is None:
        certificate.withdrawn_at, certificate.withdrawn_reason = datetime.now(UTC), reason
        await _saved(session, caller, certificate, "certificate.withdrawn", {"reason": reason})
    return await find_certificate(session, caller, certificate.id)


async def _write(session: AsyncSession, caller: Caller, certificate: Certificate, given: CertificateIn) -> None:
    if given.issued_on and given.issued_on > given.expires_on:
        raise UnusableError(
            "certificate.dates", "有效期至早于发证日期。", "It ends before it was issued.", field="expires_on"
        )
    if given.kind not in await reference.words(session, certificate.company_id, LIST_OF[given.holder_kind]):
        raise UnusableError("certificate.kind", "没有这种证照。", "There is no such certificate.", field="kind")
    same = select(Certificate.id).where(
        Certificate.company_id == certificate.company_id,
        Certificate.kind == given.kind,
        Certificate.number == given.number,
        Certificate.id != certificate.id,
        or_(Certificate.holder_kind != "device", Certificate.holder_id == given.holder_id),
    )
    if await session.scalar(same) is not None:
        raise ConflictingError("certificate.number_taken", "该证号已登记。", "That number is on record already.")
    for name in CertificateIn.__struct_fields__:
        setattr(certificate, name, getattr(given, name))
    session.add(certificate)
    facts = {"kind": given.kind, "holder": given.holder_kind, "expires_on": given.expires_on.isoformat()}
    await _saved(session, caller, certificate, "certificate.saved", facts)


async def _saved(
    session: AsyncSession, caller: Caller, certificate: Certificate, action: str, facts: dict[str, Any]
) -> None:
    certificate.changed_at = datetime.now(UTC)
    await session.flush()
    place = certificate.organisation_id
    await audit.record(session, caller, action, "certificate", certificate.id, facts, organisation_id=place)
    await send(session, certificate)
    for listener in _listeners:
        await listener(session, cast("HolderKind", certificate.holder_kind), certificate.holder_id)
    await events.announce(session, "certificate.changed", certificate.id, place)


async def _find(session: AsyncSession, caller: Caller, certificate_id: str) -> Certificate:
    query = scoped(select(Certificate).where(Certificate.id == certificate_id), Certificate.organisation_id, caller)
    found: Certificate | None = await session.scalar(query.with_for_update())
    if found is None:
        raise unknown()
    await reference.find_place(session, found.organisation_id, caller=caller, right="certificate.edit")
    return found
