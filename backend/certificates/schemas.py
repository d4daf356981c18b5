"""What the office sends and reads of certificates."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from backend.certificates.rules import State
from sync.documents.envelope import Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]
HolderKind = Literal["staff", "company", "station", "vehicle", "device"]


class CertificateIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    holder_kind: HolderKind
    holder_id: Name
    kind: Name
    number: Name
    # The model or range that it was given for, where it is not its holder's alone.
    covers: Word = ""
    issued_by: Word = ""
    issued_on: date | None = None
    expires_on: date


class WithdrawIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Name


class CertificateFilters(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    holder_kind: str = ""
    holder_id: str = ""
    kind: str = ""
    state: State | None = None


class CertificateOut(msgspec.Struct, frozen=True, kw_only=True):
    """`due_within`: the reminder that was reached; `days_left` is negative once it has run out."""

    id: str
    organisation_id: str
    organisation_name: str
    holder_kind: HolderKind
    holder_id: str
    holder_code: str
    holder_name: str
    kind: str
    kind_zh: str
    kind_en: str
    number: str
    covers: str
    issued_by: str
    issued_on: date | None
    expires_on: date
    state: State
    due_within: int | None
    days_left: int
    withdrawn_reason: str


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who or what may hold a certificate; `organisation_id` is where it belongs."""

    id: str
    code: str
    name: str
    organisation_id: str


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """How many have run out, or run out within the reminders; the nearest of all comes first in the list."""

    expired: int
    due: dict[int, int]
