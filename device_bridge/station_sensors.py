"""A station's tanks, gas detectors and fire water (储配站监控) over Modbus TCP. E5.8.3-7, E5.8.3-9.

The map of registers is the station's own (`StationMap`); the limits come from outside, since a company changes them.
`Station` speaks to the controller, `Watch` decides: plain values in, changes out, no network needed. What cannot be
read is never "normal": silence is `lost` (失联), nonsense and a value that stands still are `garbled` (数据异常), and
an alarm that was raised stays raised until a good value says otherwise.

A monitoring aid: it does not replace a certified alarm and shutdown system (GB/T 50493, GB 51142).
"""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from device_bridge.errors import DeviceGarbled, DeviceLost, DeviceMissing
from device_bridge.modbus import MOST_REGISTERS, Address, ModbusLink, Words, parse_address

Kind = Literal["level", "pressure", "temperature", "gas"]
State = Literal["unknown", "normal", "high", "over", "lost", "garbled"]
Reason = Literal["high", "over", "lost", "garbled", "not_started"]
Fault = Literal["lost", "garbled"]
# What alarms call the controller itself, and the pump.
CONTROLLER, FIRE_WATER = "controller", "fire_water"
UNITS: Mapping[Kind, str] = {"level": "%", "pressure": "MPa", "temperature": "°C", "gas": "%LEL"}
# A single lost answer is no alarm; three polls without one are.
FAULT_AFTER_S = 3.0
# The controller counts its own rounds about once a second; a count that stands still means that it hangs.
FROZEN_AFTER_S = 10.0

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Register = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class Sensor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One 16-bit register: value = raw * scale + offset, in the unit of its kind (% of the tank, MPa gauge, °C, %LEL).

    `least` and `most`: what the transmitter can truly say, its over-range included; anything else is garbled.
    `no_signal`: raw values by which the controller says that the wire is broken. `frozen_after_s`: a value that has not
    moved for so long is garbled; 0 where standing still is natural (a detector in clean air).
    """

    id: Name
    name: Name
    kind: Kind
    register: Register
    scale: float = 1.0
    offset: float = 0.0
    signed: bool = True
    least: float
    most: float
    no_signal: tuple[Register, ...] = (0x8000,)
    frozen_after_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    starts_fire_water: bool = False


class FireWater(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`start_coil` is set to start the pump; `running_coil` tells that it runs. Nothing here ever stops it."""

    start_coil: Register
    running_coil: Register


class StationMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`station`: its code in the office's ledger. `round_register`: where the controller counts its rounds."""

    station: Name
    address: str
    sensors: Annotated[tuple[Sensor, ...], msgspec.Meta(min_length=1, max_length=100)]
    fire_water: FireWater | None = None
    round_register: Register | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what no station can be."""
        if len({sensor.id for sensor in self.sensors} | {CONTROLLER, FIRE_WATER}) != len(self.sensors) + 2:
            raise ValueError("two sensors have the same id, or one is named like the controller or the fire water")
        if any(sensor.least >= sensor.most or sensor.scale == 0 for sensor in self.sensors):
            raise ValueError("a sensor's range is empty, or its scale is 0")
        if self.fire_water is None and any(sensor.starts_fire_water for sensor in self.sensors):
            raise ValueError("a sensor starts the fire water, and none is configured")
        first, last = self.span
        if last - first >= MOST_REGISTERS:
            raise ValueError(f"the registers lie more than {MOST_REGISTERS} apart")

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last register."""
        places = [sensor.register for sensor in self.sensors]
        places += [self.round_register] if self.round_register is not None else []
        return min(places), max(places)


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """In the kind's unit: at `high` (None: no such step) and `over` it is out of limits once it lasted `delay_s`; back
    once it was below by `band` for as long.
    """

    high: float | None = None
    over: float
    band: float
    delay_s: float


class Seen(msgspec.Struct, frozen=True):
    """One look at the station; a sensor's value is a number, or why there is none."""

    values: Mapping[str, float | Fault]
    pump_runs: bool | None


class Change(msgspec.Struct, frozen=True):
    """An alarm raised or cleared: of a sensor, of the controller, of the fire water."""

    sensor: str
    reason: Reason
    raised: bool
    value: float | None = None
    limit: float | None = None


