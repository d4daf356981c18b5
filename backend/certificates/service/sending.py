"""Certificates on the phones that decide by them offline."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.certificates.models import Certificate
from backend.intake import service as intake
from sync.documents import reference as documents


def _document(certificate: Certificate) -> documents.Certificate:
    return documents.Certificate(
        id=documents.reference_id("reference.certificate", certificate.id),
        **{name: getattr(certificate, name) for name in ("holder_kind", "holder_id", "kind", "number", "expires_on")},
    )


async def documents_of(session: AsyncSession, holder_ids: Iterable[str]) -> list[documents.Certificate]:
    """What these hold, as phones are told of it: expired ones too, withdrawn ones not."""
    rows = await session.scalars(
        select(Certificate).where(one_of(Certificate.holder_id, set(holder_ids)), Certificate.withdrawn_at.is_(None))
    )
    return [_document(row) for row in rows]


async def send(session: AsyncSession, certificate: Certificate) -> None:
    """To the units whose phones ask for it, and away from all others of the company."""
    document = _document(certificate)
    wanted = {unit.id for unit in await _units(session, certificate)} if certificate.withdrawn_at is None else set()
    for unit_id in sorted(wanted):
        await intake.post(session, unit_id=unit_id, document=document)
    company = {unit.id for unit in await accounts.units_under(session, certificate.company_id)}
    for unit_id in sorted(company - wanted):
        await intake.withdraw(session, unit_id=unit_id, document_id=document.id)


async def _units(session: AsyncSession, certificate: Certificate) -> Sequence[Any]:
    """A person's and his handhelds' to where he works, a station's to its unit; a company's and its vehicles' to all of
    its units.
    """
    if certificate.holder_kind == "staff":
        return await accounts.units_of(session, certificate.holder_id)
    if certificate.holder_kind == "device":
        owners = [each.staff_id for each in await accounts.handhelds(session, None, [certificate.holder_id])]
        return await accounts.units_of(session, owners[0]) if owners else ()
    if certificate.holder_kind == "station":
        return await accounts.units_under(session, certificate.organisation_id)
    return await accounts.units_under(session, certificate.company_id)


async def _follow(session: AsyncSession, staff_id: str) -> None:
    """A person's certificates, and his handhelds', go with him to his new units."""
    holders = [staff_id, *await accounts.active_device_ids(session, staff_id)]
    theirs = select(Certificate).where(
        Certificate.holder_kind.in_(("staff", "device")), one_of(Certificate.holder_id, holders)
    )
    for certificate in (await session.scalars(theirs)).all():
        await send(session, certificate)


accounts.when_units_changed(_follow)


async def post_everywhere(session: AsyncSession) -> None:
    """A unit that is new gets what its company and the company's vehicles hold."""
    rows = await session.scalars(
        select(Certificate).where(
            Certificate.holder_kind.in_(("company", "vehicle")), Certificate.withdrawn_at.is_(None)
        )
    )
    by_company: dict[str, list[documents.Certificate]] = {}
    for row in rows:
        by_company.setdefault(row.company_id, []).append(_document(row))
    for company_id, held in sorted(by_company.items()):
        for unit in await accounts.units_under(session, company_id):
            await intake.post_all(session, documents=held, unit_id=unit.id)
