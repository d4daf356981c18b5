"""Records of deliveries taken into the tables: check, exchange, visits in vain."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.changes import service as changes
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.deliveries.models import Delivery, DeliveryCheck, DeliveryOrder, FailedVisit
from backend.deliveries.service.orders import UNDONE, send
from backend.hazards import service as hazards
from backend.intake import service as intake
from backend.positions import service as positions
from backend.positions.rules import point_wkt
from backend.reference import service as reference
from backend.taken import Take, Taken, Waiting
from sync.documents.deliveries import DeliveryChecked, DeliveryCompleted, VisitFailed


async def take_check(session: AsyncSession, taken: Taken[DeliveryChecked]) -> Waiting | None:
    record = taken.record
    hazard_id = None
    if not record.passed:
        words = await reference.words(session, taken.company_id, "delivery_check_item")
        failed = [words[i.item].zh if i.item in words else i.item for i in record.items if i.result == "fail"]
        hazard_id = await hazards.ensure_check_hazard(session, taken, failed=failed)
    row = insert(DeliveryCheck).values(
        id=record.id,
        organisation_id=taken.organisation_id,
        task_id=record.task_id,
        customer_id=await customers.own_id(session, record.customer_id, taken.company_id),
        staff_id=taken.staff_id,
        at=taken.recorded_at,
        items=msgspec.to_builtins(record.items),
        passed=record.passed,
        hazard_id=hazard_id,
        photos=list(record.photos),
        note=record.note,
    )
    await session.execute(row.on_conflict_do_nothing())
    await _settle_order(session, taken)
    await positions.note_seen(session, taken)
    await events.announce(
        session, "delivery.checked", record.id, taken.organisation_id, passed=record.passed, task_id=record.task_id
    )
    return None


async def take_delivery(session: AsyncSession, taken: Taken[DeliveryCompleted]) -> Waiting | None:
    record = taken.record
    signature = record.signature
    customer_id = await customers.own_id(session, record.customer_id, taken.company_id)
    receiver = await customers.seal_for(session, customer_id, f"receiver/{record.id}", signature.receiver)
    row = insert(Delivery).values(
        id=record.id,
        organisation_id=taken.organisation_id,
        task_id=record.task_id,
        customer_id=customer_id,
        check_id=record.check_id,
        staff_id=taken.staff_id,
        device_id=taken.device_id,
        at=taken.recorded_at,
        delivered=msgspec.to_builtins(record.delivered),
        returned=msgspec.to_builtins(record.returned),
        leak_test=msgspec.to_builtins(record.leak_test),
        signature_kind=signature.kind,
        signature_sealed=receiver,
        receiver_relation=signature.relation,
        payment=msgspec.to_builtins(record.payment),
        photos=list(record.photos),
        note=record.note,
        point=point_wkt(record.position),
    )
    new = await session.scalar(row.on_conflict_do_nothing().returning(Delivery.id))
    if new is not None:
        await changes.changed(session, "T2-11", record.id, taken.organisation_id)
        await _note_incomplete_customer(session, taken, customer_id)
    await cylinders.record_movements(session, taken, _movements(record, customer_id))
    await _settle_order(session, taken)
    await positions.note_seen(session, taken)
    await events.announce(session, "delivery.completed", record.id, taken.organisation_id, task_id=record.task_id)
    checked = await session.scalar(select(DeliveryCheck.id).where(DeliveryCheck.id == record.check_id))
    return None if checked is not None else Waiting((record.check_id,))


def _movements(record: DeliveryCompleted, customer_id: str) -> list[cylinders.Scanned]:
    delivered = [cylinders.Scanned(kind="delivered", scan=scan, customer_id=customer_id) for scan in record.delivered]
    returned = [
        cylinders.Scanned(kind="returned", scan=each.scan, customer_id=customer_id, detail=each.fault)
        for each in record.returned
    ]
    return delivered + returned


async def _note_incomplete_customer(session: AsyncSession, taken: Taken[DeliveryCompleted], customer_id: str) -> None:
    """The phone does not let it be entered (5.8.3-07); what was entered all the same is a fact for the office."""
    missing = await customers.missing_of(session, customer_id)
    if missing:
        await intake.open_conflict(
            session,
            taken.organisation_id,
            "delivery.incomplete_customer",
            [taken.record.id],
            {"customer_id": customer_id, "missing": list(missing), "staff_id": taken.staff_id},
        )


async def take_visit(session: AsyncSession, taken: Taken[VisitFailed]) -> Waiting | None:
    record = taken.record
    copied = ("outcome", "attempt", "notice_posted", "door_gap_ppm", "next_appointment", "reason", "note")
    row = insert(FailedVisit).values(
        id=record.id,
        organisation_id=taken.organisation_id,
        task_id=record.task_id,
        customer_id=await customers.own_id(session, record.customer_id, taken.company_id),
        staff_id=taken.staff_id,
        at=taken.recorded_at,
        photos=list(record.photos),
        point=point_wkt(record.position),
        **{name: getattr(record, name) for name in copied},
    )
    await session.execute(row.on_conflict_do_nothing())
    await _settle_order(session, taken)
    await positions.note_seen(session, taken)
    await events.announce(session, "visit.failed", record.id, taken.organisation_id, outcome=record.outcome)
    return None


async def _settle_order(session: AsyncSession, taken: Taken[Any]) -> None:
    """The order's status from all that was recorded for it, in whatever order it came."""
    task_id = taken.record.task_id
    order = await session.scalar(select(DeliveryOrder).where(DeliveryOrder.id == task_id).with_for_update())
    if order is None or order.company_id != taken.company_id:
        return
    if order.status in {"withdrawn", "reassigned"} or order.staff_id != taken.staff_id:
        kind = f"order.{order.status}" if order.staff_id == taken.staff_id else "order.other_staff"
        facts = {"order_number": order.order_number, "staff_id": taken.staff_id, "at": taken.recorded_at}
        await intake.open_conflict(session, order.organisation_id, kind, [taken.record.id, order.id], facts)
        return
    done_at = await session.scalar(select(func.min(Delivery.at)).where(_of(Delivery, order)))
    visits = (
        await session.scalars(
            select(FailedVisit).where(_of(FailedVisit, order)).order_by(FailedVisit.at, FailedVisit.id)
        )
    ).all()
    order.attempt = len(visits) + 1
    if done_at is not None:
        order.status, order.status_reason, order.done_at = "done", "", done_at
    elif order.status in UNDONE:
        await _settle_undone(session, order, visits)
    await session.flush()
    await send(session, order)


def _of(table: type[Delivery | DeliveryCheck | FailedVisit], order: DeliveryOrder) -> ColumnElement[bool]:
    """What the order's own driver recorded for it: somebody else's record is a conflict and settles nothing."""
    return and_(table.task_id == order.id, table.staff_id == order.staff_id)


async def _settle_undone(session: AsyncSession, order: DeliveryOrder, visits: Sequence[FailedVisit]) -> None:
    check = await session.scalar(
        select(DeliveryCheck)
        .where(_of(DeliveryCheck, order))
        .order_by(DeliveryCheck.at.desc(), DeliveryCheck.id.desc())
        .limit(1)
    )
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


TAKES: dict[str, Take] = {
    "delivery.checked": take_check,
    "delivery.completed": take_delivery,
    "visit.failed": take_visit,
}
