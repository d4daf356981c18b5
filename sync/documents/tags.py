"""Electronic tags (电子标签): bound to a cylinder, written, and what a scan read from one. Clauses 5.8.6, 5.8.7."""

from datetime import date
from typing import Annotated, Literal

from sync.documents.cylinders import CylinderScan
from sync.documents.envelope import Record, Word, label

TagKind = Literal["nfc", "uhf"]


class TagBound(Record, tag="tag.bound", frozen=True, kw_only=True):
    """绑定电子标签: `scan` is the cylinder as it was told (stamped number, QR code), `tag_uid` the tag now on it."""

    scan: CylinderScan
    tag_uid: Annotated[Word, label("标签 UID", "Tag UID", min_length=4)]
    kind: Annotated[TagKind, label("标签类型", "Kind of tag")]
    replaces: Annotated[Word, label("被替换的标签", "Replaced tag")] = ""
    reason: Annotated[Word, label("更换原因", "Why it was replaced", choices="tag_replacement_reason")] = ""


class TagWritten(Record, tag="tag.written", frozen=True, kw_only=True):
    """What was put on a tag; customer's name and address stay out of it. `not_written`: begun, and given up."""

    scan: CylinderScan
    tag_uid: Annotated[Word, label("标签 UID", "Tag UID", min_length=4)]
    occasion: Annotated[Literal["bound", "filled", "delivered"], label("写入时机", "Occasion")]
    outcome: Annotated[Literal["written", "not_written"], label("写入结果", "Outcome")]
    sequence: Annotated[int, label("写入序号", "Sequence", ge=0, le=0xFFFF)] = 0
    next_inspection_on: Annotated[date, label("下次检验日期", "Next inspection")] | None = None
    filled_on: Annotated[date, label("充装日期", "Filled on")] | None = None
    gross_kg: Annotated[float, label("瓶气总重", "Gross weight", unit="kg", ge=0)] | None = None
    delivered_on: Annotated[date, label("送达日期", "Delivered on")] | None = None
    left_out: Annotated[tuple[Word, ...], label("未写入的内容", "Left out", max_length=20)] = ()
