"""Deliveries, checks and visits that count no more: corrected by a further record, or voided. The fact stays."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend import audit, events
from backend.bulk import one_of
from backend.changes import service as changes
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.deliveries.models import Delivery, DeliveryCheck, DeliveryOrder, FailedVisit
from backend.deliveries.service.orders import send
from backend.deliveries.service.settling import settle_order
from backend.errors import ConflictingError, MissingError
from backend.intake import service as intake
from backend.reference import service as reference
from backend.scope import Caller, scoped
from sync.documents.envelope import tag_of

INCOMPLETE = "delivery.incomplete_customer"
# Which table keeps a record of this type.
_TABLES: dict[str, type[Delivery | DeliveryCheck | FailedVisit]] = {
    "delivery.completed": Delivery,
    "delivery.checked": DeliveryCheck,
    "visit.failed": FailedVisit,
}


async def void_corrected(
    session: AsyncSession, table: Any, new_ids: Collection[str], corrected_ids: Collection[str]
) -> None:
    """Whichever of the two came first: the corrected one is void once both are here. Its own driver alone corrects."""
    wanted = sorted((set(new_ids) | set(corrected_ids)) - {""})
    correction = aliased(table)
    query = (
        select(table, correction.id)
        .join(correction, correction.corrects == table.id)
        .where(
            or_(one_of(table.id, wanted), one_of(correction.id, wanted)),
            table.voided_at.is_(None),
            table.staff_id == correction.staff_id,
            table.id != correction.id,
        )
        .order_by(table.id)
    )
    found = (await session.execute(query)).all()
    for row, by in found:
        row.voided_at, row.voided_by = datetime.now(UTC), row.staff_id
        row.void_reason = f"corrected: {by}"
    await _forget(session, [row for row, _ in found])


async def void_record(session: AsyncSession, caller: Caller, record_id: str, reason: str) -> None:
    """By the office, when a record turns out to be wrong: its order is what it was without it, cylinders were not
    moved. A hazard that a check opened stays: whether there is none, the safety department says.
    """
    tag = tag_of(record_id)
    table: Any = _TABLES.get(tag, Delivery)
    query = scoped(select(table).where(table.id == record_id), table.organisation_id, caller)
    row = await session.scalar(query.with_for_update())
    if row is None:
        raise MissingError("delivery.unknown", "没有这条配送记录。", "There is no such delivery.")
    await reference.find_place(session, row.organisation_id, caller=caller, right="delivery.plan")
    if row.voided_at is not None:
        raise ConflictingError("delivery.void", "这条配送记录已作废。", "The delivery is void already.")
    row.voided_at, row.voided_by, row.void_reason = datetime.now(UTC), caller.staff_id, reason
    await _forget(session, [row])
    unit = row.organisation_id
    await audit.record(session, caller, "delivery.voided", tag, row.id, {"reason": reason}, organisation_id=unit)
    await _reopen(session, row.task_id)
    await settle_order(session, row.task_id)
    await events.announce(session, "delivery.voided", row.id, unit)


async def _forget(session: AsyncSession, rows: Sequence[Delivery | DeliveryCheck | FailedVisit]) -> None:
    await session.flush()
    moved = {row.id: row.organisation_id for row in rows if isinstance(row, Delivery)}
    await cylinders.drop_movements(session, list(moved))
    await changes.changed_all(session, "T2-11", moved, deleted=True)
    seen = {row.id: row.organisation_id for row in rows if not isinstance(row, Delivery)}
    await changes.changed_all(session, "T2-07", seen, deleted=True)
    checks = [row.id for row in rows if isinstance(row, DeliveryCheck)]
    await customers.drop_papers(session, checks)
    # A delivery says how its check ended.
    query = select(Delivery.id, Delivery.organisation_id).where(
        one_of(Delivery.check_id, checks), Delivery.voided_at.is_(None)
    )
    told = {delivery_id: unit for delivery_id, unit in await session.execute(query)}  # noqa: C416
    await changes.changed_all(session, "T2-11", told)


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
