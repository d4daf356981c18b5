"""What the office sends and reads of stations."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Latitude, Longitude, Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]
StationKind = Literal["storage", "supply", "point"]
StationState = Literal["open", "closed"]
Phone = Annotated[str, msgspec.Meta(max_length=30, pattern=r"^(\+?[0-9][0-9 -]{4,24}[0-9])?$")]


class StationIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`organisation_id` is the unit that runs it."""

    organisation_id: Name
    code: Name
    name: Name
    kind: StationKind
    address: Word = ""
    lon: Longitude | None = None
    lat: Latitude | None = None
    capacity_t: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None
    manager: Word = ""
    manager_phone: Phone = ""
    opened_on: date | None = None
    state: StationState = "open"


class StationFilters(msgspec.Struct, frozen=True, kw_only=True):
    """An empty `state` lists the closed ones too."""

    search: str = ""
    kind: str = ""
    organisation_id: str = ""
    state: str = "open"


class StationLine(msgspec.Struct, frozen=True, kw_only=True):
    """`licence_*`: the certificate with the latest last day; empty without any."""

    id: str
    organisation_id: str
    organisation_name: str
    code: str
    name: str
    kind: StationKind
    address: str
    lon: float | None
    lat: float | None
    capacity_t: float | None
    manager: str
    manager_phone: str
    opened_on: date | None
    state: StationState
    registered_at: datetime
    licence_number: str
    licence_expires_on: date | None
    licence_state: str


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """`row` as the spreadsheet numbers it."""

    row: int
    code: str
    zh: str
    en: str


class StationImport(msgspec.Struct, frozen=True, kw_only=True):
    added: int
    changed: int
    rejected: list[RejectedRow]
    unknown_heads: tuple[str, ...]
    dry_run: bool
