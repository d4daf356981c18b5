"""What applicants and reviewers send and read."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from backend.licensing.rules import Action, State
from sync.documents.envelope import Text, Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]
Phone = Annotated[str, msgspec.Meta(max_length=30, pattern=r"^(\+?[0-9][0-9 -]{4,24}[0-9])?$")]
HolderKind = Literal["company", "staff", "station"]
Purpose = Literal["new", "renewal", "change"]


class ApplicationIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind`: an entry of the company's list of certificates for that holder. A draft may be incomplete."""

    holder_kind: HolderKind
    holder_id: Name
    kind: Name
    purpose: Purpose = "new"
    statement: Text = ""
    contact: Word = ""
    contact_phone: Phone = ""


class ReasonIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class ApprovalIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The certificate as it is issued; `issued_by` empty for the authority's own name."""

    number: Name
    issued_on: date
    expires_on: date
    issued_by: Word = ""


class AttachmentOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    role: str
    name: str
    media_type: str
    length_bytes: int
    added_at: datetime


class StepOut(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    state: str
    staff_name: str
    at: datetime
    reason: str


class ApplicationFilters(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    holder_kind: str = ""
    state: State | None = None
    overdue: bool = False


class ApplicationLine(msgspec.Struct, frozen=True, kw_only=True):
    """`overdue`: the authority has not answered in time."""

    id: str
    number: str
    organisation_id: str
    company_id: str
    company_name: str
    holder_kind: HolderKind
    holder_id: str
    holder_code: str
    holder_name: str
    kind: str
    kind_zh: str
    kind_en: str
    purpose: Purpose
    state: State
    submitted_at: datetime | None
    due_on: date | None
    overdue: bool
    decided_at: datetime | None
    created_at: datetime


class ApplicationOut(msgspec.Struct, frozen=True, kw_only=True):
    """`actions`: what the one who asks may do now."""

    application: ApplicationLine
    statement: str
    contact: str
    contact_phone: str
    reason: str
    certificate_id: str | None
    attachments: list[AttachmentOut]
    steps: list[StepOut]
    editable: bool
    actions: list[Action]
