"""Orders (配送单): planned by the office, carried to a driver's phone with the customer's card, done by his records."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.deliveries.models import DeliveryOrder
from backend.deliveries.schemas import OrderIn, OrderLineOut, OrderOut, OrderRow, OrderState, Reassign, Retry
from backend.deliveries.service.showing import records_of
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.intake import service as intake
from backend.pages import Page
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.vehicles import service as vehicles
from sync.databases import BEIJING
from sync.documents.envelope import new_id
from sync.documents.tasks import DeliveryTask, OrderLine

UNDONE = ("open", "in_progress", "failed")
_LISTED = (
    *("id", "organisation_id", "order_number", "station_id", "customer_id", "staff_id", "vehicle", "start_at"),
    *("due_at", "attempt", "status_reason", "done_at", "replaces", "next_appointment"),
)
_COPIED = (*("organisation_id", "company_id", "station_id", "customer_id", "lines", "start_at", "due_at", "attempt"),)


async def create_order(session: AsyncSession, caller: Caller, given: OrderIn) -> OrderOut:
    """May be planned for a customer whose record is incomplete: his driver cannot enter it until it is complete."""
    place = await reference.find_place(session, given.station_id, caller=caller, right="delivery.plan")
    await _check(session, caller, place.organisation_id, given)
    order = DeliveryOrder(
        id=new_id("task.delivery"),
        organisation_id=place.organisation_id,
        company_id=place.company_id,
        order_number=await _number(session, place.company_id),
        station_id=given.station_id,
        customer_id=given.customer_id,
        staff_id=given.staff_id,
        vehicle=given.vehicle or await vehicles.plate_of(session, place.company_id, given.staff_id),
        lines=msgspec.to_builtins(given.lines),
        start_at=given.start_at,
        due_at=given.due_at,
        attempt=1,
        status="open",
        status_reason="",
        created_at=datetime.now(UTC),
        created_by=caller.staff_id,
    )
    session.add(order)
    await session.flush()
    await audit.record(session, caller, "order.created", "task.delivery", order.id, {"number": order.order_number})
    await send(session, order)
    return await find_order(session, caller, order.id)


async def _check(session: AsyncSession, caller: Caller, station_id: str, given: OrderIn) -> None:
    if given.due_at <= given.start_at:
        raise UnusableError("order.window", "截止时间应晚于开始时间。", "The order must end after it begins.")
    await _check_driver(session, station_id, given.staff_id)
    found = await customers.find_customer(session, caller, given.customer_id)
    if found.customer.state != "active":
        raise UnusableError("order.customer_closed", "客户已销户。", "The customer's account is closed.")


async def _check_driver(session: AsyncSession, station_id: str, staff_id: str) -> None:
    if staff_id not in {staff.id for staff in await accounts.staff_of_unit(session, station_id)}:
        raise UnusableError(
            "order.staff",
            "所选送气工不在这个站。",
            "The driver does not belong to the station.",
            action="请选本站人员",
            action_en="Choose somebody of the station",
        )


async def _number(session: AsyncSession, company_id: str) -> str:
    day = datetime.now(BEIJING).date()
    return f"PS-{day:%Y%m%d}-{await reference.next_number(session, company_id, 'delivery', day):03d}"


async def send(session: AsyncSession, order: DeliveryOrder) -> None:
    """To the driver's phone, with the customer as he is on record now."""
    status: Any = order.status if order.status in {"done", "withdrawn", "reassigned"} else "open"
    card = await customers.card(session, order.customer_id)
    document = DeliveryTask(
        id=order.id,
        staff_id=order.staff_id,
        unit_id=order.organisation_id,
        order_number=order.order_number,
        title=f"送气 {card.name or card.code}",
        station_id=order.station_id,
        customer=card,
        lines=tuple(msgspec.convert(order.lines, list[OrderLine])),
        start_at=order.start_at.astimezone(UTC),
        due_at=order.due_at.astimezone(UTC),
        attempt=order.attempt,
        vehicle=order.vehicle,
        status=status,
        status_reason=order.status_reason,
    )
    await intake.post(session, staff_id=order.staff_id, document=document)
    await events.announce(session, "order.changed", order.id, order.organisation_id, status=order.status)


async def send_card(session: AsyncSession, customer_id: str) -> None:
    """The customer's record was changed: drivers who are on their way to him get it. Of an erased customer nothing
    stays on any phone, so every order that ever went out is written anew.
    """
    known = await customers.names_of(session, [customer_id])
    query = select(DeliveryOrder).where(DeliveryOrder.customer_id == customer_id)
    if known[customer_id].state != "erased":
        query = query.where(DeliveryOrder.status.in_(UNDONE))
    for order in (await session.scalars(query.order_by(DeliveryOrder.id))).all():
        await send(session, order)


