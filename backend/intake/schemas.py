"""What the office's programs see of records not taken (待核实) and of conflicts (问题单)."""

from datetime import datetime
from typing import Annotated, Any

import msgspec


class QuarantinedOut(msgspec.Struct, frozen=True, kw_only=True):
    """`body` comes only when one is shown."""

    id: str
    database: str
    doc_id: str
    rev: str
    deleted: bool
    code: str
    reason: str
    reason_en: str
    detail: str
    alarm: bool
    organisation_id: str
    staff_id: str
    device_id: str
    received_at: datetime
    state: str
    settled_at: datetime | None
    settled_by: str
    settled_reason: str
    body: str | None = None


class QuarantinedPage(msgspec.Struct, frozen=True):
    items: list[QuarantinedOut]
    total: int


class ReplayOut(msgspec.Struct, frozen=True):
    """`state` is `taken` or, with the code that holds it back, still `open`."""

    state: str
    code: str = ""


class ReasonIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(max_length=500)]


class ConflictOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    kind: str
    record_ids: list[str]
    facts: dict[str, Any]
    opened_at: datetime
    state: str
    settled_at: datetime | None
    settled_by: str
    settlement: str


class ConflictPage(msgspec.Struct, frozen=True):
    items: list[ConflictOut]
    total: int
