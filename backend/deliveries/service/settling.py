"""An order's status from all that was recorded for it, in whatever order it came."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import one_of
from backend.deliveries.models import Delivery, DeliveryCheck, DeliveryOrder, FailedVisit
from backend.deliveries.service.orders import UNDONE, send
from backend.intake import service as intake
from backend.taken import Taken


async def settle_orders(session: AsyncSession, takens: Sequence[Taken[Any]]) -> None:
    """The orders that these records name, each once."""
    named = {taken.record.task_id for taken in takens if taken.record.task_id}
    if not named:
        return
    # (FOR NO KEY UPDATE, in one order always: nobody waits for whoever only refers to one of them.)
    query = select(DeliveryOrder).where(one_of(DeliveryOrder.id, sorted(named))).order_by(DeliveryOrder.id)
    found = await session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True))
    orders = {order.id: order for order in found}
    theirs = [
        (order, taken)
        for taken in takens
        if (order := orders.get(taken.record.task_id)) is not None and order.company_id == taken.company_id
    ]
    strange = [(order, taken) for order, taken in theirs if _is_strange(order, taken)]
    await intake.open_conflicts(session, [_contradiction(order, taken) for order, taken in strange])
    await _settle_all(session, {order.id: order for order, taken in theirs if not _is_strange(order, taken)})


async def settle_order(session: AsyncSession, order_id: str) -> None:
    """Anew, after one of its records was voided."""
    query = select(DeliveryOrder).where(DeliveryOrder.id == order_id).with_for_update(key_share=True)
    order = await session.scalar(query.execution_options(populate_existing=True))
    if order is not None and order.status not in {"withdrawn", "reassigned"}:
        if order.status != "done":
            order.status, order.status_reason, order.next_appointment = "open", "", None
        await _settle_all(session, {order.id: order})


async def _settle_all(session: AsyncSession, settled: Mapping[str, DeliveryOrder]) -> None:
    done = await _recorded(session, Delivery, settled.values())
    checks = await _recorded(session, DeliveryCheck, settled.values())
    visits = await _recorded(session, FailedVisit, settled.values())
    for order_id, order in sorted(settled.items()):
        _settle(order, done[order_id], checks[order_id], visits[order_id])
        if session.is_modified(order):
            await session.flush()
            await send(session, order)


def _is_strange(order: DeliveryOrder, taken: Taken[Any]) -> bool:
    return order.status in {"withdrawn", "reassigned"} or order.staff_id != taken.staff_id


def _contradiction(order: DeliveryOrder, taken: Taken[Any]) -> intake.Contradiction:
    kind = f"order.{order.status}" if order.staff_id == taken.staff_id else "order.other_staff"
    facts = {"order_number": order.order_number, "staff_id": taken.staff_id, "at": taken.recorded_at}
    return intake.Contradiction(order.organisation_id, kind, [taken.record.id, order.id], facts)


async def _recorded(session: AsyncSession, table: Any, orders: Any) -> dict[str, list[Any]]:
    """By order, in the order of time, what its own driver recorded: somebody else's record is a conflict and settles
    nothing.
    """
    drivers = {order.id: order.staff_id for order in orders}
    found: dict[str, list[Any]] = {order_id: [] for order_id in drivers}
    if drivers:
        rows = await session.scalars(
            select(table).where(one_of(table.task_id, sorted(drivers))).order_by(table.at, table.id)
        )
        for row in rows:
            if row.staff_id == drivers[row.task_id] and row.voided_at is None:
                found[row.task_id].append(row)
    return found


def _settle(
    order: DeliveryOrder, done: Sequence[Delivery], checks: Sequence[DeliveryCheck], visits: Sequence[FailedVisit]
) -> None:
    order.attempt = len(visits) + 1
    if done:
        order.status, order.status_reason, order.done_at = "done", "", done[0].at
        return
    if order.status not in UNDONE:
        return
    check = checks[-1] if checks else None
    last = visits[-1] if visits else None
    if order.reopened_at is not None:
        last = last if last is not None and last.at >= order.reopened_at else None
        check = check if check is not None and check.at >= order.reopened_at else None
    if last is not None and (check is None or last.at >= check.at):
        order.status, order.status_reason = "failed", last.outcome
        order.next_appointment = last.next_appointment
    elif check is not None:
        order.status = "in_progress" if check.passed else "failed"
        order.status_reason = "" if check.passed else "check_failed"