class Station:
    """Speaks to the controller; raises DeviceMissing, DeviceLost, DeviceGarbled."""

    def __init__(self, station: StationMap) -> None:
        """Raises AddressInvalid."""
        self.map = station
        self._link = ModbusLink(parse_address(station.address), Words(_missing, _lost, _not_understood, _refused))
        self._round: tuple[int, float] | None = None
        self._looked_s = 0.0

    async def look(self, now_s: float) -> Seen:
        first, last = self.map.span
        registers = await self._link.read(first, last - first + 1)
        if self.map.round_register is not None:
            self._check_round(registers[self.map.round_register - first], now_s)
        values = {sensor.id: decode(sensor, registers[sensor.register - first]) for sensor in self.map.sensors}
        pump = self.map.fire_water
        return Seen(values, await self._link.read_coil(pump.running_coil) if pump else None)

    async def start_fire_water(self) -> None:
        if self.map.fire_water is not None:
            await self._link.set_coil(self.map.fire_water.start_coil)

    def close(self) -> None:
        self._link.hang_up()

    def _check_round(self, count: int, now_s: float) -> None:
        # After a while without looking, the same count may come by chance.
        looked, self._looked_s = now_s - self._looked_s < FROZEN_AFTER_S, now_s
        if self._round is None or self._round[0] != count or not looked:
            self._round = (count, now_s)
        elif now_s - self._round[1] > FROZEN_AFTER_S:
            raise DeviceGarbled(
                "站控系统停了：读数不再更新",
                "the station's controller hangs: its readings are not renewed",
                "到现场看仪表，请维修人员检查站控系统",
                "look at the instruments on site, have the controller checked",
            )


def decode(sensor: Sensor, raw: int) -> float | Fault:
    """The value in the unit of the sensor's kind."""
    if raw in sensor.no_signal:
        return "lost"
    number = raw - 0x10000 if sensor.signed and raw >= 0x8000 else raw
    value = round(number * sensor.scale + sensor.offset, 6)
    return value if math.isfinite(value) and sensor.least <= value <= sensor.most else "garbled"


class _Condition:
    """Comes on when it lasted, goes off when it was gone as long; what is not known changes nothing."""

    def __init__(self) -> None:
        self.on = False
        self._since_s: float | None = None

    def see(self, holds: bool | None, now_s: float, delay_s: float) -> bool:  # noqa: FBT001 - three values
        """Whether it has come on or gone off. `holds`: None in the band between."""
        if holds is None or holds == self.on:
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < delay_s:
            return False
        self.on, self._since_s = holds, None
        return True

    def unknown(self) -> None:
        """What was about to go off is not: that needs good values without a gap."""
        if self.on:
            self._since_s = None


