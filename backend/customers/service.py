"""The customers' ledger: kept, searched, completed, and forgotten on demand."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.bulk import one_of
from backend.customers import sealing
from backend.customers.models import Customer, CustomerPaper
from backend.customers.rules import Finding, check_identity, masked, normal_identity
from backend.customers.schemas import (
    CustomerIn,
    CustomerLine,
    CustomerOut,
    PaperIn,
    PaperKind,
    PaperOut,
    Registration,
)
from backend.db import new_key
from backend.errors import AppError, ConflictingError, MissingError, UnusableError
from backend.pages import Page
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from sync.databases import BEIJING
from sync.documents.tasks import CustomerCard
from sync.rules.customers import missing_fields

Listener = Callable[[AsyncSession, str], Awaitable[None]]
# Who wants to know of a change: deliveries sends the new card to the driver. (It knows customers, not they it.)
_listeners: list[Listener] = []
PAPERS: tuple[PaperKind, ...] = ("agreement", "safety_notice", "fittings", "in_home_check")
_ADDRESS = ("district", "street", "community", "road", "house")


def when_changed(listener: Listener) -> None:
    _listeners.append(listener)


async def create_customer(session: AsyncSession, caller: Caller, given: CustomerIn) -> CustomerOut:
    place = await reference.find_place(session, given.organisation_id, caller=caller, right="customer.edit")
    taken = select(Customer.id).where(Customer.company_id == place.company_id, Customer.code == given.code)
    if await session.scalar(taken) is not None:
        raise ConflictingError("customer.code_taken", "客户代码已存在。", "There is a customer of that code.")
    customer = Customer(
        id=new_key(), company_id=place.company_id, state="active", created_at=datetime.now(UTC), phone_last4=""
    )
    findings = await _write(session, caller, customer, given)
    return await find_customer(session, caller, customer.id, findings=findings)


async def change_customer(session: AsyncSession, caller: Caller, customer_id: str, given: CustomerIn) -> CustomerOut:
    customer = await _find(session, caller, customer_id, change=True)
    await reference.find_place(session, given.organisation_id, caller=caller, right="customer.edit")
    findings = await _write(session, caller, customer, given)
    await _tell_listeners(session, customer.id)
    return await find_customer(session, caller, customer.id, findings=findings)


async def _tell_listeners(session: AsyncSession, customer_id: str) -> None:
    for listener in _listeners:
        await listener(session, customer_id)


async def _write(session: AsyncSession, caller: Caller, customer: Customer, given: CustomerIn) -> tuple[Finding, ...]:
    findings = await _check(session, customer.company_id, given)
    plain = ("organisation_id", "code", "name", "category", *_ADDRESS, "safety_officer", "opened_on")
    for name in plain:
        setattr(customer, name, getattr(given, name))
    has_point = given.lon is not None and given.lat is not None
    customer.point = f"SRID=4490;POINT({given.lon} {given.lat})" if has_point else None
    customer.changed_at = datetime.now(UTC)
    session.add(customer)
    await session.flush()  # the person's key refers to it
    if given.identity_number is not None:
        number = normal_identity(given.identity_number)
        customer.identity_kind = given.identity_kind if number else ""
        customer.identity_sealed = await _sealed(session, customer, "identity_number", number)
    if given.phone is not None:
        phone = given.phone.strip()
        customer.phone_last4 = "".join(c for c in phone if c.isdigit())[-4:]
        customer.phone_sealed = await _sealed(session, customer, "phone", phone)
    await session.flush()
    await audit.record(
        session,
        caller,
        "customer.saved",
        "customer",
        customer.id,
        {"code": customer.code, "identity_number": given.identity_number is not None},
        organisation_id=customer.organisation_id,
    )
    await events.announce(session, "customer.changed", customer.id, customer.organisation_id)
    return findings


async def _check(session: AsyncSession, company_id: str, given: CustomerIn) -> tuple[Finding, ...]:
    if given.category and given.category not in await reference.words(session, company_id, "customer_category"):
        raise UnusableError("customer.category", "没有这个客户类别。", "There is no such class of customer.")
    if not given.identity_number:
        return ()
    today = datetime.now(BEIJING).date()
    findings = check_identity(normal_identity(given.identity_number), given.identity_kind, today)
    for finding in findings:
        if finding.blocks:
            raise UnusableError(finding.code, finding.zh, finding.en, field="identity_number")
    return findings


async def _sealed(session: AsyncSession, customer: Customer, field: str, text: str) -> bytes | None:
    if not text:
        return None
    return await sealing.seal(session, customer.id, customer.organisation_id, field, text)


async def list_customers(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    category: str = "",
    organisation_id: str = "",
    complete: bool | None = None,
    state: str = "active",
    limit: int = 100,
    offset: int = 0,
) -> Page[CustomerLine]:
    """`search`: part of code, name or address, or the last four digits of the telephone."""
    wanted: list[ColumnElement[bool]] = [within(Customer.organisation_id, caller)]
    pairs = ((Customer.category, category), (Customer.organisation_id, organisation_id), (Customer.state, state))
    wanted += [column == value for column, value in pairs if value]
    if search:
        parts = (Customer.code, Customer.name, _address())
        wanted.append(or_(*(part.contains(search, autoescape=True) for part in parts), Customer.phone_last4 == search))
    if complete is not None:
        required = (await reference.find_settings(session, caller.company_id)).fields.customer_required_fields
        whole = and_(*(_is_given(name) for name in required))
        wanted.append(whole if complete else ~whole)
    total = await session.scalar(select(func.count(Customer.id)).where(*wanted))
    return Page(await _lines(session, wanted, limit, offset), total or 0)


def _address() -> ColumnElement[str]:
    return func.concat(*(getattr(Customer, part) for part in _ADDRESS))


def _is_given(name: str) -> ColumnElement[bool]:
    """What `sync.rules.customers` asks of a card, asked of the table."""
    columns: dict[str, ColumnElement[bool]] = {
        "code": func.trim(Customer.code) != "",
        "name": func.trim(Customer.name) != "",
        "category": Customer.category != "",
        "address": func.trim(_address()) != "",
        "phone": Customer.phone_sealed.is_not(None),
        "identity_number": Customer.identity_sealed.is_not(None),
        "opened_on": Customer.opened_on.is_not(None),
        "lon": Customer.point.is_not(None),
        "lat": Customer.point.is_not(None),
    }
    return columns.get(name, literal(False))


async def _lines(
    session: AsyncSession, wanted: Sequence[ColumnElement[bool]], limit: int, offset: int
) -> list[CustomerLine]:
    query = select(Customer, func.ST_X(Customer.point), func.ST_Y(Customer.point)).where(*wanted)
    rows = (await session.execute(query.order_by(Customer.code, Customer.id).limit(limit).offset(offset))).all()
    required: dict[str, tuple[str, ...]] = {}
    for customer, _, _ in rows:
        if customer.company_id not in required:
            settings = await reference.find_settings(session, customer.company_id)
            required[customer.company_id] = settings.fields.customer_required_fields
    return [_line(customer, lon, lat, required[customer.company_id]) for customer, lon, lat in rows]


def _line(customer: Customer, lon: float | None, lat: float | None, required: Sequence[str]) -> CustomerLine:
    # Whether the telephone is on record is all that completeness asks: the list does not open the seal.
    card = _card(customer, lon, lat, phone="*" if customer.phone_sealed is not None else "")
    missing = missing_fields(card, required)
    return CustomerLine(
        id=customer.id,
        organisation_id=customer.organisation_id,
        code=customer.code,
        name=customer.name,
        category=customer.category,
        address=address_of(customer),
        phone_last4=customer.phone_last4,
        identity_given=customer.identity_sealed is not None,
        opened_on=customer.opened_on,
        state=customer.state,
        complete=not missing,
        missing=missing,
        lon=lon,
        lat=lat,
    )


def address_of(customer: Customer) -> str:
    return "".join(getattr(customer, part) for part in _ADDRESS)


def _card(customer: Customer, lon: float | None, lat: float | None, *, phone: str) -> CustomerCard:
    return CustomerCard(
        customer_id=customer.id,
        code=customer.code,
        name=customer.name,
        category=customer.category,
        phone=phone,
        address=address_of(customer),
        identity_number_given=customer.identity_sealed is not None,
        opened_on=customer.opened_on.isoformat() if customer.opened_on else "",
        lon=lon,
        lat=lat,
    )


async def card(session: AsyncSession, customer_id: str) -> CustomerCard:
    """What the driver must know; the identity number stays in the office."""
    query = select(Customer, func.ST_X(Customer.point), func.ST_Y(Customer.point)).where(Customer.id == customer_id)
    found = (await session.execute(query)).first()
    if found is None:
        raise _unknown()
    customer, lon, lat = found
    return _card(customer, lon, lat, phone=await _opened(session, customer, "phone", customer.phone_sealed))


async def missing_of(session: AsyncSession, customer_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What deliveries lack of these customers' records (5.8.3-07); a customer nobody knows lacks it all."""
    lines = await names_of(session, customer_ids)
    return {key: lines[key].missing if key in lines else ("customer",) for key in customer_ids}


