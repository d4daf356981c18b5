"""Certificates: kept, counted down, and sent to the phones that decide by them offline."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.certificates.models import Certificate
from backend.certificates.rules import State, state_of
from backend.certificates.schemas import CertificateIn, CertificateOut, Expiry, Holder, HolderKind
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.intake import service as intake
from backend.pages import EXPORT_MOST, Page
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from sync.databases import BEIJING
from sync.documents import reference as documents
from sync.rules.certificates import FILLING_LICENCE

# Holders by their ids, or all that the caller reaches; stations and vehicles tell of theirs (they know certificates,
# not these them).
FindHolders = Callable[[AsyncSession, Caller | None, Sequence[str] | None], Awaitable[Sequence[Holder]]]
_finders: dict[HolderKind, FindHolders] = {}
# The list of a company's words for the certificates of each kind of holder.
LIST_OF: dict[HolderKind, str] = {
    "staff": "staff_certificate",
    "company": "company_certificate",
    "station": "station_certificate",
    "vehicle": "vehicle_certificate",
}
# A choice of more holders than this is narrowed by searching.
HOLDERS_MOST = 500


def holders_of(kind: HolderKind, find: FindHolders) -> None:
    _finders[kind] = find


async def list_holders(session: AsyncSession, caller: Caller, kind: HolderKind, *, search: str = "") -> list[Holder]:
    found = await _finders[kind](session, caller, None) if kind in _finders else ()
    wanted = search.strip().casefold()
    return [each for each in found if wanted in f"{each.code} {each.name}".casefold()][:HOLDERS_MOST]


async def _staff(session: AsyncSession, caller: Caller | None, ids: Sequence[str] | None) -> Sequence[Holder]:
    known: Iterable[Any] = (await accounts.staff_by_id(session, ids)).values() if ids is not None else ()
    if caller is not None:
        reached = await accounts.list_staff(session, caller, limit=EXPORT_MOST)
        known = [each for each in reached if each.id in ids] if ids is not None else [e for e in reached if e.active]
    return [
        Holder(id=each.id, code=each.staff_number, name=each.name, organisation_id=each.organisation_id)
        for each in known
    ]


async def _companies(session: AsyncSession, caller: Caller | None, ids: Sequence[str] | None) -> Sequence[Holder]:
    if caller is not None:
        known: Iterable[Any] = await accounts.list_organisations(session, caller)
    else:
        known = (await accounts.organisations_by_id(session, ids or ())).values()
    return [
        Holder(id=each.id, code="", name=each.name, organisation_id=each.id)
        for each in known
        if each.kind == "company" and (ids is None or each.id in ids)
    ]


holders_of("staff", _staff)
holders_of("company", _companies)


async def create_certificate(session: AsyncSession, caller: Caller, given: CertificateIn) -> CertificateOut:
    holder = await _holder(session, caller, given.holder_kind, given.holder_id)
    place = await reference.find_place(session, holder.organisation_id, caller=caller, right="certificate.edit")
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


async def _holder(session: AsyncSession, caller: Caller | None, kind: HolderKind, holder_id: str) -> Holder:
    found = await _finders[kind](session, caller, [holder_id]) if kind in _finders else ()
    if not found:
        raise MissingError("certificate.holder_unknown", "没有这个持证人。", "There is no such holder.")
    return found[0]


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
    await _send(session, certificate)
    await events.announce(session, "certificate.changed", certificate.id, place)


async def find_certificate(session: AsyncSession, caller: Caller, certificate_id: str) -> CertificateOut:
    lines = await _lines(
        session, caller, [within(Certificate.organisation_id, caller), Certificate.id == certificate_id]
    )
    if not lines:
        raise _unknown()
    return lines[0]


async def _find(session: AsyncSession, caller: Caller, certificate_id: str) -> Certificate:
    query = scoped(select(Certificate).where(Certificate.id == certificate_id), Certificate.organisation_id, caller)
    found: Certificate | None = await session.scalar(query.with_for_update())
    if found is None:
        raise _unknown()
    await reference.find_place(session, found.organisation_id, caller=caller, right="certificate.edit")
    return found


def _unknown() -> MissingError:
    return MissingError("certificate.unknown", "没有这张证照。", "There is no such certificate.")


async def list_certificates(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    holder_kind: str = "",
    holder_id: str = "",
    kind: str = "",
    state: State | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Page[CertificateOut]:
    """The nearest last day first; `search`: part of the number, or of the holder's name or code."""
    wanted: list[ColumnElement[bool]] = [within(Certificate.organisation_id, caller)]
    pairs = ((Certificate.holder_kind, holder_kind), (Certificate.holder_id, holder_id), (Certificate.kind, kind))
    wanted += [column == value for column, value in pairs if value]
    if search:
        named = [
            each.id
            for find in _finders.values()
            for each in await find(session, caller, None)
            if search.casefold() in f"{each.code} {each.name}".casefold()
        ]
        number = Certificate.number.icontains(search, autoescape=True)
        wanted.append(or_(number, one_of(Certificate.holder_id, named)))
    if state is not None:
        wanted.append(_is(state, today(), await reminder_days(session, caller)))
    total = await session.scalar(select(func.count(Certificate.id)).where(*wanted))
    return Page(await _lines(session, caller, wanted, limit, offset), total or 0)