class SensorWatch:
    """One sensor's alarms and state."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        self.value: float | None = None
        self.fault: Fault | None = None
        self.state: State = "unknown"
        self.since_s = 0.0
        self.conditions: dict[Reason, _Condition] = {
            reason: _Condition() for reason in ("high", "over", "lost", "garbled")
        }
        self._moved: tuple[float, float] | None = None

    def see(self, value: float | Fault, limit: Limit, now_s: float) -> list[Change]:
        number = None if isinstance(value, str) else value
        self.fault = value if isinstance(value, str) else self._frozen(value, now_s)
        self.value = number if self.fault is None else None
        changes = [
            Change(self.sensor.id, reason, self.conditions[reason].on)
            for reason in ("lost", "garbled")
            if self.conditions[reason].see(self.fault == reason, now_s, FAULT_AFTER_S)
        ]
        changes += self._against(limit, now_s)
        self._settle(now_s)
        return changes

    def unreadable(self, fault: Fault, now_s: float) -> None:
        """The controller itself is not readable: its alarm speaks for all its sensors."""
        self.fault, self.value, self._moved = fault, None, None
        for condition in self.conditions.values():
            condition.unknown()
        self._settle(now_s)

    def _against(self, limit: Limit, now_s: float) -> list[Change]:
        changes: list[Change] = []
        steps: tuple[tuple[Reason, float | None], ...] = (("high", limit.high), ("over", limit.over))
        for reason, most in steps:
            condition = self.conditions[reason]
            if self.value is None:
                condition.unknown()
                continue
            if most is None:
                holds: bool | None = False
            else:
                below = self.value < most - limit.band if condition.on else self.value < most
                holds = False if below else True if self.value >= most else None
            if condition.see(holds, now_s, limit.delay_s):
                changes.append(Change(self.sensor.id, reason, condition.on, self.value, most))
        return changes

    def _frozen(self, value: float, now_s: float) -> Fault | None:
        if self._moved is None or self._moved[0] != value:
            self._moved = (value, now_s)
        frozen = self.sensor.frozen_after_s
        return "garbled" if frozen and now_s - self._moved[1] > frozen else None

    def _settle(self, now_s: float) -> None:
        state: State = self.fault or (
            "over" if self.conditions["over"].on else "high" if self.conditions["high"].on else "normal"
        )
        if state != self.state:
            self.state, self.since_s = state, now_s


class Watch:
    """The whole station: alarms, and whether the fire water must be started."""

    def __init__(self, station: StationMap, limits: Mapping[Kind, Limit], *, confirm_s: float) -> None:
        """`confirm_s`: within so long after the command the pump has to run."""
        self.sensors = {sensor.id: SensorWatch(sensor) for sensor in station.sensors}
        self.limits, self.confirm_s = limits, confirm_s
        self.pump_runs: bool | None = None
        # The pump is to be started, and nobody has seen it run since.
        self.must_start = False
        self.controller: dict[Fault, _Condition] = {"lost": _Condition(), "garbled": _Condition()}
        self._not_started = _Condition()
        self._wanted_since_s: float | None = None

    def see(self, seen: Seen, now_s: float) -> list[Change]:
        changes = self._controller(None, now_s)
        for sensor_id, watch in self.sensors.items():
            changes += watch.see(seen.values[sensor_id], self.limits[watch.sensor.kind], now_s)
        self.pump_runs = seen.pump_runs
        return changes + self._fire_water(now_s)

    def unreadable(self, fault: Fault, now_s: float) -> list[Change]:
        self.pump_runs = None
        for watch in self.sensors.values():
            watch.unreadable(fault, now_s)
        return self._controller(fault, now_s) + self._fire_water(now_s)

    def adopt(self, sensor: str, reason: Reason) -> bool:
        """An alarm that was open before a restart goes on, until good values clear it; False where nothing knows it."""
        if sensor == CONTROLLER and reason in {"lost", "garbled"}:
            condition = self.controller["lost" if reason == "lost" else "garbled"]
        elif sensor == FIRE_WATER:
            condition = self._not_started
        elif sensor in self.sensors and reason in self.sensors[sensor].conditions:
            condition = self.sensors[sensor].conditions[reason]
        else:
            return False
        condition.on = True
        return True

    def is_open(self, sensor: str, reason: Reason) -> bool:
        if sensor == CONTROLLER:
            return any(condition.on for fault, condition in self.controller.items() if fault == reason)
        if sensor == FIRE_WATER:
            return self._not_started.on
        found = self.sensors[sensor].conditions.get(reason) if sensor in self.sensors else None
        return found is not None and found.on

    def _controller(self, fault: Fault | None, now_s: float) -> list[Change]:
        return [
            Change(CONTROLLER, name, condition.on)
            for name, condition in self.controller.items()
            if condition.see(fault == name, now_s, FAULT_AFTER_S)
        ]

    def _fire_water(self, now_s: float) -> list[Change]:
        wanted = any(w.sensor.starts_fire_water and w.conditions["over"].on for w in self.sensors.values())
        if not wanted:
            self._wanted_since_s, self.must_start = None, False
        elif self._wanted_since_s is None:
            self._wanted_since_s, self.must_start = now_s, True
        # Once seen running it is the people's: who stops it on purpose is not fought.
        elif self.pump_runs:
            self.must_start = False
        late = self.must_start and self._wanted_since_s is not None and now_s - self._wanted_since_s >= self.confirm_s
        holds = True if late else False if self.pump_runs or not wanted else None
        if self._not_started.see(holds, now_s, 0.0):
            return [Change(FIRE_WATER, "not_started", self._not_started.on)]
        return []


def _missing(address: Address) -> DeviceMissing:
    place = f"{address.host}:{address.port}"
    return DeviceMissing(
        f"连不上站控系统（{place}），读数未知",
        f"the station's controller does not answer at {place}; its readings are unknown",
        "到现场看仪表，检查站控系统的电源和网线",
        "look at the instruments on site, check the controller's power and cable",
    )


def _lost() -> DeviceLost:
    return DeviceLost(
        "与站控系统断开，读数未知",
        "the link to the station's controller is cut; its readings are unknown",
        "到现场看仪表，检查站控系统的电源和网线",
        "look at the instruments on site, check the controller's power and cable",
    )


def _not_understood() -> DeviceGarbled:
    return DeviceGarbled(
        "站控系统的应答读不懂，读数未知",
        "the controller's answer cannot be understood; its readings are unknown",
        "到现场看仪表，请维修人员检查站控系统",
        "look at the instruments on site, have the controller checked",
    )


def _refused(code: int) -> DeviceGarbled:
    return DeviceGarbled(
        f"站控系统拒绝了命令（Modbus 异常 {code}）",
        f"the controller refused a command (Modbus exception {code})",
        "核对点表中的寄存器地址",
        "compare the map of registers with the controller's",
    )
