"""Certificates as lists show them: with their holder, in words, and how near the last day is."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.certificates.models import Certificate
from backend.certificates.rules import State, state_of
from backend.certificates.schemas import CertificateOut, Expiry, Holder, HolderKind
from backend.certificates.service.holders import filling_handhelds, holders_by_id, holders_named, list_companies
from backend.errors import MissingError
from backend.pages import EXPORT_MOST, Page
from backend.reference import service as reference
from backend.reference.defaults import CERTIFICATE_REMINDER_DAYS
from backend.scope import Caller, within
from sync.databases import beijing_today
from sync.documents import reference as documents
from sync.rules.certificates import EXPLOSION_PROOF, FILLING_LICENCE

# The list of a company's words for the certificates of each kind of holder.
LIST_OF: dict[HolderKind, str] = {
    "staff": "staff_certificate",
    "company": "company_certificate",
    "station": "station_certificate",
    "vehicle": "vehicle_certificate",
    "device": "device_certificate",
}


async def find_certificate(session: AsyncSession, caller: Caller, certificate_id: str) -> CertificateOut:
    lines = await _lines(
        session, caller, [within(Certificate.organisation_id, caller), Certificate.id == certificate_id]
    )
    if not lines:
        raise unknown()
    return lines[0]


def unknown() -> MissingError:
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
        named = await holders_named(session, caller, search)
        number = Certificate.number.icontains(search, autoescape=True)
        wanted.append(or_(number, one_of(Certificate.holder_id, named)))
    if state is not None:
        wanted.append(_is(state, beijing_today(), await reminder_days(session, caller)))
    total = await session.scalar(select(func.count(Certificate.id)).where(*wanted))
    return Page(await _lines(session, caller, wanted, limit, offset), total or 0)


async def newest_of(
    session: AsyncSession, holder_kind: HolderKind, holder_ids: Sequence[str], *, caller: Caller | None = None
) -> dict[str, CertificateOut]:
    """By holder, the one with the latest last day that was not withdrawn; for lists of holders."""
    return {holder_id: held[0] for holder_id, held in (await all_of(session, holder_kind, holder_ids, caller)).items()}


async def all_of(
    session: AsyncSession, holder_kind: HolderKind, holder_ids: Sequence[str], caller: Caller | None = None
) -> dict[str, list[CertificateOut]]:
    """By holder, those that count, the latest last day first; the holders were scoped by whoever asks."""
    wanted = [
        Certificate.holder_kind == holder_kind,
        one_of(Certificate.holder_id, sorted(set(holder_ids))),
        Certificate.withdrawn_at.is_(None),
    ]
    found: dict[str, list[CertificateOut]] = {}
    for line in reversed(await _lines(session, caller, wanted, EXPORT_MOST)):
        found.setdefault(line.holder_id, []).append(line)
    return found


async def reminder_days(session: AsyncSession, caller: Caller | None) -> tuple[int, ...]:
    """Those of whoever asks; a regulator's program is told states by the ones that companies start with."""
    if caller is None:
        return CERTIFICATE_REMINDER_DAYS
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
    session: AsyncSession, caller: Caller | None, wanted: Sequence[ColumnElement[bool]], limit: int = 1, offset: int = 0
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
    holders = await holders_by_id(session, [(row.holder_kind, row.holder_id) for row, _ in rows])
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
    day = beijing_today()
    state, due_within = state_of(
        expires_on=row.expires_on,
        withdrawn=row.withdrawn_at is not None,
        replaced=replaced,
        today=day,
        reminder_days=reminders,
    )
    holder_kind: Any = row.holder_kind
    word = words.get((LIST_OF[holder_kind], row.kind))
    own = (
        *("id", "organisation_id", "holder_kind", "holder_id", "kind", "number", "covers"),
        *("issued_by", "issued_on"),
    )
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
    day, reminders = beijing_today(), await reminder_days(session, caller)
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
        Certificate.expires_on >= beijing_today(),
    )
    valid = set(await session.scalars(held))
    return [each for each in await list_companies(session, caller, None) if each.id not in valid]


async def handhelds_without(session: AsyncSession, caller: Caller) -> list[Holder]:
    """Handhelds of people who fill that have no valid explosion-proof certificate (5.8.7-2b)."""
    held = select(Certificate.holder_id).where(
        Certificate.holder_kind == "device",
        Certificate.kind == EXPLOSION_PROOF,
        Certificate.withdrawn_at.is_(None),
        Certificate.expires_on >= beijing_today(),
    )
    valid = set(await session.scalars(held))
    return [each for each in await filling_handhelds(session, caller) if each.id not in valid]
