"""What the office itself records of cylinders: sent to inspection and back, scrapped. (Phones: `movements.py`.)"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.bulk import insert_new, one_of
from backend.changes import service as changes
from backend.cylinders.models import Cylinder, CylinderMovement
from backend.cylinders.rules import MovementKind
from backend.cylinders.service.movements import refold
from backend.cylinders.service.posting import document
from backend.intake import service as intake
from backend.scope import Caller, scoped
from sync.databases import BEIJING

_NOON = time(12)
_INSPECTED = ("last_inspected_on", "inspected_by", "next_inspection_on", "service_ends_on", "inspection_failed")


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    cylinder: Cylinder
    passed: bool
    inspected_on: date
    inspected_by: str
    next_inspection_on: date | None = None
    service_ends_on: date | None = None


class OfficeMovement(msgspec.Struct, frozen=True, kw_only=True):
    """`record_id` names what the office wrote, such as a batch: the same twice moves once."""

    record_id: str
    kind: MovementKind
    cylinder: Cylinder
    at: datetime
    station_id: str = ""
    inspection_body: str = ""
    detail: str = ""


async def record_office_movements(
    session: AsyncSession, caller: Caller | None, moves: Sequence[OfficeMovement]
) -> None:
    """Folded among what phones recorded, by time."""
    rows = [
        {
            "record_id": move.record_id,
            "organisation_id": move.cylinder.organisation_id,
            "company_id": move.cylinder.company_id,
            "cylinder_id": move.cylinder.id,
            "code": move.cylinder.code,
            "kind": move.kind,
            "at": move.at,
            "staff_id": caller.staff_id if caller else "",
            "station_id": move.station_id,
            "method": "office",
            "detail": move.detail,
            "inspection_body": move.inspection_body,
            "point": None,
        }
        for move in sorted(moves, key=lambda move: (move.record_id, move.kind, move.cylinder.code))
    ]
    await insert_new(session, CylinderMovement, rows)
    await refold(session, {move.cylinder.id for move in moves})


async def lock_cylinders(
    session: AsyncSession, caller: Caller, company_id: str, codes: Collection[str]
) -> dict[str, Cylinder]:
    """By code, those of the company that the caller reaches; locked in one order until the commit."""
    theirs = select(Cylinder).where(Cylinder.company_id == company_id, one_of(Cylinder.code, sorted(codes)))
    query = scoped(theirs, Cylinder.organisation_id, caller)
    locked = query.order_by(Cylinder.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    return {cylinder.code: cylinder for cylinder in await session.scalars(locked)}


async def note_inspected(session: AsyncSession, caller: Caller, inspected: Sequence[Inspected]) -> None:
    """The archive after an inspection: its dates, or that it waits to be scrapped; phones hear of it."""
    facts: dict[str, dict[str, Any]] = {}
    for each in inspected:
        cylinder = each.cylinder
        before = {name: getattr(cylinder, name) for name in _INSPECTED}
        cylinder.inspection_failed = not each.passed
        cylinder.last_inspected_on, cylinder.inspected_by = each.inspected_on, each.inspected_by
        if each.passed:
            cylinder.next_inspection_on, cylinder.service_ends_on = each.next_inspection_on, each.service_ends_on
        after = {name: getattr(cylinder, name) for name in _INSPECTED}
        changed = {name: value for name, value in after.items() if value != before[name]}
        facts[cylinder.id] = {
            "code": cylinder.code,
            "before": {name: _plain(before[name]) for name in changed},
            "after": {name: _plain(value) for name, value in changed.items()},
        }
    await session.flush()
    organisations = {each.cylinder.id: each.cylinder.organisation_id for each in inspected}
    await audit.record_all(session, caller, "cylinder.inspected", "cylinder", facts, organisations)
    await changes.changed_all(session, "T2-05", organisations)
    for unit_id in sorted(set(organisations.values())):
        theirs = [document(each.cylinder) for each in inspected if each.cylinder.organisation_id == unit_id]
        await intake.post_all(session, unit_id=unit_id, documents=theirs)
        await events.announce(session, "cylinder.changed", "", unit_id, count=len(theirs))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


async def withdraw_movement(session: AsyncSession, cylinder: Cylinder, record_id: str) -> None:
    """What the office wrote by mistake stays in the chain and moves nothing."""
    theirs = (CylinderMovement.cylinder_id == cylinder.id, CylinderMovement.record_id == record_id)
    await session.execute(update(CylinderMovement).where(*theirs).values(withdrawn_at=datetime.now(UTC)))
    await refold(session, [cylinder.id])


def moment_of(day: date) -> datetime:
    """A form tells a day: now, where it is today; else noon in Beijing."""
    now = datetime.now(UTC)
    return now if day == now.astimezone(BEIJING).date() else datetime.combine(day, _NOON, BEIJING).astimezone(UTC)
