"""What a station's PC records by itself (储配站监控): alarms, the fire water that it started, and a minute's readings.

Clauses 5.8.1, E5.8.3-7, E5.8.3-9. `station` is its code in the office's ledger, `sensor` its name in the station's map.
"""

from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Id, Record, Word, label

SensorKind = Literal["level", "pressure", "temperature", "gas", "controller", "fire_water"]
# 超限 of two steps, 失联, 数据异常, 消防水未启动.
AlarmReason = Literal["high", "over", "lost", "garbled", "not_started"]
SensorState = Literal["unknown", "normal", "high", "over", "lost", "garbled"]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class AlarmRaised(Record, tag="alarm.raised", frozen=True, kw_only=True):
    """`value` and `limit` in `unit`; neither where nothing can be read."""

    station: Annotated[Code, label("场站编号", "Station")]
    sensor: Annotated[Code, label("测点", "Sensor")]
    sensor_name: Annotated[Word, label("测点名称", "Sensor's name")]
    kind: Annotated[SensorKind, label("类型", "Kind")]
    reason: Annotated[AlarmReason, label("报警原因", "Reason")]
    value: Annotated[float, label("数值", "Value")] | None = None
    limit: Annotated[float, label("限值", "Limit")] | None = None
    unit: Annotated[Word, label("单位", "Unit")] = ""
    # Of the company's list of limits; 0: the built-in figures.
    list_version: Annotated[int, label("限值版本", "Version of the limits", ge=0)] = 0


class AlarmCleared(Record, tag="alarm.cleared", frozen=True, kw_only=True):
    alarm_id: Annotated[Id, label("报警", "Alarm")]
    station: Annotated[Code, label("场站编号", "Station")]
    value: Annotated[float, label("数值", "Value")] | None = None


class FireWaterStarted(Record, tag="fire_water.started", frozen=True, kw_only=True):
    """The command was given without anybody's doing; `running`: the pump's contactor told that it runs."""

    alarm_id: Annotated[Id, label("报警", "Alarm")]
    station: Annotated[Code, label("场站编号", "Station")]
    running: Annotated[bool, label("消防泵运行", "Pump runs")]


class SensorReading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One sensor's minute: its value now (none where the state says so), its extremes, how long its state lasts."""

    sensor: Code
    name: Word
    kind: SensorKind
    unit: Word = ""
    value: float | None = None
    least: float | None = None
    most: float | None = None
    state: SensorState
    state_age_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class StationReadings(Record, tag="station.readings", frozen=True, kw_only=True):
    station: Annotated[Code, label("场站编号", "Station")]
    sensors: Annotated[tuple[SensorReading, ...], label("读数", "Readings", min_length=1, max_length=110)]
    # None: not told, or there is none.
    pump_runs: Annotated[bool, label("消防泵运行", "Pump runs")] | None = None
