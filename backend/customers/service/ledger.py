"""The customers' ledger: kept, searched, completed, and forgotten on demand."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.bulk import one_of
from backend.customers import sealing
from backend.customers.models import Customer, CustomerGasAlarm, CustomerPaper
from backend.customers.schemas import CustomerIn, CustomerLine, CustomerOut
from backend.customers.service.cards import forget_cards, list_card_readings
from backend.customers.service.papers import agreements_of, list_paper_records, list_papers
from backend.customers.service.reporting import tell_regulator
from backend.db import new_key
from backend.errors import AppError, ConflictingError, MissingError, UnusableError
from backend.pages import Page
from backend.reference import service as reference
from backend.reference.schemas import SettingsFields
from backend.scope import Caller, scoped, within
from sync.databases import BEIJING
from sync.documents.tasks import CustomerCard
from sync.rules.customers import Required, missing_fields, required_fields
from sync.rules.identity import Finding, check_identity, masked, normal_identity

Listener = Callable[[AsyncSession, str], Awaitable[None]]
# Who wants to know of a change: deliveries sends the new card to the driver. (It knows customers, not they it.)
_listeners: list[Listener] = []
# Of a telephone the digits by which it is looked for, and how many customers that may name.
_LAST = 4
_MOST_BY_PHONE = 50
ADDRESS = ("district", "street", "community", "road", "house")


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
    customer = await find_row(session, caller, customer_id, change=True)
    await reference.find_place(session, given.organisation_id, caller=caller, right="customer.edit")
    findings = await _write(session, caller, customer, given)
    await tell_listeners(session, customer.id)
    return await find_customer(session, caller, customer.id, findings=findings)


async def tell_listeners(session: AsyncSession, customer_id: str) -> None:
    for listener in _listeners:
        await listener(session, customer_id)


async def _write(session: AsyncSession, caller: Caller, customer: Customer, given: CustomerIn) -> tuple[Finding, ...]:
    findings = await _check(session, customer.company_id, given)
    plain = ("organisation_id", "code", "name", "category", *ADDRESS, "safety_officer", "opened_on")
    for name in plain:
        setattr(customer, name, getattr(given, name))
    # What the office writes is the office's: no record from a phone stands behind it any more.
    customer.completed = {}
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
    await tell_regulator(session, [customer.id])
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
    lacks_alarm: bool = False,
    state: str = "active",
    limit: int = 100,
    offset: int = 0,
) -> Page[CustomerLine]:
    """`search`: part of code, name or address, or the last four digits of the telephone. `lacks_alarm`: those who shall
    have a gas alarm (E5.8.3-7), and nobody knows of one that works.
    """
    wanted: list[ColumnElement[bool]] = [within(Customer.organisation_id, caller)]
    pairs = ((Customer.category, category), (Customer.organisation_id, organisation_id), (Customer.state, state))
    wanted += [column == value for column, value in pairs if value]
    if search:
        parts = (Customer.code, Customer.name, _address())
        wanted.append(or_(*(part.contains(search, autoescape=True) for part in parts), Customer.phone_last4 == search))
    if complete is not None:
        whole = is_complete((await reference.find_settings(session, caller.company_id)).fields)
        wanted.append(whole if complete else ~whole)
    if lacks_alarm:
        wanted.append(lacks_gas_alarm((await reference.find_settings(session, caller.company_id)).fields))
    total = await session.scalar(select(func.count(Customer.id)).where(*wanted))
    return Page(await _lines(session, wanted, limit, offset), total or 0)


async def found_by_phone(session: AsyncSession, caller: Caller, last4: str) -> list[str]:
    """Ids of whose telephone ends so, for who may see customers; that he asked, and whom he found, is written down."""
    if not caller.grants or len(last4) != _LAST or not (last4.isascii() and last4.isdigit()):
        return []
    mine = [within(Customer.organisation_id, caller), Customer.state == "active", Customer.phone_last4 == last4]
    found = list(await session.scalars(select(Customer.id).where(*mine).order_by(Customer.id).limit(_MOST_BY_PHONE)))
    await audit.record(session, caller, "customer.phone_searched", "customer", "", {"found": found})
    return found


def _address() -> ColumnElement[str]:
    return func.concat(*(getattr(Customer, part) for part in ADDRESS))


def is_complete(settings: Required) -> ColumnElement[bool]:
    """`sync.rules.customers.required_fields`, asked of the table."""
    whole = and_(literal(True), *(_is_given(name) for name in settings.customer_required_fields))
    is_person = or_(Customer.category == "", Customer.category.in_(settings.person_categories))
    return and_(whole, or_(is_person, and_(literal(True), *map(_is_given, settings.company_required_fields))))


def lacks_gas_alarm(settings: SettingsFields) -> ColumnElement[bool]:
    """Shall have one by its class, and nobody knows of one that works."""
    fitted = select(CustomerGasAlarm.customer_id).where(
        CustomerGasAlarm.customer_id == Customer.id, CustomerGasAlarm.state == "fitted"
    )
    return and_(Customer.category.in_(settings.gas_alarm_categories), ~fitted.exists())


def _is_given(name: str) -> ColumnElement[bool]:
    """What `sync.rules.customers` asks of a card, asked of the table."""
    columns: dict[str, ColumnElement[bool]] = {
        "code": func.trim(Customer.code) != "",
        "name": func.trim(Customer.name) != "",
        "category": Customer.category != "",
        "address": func.trim(_address()) != "",
        "phone": Customer.phone_sealed.is_not(None),
        "identity_number": Customer.identity_sealed.is_not(None),
        "safety_officer": func.trim(Customer.safety_officer) != "",
        "agreement_on": select(CustomerPaper.customer_id)
        .where(
            CustomerPaper.customer_id == Customer.id,
            CustomerPaper.kind == "agreement",
            CustomerPaper.done_on.is_not(None),
        )
        .exists(),
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
    settings: dict[str, Required] = {}
    for customer, _, _ in rows:
        if customer.company_id not in settings:
            settings[customer.company_id] = (await reference.find_settings(session, customer.company_id)).fields
    agreed = await agreements_of(session, [customer.id for customer, _, _ in rows])
    return [
        _line(customer, lon, lat, settings[customer.company_id], agreed.get(customer.id, ""))
        for customer, lon, lat in rows
    ]


def _line(
    customer: Customer, lon: float | None, lat: float | None, settings: Required, agreement_on: str
) -> CustomerLine:
    # Whether the telephone is on record is all that completeness asks: the list does not open the seal.
    phone = "*" if customer.phone_sealed is not None else ""
    card = _card(customer, lon, lat, phone=phone, agreement_on=agreement_on)
    missing = missing_fields(card, required_fields(card, settings))
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
    return "".join(getattr(customer, part) for part in ADDRESS)


def _card(customer: Customer, lon: float | None, lat: float | None, *, phone: str, agreement_on: str) -> CustomerCard:
    return CustomerCard(
        customer_id=customer.id,
        code=customer.code,
        name=customer.name,
        category=customer.category,
        phone=phone,
        address=address_of(customer),
        identity_number_given=customer.identity_sealed is not None,
        opened_on=customer.opened_on.isoformat() if customer.opened_on else "",
        safety_officer=customer.safety_officer,
        agreement_on=agreement_on,
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
    phone = await _opened(session, customer, "phone", customer.phone_sealed)
    agreed = await agreements_of(session, [customer_id])
    return _card(customer, lon, lat, phone=phone, agreement_on=agreed.get(customer_id, ""))


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


async def communities_of(session: AsyncSession, customer_ids: Sequence[str]) -> dict[str, str]:
    rows = await session.execute(
        select(Customer.id, Customer.community).where(one_of(Customer.id, sorted(set(customer_ids))))
    )
    return {customer_id: community for customer_id, community in rows}  # noqa: C416


async def find_customer(
    session: AsyncSession, caller: Caller, customer_id: str, *, findings: tuple[Finding, ...] = ()
) -> CustomerOut:
    customer = await find_row(session, caller, customer_id)
    lines = await _lines(session, [Customer.id == customer_id], 1, 0)
    identity = await _opened(session, customer, "identity_number", customer.identity_sealed)
    return CustomerOut(
        customer=lines[0],
        phone=await _opened(session, customer, "phone", customer.phone_sealed),
        identity_kind=customer.identity_kind,
        identity_masked=masked(identity),
        safety_officer=customer.safety_officer,
        identity_photo=customer.identity_photo,
        papers=await list_papers(session, customer_id),
        paper_records=await list_paper_records(session, customer_id),
        card_readings=await list_card_readings(session, customer_id),
        findings=findings,
        **{part: getattr(customer, part) for part in ADDRESS},
    )


async def reveal_identity(session: AsyncSession, caller: Caller, customer_id: str) -> str:
    """The whole number, for who may edit the customer; that he looked is written down."""
    customer = await find_row(session, caller, customer_id)
    await reference.find_place(session, customer.organisation_id, caller=caller, right="customer.edit")
    await audit.record(
        session, caller, "customer.identity_read", "customer", customer.id, organisation_id=customer.organisation_id
    )
    return await _opened(session, customer, "identity_number", customer.identity_sealed)


async def _opened(session: AsyncSession, customer: Customer, field: str, sealed: bytes | None) -> str:
    return await sealing.unseal(session, customer.id, field, sealed) if sealed is not None else ""


async def erase_customer(session: AsyncSession, caller: Caller, customer_id: str, reason: str) -> None:
    """The person's key is destroyed and what was readable is emptied; deliveries and cylinders keep their facts."""
    customer = await find_row(session, caller, customer_id, change=True)
    await sealing.destroy_key(session, customer.id, customer.organisation_id)
    await forget_cards(session, customer.id)
    blank: dict[str, Any] = dict.fromkeys(
        ("name", "safety_officer", "identity_kind", "identity_photo", "phone_last4", *ADDRESS), ""
    )
    blank |= {"identity_sealed": None, "phone_sealed": None, "point": None, "state": "erased", "completed": {}}
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
    await tell_listeners(session, customer.id)
    await tell_regulator(session, [customer.id])
    await events.announce(session, "customer.changed", customer.id, customer.organisation_id)


async def find_row(session: AsyncSession, caller: Caller, customer_id: str, *, change: bool = False) -> Customer:
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
