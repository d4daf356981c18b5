"""Alarms, what ended them and a station's readings taken into the tables, in any order of arrival."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.alarms.models import StationAlarm, StationReading, StationState
from backend.alarms.rules import is_serious
from backend.bulk import Row, insert_new, one_of, upsert_rows
from backend.taken import NONE_WAIT, Take, Taken, Waiting
from sync.documents.alarms import AlarmCleared, AlarmRaised, FireWaterStarted, StationReadings


async def take_alarms(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    """All three kinds together; what names an alarm that is still to come waits for it."""
    raised = [taken for taken in takens if isinstance(taken.record, AlarmRaised)]
    await insert_new(session, StationAlarm, sorted(map(_alarm, raised), key=lambda row: row["id"]))
    later = [taken for taken in takens if not isinstance(taken.record, AlarmRaised)]
    named = {taken.record.alarm_id for taken in later}
    here = set(await session.scalars(select(StationAlarm.id).where(one_of(StationAlarm.id, named)))) if named else set()
    for taken in later:
        if taken.record.alarm_id in here:
            await (_clear if isinstance(taken.record, AlarmCleared) else _note_fire_water)(session, taken)
    await events.announce_all(session, [_event(taken) for taken in takens])
    return {t.record.id: Waiting((t.record.alarm_id,)) for t in later if t.record.alarm_id not in here}


async def take_readings(session: AsyncSession, takens: Sequence[Taken[StationReadings]]) -> Mapping[str, Waiting]:
    rows = sorted(map(_reading, takens), key=lambda row: (row["at"], row["id"]))
    await insert_new(session, StationReading, sorted(rows, key=lambda row: row["id"]))
    newest = {(row["organisation_id"], row["station_code"]): row for row in rows}
    await upsert_rows(
        session,
        StationState,
        [
            {("reading_id" if name == "id" else name): newest[key][name] for name in newest[key]}
            for key in sorted(newest)
        ],
        key=("organisation_id", "station_code"),
        where="(excluded.at, excluded.reading_id) > (t.at, t.reading_id)",
    )
    told = [
        events.Event("alarm.readings", t.record.id, t.organisation_id, {"station": t.record.station}) for t in takens
    ]
    await events.announce_all(session, told)
    return NONE_WAIT


def _place(taken: Taken[Any]) -> Row:
    return {
        "id": taken.record.id,
        "organisation_id": taken.organisation_id,
        "company_id": taken.company_id,
        "station_code": taken.record.station,
    }


def _alarm(taken: Taken[AlarmRaised]) -> Row:
    record = taken.record
    copied = ("sensor", "sensor_name", "kind", "reason", "value", "unit")
    return {
        **_place(taken),
        **{name: getattr(record, name) for name in copied},
        "limit_value": record.limit,
        "serious": is_serious(record.reason),
        "raised_at": taken.recorded_at,
    }


def _reading(taken: Taken[StationReadings]) -> Row:
    sensors = msgspec.to_builtins(taken.record.sensors)
    return {**_place(taken), "at": taken.recorded_at, "sensors": sensors, "pump_runs": taken.record.pump_runs}


async def _clear(session: AsyncSession, taken: Taken[AlarmCleared]) -> None:
    """The earliest counts, where two say it; only the unit that raised an alarm ends it."""
    later = or_(StationAlarm.cleared_at.is_(None), StationAlarm.cleared_at > taken.recorded_at)
    await session.execute(
        update(StationAlarm)
        .where(*_its_alarm(taken), later)
        .values(cleared_at=taken.recorded_at, cleared_value=taken.record.value)
    )


async def _note_fire_water(session: AsyncSession, taken: Taken[FireWaterStarted]) -> None:
    """A start after which the pump was seen running counts before one without; of equals the earliest."""
    running = taken.record.running
    first = or_(
        StationAlarm.fire_water_at.is_(None),
        and_(StationAlarm.fire_water_runs.is_(False), literal(running)),
        and_(StationAlarm.fire_water_runs.is_(running), StationAlarm.fire_water_at > taken.recorded_at),
    )
    await session.execute(
        update(StationAlarm)
        .where(*_its_alarm(taken), first)
        .values(fire_water_at=taken.recorded_at, fire_water_runs=running)
    )


def _its_alarm(taken: Taken[Any]) -> tuple[Any, ...]:
    return (
        StationAlarm.id == taken.record.alarm_id,
        StationAlarm.organisation_id == taken.organisation_id,
        StationAlarm.station_code == taken.record.station,
    )


def _event(taken: Taken[Any]) -> events.Event:
    kind = str(taken.record.__struct_config__.tag)
    kind = "alarm.fire_water" if isinstance(taken.record, FireWaterStarted) else kind
    return events.Event(kind, taken.record.id, taken.organisation_id, {"station": taken.record.station})


TAKES: dict[str, Take] = {
    "alarm.raised": take_alarms,
    "alarm.cleared": take_alarms,
    "fire_water.started": take_alarms,
    "station.readings": take_readings,
}
