"""Records of deliveries taken into the tables: check, exchange, visits in vain, the vehicle's return."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import Row, insert_new, one_of
from backend.changes import service as changes
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.deliveries.models import Delivery, DeliveryCheck, DepositSlip, FailedVisit, StationReturn
from backend.deliveries.service.settling import settle_orders
from backend.deliveries.service.voiding import INCOMPLETE, void_corrected
from backend.hazards import service as hazards
from backend.intake import service as intake
from backend.positions.rules import point_wkt
from backend.reference import service as reference
from backend.taken import NONE_WAIT, Take, Taken, Waiting
from sync.documents.cylinders import CylindersStored
from sync.documents.deliveries import DeliveryChecked, DeliveryCheckItem, DeliveryCompleted, Signature, VisitFailed
from sync.documents.reference import ListEntry

_Owns = Mapping[tuple[str, str], str]


async def take_deliveries(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    """Everything that was recorded at customers' together, so that each order is settled once."""
    own = await customers.own_ids(session, ((t.record.customer_id, t.company_id) for t in takens))
    await _take_checks(session, _of(takens, DeliveryChecked), own)
    waiting = await _take_exchanges(session, _of(takens, DeliveryCompleted), own)
    await _take_visits(session, _of(takens, VisitFailed), own)
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
    new = await insert_new(session, DeliveryCheck, sorted(rows, key=lambda row: row["id"]))
    fresh = [taken for taken in takens if taken.record.id in new]
    # 入户安检 is done with every delivery; the office reviews the newest (E5.8.3-6).
    await customers.record_papers(
        session, [customers.Paper(taken=t, customer_id=_own(t, own), kind="in_home_check") for t in fresh]
    )
    seen = [(t, _own(t, own), item.result == "pass") for t in fresh for item in t.record.items if _is_alarm(item)]
    await customers.note_checks(session, seen)
    await changes.changed_all(session, "T2-07", {taken.record.id: taken.organisation_id for taken in fresh})
    # A delivery that came before its check says in the regulator's feed how the check ended.
    query = select(Delivery.id, Delivery.organisation_id).where(one_of(Delivery.check_id, new), _stands())
    late = {delivery_id: unit for delivery_id, unit in await session.execute(query)}  # noqa: C416
    await changes.changed_all(session, "T2-11", late)
    await void_corrected(session, DeliveryCheck, new, {t.record.corrects for t in fresh})


def _is_alarm(item: DeliveryCheckItem) -> bool:
    return item.item == customers.CHECK_ITEM and item.result != "not_applicable"


def _stands() -> ColumnElement[bool]:
    return Delivery.voided_at.is_(None)


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
        "list_version": record.list_version,
        "photos": list(record.photos),
        "note": record.note,
        "corrects": record.corrects,
    }


async def _take_exchanges(
    session: AsyncSession, takens: Sequence[Taken[DeliveryCompleted]], own: _Owns
) -> dict[str, Waiting]:
    if not takens:
        return {}
    texts = [(t, "receiver", _name(session, t, t.record.signature)) for t in takens]
    sealed = await _seal(session, texts, own)
    rows = [_exchange(t, own) | {"signature_sealed": sealed.get(f"receiver/{t.record.id}")} for t in takens]
    new = await insert_new(session, Delivery, sorted(rows, key=lambda row: row["id"]))
    fresh = [taken for taken in takens if taken.record.id in new]
    await customers.note_pictures(session, {t.record.signature.photo: _own(t, own) for t in takens})
    await insert_new(session, DepositSlip, [row for t in fresh for row in _slips(t, own)])
    await changes.changed_all(session, "T2-11", {taken.record.id: taken.organisation_id for taken in fresh})
    await _note_incomplete_customers(session, fresh, own)
    await void_corrected(session, Delivery, new, {t.record.corrects for t in fresh})
    # (Also where a record is taken again: what was voided since moves nothing.)
    void = select(Delivery.id).where(one_of(Delivery.id, [t.record.id for t in takens]), ~_stands())
    voided = set(await session.scalars(void))
    moving = [taken for taken in takens if taken.record.id not in voided]
    await cylinders.record_movements(session, [(taken, _scanned(taken.record, _own(taken, own))) for taken in moving])
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
        "signature_photo": record.signature.photo,
        "receiver_relation": record.signature.relation,
        "payment": msgspec.to_builtins(record.payment),
        "photos": list(record.photos),
        "note": record.note,
        "point": point_wkt(record.position),
        "corrects": record.corrects,
    }


