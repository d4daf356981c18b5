"""Delivery of bottled gas (送气): check, exchange, leak test, signature, and visits that failed. Clause 5.8.3."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from sync.documents.customers import Sealed
from sync.documents.cylinders import CylinderScan
from sync.documents.envelope import Id, Record, Word, label


class DeliveryCheckItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    item: Annotated[Word, label("检查项", "Item", choices="delivery_check_item", min_length=1)]
    result: Annotated[Literal["pass", "fail", "not_applicable"], label("结果", "Result")]
    value: Annotated[float, label("数值", "Value")] | None = None
    photo: Annotated[Word, label("照片", "Photo")] = ""


class DeliveryChecked(Record, tag="delivery.checked", frozen=True, kw_only=True):
    """随瓶安检: nothing preselected; a failed item needs a photo, stops the supply and opens a hazard."""

    customer_id: Id
    items: Annotated[tuple[DeliveryCheckItem, ...], label("检查项目", "Items", min_length=1, max_length=40)]
    passed: Annotated[bool, label("可供气", "Supply allowed")]
    # Of the company's list, as the phone had it.
    list_version: Annotated[int, label("检查表版本", "Version of the list", ge=0)] = 0


class ReturnedCylinder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    scan: CylinderScan
    fault: Annotated[Word, label("空瓶异常", "Fault", choices="returned_cylinder_fault")] = ""


class LeakTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """检漏: by instrument or soap water, with a photo."""

    method: Annotated[Literal["instrument", "soap_water"], label("检漏方法", "Method")]
    passed: Annotated[bool, label("不漏", "No leak")]
    reading_ppm: Annotated[float, label("检漏读数", "Reading", unit="ppm", ge=0)] | None = None
    photo: Annotated[Word, label("检漏照片", "Photo")] = ""


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """签收: written, or replaced by a photo at the door (gloves). No phone offers a text-message code any more: nobody
    had verified it.

    The receiver's name travels in `sealed` (`sync.sealed`); in `receiver` only from a phone without the office's key.
    """

    kind: Annotated[Literal["written", "text_code", "door_photo"], label("签收方式", "Kind")]
    receiver: Annotated[Word, label("签收人", "Receiver", personal=True)] = ""
    relation: Annotated[Word, label("与户主关系", "Relation to the account holder", choices="receiver_relation")] = (
        "self"
    )
    photo: Annotated[Word, label("签名图", "Signature's picture", personal=True)] = ""
    text_code: Annotated[Word, label("短信码", "Text-message code")] = ""
    sealed: Sealed = ""


class Payment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    method: Annotated[Word, label("收款方式", "Method", choices="payment_method")]
    amount_fen: Annotated[int, label("金额", "Amount", unit="分", ge=0)]


class DepositSlip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """押金单: taken from a customer, paid back to him, or moved from one size to another (转瓶)."""

    kind: Annotated[Literal["taken", "refunded", "moved"], label("收退", "Kind")]
    number: Annotated[Word, label("押金单号", "Slip number", min_length=1)]
    specification: Annotated[Word, label("气瓶规格", "Size", min_length=1)]
    quantity: Annotated[int, label("数量", "Count", unit="只", ge=1, le=200)]
    amount_fen: Annotated[int, label("金额", "Amount", unit="分", ge=0, le=100_000_000)]
    # 转瓶: the size that the deposit is for from now on.
    moved_to: Annotated[Word, label("转为规格", "Moved to size")] = ""


class DeliveryCompleted(Record, tag="delivery.completed", frozen=True, kw_only=True):
    customer_id: Id
    check_id: Annotated[Id, label("随瓶安检记录", "Check at delivery")]
    delivered: Annotated[
        tuple[CylinderScan, ...], label("送达气瓶", "Delivered cylinders", min_length=1, max_length=50)
    ]
    returned: Annotated[tuple[ReturnedCylinder, ...], label("回收空瓶", "Returned cylinders", max_length=50)] = ()
    leak_test: LeakTest
    signature: Signature
    payment: Payment | None = None
    deposits: Annotated[tuple[DepositSlip, ...], label("押金单", "Deposit slips", max_length=20)] = ()


class VisitFailed(Record, tag="visit.failed", frozen=True, kw_only=True):
    """到访不遇, 拒检, 空置 or 预约改期, each with its evidence."""

    customer_id: Id
    outcome: Annotated[Literal["not_home", "refused", "vacant", "rescheduled"], label("到访结果", "Outcome")]
    attempt: Annotated[int, label("第几次", "Attempt", ge=1, le=99)] = 1
    notice_posted: Annotated[bool, label("已贴通知", "Notice put up")] = False
    door_gap_ppm: Annotated[float, label("门缝检漏", "Leak check at the door gap", unit="ppm", ge=0)] | None = None
    next_appointment: Annotated[date, label("下次预约", "Next appointment")] | None = None
    reason: Annotated[Word, label("原因", "Reason")] = ""
    witness: Annotated[Word, label("见证人", "Witness", personal=True)] = ""
    door_photo: Annotated[Word, label("门口照片", "Photo of the door")] = ""
    notice_photo: Annotated[Word, label("通知照片", "Photo of the notice")] = ""
    notice_handed_over: Annotated[bool, label("已送达告知书", "Notice handed over")] = False
    # The witness's name, for the office alone (`sync.sealed`).
    sealed: Sealed = ""
