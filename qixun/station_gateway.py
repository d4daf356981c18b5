"""`qixun station-gateway`, the station's PC: looks every second, raises alarms and starts the fire water.

It works alone: neither the office, nor the network, nor this PC's own disk is asked before the fire water is started.
What it saw becomes records in the same store that a phone has, so that they are sent, answered and taken like a
worker's, whenever the network is there. A monitoring aid; it does not replace a certified alarm and shutdown system.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from device_bridge.errors import DeviceError, DeviceGarbled
from device_bridge.station_sensors import (
    CONTROLLER,
    FIRE_WATER,
    UNITS,
    Change,
    Kind,
    Limit,
    SensorWatch,
    Station,
    StationMap,
    Watch,
)
from mobile_app.errors import NotReady, ServerError, WorkError
from mobile_app.phone import Phone
from mobile_app.syncing import Syncing
from qixun.starting import StartError
from sync.documents.alarms import AlarmCleared, AlarmRaised, FireWaterStarted, SensorReading, StationReadings
from sync.documents.envelope import Moment, Record, new_id
from sync.rules.station_limits import STATION_LIMITS, station_limits

LOOK_EVERY_S = 1.0
READINGS_EVERY_S = 60.0
SIGN_IN_AGAIN_S = 5.0
WRITE_AGAIN_S = 5.0
REFUSED_AGAIN_S = 300.0
# Before anybody has ever signed in here there is no store: so much is kept in memory, a day of minutes and more.
MOST_PENDING = 5000
NOTICE = (
    "气巡场站监控：仅为辅助监控，不能代替经认证的安全联锁和报警系统。\n"
    "Qixun station monitoring: an aid only; it does not replace a certified safety system."
)
_log = logging.getLogger(__name__)
_NAMES = {CONTROLLER: "站控系统", FIRE_WATER: "消防水"}
_REASONS = {"high": "超低限", "over": "超限", "lost": "失联", "garbled": "数据异常", "not_started": "未启动"}


class Pending(msgspec.Struct, frozen=True):
    """What is to be written: its moment is when it happened, however long the disk or the first sign-in took."""

    kind: type[Record]
    record_id: str
    recorded: Moment
    fields: dict[str, Any]


def read_map(path: Path) -> StationMap:
    """Raises StartError, which says what is wrong in the file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StationMap)
    except OSError as error:
        raise StartError(f"点表读不出来 / the map of registers cannot be read: {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StartError(f"点表有误，请改正后再启动 / the map of registers is wrong: {path}: {error}") from error


def limits_from(figures: Mapping[str, float]) -> Mapping[Kind, Limit]:
    return {
        kind: Limit(
            high=figures.get(f"{kind}_high"),
            over=figures[f"{kind}_over"],
            band=figures[f"{kind}_band"],
            delay_s=figures[f"{kind}_delay"],
        )
        for kind in UNITS
    }


class Minute:
    """The extremes of each sensor since the last record."""

    def __init__(self) -> None:
        self._extremes: dict[str, tuple[float, float]] = {}

    def see(self, watch: SensorWatch) -> None:
        if watch.value is not None:
            least, most = self._extremes.get(watch.sensor.id, (watch.value, watch.value))
            self._extremes[watch.sensor.id] = (min(least, watch.value), max(most, watch.value))

    def close(self, watches: Mapping[str, SensorWatch], now_s: float) -> tuple[SensorReading, ...]:
        extremes, self._extremes = self._extremes, {}
        return tuple(
            SensorReading(
                sensor=key,
                name=watch.sensor.name,
                kind=watch.sensor.kind,
                unit=UNITS[watch.sensor.kind],
                value=watch.value,
                least=extremes[key][0] if key in extremes else None,
                most=extremes[key][1] if key in extremes else None,
                state=watch.state,
                state_age_s=round(max(now_s - watch.since_s, 0.0), 1),
            )
            for key, watch in watches.items()
        )


class Gateway:
    """`run` until cancelled: looking, writing and signing in each go their own way."""

    def __init__(self, station: Station, phone: Phone, staff_number: str, password: str) -> None:
        self._station, self._phone = station, phone
        self._credentials = (staff_number, password)
        figures = station_limits(())
        self._list_version = 0
        self._watch = Watch(station.map, limits_from(figures), confirm_s=figures["fire_water_confirm"])
        self._sensors = {sensor.id: sensor for sensor in station.map.sensors}
        self._minute = Minute()
        self._told_at_s = float("-inf")
        self._pending: deque[Pending] = deque()
        self._woken = asyncio.Event()
        # Alarm's record by (sensor, reason); those of before a restart keep their records.
        self._open: dict[tuple[str, str], str] = {}
        self._fire_water: dict[str, bool] = {}
        self._same: dict[str, str] = {}
        self._syncing: Syncing | None = None

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._on_and_on(self._look_forever))
                tasks.create_task(self._on_and_on(self._write_forever))
        finally:
            if self._syncing is not None:
                await self._syncing.stop()
            self._station.close()
            await self._phone.close()

    async def _on_and_on(self, work: Callable[[], Awaitable[None]]) -> None:
        """A fault in writing or sending must not end the looking, nor the other way round."""
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 - the outermost loop of a process that must go on
                _log.exception("begins anew")
                await asyncio.sleep(LOOK_EVERY_S)

    # Looking

    async def _look_forever(self) -> None:
        while True:
            began_s = monotonic()
            await self.look()
            await asyncio.sleep(max(0.0, LOOK_EVERY_S - (monotonic() - began_s)))

    async def look(self) -> None:
        now_s = monotonic()
        try:
            seen = await self._station.look(now_s)
        except DeviceError as error:
            changes = self._watch.unreadable("garbled" if isinstance(error, DeviceGarbled) else "lost", monotonic())
        else:
            changes = self._watch.see(seen, monotonic())
            for watch in self._watch.sensors.values():
                self._minute.see(watch)
        commanded = await self._start_fire_water()
        for change in changes:
            self._note(change)
        self._note_fire_water(commanded=commanded)
        if changes or monotonic() - self._told_at_s >= READINGS_EVERY_S:
            self._tell_readings()

    async def _start_fire_water(self) -> bool:
        """Before anything is written: a disk that is slow or full must not hold it up."""
        if not self._watch.must_start:
            return False
        try:
            await self._station.start_fire_water()
        except DeviceError as error:
            _say(f"消防水启动命令没有送达，继续尝试 / the fire water could not be commanded, trying on: {error}")
            return False
        return True

    def _note(self, change: Change) -> None:
        key = (change.sensor, change.reason)
        sensor = self._sensors.get(change.sensor)
        name = sensor.name if sensor else _NAMES[change.sensor]
        place: dict[str, Any] = {"station": self._station.map.station}
        about: dict[str, Any] = {"kind": sensor.kind if sensor else change.sensor}
        if not change.raised:
            alarm_id = self._open.pop(key, "")
            self._fire_water.pop(alarm_id, None)
            _say(f"报警消除 cleared: {name} {_REASONS[change.reason]}")
            if alarm_id:
                self._later(AlarmCleared, alarm_id=alarm_id, value=change.value, **place)
            return
        told = f" {change.value:g} ≥ {change.limit:g}" if change.value is not None and change.limit is not None else ""
        _say(f"\a报警 ALARM: {name} {_REASONS[change.reason]}{told}")
        self._open[key] = self._later(
            AlarmRaised,
            sensor=change.sensor,
            sensor_name=name,
            reason=change.reason,
            value=change.value,
            limit=change.limit,
            unit=UNITS[sensor.kind] if sensor else "",
            list_version=self._list_version,
            **about,
            **place,
        )

    def _note_fire_water(self, *, commanded: bool) -> None:
        """Once for each alarm that starts it: when it was commanded, and when the pump was seen running."""
        for (sensor_id, reason), alarm_id in self._open.items():
            sensor = self._sensors.get(sensor_id)
            if sensor is None or not sensor.starts_fire_water or reason != "over":
                continue
            running = bool(self._watch.pump_runs)
            known = self._fire_water.get(alarm_id)
            if (running and not known) or (commanded and known is None):
                self._fire_water[alarm_id] = running
                _say(f"消防水 fire water: {'运行 runs' if running else '已发启动命令 commanded'}")
                place = self._station.map.station
                self._later(FireWaterStarted, alarm_id=alarm_id, station=place, running=running)

    def _tell_readings(self) -> None:
        self._told_at_s = monotonic()
        sensors = self._minute.close(self._watch.sensors, self._told_at_s)
        place = self._station.map.station
        self._later(StationReadings, station=place, sensors=sensors, pump_runs=self._watch.pump_runs)

    def _later(self, made: type[Record], /, **fields: Any) -> str:
        pending = Pending(made, new_id(str(made.__struct_config__.tag)), self._phone.clock.now(), fields)
        if len(self._pending) >= MOST_PENDING:
            # Of what does not fit the oldest readings go, never an alarm.
            with suppress(StopIteration):
                self._pending.remove(next(p for p in self._pending if p.kind is StationReadings))
        self._pending.append(pending)
        self._woken.set()
        return pending.record_id

    # Writing

    async def _write_forever(self) -> None:
        await self._until_done(self._sign_in, SIGN_IN_AGAIN_S)
        await self._until_done(self._restore, WRITE_AGAIN_S)
        self._syncing = self._syncing or Syncing(self._phone)
        self._syncing.start()
        while True:
            self._woken.clear()
            while self._pending:
                await self._until_done(self._write_next, WRITE_AGAIN_S)
            await self._take_limits()
            with suppress(TimeoutError):
                async with asyncio.timeout(READINGS_EVERY_S):
                    await self._woken.wait()

    async def _until_done(self, work: Callable[[], Awaitable[None]], again_s: float) -> None:
        while True:
            try:
                await work()
            except WorkError as error:
                _say(f"{error.zh} / {error.en}")
                # A server that refuses would lock the number at too many tries.
                refused = isinstance(error, ServerError) and error.status > 0
                await asyncio.sleep(REFUSED_AGAIN_S if refused else again_s)
            else:
                return

    async def _sign_in(self) -> None:
        profile = await self._phone.sign_in(*self._credentials)
        _say(f"已登录 signed in: {profile.staff.name}, 设备 device {profile.device_id}")

    async def _restore(self) -> None:
        """Alarms that were open when this program ended are the same alarms still."""
        cleared = {record.alarm_id for record in await self._phone.recorded(AlarmCleared)}
        started = {record.alarm_id: record.running for record in await self._phone.recorded(FireWaterStarted)}
        for alarm in await self._phone.recorded(AlarmRaised):
            if alarm.id in cleared or alarm.station != self._station.map.station:
                continue
            key = (alarm.sensor, alarm.reason)
            if self._open.get(key) == alarm.id:
                continue
            if key in self._open:
                self._same[self._open[key]] = alarm.id
            elif self._watch.adopt(alarm.sensor, alarm.reason):
                self._open[key] = alarm.id
                if alarm.id in started:
                    self._fire_water[alarm.id] = started[alarm.id]
            else:
                # Its sensor is on the map no more: nobody will ever clear it.
                self._later(AlarmCleared, alarm_id=alarm.id, station=alarm.station)

    async def _write_next(self) -> None:
        pending = self._pending[0]
        fields = dict(pending.fields)
        if "alarm_id" in fields:
            fields["alarm_id"] = self._same.get(fields["alarm_id"], fields["alarm_id"])
        if pending.record_id not in self._same:
            await self._phone.record(pending.kind, record_id=pending.record_id, recorded=pending.recorded, **fields)
        self._pending.popleft()

    async def _take_limits(self) -> None:
        """The company's figures as soon as they are here; till then, or if they make no sense, the built-in ones."""
        with suppress(NotReady):
            found = await self._phone.lists(STATION_LIMITS)
            figures = station_limits(found.entries)
            self._list_version = found.version
            self._watch.limits, self._watch.confirm_s = limits_from(figures), figures["fire_water_confirm"]


def _say(line: str) -> None:
    print(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {line}", flush=True)


async def serve(map_path: Path, server: str, folder: Path, staff_number: str, password: str) -> None:
    """Until it is stopped."""
    station_map = await asyncio.to_thread(read_map, map_path)
    try:
        station = Station(station_map)
    except DeviceError as error:
        raise StartError(str(error)) from error
    print(NOTICE, flush=True)
    phone = await Phone.open(folder, server, name=f"站控 {station_map.station}")
    await Gateway(station, phone, staff_number, password).run()


def read_password(path: Path) -> str:
    """From a file that nobody else reads: the PC starts by itself after a power cut. Raises StartError."""
    try:
        if path.stat().st_mode & 0o077 and sys.platform != "win32":
            raise StartError(f"口令文件别人也能读，请 chmod 600 / others can read the password file: {path}")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StartError(f"口令文件读不出来 / the password file cannot be read: {path}: {error.strerror}") from error
