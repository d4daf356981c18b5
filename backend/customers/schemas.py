"""What the office sends and reads of a customer."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from sync.documents.customers import IdentityKind
from sync.documents.envelope import Latitude, Longitude, Word
from sync.identity_card import IdentityCard
from sync.rules.identity import Finding

Name = Annotated[Word, msgspec.Meta(min_length=1)]
Phone = Annotated[str, msgspec.Meta(max_length=30, pattern=r"^(\+?[0-9][0-9 -]{4,24}[0-9])?$")]


class CustomerIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`identity_number` and `phone`: None leaves what is on record, an empty text takes it away."""

    organisation_id: Name
    code: Name
    name: Word = ""
    category: Word = ""
    district: Word = ""
    street: Word = ""
    community: Word = ""
    road: Word = ""
    house: Word = ""
    phone: Phone | None = None
    identity_kind: IdentityKind = "person"
    identity_number: Annotated[str, msgspec.Meta(max_length=30)] | None = None
    safety_officer: Word = ""
    opened_on: date | None = None
    lon: Longitude | None = None
    lat: Latitude | None = None


class PaperIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    done_on: date | None
    reviewed: bool = False


class GasAlarmIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`missing`: there is none, or it does not work."""

    state: Literal["fitted", "missing"]
    number: Word = ""
    checked_on: date | None = None


class GasAlarmOut(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is empty while nobody has looked; `record_id`: the check at a delivery that said it, if one did."""

    state: Literal["", "fitted", "missing"]
    number: str
    checked_on: date | None
    record_id: str


class PaperOut(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    done_on: date | None
    done_by: str
    record_id: str
    reviewed_at: datetime | None
    reviewed_by: str


class PaperRecordOut(msgspec.Struct, frozen=True, kw_only=True):
    """A paper as a worker brought it, with the delivery (`task_id`) at which it was made."""

    id: str
    customer_id: str
    kind: str
    task_id: str
    staff_id: str
    at: datetime
    number: str
    valid_until: date | None
    photos: list[str]


class CustomerFilters(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    category: str = ""
    organisation_id: str = ""
    complete: bool | None = None
    lacks_alarm: bool = False
    state: str = "active"


class CustomerLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger: no identity number, of the telephone its end."""

    id: str
    organisation_id: str
    code: str
    name: str
    category: str
    address: str
    phone_last4: str
    identity_given: bool
    opened_on: date | None
    state: str
    complete: bool
    missing: tuple[str, ...]
    lon: float | None
    lat: float | None


class CardReadingOut(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the office could read the card itself, and on which fields it disagrees; none of their values."""

    record_id: str
    photo_id: str
    entry: str
    state: str
    trouble: str
    differs: list[str]
    recorded_at: datetime
    read_at: datetime | None


class TakenDown(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    identity_number: str = ""


class ComparedCard(msgspec.Struct, frozen=True, kw_only=True):
    """Both values; reading this is audited. `card` is None until it was read."""

    record_id: str
    taken_down: TakenDown
    card: IdentityCard | None


class CustomerOut(msgspec.Struct, frozen=True, kw_only=True):
    """`identity_masked` shows the ends of the number; `findings` are what is unusual about what was saved."""

    customer: CustomerLine
    district: str
    street: str
    community: str
    road: str
    house: str
    phone: str
    identity_kind: str
    identity_masked: str
    safety_officer: str
    identity_photo: str
    papers: list[PaperOut]
    paper_records: list[PaperRecordOut]
    card_readings: list[CardReadingOut]
    findings: tuple[Finding, ...] = ()


class IdentityOut(msgspec.Struct, frozen=True):
    identity_number: str


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """实名登记 statistics (E5.8.3-6): shares in percent of all customers, None without any."""

    customers: int
    named: int
    complete: int
    done_percent: dict[str, float | None]
    reviewed_percent: dict[str, float | None]