def today() -> date:
    return datetime.now(BEIJING).date()


async def reminder_days(session: AsyncSession, caller: Caller) -> tuple[int, ...]:
    return (await reference.find_settings(session, caller.company_id)).fields.certificate_reminder_days


def _replaced() -> ColumnElement[bool]:
    later = aliased(Certificate)
    return exists().where(
        later.holder_kind == Certificate.holder_kind,
        later.holder_id == Certificate.holder_id,
        later.kind == Certificate.kind,
        later.expires_on > Certificate.expires_on,
        later.withdrawn_at.is_(None),
    )


def _is(state: State, day: date, reminders: Iterable[int]) -> ColumnElement[bool]:
    """`rules.state_of`, asked of the table."""
    if state == "withdrawn":
        return Certificate.withdrawn_at.is_not(None)
    if state == "replaced":
        return and_(Certificate.withdrawn_at.is_(None), _replaced())
    counted = and_(Certificate.withdrawn_at.is_(None), ~_replaced())
    if state == "expired":
        return and_(counted, Certificate.expires_on < day)
    reached = day + timedelta(days=max(reminders, default=-1))
    soon = Certificate.expires_on.between(day, reached)
    return and_(counted, soon) if state == "due" else and_(counted, Certificate.expires_on >= day, ~soon)


async def _lines(
    session: AsyncSession, caller: Caller, wanted: Sequence[ColumnElement[bool]], limit: int = 1, offset: int = 0
) -> list[CertificateOut]:
    query = (
        select(Certificate, _replaced())
        .where(*wanted)
        .order_by(Certificate.expires_on, Certificate.id)
        .limit(limit)
        .offset(offset)
    )
    rows = (await session.execute(query.execution_options(populate_existing=True))).all()
    places = await accounts.organisations_by_id(session, [row[0].organisation_id for row in rows])
    holders: dict[str, Holder] = {}
    for kind, find in _finders.items():
        ids = sorted({row[0].holder_id for row in rows if row[0].holder_kind == kind})
        holders |= {each.id: each for each in await find(session, None, ids)} if ids else {}
    words = {
        company_id: {
            (one.name, e.code): e for one in await reference.list_lists(session, company_id) for e in one.entries
        }
        for company_id in {row[0].company_id for row in rows}
    }
    reminders = await reminder_days(session, caller)
    return [
        _line(
            row,
            places[row.organisation_id].name,
            holders.get(row.holder_id),
            words[row.company_id],
            reminders,
            replaced=replaced,
        )
        for row, replaced in rows
    ]


