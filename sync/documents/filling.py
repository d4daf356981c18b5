"""Filling of a cylinder (充装): checked before, filled, checked after, each with a scan of its own. Clause 5.8.8."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from sync.documents.cylinders import CylinderScan
from sync.documents.envelope import Id, Record, Utc, Word, label

# GB/T 7408, complete representation, basic format (E5.8.8-4).
BASIC_DATE = "%Y%m%d"
BasicDate = Annotated[str, msgspec.Meta(pattern=r"^\d{8}$")]
Kg = Annotated[float, msgspec.Meta(ge=0, le=1000)]

FillingEnd = Literal["target_reached", "stopped", "link_lost", "scale_fault", "interrupted"]


def basic_date(day: date) -> str:
    return day.strftime(BASIC_DATE)


def parse_basic_date(written: str) -> date:
    """Raises ValueError for what is no date."""
    return datetime.strptime(written, BASIC_DATE).date()  # noqa: DTZ007 - a day has no zone


class FillingCheckItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`item` is of the company's list: `filling_check_before` or `filling_check_after`."""

    item: Annotated[Word, label("检查项", "Item", min_length=1)]
    result: Annotated[Literal["pass", "fail", "not_applicable"], label("结果", "Result")]
    photo: Annotated[Word, label("照片", "Photo")] = ""


class FillingCheckedBefore(Record, tag="filling.checked_before", frozen=True, kw_only=True):
    """充装前检查: the scan with its verdict, then the items. `reasons` are those of a refusal (拒充): one that is
    refused at its scan has no items. What the archive said is written down as it was on the phone.
    """

    scan: CylinderScan
    passed: Annotated[bool, label("可充装", "May be filled")]
    reasons: Annotated[tuple[Word, ...], label("拒充原因", "Reasons of refusal", max_length=20)] = ()
    items: Annotated[tuple[FillingCheckItem, ...], label("检查项目", "Items", max_length=40)] = ()
    owner: Annotated[Word, label("产权单位", "Owner")] = ""
    manufacturer: Annotated[Word, label("制造单位", "Manufacturer")] = ""
    next_inspection_on: Annotated[date, label("下次检验日期", "Next inspection")] | None = None
    residual_pressure_mpa: Annotated[float, label("剩余压力", "Residual pressure", unit="MPa", ge=0, le=10)] | None = (
        None
    )
    ambient_c: Annotated[float, label("环境温度", "Ambient temperature", unit="°C", ge=-60, le=60)] | None = None
    rules_version: Annotated[int, msgspec.Meta(ge=0)] = 0


class CylinderFilled(Record, tag="cylinder.filled", frozen=True, kw_only=True):
    """充装 (E5.8.8-3). `target_kg` is the gas that was to go in; `net_kg` is all gas that is in the cylinder now, what
    was left in it (`residue_kg`) included.
    """

    scan: CylinderScan
    check_id: Annotated[Id, label("充装前检查记录", "Check before")]
    filling_company: Annotated[Word, label("充装单位", "Filling company", min_length=1)]
    inspection_company: Annotated[Word, label("气瓶检验单位", "Inspection company")] = ""
    gun_number: Annotated[Word, label("充装枪号", "Gun number", min_length=1)]
    gross_kg: Annotated[Kg, label("瓶身总重", "Gross weight", unit="kg")]
    net_kg: Annotated[Kg, label("充装净含量", "Net weight", unit="kg")]
    tare_kg: Annotated[Kg, label("皮重", "Tare", unit="kg")]
    residue_kg: Annotated[Kg, label("残液量", "Residue", unit="kg")] = 0.0
    target_kg: Annotated[Kg, label("应充净重", "Net weight due", unit="kg")]
    medium: Annotated[Word, label("充装介质", "Medium", min_length=1)]
    filled_on: Annotated[BasicDate, label("充装日期", "Filled on")]
    last_filled_on: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^(\d{8})?$")], label("末次充装日期", "Last filled on")
    ] = ""
    filler_number: Annotated[Word, label("充装人员工号", "Filler's staff number", min_length=1)]
    filler_certificate: Annotated[Word, label("充装人员证号", "Filler's certificate")] = ""
    scale_number: Annotated[Word, label("秤号", "Scale number", min_length=1)]
    scale_verified_until: Annotated[date, label("秤检定有效期至", "Scale verified until")] | None = None
    started_at: Annotated[Utc, label("开始时间", "Started at")]
    ended_at: Annotated[Utc, label("结束时间", "Ended at")]
    ended: Annotated[FillingEnd, label("结束原因", "Ended by")] = "target_reached"
    rules_version: Annotated[int, msgspec.Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        """So that no day that does not exist is taken into a table."""
        for written in (self.filled_on, self.last_filled_on):
            if written:
                parse_basic_date(written)


class FillingCheckedAfter(Record, tag="filling.checked_after", frozen=True, kw_only=True):
    """充装后检查, weighed again on a second scale (独立秤复秤). What is too full is drained (倒残) and weighed once
    more, which gives `drained_gross_kg`.
    """

    scan: CylinderScan
    filled_id: Annotated[Id, label("充装记录", "Filling")]
    items: Annotated[tuple[FillingCheckItem, ...], label("检查项目", "Items", min_length=1, max_length=40)]
    second_scale_number: Annotated[Word, label("复秤秤号", "Second scale's number", min_length=1)]
    reweighed_gross_kg: Annotated[Kg, label("复秤总重", "Gross weight on the second scale", unit="kg")]
    drained_gross_kg: Annotated[Kg, label("倒残后总重", "Gross weight after draining", unit="kg")] | None = None
    overfilled: Annotated[bool, label("超装", "Over-filled")] = False
    passed: Annotated[bool, label("可出站", "May leave the station")]
    checker_certificate: Annotated[Word, label("检查员证号", "Checker's certificate", min_length=1)]
    rules_version: Annotated[int, msgspec.Meta(ge=0)] = 0
