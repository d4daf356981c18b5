"""What PostGIS remembers of the phones' clocks, so that a wrong one can be corrected."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.intake.models import DeviceClock
from backend.intake.rules import Clock, corrected, learned
from sync.documents.envelope import Record

Boot = tuple[str, str]


async def learn(
    session: AsyncSession, records: Sequence[Record], received_at: datetime, offsets: Mapping[str, float | None]
) -> dict[Boot, Clock]:
    """The clock of each boot that these records come from, with what the whole batch tells of it."""
    boots = sorted({_boot(record) for record in records})
    rows = await session.scalars(
        select(DeviceClock).where(tuple_(DeviceClock.device_id, DeviceClock.boot_id).in_(boots))
    )
    known = {(row.device_id, row.boot_id): Clock(row.booted_at, row.booted_before) for row in rows}
    for record in records:
        boot = _boot(record)
        clock = known.get(boot, Clock())
        known[boot] = learned(
            Clock(clock.booted_at, clock.booted_before, offsets.get(record.device_id)), record.recorded, received_at
        )
    row = insert(DeviceClock)
    await session.execute(
        row.on_conflict_do_update(
            index_elements=["device_id", "boot_id"],
            set_={"booted_at": row.excluded.booted_at, "booted_before": row.excluded.booted_before},
        ),
        [
            {
                "device_id": device_id,
                "boot_id": boot_id,
                "booted_at": known[device_id, boot_id].booted_at,
                "booted_before": known[device_id, boot_id].booted_before,
            }
            for device_id, boot_id in boots
        ],
    )
    return known


def recorded_at(known: Mapping[Boot, Clock], record: Record, received_at: datetime) -> datetime:
    return corrected(record.recorded, received_at, known[_boot(record)])


def _boot(record: Record) -> Boot:
    return record.device_id, record.recorded.boot_id