def _slips(taken: Taken[DeliveryCompleted], own: _Owns) -> list[Row]:
    return [
        {
            "id": f"{taken.record.id}/{number:02d}",
            "delivery_id": taken.record.id,
            "organisation_id": taken.organisation_id,
            "customer_id": _own(taken, own),
            "staff_id": taken.staff_id,
            "at": taken.recorded_at,
            **msgspec.structs.asdict(slip),
        }
        for number, slip in enumerate(taken.record.deposits, start=1)
    ]


def _name(session: AsyncSession, taken: Taken[Any], carrier: Signature | VisitFailed) -> str:
    """The receiver's or witness's name, sealed on the phone; in clear from one that had no key yet."""
    if carrier.sealed:
        return customers.opened(session, taken.record.id, carrier.sealed) or ""
    return carrier.receiver if isinstance(carrier, Signature) else carrier.witness


async def _seal(session: AsyncSession, texts: Sequence[tuple[Taken[Any], str, str]], own: _Owns) -> dict[str, bytes]:
    """By field and record."""
    given = [customers.Personal(_own(t, own), f"{field}/{t.record.id}", text) for t, field, text in texts if text]
    return await customers.seal_for(session, given)


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
            INCOMPLETE,
            [taken.record.id, f"customer:{customer_id}"],
            {"customer_id": customer_id, "missing": list(missing[customer_id]), "staff_id": taken.staff_id},
        )
        for taken in takens
        if missing[customer_id := _own(taken, own)]
    ]
    await intake.open_conflicts(session, found)


async def _take_visits(session: AsyncSession, takens: Sequence[Taken[VisitFailed]], own: _Owns) -> None:
    sealed = await _seal(session, [(t, "witness", _name(session, t, t.record)) for t in takens], own)
    rows = [_visit(t, own) | {"witness_sealed": sealed.get(f"witness/{t.record.id}")} for t in takens]
    new = await insert_new(session, FailedVisit, sorted(rows, key=lambda row: row["id"]))
    visits = {t.record.id: t.organisation_id for t in takens if t.record.id in new}
    await changes.changed_all(session, "T2-07", visits)
    await void_corrected(session, FailedVisit, new, {t.record.corrects for t in takens})


def _visit(taken: Taken[VisitFailed], own: _Owns) -> Row:
    record = taken.record
    copied = (
        *("outcome", "attempt", "notice_posted", "door_gap_ppm", "next_appointment", "reason", "note"),
        *("door_photo", "notice_photo", "notice_handed_over", "corrects"),
    )
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


async def take_returns(session: AsyncSession, takens: Sequence[Taken[CylindersStored]]) -> Mapping[str, Waiting]:
    """回站入库: the cylinders are at the station again; what did not come back is put before the office."""
    new = await insert_new(session, StationReturn, sorted((_return(t) for t in takens), key=lambda row: row["id"]))
    await cylinders.record_movements(session, [(taken, _stored(taken.record)) for taken in takens])
    short = [
        intake.Contradiction(
            taken.organisation_id,
            "load.missing",
            [taken.record.id],
            {
                "missing": list(taken.record.missing),
                "reason": taken.record.missing_reason,
                "vehicle": taken.record.vehicle,
                "staff_id": taken.staff_id,
            },
        )
        for taken in takens
        if taken.record.missing and taken.record.id in new
    ]
    await intake.open_conflicts(session, short)
    await events.announce_all(
        session,
        [
            events.Event("cylinders.stored", taken.record.id, taken.organisation_id, {"staff_id": taken.staff_id})
            for taken in takens
        ],
    )
    return NONE_WAIT


def _return(taken: Taken[CylindersStored]) -> Row:
    record = taken.record
    return {
        "id": record.id,
        "organisation_id": taken.organisation_id,
        "station_id": record.station_id,
        "vehicle": record.vehicle,
        "staff_id": taken.staff_id,
        "at": taken.recorded_at,
        "full": [each.scan.code for each in record.cylinders if each.full],
        "empty": [each.scan.code for each in record.cylinders if not each.full],
        "missing": list(record.missing),
        "missing_reason": record.missing_reason,
    }


def _stored(record: CylindersStored) -> list[cylinders.Scanned]:
    return [
        cylinders.Scanned(
            kind="stored",
            scan=each.scan,
            vehicle=record.vehicle,
            station_id=record.station_id,
            detail="full" if each.full else "empty",
        )
        for each in record.cylinders
    ]


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
    "cylinders.stored": take_returns,
}
