"""Records of deliveries taken into the tables: check, exchange, visits in vain."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import Row, insert_new, one_of
from backend.changes import service as changes
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.deliveries.models import Delivery, DeliveryCheck, FailedVisit
from backend.deliveries.service.settling import settle_orders
from backend.hazards import service as hazards
from backend.intake import service as intake
from backend.positions.rules import point_wkt
from backend.reference import service as reference
from backend.taken import Take, Taken, Waiting
from sync.documents.deliveries import DeliveryChecked, DeliveryCompleted, VisitFailed
from sync.documents.reference import ListEntry

_Owns = Mapping[tuple[str, str], str]


async def take_deliveries(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    """Everything that was recorded at customers' together, so that each order is settled once."""
    own = await customers.own_ids(session, ((t.record.customer_id, t.company_id) for t in takens))
    await _take_checks(session, _of(takens, DeliveryChecked), own)
    waiting = await _take_exchanges(session, _of(takens, DeliveryCompleted), own)
    visits = [_visit(taken, own) for taken in _of(takens, VisitFailed)]
    await insert_new(session, FailedVisit, sorted(visits, key=lambda row: row["id"]))
    await settle_orders(session, takens)
    await events.announce_all(session, [_event(taken) for taken in takens])
    return waiting


def _of(takens: Sequence[Taken[Any]], kind: type[Any]) -> list[Taken[Any]]:
    return [taken for taken in takens if isinstance(taken.record, kind)]


def _own(taken: Taken[Any], own: _Owns) -> str:
    return own[taken.record.customer_id, taken.company_id]


async def _take_checks(session: AsyncSession, takens: Sequence[Taken[DeliveryChecked]], own: _Owns) -> None:
    words: dict[str, dict[str, ListEntry]] = {}
    failed = [taken for taken in takens if not taken.record.passed]
    for company_id in sorted({taken.company_id for taken in failed}):
        words[company_id] = await reference.words(session, company_id, "delivery_check_item")
    found = await hazards.ensure_check_hazards(session, [(t, _failed(t, words[t.company_id])) for t in failed])
    rows = [_check(taken, own) | {"hazard_id": found.get(taken.record.id)} for taken in takens]
    await insert_new(session, DeliveryCheck, sorted(rows, key=lambda row: row["id"]))


def _failed(taken: Taken[DeliveryChecked], words: Mapping[str, ListEntry]) -> list[str]:
    items = [item.item for item in taken.record.items if item.result == "fail"]
    return [words[item].zh if item in words else item for item in items]


def _check(taken: Taken[DeliveryChecked], own: _Owns) -> Row:
    record = taken.record
    return {
        "id": record.id,
        "organisation_id": taken.organisation_id,
        "task_id": record.task_id,
        "customer_id": _own(taken, own),
        "staff_id": taken.staff_id,
        "at": taken.recorded_at,
        "items": msgspec.to_builtins(record.items),
        "passed": record.passed,
        "photos": list(record.photos),
        "note": record.note,
    }


async def _take_exchanges(
    session: AsyncSession, takens: Sequence[Taken[DeliveryCompleted]], own: _Owns
) -> dict[str, Waiting]:
    if not takens:
        return {}
    sealed = await customers.seal_for(
        session,
        [customers.Personal(_own(t, own), f"receiver/{t.record.id}", t.record.signature.receiver) for t in takens],
    )
    rows = [_exchange(t, own) | {"signature_sealed": sealed.get(f"receiver/{t.record.id}")} for t in takens]
    new = await insert_new(session, Delivery, sorted(rows, key=lambda row: row["id"]))
    fresh = [taken for taken in takens if taken.record.id in new]
    await changes.changed_all(session, "T2-11", {taken.record.id: taken.organisation_id for taken in fresh})
    await _note_incomplete_customers(session, fresh, own)
    await cylinders.record_movements(session, [(taken, _scanned(taken.record, _own(taken, own))) for taken in takens])
    checks = {taken.record.check_id for taken in takens}
    here = set(await session.scalars(select(DeliveryCheck.id).where(one_of(DeliveryCheck.id, checks))))
    return {t.record.id: Waiting((t.record.check_id,)) for t in takens if t.record.check_id not in here}


def _exchange(taken: Taken[DeliveryCompleted], own: _Owns) -> Row:
    record = taken.record
    return {
        "id": record.id,
        "organisation_id": taken.organisation_id,
        "task_id": record.task_id,
        "customer_id": _own(taken, own),
        "check_id": record.check_id,
        "staff_id": taken.staff_id,
        "device_id": taken.device_id,
        "at": taken.recorded_at,
        "delivered": msgspec.to_builtins(record.delivered),
        "returned": msgspec.to_builtins(record.returned),
        "leak_test": msgspec.to_builtins(record.leak_test),
        "signature_kind": record.signature.kind,
        "receiver_relation": record.signature.relation,
        "payment": msgspec.to_builtins(record.payment),
        "photos": list(record.photos),
        "note": record.note,
        "point": point_wkt(record.position),
    }


def _scanned(record: DeliveryCompleted, customer_id: str) -> list[cylinders.Scanned]:
    delivered = [cylinders.Scanned(kind="delivered", scan=scan, customer_id=customer_id) for scan in record.delivered]
    returned = [
        cylinders.Scanned(kind="returned", scan=each.scan, customer_id=customer_id, detail=each.fault)
        for each in record.returned
    ]
    return delivered + returned


async def _note_incomplete_customers(
    session: AsyncSession, takens: Sequence[Taken[DeliveryCompleted]], own: _Owns
) -> None:
    """The phone does not let them be entered (5.8.3-07); what was entered all the same is a fact for the office."""
    if not takens:
        return
    missing = await customers.missing_of(session, sorted({_own(taken, own) for taken in takens}))
    found = [
        intake.Contradiction(
            taken.organisation_id,
            "delivery.incomplete_customer",
            [taken.record.id],
            {"customer_id": customer_id, "missing": list(missing[customer_id]), "staff_id": taken.staff_id},
        )
        for taken in takens
        if missing[customer_id := _own(taken, own)]
    ]
    await intake.open_conflicts(session, found)


def _visit(taken: Taken[VisitFailed], own: _Owns) -> Row:
    record = taken.record
    copied = ("outcome", "attempt", "notice_posted", "door_gap_ppm", "next_appointment", "reason", "note")
    return {
        "id": record.id,
        "organisation_id": taken.organisation_id,
        "task_id": record.task_id,
        "customer_id": _own(taken, own),
        "staff_id": taken.staff_id,
        "at": taken.recorded_at,
        "photos": list(record.photos),
        "point": point_wkt(record.position),
        **{name: getattr(record, name) for name in copied},
    }


def _event(taken: Taken[Any]) -> events.Event:
    record, unit = taken.record, taken.organisation_id
    if isinstance(record, DeliveryChecked):
        return events.Event("delivery.checked", record.id, unit, {"passed": record.passed, "task_id": record.task_id})
    if isinstance(record, DeliveryCompleted):
        return events.Event("delivery.completed", record.id, unit, {"task_id": record.task_id})
    return events.Event("visit.failed", record.id, unit, {"outcome": record.outcome})


TAKES: dict[str, Take] = {
    "delivery.checked": take_deliveries,
    "delivery.completed": take_deliveries,
    "visit.failed": take_deliveries,
}
