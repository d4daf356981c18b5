"""Network patrol (巡线): the shift's check, the walk, its track and its check points. Clauses 5.6.3, 5.6.4."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Id, Latitude, Longitude, Record, Utc, Word, label

CheckResult = Literal["passed", "warning", "failed"]
PatrolMode = Literal["walk", "bicycle", "vehicle"]


class ShiftCheckItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    item: Literal["positioning", "battery_saver", "battery", "storage", "clock", "instrument"]
    result: CheckResult
    value: Word = ""


class ShiftChecked(Record, tag="shift.checked", frozen=True, kw_only=True):
    """开工体检: findings before the shift; `started_anyway` when one did not keep the worker from starting."""

    items: Annotated[tuple[ShiftCheckItem, ...], label("体检项目", "Checked items", min_length=1, max_length=20)]
    instrument_id: Annotated[Word, label("检漏仪编号", "Instrument number")] = ""
    instrument_verified_until: Annotated[date, label("检定有效期至", "Verified until")] | None = None
    started_anyway: Annotated[bool, label("先开工", "Started anyway")] = False


class PatrolStarted(Record, tag="patrol.started", frozen=True, kw_only=True):
    mode: Annotated[PatrolMode, label("巡检方式", "Mode")] = "walk"


class TrackPoint(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One fix: seconds after the chunk's `started_at` (monotonic), degrees, metres, m/s, methane ppm at that moment."""

    offset_s: Annotated[float, msgspec.Meta(ge=0, le=3600)]
    lon: Longitude
    lat: Latitude
    accuracy_m: Annotated[float, msgspec.Meta(ge=0)]
    speed_mps: Annotated[float, msgspec.Meta(ge=0)] | None = None
    methane_ppm: Annotated[float, msgspec.Meta(ge=0)] | None = None


class PatrolTracked(Record, tag="patrol.tracked", frozen=True, kw_only=True):
    """A chunk of the track of at most five minutes; `chunk` counts from 0 within the patrol."""

    patrol_id: Id
    chunk: Annotated[int, msgspec.Meta(ge=0)]
    started_at: Utc
    points: Annotated[tuple[TrackPoint, ...], label("轨迹点", "Track points", min_length=1, max_length=1000)]


class PatrolPaused(Record, tag="patrol.paused", frozen=True, kw_only=True):
    patrol_id: Id
    resumed: bool = False


class CheckPointItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    item: Annotated[Word, label("检查项", "Item", choices="check_point_item")]
    abnormal: bool
    value: Word = ""


class CheckPointVisited(Record, tag="checkpoint.visited", frozen=True, kw_only=True):
    """A check point proved by GPS, QR code or NFC tag, or said to be out of reach, with reason and photo."""

    patrol_id: Id
    check_point_id: Id
    proof: Annotated[Literal["gps", "qr", "nfc", "none"], label("到位证明", "Proof")]
    result: Annotated[Literal["normal", "abnormal", "unreachable"], label("结果", "Result")]
    reason: Annotated[Word, label("无法到达原因", "Reason out of reach", choices="unreachable_reason")] = ""
    items: Annotated[tuple[CheckPointItem, ...], label("检查项", "Items", max_length=40)] = ()
    tag_uid: Annotated[Word, label("标签 UID", "Tag UID")] = ""
    distance_m: Annotated[float, label("距检查点", "Distance", unit="m")] | None = None
    dwell_s: Annotated[float, label("停留", "Dwell", unit="s")] | None = None
    inlet_pressure_kpa: Annotated[float, label("进口压力", "Inlet pressure", unit="kPa")] | None = None
    outlet_pressure_kpa: Annotated[float, label("出口压力", "Outlet pressure", unit="kPa")] | None = None


class PatrolFinished(Record, tag="patrol.finished", frozen=True, kw_only=True):
    """What the phone had counted when the worker ended the patrol; the office counts again from the track."""

    patrol_id: Id
    chunks: Annotated[int, msgspec.Meta(ge=0)]
    assigned_m: Annotated[float, label("应巡管长", "Assigned length", unit="m", ge=0)]
    covered_m: Annotated[float, label("已巡管长", "Covered length", unit="m", ge=0)]
    visited: Annotated[int, label("到位检查点", "Points visited", ge=0)]
    check_points: Annotated[int, label("检查点总数", "Points in all", ge=0)]
    unfinished_reason: Annotated[Word, label("未完成原因", "Why unfinished")] = ""
