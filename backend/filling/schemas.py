"""What the office sends and reads about fillings."""

from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from backend.filling.rules import State
from sync.documents.envelope import Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]


class FillingFilters(msgspec.Struct, frozen=True, kw_only=True):
    """`doubted`: those with something against them; `withdrawn`: those alone, which are otherwise left out."""

    since: date | None = None
    until: date | None = None
    search: str = ""
    organisation_id: str = ""
    staff_id: str = ""
    gun_number: str = ""
    state: State | None = None
    doubted: bool = False
    withdrawn: bool = False


class RefusalFilters(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    organisation_id: str = ""
    reason: str = ""
    handled: bool | None = None


class FillingOut(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of E5.8.8-3; `filled_on` and `last_filled_on` are YYYYMMDD (E5.8.8-4). `final_net_kg` is by the second
    scale, and after draining, where there was a check.
    """

    id: str
    organisation_id: str
    station_name: str
    code: str
    filling_company: str
    inspection_company: str
    gun_number: str
    gross_kg: float
    net_kg: float
    final_net_kg: float
    tare_kg: float
    residue_kg: float
    target_kg: float
    least_kg: float | None
    most_kg: float | None
    medium: str
    filled_on: str
    last_filled_on: str
    filler_number: str
    filler_certificate: str
    staff_id: str
    staff_name: str
    scale_number: str
    scale_verified_until: date | None
    started_at: datetime
    ended_at: datetime
    at: datetime
    ended: str
    method: str
    state: State
    doubts: list[str]
    corrected_by: str
    withdrawn_at: datetime | None
    withdrawn_reason: str


class CheckBeforeOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: datetime
    staff_name: str
    method: str
    tag_uid: str
    passed: bool
    reasons: list[str]
    items: list[Any]
    owner: str
    manufacturer: str
    next_inspection_on: date | None
    residual_pressure_mpa: float | None
    ambient_c: float | None
    photos: list[str]
    note: str


class CheckAfterOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: datetime
    staff_name: str
    method: str
    tag_uid: str
    passed: bool
    items: list[Any]
    second_scale_number: str
    reweighed_gross_kg: float
    drained_gross_kg: float | None
    overfilled: bool
    checker_certificate: str
    photos: list[str]
    note: str


class FillingDetail(msgspec.Struct, frozen=True, kw_only=True):
    """`before` is empty while its record has not arrived."""

    filling: FillingOut
    before: CheckBeforeOut | None
    after: list[CheckAfterOut]
    photos: list[str]
    note: str


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Name


class RefusalOut(msgspec.Struct, frozen=True, kw_only=True):
    """`reasons` are codes; `action` is of the list `refused_cylinder_action`."""

    id: str
    organisation_id: str
    station_name: str
    code: str
    staff_id: str
    staff_name: str
    at: datetime
    stage: str
    reasons: list[str]
    photos: list[str]
    note: str
    handled_at: datetime | None
    handled_by_name: str
    action: str
    handling: str


class Handling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    action: Name
    handling: Word = ""


class LastFilling(msgspec.Struct, frozen=True, kw_only=True):
    """末次充装, as anybody may know it."""

    filled_on: date
    filling_company: str
    medium: str
    net_kg: float
