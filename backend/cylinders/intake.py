"""Loading and refusals of cylinders taken into their chains."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.cylinders.service import Scanned, record_movements
from backend.positions import service as positions
from backend.taken import Take, Taken, Waiting
from sync.documents.cylinders import CylinderRefused, CylindersLoaded


async def take_loading(session: AsyncSession, taken: Taken[CylindersLoaded]) -> Waiting | None:
    record = taken.record
    await record_movements(
        session,
        taken,
        [
            Scanned(kind="loaded", scan=scan, vehicle=record.vehicle, station_id=record.station_id)
            for scan in record.cylinders
        ],
    )
    await positions.note_seen(session, taken)
    await events.announce(
        session,
        "cylinders.loaded",
        record.id,
        taken.organisation_id,
        staff_id=taken.staff_id,
        count=len(record.cylinders),
    )
    return None


async def take_refusal(session: AsyncSession, taken: Taken[CylinderRefused]) -> Waiting | None:
    record = taken.record
    detail = f"{record.purpose}: {', '.join(record.reasons)}"
    await record_movements(session, taken, [Scanned(kind="refused", scan=record.scan, detail=detail)])
    await positions.note_seen(session, taken)
    await events.announce(
        session,
        "cylinder.refused",
        record.id,
        taken.organisation_id,
        code=record.scan.code,
        reasons=list(record.reasons),
    )
    return None


TAKES: dict[str, Take] = {"cylinders.loaded": take_loading, "cylinder.refused": take_refusal}
