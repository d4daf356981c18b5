"""What the office sends and reads about hazards, suspected leaks and third-party works."""

from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from backend.hazards.rules import Action, Stage
from sync.documents.envelope import Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]
Note = Annotated[str, msgspec.Meta(max_length=2000)]


class Decide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """核定: the grade, and the clause that it rests on."""

    grade: Name
    clause: Name
    note: Note = ""


class Dispatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """派单: who puts it right, how, and by when."""

    department: Name
    responsible_id: Word = ""
    measure: Name
    due_on: date
    note: Note = ""


class Rectify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    photos: Annotated[tuple[Word, ...], msgspec.Meta(max_length=20)] = ()


class Extend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    due_on: date
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class Reasoned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """退回, 不成立, 挂牌督办 and the end of works need a reason."""

    note: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class Recheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: Note = ""


class ConfirmLeak(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    proposed_grade: Name = "major"
    note: Note = ""


class HazardFilters(msgspec.Struct, frozen=True, kw_only=True):
    """`search`: part of the number, the address or what was found."""

    stage: Stage | None = None
    grade: str = ""
    hazard_type: str = ""
    department: str = ""
    source: str = ""
    customer_id: str = ""
    overdue: bool = False
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""


class LeakFilters(msgspec.Struct, frozen=True, kw_only=True):
    """An empty `state` lists the settled ones too."""

    state: str = "open"
    since: datetime | None = None


class WorksFilters(LeakFilters, frozen=True, kw_only=True):
    search: str = ""


class HazardLine(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    number: str
    source: str
    hazard_type: str
    address: str
    pipe_id: str
    customer_id: str
    task_id: str
    reported_at: datetime
    reported_by: str
    reported_by_name: str
    lon: float | None
    lat: float | None
    photos: list[str]
    proposed_grade: str
    grade: str
    stage: Stage
    stage_since: datetime
    department: str
    responsible_id: str
    responsible_name: str
    due_on: date | None
    overdue: bool
    extended: int
    returned: int
    supervised: bool
    closed_at: datetime | None


class StepOut(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    from_stage: str
    to_stage: str
    staff_id: str
    staff_name: str
    at: datetime
    note: str
    facts: dict[str, Any]


class HazardOut(msgspec.Struct, frozen=True, kw_only=True):
    """`actions`: what may be done at this stage."""

    hazard: HazardLine
    detail: str
    temporary_control: str
    clause: str
    measure: str
    origin_id: str
    accuracy_m: float | None
    rectified_at: datetime | None
    rectified_photos: list[str]
    actions: tuple[Action, ...]
    steps: list[StepOut]


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the board: the first tickets, and how many there are."""

    stage: Stage
    zh: str
    en: str
    total: int
    overdue: int
    tickets: list[HazardLine]


class LeakOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    at: datetime
    reported_by: str
    reported_by_name: str
    reading_ppm: float
    retest_ppm: float | None
    alarm_limit_ppm: float
    emergency: bool
    instrument_id: str
    instrument_verified_until: date | None
    action: str
    address: str
    pipe_id: str
    task_id: str
    patrol_id: str
    note: str
    photos: list[str]
    lon: float | None
    lat: float | None
    accuracy_m: float | None
    state: str
    hazard_id: str | None
    settled_at: datetime | None
    settlement: str


class WorksOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    found_at: datetime | None
    last_at: datetime
    reports: int
    reported_by: str
    reported_by_name: str
    machinery: list[str]
    progress: str
    distance_to_pipe_m: float | None
    contractor: str
    contact: str
    contact_phone: str
    address: str
    pipe_id: str
    photos: list[str]
    lon: float | None
    lat: float | None
    state: str
    ended_at: datetime | None
