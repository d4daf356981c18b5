"""What workers brought home of a customer: real-name registration and papers; and the office's review of these."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.bulk import insert_new, one_of
from backend.customers import sealing
from backend.customers.models import Customer, CustomerPaper, PaperRecord
from backend.customers.schemas import CustomerOut, PaperIn, Registration
from backend.customers.service import ledger
from backend.customers.service.cards import note_card
from backend.customers.service.papers import PAPERS, reviewed_fields, settle_papers
from backend.customers.service.personal import note_pictures, opened
from backend.customers.service.reporting import tell_regulator
from backend.errors import UnusableError
from backend.intake import service as intake
from backend.reference import service as reference
from backend.scope import Caller, within
from backend.taken import Taken
from sync.databases import BEIJING
from sync.documents.customers import CustomerCompleted, CustomerPaperDone, CustomerPersonal, PaperKind
from sync.rules.identity import check_identity, normal_identity

# Deliveries asks: an incomplete customer whom a driver completed first was no breach.
Completed = Callable[[AsyncSession, Mapping[str, datetime]], Awaitable[None]]
_completed: list[Completed] = []
_PLAIN = ("name", "category", "safety_officer", *ledger.ADDRESS)


def when_completed(listener: Completed) -> None:
    _completed.append(listener)


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A paper that a record shows to be done."""

    taken: Taken[Any]
    customer_id: str
    kind: PaperKind
    number: str = ""
    valid_until: Any = None


async def record_papers(session: AsyncSession, papers: Sequence[Paper]) -> Sequence[str]:
    """Answers whose papers they are: customers who are on record."""
    rows = [
        {
            "id": paper.taken.record.id,
            "organisation_id": paper.taken.organisation_id,
            "customer_id": paper.customer_id,
            "kind": paper.kind,
            "task_id": paper.taken.record.task_id,
            "staff_id": paper.taken.staff_id,
            "at": paper.taken.recorded_at,
            "number": paper.number,
            "valid_until": paper.valid_until,
            "photos": list(paper.taken.record.photos),
        }
        for paper in papers
    ]
    await insert_new(session, PaperRecord, sorted(rows, key=lambda row: row["id"]))
    known = select(Customer.id).where(one_of(Customer.id, sorted({p.customer_id for p in papers if p.customer_id})))
    whose = (await session.scalars(known)).all()
    await settle_papers(session, whose)
    await tell_regulator(session, whose)
    return whose


async def drop_papers(session: AsyncSession, record_ids: Sequence[str]) -> None:
    """Records that were voided: what is done is told by the others."""
    rows = await session.execute(
        delete(PaperRecord).where(one_of(PaperRecord.id, record_ids)).returning(PaperRecord.customer_id)
    )
    whose = {customer_id for (customer_id,) in rows}
    await session.execute(delete(CustomerPaper).where(one_of(CustomerPaper.record_id, record_ids)))
    await settle_papers(session, sorted(whose))
    await tell_regulator(session, whose)


async def take_papers(session: AsyncSession, takens: Sequence[Taken[CustomerPaperDone]]) -> None:
    own = await ledger.own_ids(session, ((t.record.customer_id, t.company_id) for t in takens))
    papers = [
        Paper(
            taken=taken,
            customer_id=own[taken.record.customer_id, taken.company_id],
            kind=taken.record.kind,
            number=taken.record.number,
            valid_until=taken.record.valid_until,
        )
        for taken in takens
    ]
    known = await record_papers(session, papers)
    await note_pictures(session, {photo: paper.customer_id for paper in papers for photo in paper.taken.record.photos})
    for paper in papers:
        await _written_down(session, paper.taken, "customer.paper_done", paper.customer_id, {"kind": paper.kind})
    for customer_id in sorted({p.customer_id for p in papers if p.kind == "agreement"} & set(known)):
        await ledger.tell_listeners(session, customer_id)


async def _written_down(
    session: AsyncSession, taken: Taken[Any], action: str, customer_id: str, facts: Mapping[str, Any]
) -> None:
    unit = taken.organisation_id
    await audit.record(
        session, None, action, "customer", customer_id, facts, organisation_id=unit, actor_id=taken.staff_id
    )
    await events.announce(session, "customer.changed", customer_id, unit)


async def take_completions(session: AsyncSession, takens: Sequence[Taken[CustomerCompleted]]) -> None:
    """Only what is empty is filled; where two workers say something different, the earlier one counts and the office
    is told. What the office wrote itself no record changes.
    """
    own = await ledger.own_ids(session, ((t.record.customer_id, t.company_id) for t in takens))
    wanted = sorted({found for found in own.values() if found})
    query = select(Customer).where(one_of(Customer.id, wanted)).order_by(Customer.id)
    rows = await session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True))
    customers = {row.id: row for row in rows}
    done: dict[str, datetime] = {}
    for taken in takens:
        customer = customers.get(own[taken.record.customer_id, taken.company_id])
        if customer is None or customer.state == "erased":
            continue
        await _complete(session, taken, customer)
        await note_pictures(session, dict.fromkeys(taken.record.photos, customer.id))
        done[customer.id] = max(done.get(customer.id, taken.recorded_at), taken.recorded_at)
    await session.flush()
    for customer_id in sorted(done):
        await ledger.tell_listeners(session, customer_id)
    await tell_regulator(session, done)
    for listener in _completed:
        await listener(session, done)