async def list_orders(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    staff_id: str = "",
    customer_id: str = "",
    station_id: str = "",
    state: OrderState | None = None,
    search: str = "",
    overlapping: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Page[OrderRow]:
    """By when they are due, latest first; `since` and `until` are about that too, or with `overlapping` about the
    whole of their time.
    """
    wanted: list[ColumnElement[bool]] = [within(DeliveryOrder.organisation_id, caller)]
    pairs = (
        (DeliveryOrder.staff_id, staff_id),
        (DeliveryOrder.customer_id, customer_id),
        (DeliveryOrder.station_id, station_id),
    )
    wanted += [column == value for column, value in pairs if value]
    if since is not None:
        wanted.append(DeliveryOrder.due_at >= since)
    if until is not None:
        wanted.append((DeliveryOrder.start_at if overlapping else DeliveryOrder.due_at) < until)
    if state is not None:
        wanted.append(_is(state))
    if search:
        wanted.append(DeliveryOrder.order_number.icontains(search, autoescape=True))
    total = await session.scalar(select(func.count(DeliveryOrder.id)).where(*wanted))
    query = select(DeliveryOrder).where(*wanted).order_by(DeliveryOrder.due_at.desc(), DeliveryOrder.id.desc())
    orders = (await session.scalars(query.limit(limit).offset(offset))).all()
    return Page(await _rows(session, list(orders)), total or 0)


def _is(state: OrderState) -> ColumnElement[bool]:
    late = DeliveryOrder.due_at < datetime.now(UTC)
    if state == "overdue":
        return and_(DeliveryOrder.status.in_(("open", "in_progress")), late)
    if state in {"open", "in_progress"}:
        return and_(DeliveryOrder.status == state, ~late)
    return DeliveryOrder.status == state


async def _rows(session: AsyncSession, orders: list[DeliveryOrder]) -> list[OrderRow]:
    names = await accounts.staff_names(session, [order.staff_id for order in orders])
    known = await customers.names_of(session, [order.customer_id for order in orders])
    now = datetime.now(UTC)
    rows = []
    for order in orders:
        late = order.status in {"open", "in_progress"} and order.due_at < now
        state: Any = "overdue" if late else order.status
        customer = known[order.customer_id]
        rows.append(
            OrderRow(
                state=state,
                lines=tuple(msgspec.convert(order.lines, list[OrderLineOut])),
                staff_name=names.get(order.staff_id, ""),
                customer_name=customer.name,
                customer_address=customer.address,
                customer_missing=customer.missing,
                **{name: getattr(order, name) for name in _LISTED},
            )
        )
    return rows


async def find_order(session: AsyncSession, caller: Caller, order_id: str) -> OrderOut:
    query = select(DeliveryOrder).where(DeliveryOrder.id == order_id)
    order: DeliveryOrder | None = await session.scalar(scoped(query, DeliveryOrder.organisation_id, caller))
    if order is None:
        raise MissingError("order.unknown", "没有这个配送单。", "There is no such order.")
    checks, delivered, visits = await records_of(session, caller, order.id)
    papers = await customers.list_paper_records(session, task_ids=[order.id])
    return OrderOut(
        order=(await _rows(session, [order]))[0],
        checks=checks,
        deliveries=delivered,
        visits=visits,
        papers=[paper for paper in papers if paper.customer_id == order.customer_id],
    )


async def _find(session: AsyncSession, caller: Caller, order_id: str) -> DeliveryOrder:
    query = scoped(select(DeliveryOrder).where(DeliveryOrder.id == order_id), DeliveryOrder.organisation_id, caller)
    order: DeliveryOrder | None = await session.scalar(query.with_for_update())
    if order is None:
        raise MissingError("order.unknown", "没有这个配送单。", "There is no such order.")
    await reference.find_place(session, order.organisation_id, caller=caller, right="delivery.plan")
    if order.status not in UNDONE:
        raise ConflictingError(
            "order.over", "配送单已结束，不能再改。", "The order is over and cannot be changed.", state=order.status
        )
    return order


async def reassign_order(session: AsyncSession, caller: Caller, order_id: str, given: Reassign) -> OrderOut:
    """改派: an order of its own for the other driver; the first one is marked on the first phone."""
    order = await _find(session, caller, order_id)
    if given.staff_id == order.staff_id:
        raise UnusableError("order.same_staff", "配送单已经是他的。", "The order is this driver's already.")
    await _check_driver(session, order.station_id, given.staff_id)
    successor = DeliveryOrder(
        id=new_id("task.delivery"),
        order_number=await _number(session, order.company_id),
        replaces=order.id,
        staff_id=given.staff_id,
        status="open",
        status_reason="",
        created_at=datetime.now(UTC),
        created_by=caller.staff_id,
        # Another driver comes with another vehicle.
        vehicle=given.vehicle or await vehicles.plate_of(session, order.company_id, given.staff_id),
        **{name: getattr(order, name) for name in _COPIED},
    )
    order.status, order.status_reason = "reassigned", given.reason
    session.add(successor)
    await session.flush()
    facts = {"from": order.staff_id, "to": given.staff_id}
    await audit.record(session, caller, "order.reassigned", "task.delivery", order.id, facts)
    await send(session, order)
    await send(session, successor)
    return await find_order(session, caller, successor.id)


async def retry_order(session: AsyncSession, caller: Caller, order_id: str, given: Retry) -> OrderOut:
    """The next attempt after a visit in vain: the same order, open again with a new window."""
    order = await _find(session, caller, order_id)
    if given.due_at <= given.start_at:
        raise UnusableError("order.window", "截止时间应晚于开始时间。", "The order must end after it begins.")
    if order.status != "failed":
        raise ConflictingError("order.not_failed", "没有未成功的到访。", "No visit was in vain.", state=order.status)
    order.start_at, order.due_at = given.start_at, given.due_at
    order.status, order.status_reason, order.reopened_at = "open", "", datetime.now(UTC)
    await session.flush()
    await audit.record(session, caller, "order.retried", "task.delivery", order.id, {"attempt": order.attempt})
    await send(session, order)
    return await find_order(session, caller, order.id)


async def withdraw_order(session: AsyncSession, caller: Caller, order_id: str, reason: str) -> OrderOut:
    order = await _find(session, caller, order_id)
    order.status, order.status_reason = "withdrawn", reason
    await session.flush()
    await audit.record(session, caller, "order.withdrawn", "task.delivery", order.id, {"reason": reason})
    await send(session, order)
    return await find_order(session, caller, order.id)
