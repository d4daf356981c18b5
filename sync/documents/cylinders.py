"""What a worker does with cylinders (气瓶): scans, loads, meets one that is not to be supplied. Clause 5.8."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Id, Record, Word, label

ScanMethod = Literal["qr", "barcode", "nfc", "uhf", "typed"]


class TagSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was read from a tag, kept with the record (5.8.7-3b): whether it may be believed, and its newest entry.

    `state` as `device_bridge.tag_content` has it; customer's name and address stay on the tag.
    """

    state: Annotated[Word, label("标签核验", "Tag verified", min_length=1)]
    sequence: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)] = 0
    factory_number: Annotated[Word, label("出厂编号", "Factory number")] = ""
    next_inspection_on: Annotated[date, label("下次检验日期", "Next inspection")] | None = None
    filling_company: Annotated[Word, label("充装单位", "Filling company")] = ""
    filled_on: Annotated[date, label("末次充装日期", "Last filled on")] | None = None
    gross_kg: Annotated[float, label("瓶气总重", "Gross weight", unit="kg", ge=0)] | None = None
    delivered_on: Annotated[date, label("送达日期", "Delivered on")] | None = None


class CylinderScan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a cylinder was told: `code` as read; `cylinder_id` as known to the phone, empty when it is not; `stamped`
    where the number on the cylinder itself is another.
    """

    code: Annotated[Word, label("气瓶编号", "Cylinder code", min_length=1)]
    method: Annotated[ScanMethod, label("识读方式", "Read by")]
    cylinder_id: Word = ""
    tag_uid: Annotated[Word, label("标签 UID", "Tag UID")] = ""
    photo: Annotated[Word, label("钢印照片", "Photo of the stamp")] = ""
    stamped: Annotated[Word, label("瓶上钢印", "Stamped number")] = ""
    tag: Annotated[TagSaid, label("标签内容", "What the tag says")] | None = None


class CylindersLoaded(Record, tag="cylinders.loaded", frozen=True, kw_only=True):
    """出库扫码装车."""

    station_id: Id
    vehicle: Annotated[Word, label("车牌号", "Plate")] = ""
    cylinders: Annotated[tuple[CylinderScan, ...], label("装车气瓶", "Loaded cylinders", min_length=1, max_length=200)]


class StoredCylinder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`full`: not sold, back as it went out; else an empty."""

    scan: CylinderScan
    full: Annotated[bool, label("重瓶", "Full")]


class CylindersStored(Record, tag="cylinders.stored", frozen=True, kw_only=True):
    """回站入库: what came off the vehicle, each scanned, and what the phone's load list still says and nobody found."""

    station_id: Id
    vehicle: Annotated[Word, label("车牌号", "Plate")] = ""
    cylinders: Annotated[tuple[StoredCylinder, ...], label("入库气瓶", "Stored cylinders", max_length=400)] = ()
    missing: Annotated[tuple[Word, ...], label("未回站气瓶", "Not back at the station", max_length=400)] = ()
    missing_reason: Annotated[Word, label("未回站原因", "Why not back")] = ""


class CylinderRefused(Record, tag="cylinder.refused", frozen=True, kw_only=True):
    """A scan whose verdict was 禁止, with every reason and the rules' version that said so."""

    scan: CylinderScan
    purpose: Annotated[Literal["loading", "delivery", "return"], label("用途", "Purpose")]
    reasons: Annotated[tuple[Word, ...], label("原因", "Reasons", min_length=1, max_length=10)]
    rules_version: Annotated[int, msgspec.Meta(ge=0)] = 0