async def _complete(session: AsyncSession, taken: Taken[CustomerCompleted], customer: Customer) -> None:
    record = taken.record
    text = opened(session, record.id, record.sealed)
    try:
        personal = msgspec.json.decode(text or "{}", type=CustomerPersonal)
    except msgspec.MsgspecError:
        text = None
        personal = CustomerPersonal()
    if text is None:
        await _tell_office(session, taken, customer, "customer.not_opened", list(record.given))
    given = {name: value for name in CustomerPersonal.__struct_fields__ if (value := getattr(personal, name))}
    if record.category and record.category in await reference.words(session, taken.company_id, "customer_category"):
        given["category"] = record.category
    if "identity_number" in given:
        await note_card(session, taken, customer, personal)
        number = normal_identity(given["identity_number"])
        if any(f.blocks for f in check_identity(number, record.identity_kind, datetime.now(BEIJING).date())):
            del given["identity_number"]
            await _tell_office(session, taken, customer, "customer.identity_wrong", ["identity_number"])
    different: dict[str, list[str]] = {}
    for name, value in given.items():
        other = await _fill(session, taken, customer, name, value)
        if other is not None:
            different.setdefault(other, []).append(name)
    for other, fields in different.items():
        await _tell_office(session, taken, customer, "customer.differs", fields, other=other)
    customer.changed_at = datetime.now(UTC)
    facts = {"given": sorted(given), "record_id": record.id}
    await _written_down(session, taken, "customer.completed", customer.id, facts)


async def _fill(
    session: AsyncSession, taken: Taken[CustomerCompleted], customer: Customer, name: str, value: str
) -> str | None:
    """Which record says something else ("": the office does); None where none does."""
    here = await _current(session, customer, name)
    mine = [taken.recorded_at.isoformat(), taken.record.id]
    wanted = normal_identity(value) if name == "identity_number" else value.strip()
    source = customer.completed.get(name)
    if here == wanted:
        return None
    if here and (source is None or source <= mine):
        return source[1] if source else ""
    await _put(session, customer, name, wanted, taken.record)
    customer.completed = {**customer.completed, name: mine}
    return source[1] if here and source else None


async def _current(session: AsyncSession, customer: Customer, name: str) -> str:
    if name in _PLAIN:
        return str(getattr(customer, name)).strip()
    sealed = customer.identity_sealed if name == "identity_number" else customer.phone_sealed
    return await sealing.unseal(session, customer.id, name, sealed) if sealed is not None else ""


async def _put(session: AsyncSession, customer: Customer, name: str, value: str, record: CustomerCompleted) -> None:
    if name in _PLAIN:
        setattr(customer, name, value)
        return
    sealed = await sealing.seal(session, customer.id, customer.organisation_id, name, value)
    if name == "identity_number":
        customer.identity_sealed, customer.identity_kind = sealed, record.identity_kind
        customer.identity_photo = record.identity_photo
    else:
        customer.phone_sealed = sealed
        customer.phone_last4 = "".join(c for c in value if c.isdigit())[-4:]


async def _tell_office(
    session: AsyncSession, taken: Taken[Any], customer: Customer, kind: str, fields: Sequence[str], *, other: str = ""
) -> None:
    facts = {"customer_id": customer.id, "code": customer.code, "fields": list(fields), "staff_id": taken.staff_id}
    found = intake.Contradiction(taken.organisation_id, kind, [r for r in (taken.record.id, other) if r], facts)
    await intake.open_conflicts(session, [found])


async def set_paper(
    session: AsyncSession, caller: Caller, customer_id: str, kind: PaperKind, given: PaperIn
) -> CustomerOut:
    """已完成 and 已审核 apart (E5.8.3-6)."""
    customer = await ledger.find_row(session, caller, customer_id, change=True)
    if given.reviewed and given.done_on is None:
        raise UnusableError("paper.not_done", "未完成的不能审核。", "What is not done cannot be reviewed.")
    known = await session.get(CustomerPaper, (customer_id, kind), populate_existing=True)
    same = known is not None and known.done_on == given.done_on
    fields: dict[str, Any] = {
        "organisation_id": customer.organisation_id,
        "done_on": given.done_on,
        # Who only reviews did not do it.
        "done_by": known.done_by if known is not None and same else caller.staff_id if given.done_on else "",
        "record_id": known.record_id if known is not None and same else "",
        **reviewed_fields(reviewed=given.reviewed, staff_id=caller.staff_id),
    }
    row = insert(CustomerPaper).values(customer_id=customer_id, kind=kind, **fields)
    await session.execute(row.on_conflict_do_update(index_elements=["customer_id", "kind"], set_=fields))
    await audit.record(
        session, caller, "customer.paper", "customer", customer_id, {"kind": kind, "reviewed": given.reviewed}
    )
    if kind == "agreement":
        await ledger.tell_listeners(session, customer_id)
    await tell_regulator(session, [customer_id])
    return await ledger.find_customer(session, caller, customer_id)


async def registration(session: AsyncSession, caller: Caller) -> Registration:
    """实名登记, and how far agreements, notices, fittings and checks have come (E5.8.3-6)."""
    mine = [within(Customer.organisation_id, caller), Customer.state == "active"]
    settings = (await reference.find_settings(session, caller.company_id)).fields
    counted = select(
        func.count(Customer.id),
        func.count(Customer.identity_sealed),
        func.count(Customer.id).filter(ledger.is_complete(settings)),
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
