"""What the office itself records of cylinders: sent to inspection and back, scrapped. (Phones: `movements.py`.)"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import insert_new
from backend.cylinders.models import Cylinder, CylinderMovement
from backend.cylinders.rules import MovementKind
from backend.cylinders.service.movements import refold
from backend.scope import Caller
from sync.databases import BEIJING

_NOON = time(12)


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


def moment_of(day: date) -> datetime:
    """A form tells a day: now, where it is today; else noon in Beijing."""
    now = datetime.now(UTC)
    return now if day == now.astimezone(BEIJING).date() else datetime.combine(day, _NOON, BEIJING).astimezone(UTC)
