"""What the office sends and reads about inspections and repairs."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]
# 合格, 不合格 (to be scrapped), 维修 (stays there until it passes or fails).
Result = Literal["passed", "failed", "repair"]


class BatchIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    organisation_id: Name
    inspection_body: Name
    sent_on: date
    codes: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=2000)]
    note: Word = ""


class ResultIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`next_inspection_on` follows from the company's table where the body does not give it."""

    code: Name
    result: Result
    inspected_on: date
    next_inspection_on: date | None = None
    report_number: Word = ""
    note: Word = ""


class ResultsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    results: Annotated[tuple[ResultIn, ...], msgspec.Meta(min_length=1, max_length=2000)]


class BatchFilters(msgspec.Struct, frozen=True, kw_only=True):
    """`still_out`: those of which a cylinder has not come back."""

    search: str = ""
    organisation_id: str = ""
    still_out: bool = False


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: str
    organisation_id: str
    organisation_name: str
    inspection_body: str
    sent_on: date
    staff_name: str
    note: str
    total: int
    out: int
    passed: int
    failed: int


class ItemOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    cylinder_id: str
    code: str
    specification: str
    due_on: date | None
    result: str
    inspected_on: date | None
    next_inspection_on: date | None
    report_number: str
    note: str
    scrapped: bool


class BatchOut(msgspec.Struct, frozen=True, kw_only=True):
    batch: BatchLine
    items: list[ItemOut]


class RefusedResult(msgspec.Struct, frozen=True, kw_only=True):
    row: int
    code: str
    reason: str
    reason_zh: str
    reason_en: str


class ResultsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Good rows are taken where it is no trial; each other one is listed."""

    dry_run: bool
    read: int
    taken: int
    unchanged: int
    rejected: tuple[RefusedResult, ...]


class RepairIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Name
    organisation_id: Name
    fault: Annotated[Word, msgspec.Meta(min_length=2)]
    work: Word = ""
    repairer: Word = ""
    repaired_on: date


class RepairOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    cylinder_id: str
    code: str
    fault: str
    work: str
    repairer: str
    repaired_on: date
    staff_name: str
    at: datetime
