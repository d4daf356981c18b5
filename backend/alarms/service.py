"""Alarms of stations as the office sees them and deals with them, and what each sensor says now."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.alarms.models import StationAlarm, StationReading, StationState
from backend.alarms.rules import SILENT_AFTER, since_when, state_now
from backend.alarms.schemas import Acknowledgement, AlarmOut, MinuteOut, SensorOut, StationStateOut
from backend.errors import ConflictingError, MissingError
from backend.pages import Page
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.stations import service as stations
from sync.documents.alarms import SensorReading

_COMPUTED = {"organisation_name", "station_id", "station_name", "acknowledged_by_name"}
_COPIED = tuple(name for name in AlarmOut.__struct_fields__ if name not in _COMPUTED)
# A week of minutes.
MINUTES_MOST = 10_080


async def list_alarms(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    station_code: str = "",
    organisation_id: str = "",
    kind: str = "",
    reason: str = "",
    serious: bool | None = None,
    is_open: bool | None = None,
    acknowledged: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Page[AlarmOut]:
    """Newest first; `is_open`: not cleared yet. `search`: part of the sensor's name or the station's code."""
    wanted: list[ColumnElement[bool]] = [within(StationAlarm.organisation_id, caller)]
    pairs = (
        (StationAlarm.station_code, station_code),
        (StationAlarm.organisation_id, organisation_id),
        (StationAlarm.kind, kind),
        (StationAlarm.reason, reason),
    )
    wanted += [column == value for column, value in pairs if value]
    if search:
        parts = (StationAlarm.sensor_name, StationAlarm.station_code)
        wanted.append(parts[0].icontains(search, autoescape=True) | parts[1].icontains(search, autoescape=True))
    if serious is not None:
        wanted.append(StationAlarm.serious.is_(serious))
    for column, asked in ((StationAlarm.cleared_at, is_open), (StationAlarm.acknowledged_at, _not(acknowledged))):
        if asked is not None:
            wanted.append(column.is_(None) if asked else column.is_not(None))
    if since is not None:
        wanted.append(StationAlarm.raised_at >= since)
    if until is not None:
        wanted.append(StationAlarm.raised_at < until)
    total = await session.scalar(select(func.count(StationAlarm.id)).where(*wanted))
    query = select(StationAlarm).where(*wanted).order_by(StationAlarm.raised_at.desc(), StationAlarm.id.desc())
    rows = await session.scalars(query.limit(limit).offset(offset).execution_options(populate_existing=True))
    return Page(await _lines(session, rows.all()), total or 0)


def _not(asked: bool | None) -> bool | None:  # noqa: FBT001 - three values
    return None if asked is None else not asked


async def find_alarm(session: AsyncSession, caller: Caller, alarm_id: str) -> AlarmOut:
    return (await _lines(session, [await _find(session, caller, alarm_id)]))[0]


async def acknowledge_alarm(session: AsyncSession, caller: Caller, alarm_id: str, given: Acknowledgement) -> AlarmOut:
    """Whoever deals with it says what was done; open or cleared, an alarm is acknowledged once."""
    row = await _find(session, caller, alarm_id, change=True)
    await reference.find_place(session, row.organisation_id, caller=caller, right="alarm.handle")
    if row.acknowledged_at is not None:
        raise ConflictingError("alarm.acknowledged", "这条报警已有人处理。", "Somebody has dealt with it already.")
    row.acknowledged_at, row.acknowledged_by = datetime.now(UTC), caller.staff_id
    row.action = given.action.strip()
    await session.flush()
    facts = {"station": row.station_code, "sensor": row.sensor, "reason": row.reason, "action": row.action}
    place = row.organisation_id
    await audit.record(session, caller, "alarm.acknowledged", "alarm", row.id, facts, organisation_id=place)
    await events.announce(session, "alarm.acknowledged", row.id, place)
    return (await _lines(session, [row]))[0]


async def _find(session: AsyncSession, caller: Caller, alarm_id: str, *, change: bool = False) -> StationAlarm:
    query = scoped(select(StationAlarm).where(StationAlarm.id == alarm_id), StationAlarm.organisation_id, caller)
    query = query.execution_options(populate_existing=True)
    row: StationAlarm | None = await session.scalar(query.with_for_update() if change else query)
    if row is None:
        raise MissingError("alarm.unknown", "没有这条报警。", "There is no such alarm.")
    return row


async def _lines(session: AsyncSession, rows: Sequence[StationAlarm]) -> list[AlarmOut]:
    places = await accounts.organisations_by_id(session, [row.organisation_id for row in rows])
    known = await stations.by_code(session, [(row.company_id, row.station_code) for row in rows])
    names = await accounts.staff_names(session, [row.acknowledged_by for row in rows if row.acknowledged_by])
    lines = []
    for row in rows:
        station_id, station_name = known.get((row.company_id, row.station_code), ("", row.station_code))
        lines.append(
            AlarmOut(
                organisation_name=places[row.organisation_id].name,
                station_id=station_id,
                station_name=station_name,
                acknowledged_by_name=names.get(row.acknowledged_by, ""),
                **{name: getattr(row, name) for name in _COPIED},
            )
        )
    return lines


async def count_unhandled(session: AsyncSession, caller: Caller) -> int:
    """Nobody has said what was done about them."""
    query = select(func.count(StationAlarm.id)).where(StationAlarm.acknowledged_at.is_(None))
    return await session.scalar(scoped(query, StationAlarm.organisation_id, caller)) or 0


# What the sensors say now


async def list_states(session: AsyncSession, caller: Caller, *, silent: bool | None = None) -> list[StationStateOut]:
    """Every station that is monitored."""
    query = scoped(select(StationState), StationState.organisation_id, caller)
    if silent is not None:
        heard = StationState.at >= datetime.now(UTC) - SILENT_AFTER
        query = query.where(~heard if silent else heard)
    query = query.order_by(StationState.station_code, StationState.organisation_id)
    rows = await session.scalars(query.execution_options(populate_existing=True))
    return await _states(session, rows.all())


async def state_of(session: AsyncSession, caller: Caller, station_id: str) -> StationStateOut | None:
    """None for a station of which nothing was ever heard."""
    station = await stations.find_station(session, caller, station_id)
    place = await reference.find_place(session, station.organisation_id)
    query = scoped(select(StationState), StationState.organisation_id, caller).where(
        StationState.station_code == station.code, StationState.company_id == place.company_id
    )
    rows = await session.scalars(query.order_by(StationState.at.desc()).execution_options(populate_existing=True))
    return next(iter(await _states(session, rows.all())), None)


async def _states(session: AsyncSession, rows: Sequence[StationState]) -> list[StationStateOut]:
    now = datetime.now(UTC)
    places = await accounts.organisations_by_id(session, [row.organisation_id for row in rows])
    known = await stations.by_code(session, [(row.company_id, row.station_code) for row in rows])
    counted = await session.execute(
        select(StationAlarm.organisation_id, StationAlarm.station_code, func.count())
        .where(
            StationAlarm.organisation_id.in_({row.organisation_id for row in rows}), StationAlarm.cleared_at.is_(None)
        )
        .group_by(StationAlarm.organisation_id, StationAlarm.station_code)
    )
    standing = {(place, code): count for place, code, count in counted}
    found = []
    for row in rows:
        station_id, station_name = known.get((row.company_id, row.station_code), ("", row.station_code))
        found.append(
            StationStateOut(
                organisation_id=row.organisation_id,
                organisation_name=places[row.organisation_id].name,
                station_id=station_id,
                station_code=row.station_code,
                station_name=station_name,
                at=row.at,
                silent=now - row.at > SILENT_AFTER,
                pump_runs=row.pump_runs if now - row.at <= SILENT_AFTER else None,
                sensors=[_sensor(reading, row.at, now) for reading in _readings(row)],
                open_alarms=standing.get((row.organisation_id, row.station_code), 0),
            )
        )
    return found


def _readings(row: StationState) -> list[SensorReading]:
    return msgspec.convert(row.sensors, list[SensorReading])


def _sensor(reading: SensorReading, heard_at: datetime, now: datetime) -> SensorOut:
    return SensorOut(
        sensor=reading.sensor,
        name=reading.name,
        kind=reading.kind,
        unit=reading.unit,
        value=reading.value,
        least=reading.least,
        most=reading.most,
        state=state_now(reading.state, heard_at, now),
        since=since_when(reading.state_age_s, heard_at, now),
    )


async def list_minutes(
    session: AsyncSession, caller: Caller, station_code: str, *, since: datetime, until: datetime
) -> list[MinuteOut]:
    """A station's minutes in their order, at most a week of them."""
    query = scoped(select(StationReading), StationReading.organisation_id, caller).where(
        StationReading.station_code == station_code, StationReading.at >= since, StationReading.at < until
    )
    rows = await session.scalars(query.order_by(StationReading.at, StationReading.id).limit(MINUTES_MOST))
    return [MinuteOut(at=row.at, sensors=row.sensors, pump_runs=row.pump_runs) for row in rows]
