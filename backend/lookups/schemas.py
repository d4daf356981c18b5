"""What the public reads of a cylinder, and what a market inspector sends and reads."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Latitude, Longitude, Word

PublicState = Literal["good", "overdue", "ended", "failed", "scrapped"]


class PublicCylinder(msgspec.Struct, frozen=True, kw_only=True):
    """Of no person: where it is, who has it and what it cost stay out of it."""

    code: str
    company_name: str
    specification: str
    medium: str
    manufacturer: str
    factory_number: str
    made_on: date | None
    last_inspected_on: date | None
    next_inspection_on: date | None
    service_ends_on: date | None
    filled_on: date | None
    filled_net_kg: float | None
    state: PublicState


class MarketScanIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`read`: the QR code's text, the tag's code or a typed number; `stamped`: the number on the cylinder itself."""

    read: Word = ""
    tag_uid: Word = ""
    stamped: Word = ""
    lon: Longitude | None = None
    lat: Latitude | None = None
    accuracy_m: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


class MarketReason(msgspec.Struct, frozen=True):
    code: str
    zh: str
    en: str


class MarketScanFilters(msgspec.Struct, frozen=True, kw_only=True):
    verdict: str = ""


class MarketScanOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: datetime
    staff_id: str
    staff_name: str
    read: str
    code: str
    company_name: str
    verdict: str
    reasons: list[MarketReason]
    note: str
    lon: float | None
    lat: float | None
    accuracy_m: float | None
