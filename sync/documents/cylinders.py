"""What a worker does with cylinders (气瓶): scans, loads, meets one that is not to be supplied. Clause 5.8."""

from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Id, Record, Word, label

ScanMethod = Literal["qr", "barcode", "nfc", "uhf", "typed"]


class CylinderScan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a cylinder was told: `code` as read; `cylinder_id` as known to the phone, empty when it is not."""

    code: Annotated[Word, label("气瓶编号", "Cylinder code", min_length=1)]
    method: Annotated[ScanMethod, label("识读方式", "Read by")]
    cylinder_id: Word = ""
    tag_uid: Annotated[Word, label("标签 UID", "Tag UID")] = ""
    photo: Annotated[Word, label("钢印照片", "Photo of the stamp")] = ""


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