def _line(
    row: Certificate,
    organisation_name: str,
    holder: Holder | None,
    words: dict[tuple[str, str], documents.ListEntry],
    reminders: tuple[int, ...],
    *,
    replaced: bool,
) -> CertificateOut:
    day = today()
    state, due_within = state_of(
        expires_on=row.expires_on,
        withdrawn=row.withdrawn_at is not None,
        replaced=replaced,
        today=day,
        reminder_days=reminders,
    )
    holder_kind: Any = row.holder_kind
    word = words.get((LIST_OF[holder_kind], row.kind))
    own = ("id", "organisation_id", "holder_kind", "holder_id", "kind", "number", "issued_by", "issued_on")
    return CertificateOut(
        organisation_name=organisation_name,
        holder_code=holder.code if holder else "",
        holder_name=holder.name if holder else "",
        kind_zh=word.zh if word else row.kind,
        kind_en=word.en if word else row.kind,
        expires_on=row.expires_on,
        state=state,
        due_within=due_within,
        days_left=(row.expires_on - day).days,
        withdrawn_reason=row.withdrawn_reason,
        **{name: getattr(row, name) for name in own},
    )


async def expiry(session: AsyncSession, caller: Caller) -> Expiry:
    """How many certificates have run out or soon will, counted as the list counts them."""
    day, reminders = today(), await reminder_days(session, caller)
    mine = within(Certificate.organisation_id, caller)
    expired = await session.scalar(select(func.count(Certificate.id)).where(mine, _is("expired", day, reminders)))
    due: dict[int, int] = {}
    for days in sorted(reminders):
        counted = select(func.count(Certificate.id)).where(mine, _is("due", day, [days]))
        due[days] = (await session.scalar(counted) or 0) - sum(due.values())
    return Expiry(expired=expired or 0, due=due)


async def companies_without(session: AsyncSession, caller: Caller, kind: str = FILLING_LICENCE) -> list[Holder]:
    """Companies within reach that hold no valid one: they may not fill (E5.8.8-1)."""
    held = select(Certificate.holder_id).where(
        Certificate.holder_kind == "company",
        Certificate.kind == kind,
        Certificate.withdrawn_at.is_(None),
        Certificate.expires_on >= today(),
    )
    valid = set(await session.scalars(held))
    return [each for each in await _companies(session, caller, None) if each.id not in valid]


# What phones hold


def document_of(certificate: Certificate) -> documents.Certificate:
    return documents.Certificate(
        id=documents.reference_id("reference.certificate", certificate.id),
        **{name: getattr(certificate, name) for name in ("holder_kind", "holder_id", "kind", "number", "expires_on")},
    )


async def _send(session: AsyncSession, certificate: Certificate) -> None:
    """To the units whose phones ask for it, and away from all others of the company."""
    document = document_of(certificate)
    wanted = {unit.id for unit in await _units(session, certificate)} if certificate.withdrawn_at is None else set()
    for unit_id in sorted(wanted):
        await intake.post(session, unit_id=unit_id, document=document)
    company = {unit.id for unit in await accounts.units_under(session, certificate.company_id)}
    for unit_id in sorted(company - wanted):
        await intake.withdraw(session, unit_id=unit_id, document_id=document.id)


async def _units(session: AsyncSession, certificate: Certificate) -> Sequence[Any]:
    """A person's to where he works, a station's to its unit; all of a company's units ask for its own and vehicles'."""
    if certificate.holder_kind == "staff":
        return await accounts.units_of(session, certificate.holder_id)
    if certificate.holder_kind == "station":
        return await accounts.units_under(session, certificate.organisation_id)
    return await accounts.units_under(session, certificate.company_id)


async def _follow(session: AsyncSession, staff_id: str) -> None:
    """A person's certificates go with him to his new units."""
    theirs = select(Certificate).where(Certificate.holder_kind == "staff", Certificate.holder_id == staff_id)
    for certificate in (await session.scalars(theirs)).all():
        await _send(session, certificate)


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
        by_company.setdefault(row.company_id, []).append(document_of(row))
    for company_id, held in sorted(by_company.items()):
        for unit in await accounts.units_under(session, company_id):
            await intake.post_all(session, documents=held, unit_id=unit.id)
