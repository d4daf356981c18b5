"""What was recorded of cylinders, of every kind, also of those whose documents other tests are about."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.cylinders import service as cylinders
from backend.cylinders.models import Cylinder
from backend.cylinders.rules import MovementKind
from backend.taken import Taken
from sync.documents.cylinders import CylindersLoaded
from tests.factories.deliveries import Station, scan
from tests.factories.taken import HERE, record, taken_of

Recorded = tuple[Taken[Any], list[cylinders.Scanned]]


def moved(
    station: Station, kind: MovementKind, code: str, at: datetime, *, by: Staff | None = None, **fields: Any
) -> Recorded:
    """One cylinder in one record; a station's own kinds happen at the station unless `fields` say otherwise."""
    staff = by or station.driver
    where: dict[str, Any] = {"customer_id": station.customer_id} if kind in {"delivered", "returned"} else {}
    if kind in {"bound", "filled", "stored", "loaded", "inspected"}:
        where["station_id"] = station.company.unit.id
    if kind == "sent_out":
        where["inspection_body"] = "演示检验所"
    given = where | fields
    document = record(CylindersLoaded, staff, station_id="-", cylinders=(scan(code),), position=HERE)
    return taken_of(station.company, staff, document, at), [cylinders.Scanned(kind=kind, scan=scan(code), **given)]


async def arrive(session: AsyncSession, *recorded: Recorded) -> None:
    await cylinders.record_movements(session, recorded)
    await session.flush()


async def fall_silent(session: AsyncSession, code: str) -> None:
    """Nothing was heard of it for 300 days."""
    heard = datetime.now(UTC) - timedelta(days=300)
    await session.execute(update(Cylinder).where(Cylinder.code == code).values(last_heard_at=heard))


class Known(msgspec.Struct, frozen=True):
    """What the office knows of a cylinder: who holds it, who held it, and what is before it in the inbox."""

    holder: tuple[str, str, datetime, str]
    stays: tuple[tuple[Any, ...], ...]
    conflicts: frozenset[tuple[str, tuple[str, ...]]]
