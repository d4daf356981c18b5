"""Deliveries that count no more: corrected by a further record, or voided by the office. The fact stays."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend import audit, events
from backend.bulk import one_of
from backend.changes import service as changes
from backend.cylinders import service as cylinders
from backend.deliveries.models import Delivery, DeliveryOrder
from backend.deliveries.service.orders import send
from backend.errors import ConflictingError, MissingError
from backend.intake import service as intake
from backend.reference import service as reference
from backend.scope import Caller, scoped

INCOMPLETE = "delivery.incomplete_customer"


async def void_corrected(session: AsyncSession, new_ids: Collection[str], corrected_ids: Collection[str]) -> None:
    """Whichever of the two came first: the corrected one is void once both are here. Its own driver alone corrects."""
    wanted = sorted((set(new_ids) | set(corrected_ids)) - {""})
    correction = aliased(Delivery)
    query = (
        select(Delivery, correction.id)
        .join(correction, correction.corrects == Delivery.id)
        .where(
            or_(one_of(Delivery.id, wanted), one_of(correction.id, wanted)),
            Delivery.voided_at.is_(None),
            Delivery.staff_id == correction.staff_id,
            Delivery.id != correction.id,
        )
        .order_by(Delivery.id)
    )
    found = (await session.execute(query)).all()
    for delivery, by in found:
        delivery.voided_at, delivery.voided_by = datetime.now(UTC), delivery.staff_id
        delivery.void_reason = f"corrected: {by}"
    await _forget(session, [delivery for delivery, _ in found])


async def void_delivery(session: AsyncSession, caller: Caller, delivery_id: str, reason: str) -> None:
    """By the office, when a record turns out to be wrong: its order is open again, its cylinders were not moved."""
    query = scoped(select(Delivery).where(Delivery.id == delivery_id), Delivery.organisation_id, caller)
    delivery: Delivery | None = await session.scalar(query.with_for_update())
    if delivery is None:
        raise MissingError("delivery.unknown", "没有这条配送记录。", "There is no such delivery.")
    await reference.find_place(session, delivery.organisation_id, caller=caller, right="delivery.plan")
    if delivery.voided_at is not None:
        raise ConflictingError("delivery.void", "这条配送记录已作废。", "The delivery is void already.")
    delivery.voided_at, delivery.voided_by, delivery.void_reason = datetime.now(UTC), caller.staff_id, reason
    await _forget(session, [delivery])
    unit = delivery.organisation_id
    await audit.record(
        session, caller, "delivery.voided", "delivery.completed", delivery.id, {"reason": reason}, organisation_id=unit
    )
    await _reopen(session, delivery.task_id)
    await events.announce(session, "delivery.voided", delivery.id, unit)


async def _forget(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    await session.flush()
    await cylinders.drop_movements(session, [delivery.id for delivery in deliveries])
    units = {delivery.id: delivery.organisation_id for delivery in deliveries}
    await changes.changed_all(session, "T2-11", units, deleted=True)


async def _reopen(session: AsyncSession, task_id: str) -> None:
    others = select(Delivery.id).where(Delivery.task_id == task_id, Delivery.voided_at.is_(None)).limit(1)
    order = await session.get(DeliveryOrder, task_id, with_for_update=True)
    if order is None or order.status != "done" or await session.scalar(others) is not None:
        return
    order.status, order.status_reason, order.done_at, order.reopened_at = "open", "", None, datetime.now(UTC)
    await session.flush()
    await send(session, order)


async def completed_before(session: AsyncSession, completed: Mapping[str, datetime]) -> None:
    """A driver completed the customers' records first: that their deliveries were entered was no breach (5.8.3-07)."""
    for customer_id, at in sorted(completed.items()):
        early = await session.scalars(select(Delivery.id).where(Delivery.customer_id == customer_id, Delivery.at < at))
        subject = f"customer:{customer_id}"
        await intake.retract_conflicts(
            session,
            subjects=[subject],
            kind_prefix=INCOMPLETE,
            keep=[(INCOMPLETE, (delivery_id, subject)) for delivery_id in early],
        )
