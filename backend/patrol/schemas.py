"""What the office sends and reads about patrol plans, tasks and walks."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

from backend.patrol.rules import Recurrence
from sync.documents.envelope import Latitude, Longitude, Word
from sync.documents.patrol import PatrolMode

Name = Annotated[Word, msgspec.Meta(min_length=1)]
# What the office sees; `overdue` is an open task whose time is over.
TaskState = Literal["open", "in_progress", "overdue", "done", "withdrawn", "reassigned"]


class CheckPointIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    lon: Longitude
    lat: Latitude
    proof: Literal["gps", "qr", "nfc"] = "gps"
    code: Word = ""
    radius_m: Annotated[float, msgspec.Meta(gt=0, le=500)] = 15.0
    dwell_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    accuracy_m: Annotated[float, msgspec.Meta(gt=0, le=500)] = 15.0
    items: Annotated[tuple[Word, ...], msgspec.Meta(max_length=40)] = ()


class PlanIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    area_id: Name
    pressure_levels: Annotated[tuple[Word, ...], msgspec.Meta(min_length=1, max_length=10)]
    recurrence: Recurrence = Recurrence()
    mode: PatrolMode = "walk"
    staff_id: Name
    buffer_m: Annotated[float, msgspec.Meta(gt=0, le=200)] = 15.0
    max_speed_mps: Annotated[float, msgspec.Meta(gt=0, le=40)] = 2.5
    starts_on: date | None = None
    ends_on: date | None = None
    check_points: Annotated[tuple[CheckPointIn, ...], msgspec.Meta(max_length=200)] = ()


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The pipes that an area and pressure levels pick; `pipes` is a GeoJSON FeatureCollection."""

    area_id: str
    area_name: str
    organisation_id: str
    pipe_count: int
    length_m: float
    pipe_ids: tuple[str, ...]


class CheckPointOut(CheckPointIn, frozen=True, kw_only=True, forbid_unknown_fields=False):
    check_point_id: str
    order: int


class PlanOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    name: str
    area_id: str
    area_name: str
    pressure_levels: tuple[str, ...]
    recurrence: Recurrence
    mode: str
    staff_id: str
    staff_name: str
    buffer_m: float
    max_speed_mps: float
    starts_on: date
    ends_on: date | None
    state: Literal["active", "stopped"]
    check_points: tuple[CheckPointOut, ...] = ()


class TaskFilters(msgspec.Struct, frozen=True, kw_only=True):
    day_from: date | None = None
    day_to: date | None = None
    staff_id: str = ""
    area_id: str = ""
    state: TaskState | None = None
    search: str = ""


class TaskLine(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    plan_id: str | None
    replaces: str | None
    day: date
    title: str
    area_id: str
    area_name: str
    pressure_levels: tuple[str, ...]
    staff_id: str
    staff_name: str
    start_at: datetime
    due_at: datetime
    state: TaskState
    status_reason: str
    done_at: datetime | None
    length_m: float
    covered_m: float
    coverage_percent: float
    points: int
    points_reached: int
    too_fast: int


class TaskOut(msgspec.Struct, frozen=True, kw_only=True):
    task: TaskLine
    mode: str
    buffer_m: float
    max_speed_mps: float
    pipe_ids: tuple[str, ...]
    check_points: tuple[dict[str, Any], ...]
    patrol_ids: tuple[str, ...]


class PlannedDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day on which a plan falls due and has no task yet; `turns` are how often."""

    plan_id: str
    title: str
    area_name: str
    staff_id: str
    staff_name: str
    day: date
    turns: int


class Reassign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    staff_id: Name
    reason: Word = ""


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Name


class PatrolFilters(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime | None = None
    until: datetime | None = None
    staff_id: str = ""
    task_id: str = ""


class PatrolLine(msgspec.Struct, frozen=True, kw_only=True):
    """`complete`: every chunk that the phone counted has come."""

    id: str
    organisation_id: str
    task_id: str
    title: str
    staff_id: str
    staff_name: str
    mode: str
    started_at: datetime | None
    finished_at: datetime | None
    chunks: int
    chunks_expected: int | None
    complete: bool
    assigned_m: float
    covered_m: float
    coverage_percent: float
    phone_covered_m: float | None
    walked_m: float
    too_fast_m: float
    check_points: int
    visited: int
    unreachable: int
    abnormal: int
    unfinished_reason: str


class VisitOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    patrol_id: str
    check_point_id: str
    at: datetime
    staff_id: str
    proof: str
    result: str
    reason: str
    items: list[Any]
    distance_m: float | None
    dwell_s: float | None
    inlet_pressure_kpa: float | None
    outlet_pressure_kpa: float | None
    photos: list[str]
    note: str


class TooFastOut(msgspec.Struct, frozen=True):
    from_at: datetime
    to_at: datetime
    length_m: float


class PatrolOut(msgspec.Struct, frozen=True, kw_only=True):
    patrol: PatrolLine
    visits: list[VisitOut]
    too_fast: list[TooFastOut]


class ShiftCheckOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    staff_id: str
    staff_name: str
    at: datetime
    items: list[Any]
    instrument_id: str
    instrument_verified_until: date | None
    started_anyway: bool
