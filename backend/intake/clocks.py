"""What PostGIS remembers of the phones' clocks, so that a wrong one can be corrected."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import one_of, upsert_rows
from backend.intake.models import DeviceClock
from backend.intake.rules import Clock, corrected, learned
from sync.documents.envelope import Record

Boot = tuple[str, str]


async def learn(
    session: AsyncSession, records: Sequence[Record], received_at: datetime, offsets: Mapping[str, float | None]
) -> dict[Boot, Clock]:
    """The clock of each boot that these records come from, with what the whole batch tells of it."""
    boots = sorted({_boot(record) for record in records})
    rows = await session.execute(
        select(DeviceClock.device_id, DeviceClock.boot_id, DeviceClock.booted_at, DeviceClock.booted_before).where(
            one_of(DeviceClock.device_id, {device_id for device_id, _ in boots}),
            one_of(DeviceClock.boot_id, {boot_id for _, boot_id in boots}),
        )
    )
    before = {(device_id, boot_id): Clock(booted_at, at_latest) for device_id, boot_id, booted_at, at_latest in rows}
    known = {boot: before[boot] for boot in boots if boot in before}
    for record in records:
        boot = _boot(record)
        clock = known.get(boot, Clock())
        known[boot] = learned(
            Clock(clock.booted_at, clock.booted_before, offsets.get(record.device_id)), record.recorded, received_at
        )
    news = [boot for boot in boots if _told(known[boot]) != _told(before.get(boot, Clock()))]
    await upsert_rows(
        session,
        DeviceClock,
        [
            {
                "device_id": device_id,
                "boot_id": boot_id,
                "booted_at": known[device_id, boot_id].booted_at,
                "booted_before": known[device_id, boot_id].booted_before,
            }
            for device_id, boot_id in news
        ],
        key=("device_id", "boot_id"),
    )
    return known


def recorded_at(known: Mapping[Boot, Clock], record: Record, received_at: datetime) -> datetime:
    return corrected(record.recorded, received_at, known[_boot(record)])


def _boot(record: Record) -> Boot:
    return record.device_id, record.recorded.boot_id


def _told(clock: Clock) -> tuple[datetime | None, datetime | None]:
    return clock.booted_at, clock.booted_before