async def own_ids(session: AsyncSession, named: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Customers' ids as records may name them, by (id, company of the record): empty for another company's customer."""
    pairs = set(named)
    wanted = sorted({customer_id for customer_id, _ in pairs if customer_id})
    company_of: dict[str, str] = {}
    if wanted:
        rows = await session.execute(select(Customer.id, Customer.company_id).where(one_of(Customer.id, wanted)))
        company_of = {customer_id: company_id for customer_id, company_id in rows}  # noqa: C416
    return {pair: pair[0] if company_of.get(pair[0], pair[1]) == pair[1] else "" for pair in pairs}


async def names_of(session: AsyncSession, customer_ids: Sequence[str]) -> dict[str, CustomerLine]:
    """Lines by id, for lists of other domains."""
    wanted = set(customer_ids)
    lines = await _lines(session, [Customer.id.in_(wanted)], len(wanted), 0) if wanted else []
    return {line.id: line for line in lines}


async def find_customer(
    session: AsyncSession, caller: Caller, customer_id: str, *, findings: tuple[Finding, ...] = ()
) -> CustomerOut:
    customer = await _find(session, caller, customer_id)
    lines = await _lines(session, [Customer.id == customer_id], 1, 0)
    identity = await _opened(session, customer, "identity_number", customer.identity_sealed)
    return CustomerOut(
        customer=lines[0],
        phone=await _opened(session, customer, "phone", customer.phone_sealed),
        identity_kind=customer.identity_kind,
        identity_masked=masked(identity),
        safety_officer=customer.safety_officer,
        papers=await _papers(session, customer_id),
        findings=findings,
        **{part: getattr(customer, part) for part in _ADDRESS},
    )


async def reveal_identity(session: AsyncSession, caller: Caller, customer_id: str) -> str:
    """The whole number, for who may edit the customer; that he looked is written down."""
    customer = await _find(session, caller, customer_id)
    await reference.find_place(session, customer.organisation_id, caller=caller, right="customer.edit")
    await audit.record(
        session, caller, "customer.identity_read", "customer", customer.id, organisation_id=customer.organisation_id
    )
    return await _opened(session, customer, "identity_number", customer.identity_sealed)


async def _opened(session: AsyncSession, customer: Customer, field: str, sealed: bytes | None) -> str:
    return await sealing.unseal(session, customer.id, field, sealed) if sealed is not None else ""


class Personal(msgspec.Struct, frozen=True):
    """A personal text of a record about a customer; `field` says which, and of which record."""

    customer_id: str
    field: str
    text: str


async def seal_for(session: AsyncSession, texts: Sequence[Personal]) -> dict[str, bytes]:
    """By field. Nothing is kept of a customer who is unknown or erased: his fields are left out."""
    wanted = sorted({text.customer_id for text in texts})
    rows = await session.execute(select(Customer.id, Customer.organisation_id).where(one_of(Customer.id, wanted)))
    keys = await sealing.person_keys(session, {customer_id: organisation_id for customer_id, organisation_id in rows})  # noqa: C416
    return {
        text.field: sealing.seal_with(keys[text.customer_id], text.customer_id, text.field, text.text)
        for text in texts
        if text.customer_id in keys
    }


async def unseal_for(session: AsyncSession, customer_id: str, field: str, sealed: bytes | None) -> str:
    """Empty once the person is erased."""
    if sealed is None:
        return ""
    try:
        return await sealing.unseal(session, customer_id, field, sealed)
    except sealing.ErasedError:
        return ""


async def set_paper(
    session: AsyncSession, caller: Caller, customer_id: str, kind: PaperKind, given: PaperIn
) -> CustomerOut:
    """已完成 and 已审核 apart (E5.8.3-6)."""
    customer = await _find(session, caller, customer_id, change=True)
    if given.reviewed and given.done_on is None:
        raise UnusableError("paper.not_done", "未完成的不能审核。", "What is not done cannot be reviewed.")
    fields = {
        "organisation_id": customer.organisation_id,
        "done_on": given.done_on,
        "reviewed_at": datetime.now(UTC) if given.reviewed else None,
        "reviewed_by": caller.staff_id if given.reviewed else "",
    }
    row = insert(CustomerPaper).values(customer_id=customer_id, kind=kind, **fields)
    await session.execute(row.on_conflict_do_update(index_elements=["customer_id", "kind"], set_=fields))
    await audit.record(
        session, caller, "customer.paper", "customer", customer_id, {"kind": kind, "reviewed": given.reviewed}
    )
    return await find_customer(session, caller, customer_id)


async def _papers(session: AsyncSession, customer_id: str) -> list[PaperOut]:
    query = select(CustomerPaper).where(CustomerPaper.customer_id == customer_id)
    rows = {row.kind: row for row in await session.scalars(query.execution_options(populate_existing=True))}
    return [
        PaperOut(
            kind=kind,
            done_on=rows[kind].done_on if kind in rows else None,
            reviewed_at=rows[kind].reviewed_at if kind in rows else None,
        )
        for kind in PAPERS
    ]


async def registration(session: AsyncSession, caller: Caller) -> Registration:
    """实名登记, and how far agreements, notices, fittings and checks have come (E5.8.3-6)."""
    mine = [within(Customer.organisation_id, caller), Customer.state == "active"]
    required = (await reference.find_settings(session, caller.company_id)).fields.customer_required_fields
    counted = select(
        func.count(Customer.id),
        func.count(Customer.identity_sealed),
        func.count(Customer.id).filter(and_(*(_is_given(name) for name in required))),
    )
    total, named, complete = (await session.execute(counted.where(*mine))).one()
    papers = await session.execute(
        select(CustomerPaper.kind, func.count(CustomerPaper.done_on), func.count(CustomerPaper.reviewed_at))
        .join(Customer, Customer.id == CustomerPaper.customer_id)
        .where(*mine)
        .group_by(CustomerPaper.kind)
    )
    counts = {kind: (done, reviewed) for kind, done, reviewed in papers}

    def percent(part: int) -> float | None:
        return round(100 * part / total, 1) if total else None

    return Registration(
        customers=total,
        named=named,
        complete=complete,
        done_percent={kind: percent(counts.get(kind, (0, 0))[0]) for kind in PAPERS},
        reviewed_percent={kind: percent(counts.get(kind, (0, 0))[1]) for kind in PAPERS},
    )


async def erase_customer(session: AsyncSession, caller: Caller, customer_id: str, reason: str) -> None:
    """The person's key is destroyed and what was readable is emptied; deliveries and cylinders keep their facts."""
    customer = await _find(session, caller, customer_id, change=True)
    await sealing.destroy_key(session, customer.id, customer.organisation_id)
    blank: dict[str, Any] = dict.fromkeys(("name", "safety_officer", "identity_kind", "phone_last4", *_ADDRESS), "")
    blank |= {"identity_sealed": None, "phone_sealed": None, "point": None, "state": "erased"}
    for name, value in blank.items():
        setattr(customer, name, value)
    customer.changed_at = datetime.now(UTC)
    await session.flush()
    await audit.record(
        session,
        caller,
        "customer.erased",
        "customer",
        customer.id,
        {"reason": reason},
        organisation_id=customer.organisation_id,
    )
    await _tell_listeners(session, customer.id)
    await events.announce(session, "customer.changed", customer.id, customer.organisation_id)


async def _find(session: AsyncSession, caller: Caller, customer_id: str, *, change: bool = False) -> Customer:
    query = scoped(select(Customer).where(Customer.id == customer_id), Customer.organisation_id, caller)
    customer: Customer | None = await session.scalar(query.with_for_update() if change else query)
    if customer is None:
        raise _unknown()
    if change:
        await reference.find_place(session, customer.organisation_id, caller=caller, right="customer.edit")
        if customer.state == "erased":
            raise sealing.ErasedError
    return customer


def _unknown() -> AppError:
    return MissingError("customer.unknown", "没有这个客户。", "There is no such customer.")
