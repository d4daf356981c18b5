"""What the office reads and says of alarms and readings."""

from datetime import datetime
from typing import Annotated

import msgspec

from sync.documents.alarms import AlarmReason, SensorKind, SensorState


class AlarmOut(msgspec.Struct, frozen=True, kw_only=True):
    """`station_id` is empty, and `station_name` the code, where the ledger does not know the station."""

    id: str
    organisation_id: str
    organisation_name: str
    station_id: str
    station_code: str
    station_name: str
    sensor: str
    sensor_name: str
    kind: SensorKind
    reason: AlarmReason
    serious: bool
    value: float | None
    limit_value: float | None
    unit: str
    raised_at: datetime
    cleared_at: datetime | None
    cleared_value: float | None
    fire_water_at: datetime | None
    fire_water_runs: bool | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    acknowledged_by_name: str
    action: str


class AlarmFilters(msgspec.Struct, frozen=True, kw_only=True):
    """`is_open`: not cleared yet; `search`: part of the sensor's name or the station's code."""

    search: str = ""
    station_code: str = ""
    organisation_id: str = ""
    kind: str = ""
    reason: str = ""
    serious: bool | None = None
    is_open: bool | None = None
    acknowledged: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


class Acknowledgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`action`: what was done about it."""

    action: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\S")]


class SensorOut(msgspec.Struct, frozen=True, kw_only=True):
    sensor: str
    name: str
    kind: SensorKind
    unit: str
    value: float | None
    least: float | None
    most: float | None
    state: SensorState
    since: datetime


class StationStateOut(msgspec.Struct, frozen=True, kw_only=True):
    """`silent`: nothing was heard for minutes; every sensor is `lost` then, whatever it said last."""

    organisation_id: str
    organisation_name: str
    station_id: str
    station_code: str
    station_name: str
    at: datetime
    silent: bool
    pump_runs: bool | None
    sensors: list[SensorOut]
    open_alarms: int


class MinuteOut(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    sensors: list[dict[str, object]]
    pump_runs: bool | None
