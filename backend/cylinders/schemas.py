"""What the office sends and reads about cylinders."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from backend.cylinders.rules import State
from sync.documents.envelope import Word

LostReason = Literal["silent", "outstanding"]
Name = Annotated[Word, msgspec.Meta(min_length=1)]


class CylinderIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`organisation_id` is the station that it belongs to."""

    organisation_id: Name
    code: Name
    specification: Name
    factory_number: Word = ""
    standard: Word = ""
    medium: Word = "LPG"
    tag_uid: Word = ""
    manufacturer: Word = ""
    made_on: date | None = None
    last_inspected_on: date | None = None
    next_inspection_on: date | None = None
    service_ends_on: date | None = None
    tare_kg: Annotated[float, msgspec.Meta(gt=0, le=500)] | None = None
    water_capacity_l: Annotated[float, msgspec.Meta(gt=0, le=1000)] | None = None
    inspected_by: Word = ""
    owned: bool = True
    scrapped: bool = False
    tag_torn: bool = False
    storage_position: Word = ""


class CylinderFilters(msgspec.Struct, frozen=True, kw_only=True):
    """`search`: part of the code, factory number or tag UID (with or without colons)."""

    search: str = ""
    organisation_id: str = ""
    specification: str = ""
    state: State | None = None
    holder_kind: str = ""
    holder_id: str = ""
    tagged: bool | None = None


class CylinderLine(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    organisation_name: str
    code: str
    specification: str
    factory_number: str
    standard: str
    last_inspected_on: date | None
    tare_kg: float | None
    water_capacity_l: float | None
    inspected_by: str
    registered_at: datetime
    medium: str
    tag_uid: str
    manufacturer: str
    made_on: date | None
    next_inspection_on: date | None
    service_ends_on: date | None
    owned: bool
    scrapped: bool
    tag_torn: bool
    inspection_failed: bool
    storage_position: str
    state: State
    holder_kind: str
    holder_id: str
    holder_name: str
    holder_since: datetime


class MovementOut(msgspec.Struct, frozen=True, kw_only=True):
    """`lon`, `lat`: where it was recorded, where the record says so."""

    record_id: str
    kind: str
    at: datetime
    staff_id: str
    staff_name: str
    vehicle: str
    station_id: str
    customer_id: str
    task_id: str
    method: str
    detail: str
    inspection_body: str = ""
    withdrawn_at: datetime | None = None
    lon: float | None = None
    lat: float | None = None


class ContradictionOut(msgspec.Struct, frozen=True):
    kind: str
    earlier: str
    later: str


class ReasonOut(msgspec.Struct, frozen=True):
    code: str
    zh: str
    en: str


class CylinderOut(msgspec.Struct, frozen=True, kw_only=True):
    """The archive, the verdict of today (可配送 / 禁止), the chain, newest first, and what contradicts in it."""

    cylinder: CylinderLine
    factory_number: str
    standard: str
    last_inspected_on: date | None
    tare_kg: float | None
    water_capacity_l: float | None
    inspected_by: str
    registered_at: datetime
    allowed: bool
    reasons: list[ReasonOut]
    chain: list[MovementOut]
    contradictions: list[ContradictionOut]


class ScrapIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`reason` is of the list `scrap_reason`; `document` the number of the certificate that says so."""

    reason: Name
    scrapped_on: date
    document: Word = ""
    note: Word = ""


class UndoIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[Word, msgspec.Meta(min_length=2)]


class ScrappingOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    reason: str
    scrapped_on: date
    document: str
    note: str
    staff_id: str
    at: datetime
    undone_at: datetime | None
    undone_by: str
    undone_reason: str


class StockFilters(msgspec.Struct, frozen=True, kw_only=True):
    """`day` in Beijing; without one today up to now."""

    day: date | None = None
    holder_kind: str = ""
    holder_id: str = ""
    organisation_id: str = ""
    specification: str = ""


class StockLine(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a station, or of a vehicle by its driver, in one size: opening + arrived - departed = closing."""

    day: date
    holder_kind: str
    holder_id: str
    holder_name: str
    plate: str
    organisation_id: str
    organisation_name: str
    specification: str
    opening: int
    arrived: int
    departed: int
    closing: int


class LostFilters(msgspec.Struct, frozen=True, kw_only=True):
    reason: LostReason | None = None
    organisation_id: str = ""
    specification: str = ""


class LostLine(msgspec.Struct, frozen=True, kw_only=True):
    """A cylinder to look for: `silent`: nothing was heard of it; `outstanding`: it stays at a customer's too long."""

    id: str
    code: str
    specification: str
    organisation_id: str
    organisation_name: str
    holder_kind: str
    holder_id: str
    holder_name: str
    holder_since: datetime
    last_heard_at: datetime
    silent_days: int
    held_days: int
    reason: LostReason


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """`row` as the spreadsheet numbers it; every reason that speaks against it, and what stood in it."""

    row: int
    code: str
    reasons: tuple[str, ...]
    reason_zh: str
    reason_en: str
    cells: tuple[str, ...]


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """`columns`: field -> the head that it was read from; `ignored` are heads of no field."""

    id: str
    dry_run: bool
    file_name: str
    read: int
    created: int
    changed: int
    unchanged: int
    rejected: tuple[RejectedRow, ...]
    columns: dict[str, str]
    ignored: tuple[str, ...]

    @property
    def accepted(self) -> int:
        return self.created + self.changed + self.unchanged


class DueFilters(msgspec.Struct, frozen=True, kw_only=True):
    """`within`: days ahead; `stage`: only the overdue, only what is not yet, or both."""

    within: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 60
    stage: Literal["", "overdue", "ahead"] = ""
    organisation_id: str = ""
    specification: str = ""
    holder_kind: str = ""


class DueLine(msgspec.Struct, frozen=True, kw_only=True):
    """`due_on`: its next inspection or the end of its service, whichever is first."""

    line: CylinderLine
    due_on: date
    days_left: int


class DueCount(msgspec.Struct, frozen=True):
    """`stage`: `overdue`, or the days ahead of a reminder."""

    stage: str
    count: int


class ReminderOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    organisation_name: str
    day: date
    stage: str
    count: int
    seen_at: datetime | None


class TagKeyOut(msgspec.Struct, frozen=True, kw_only=True):
    """The company's key for its tags, by its number; `tags_before` were not written since it was replaced."""

    company_id: str
    number: int
    replaced_at: datetime | None
    tags: int
    tags_before: int
