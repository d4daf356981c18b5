"""A visit that failed: 到访不遇, 拒检, 空置, 预约改期, each with the evidence it needs."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from mobile_app.errors import FieldError
from mobile_app.for_office import sealed_for_office
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from sync.documents.deliveries import VisitFailed
from sync.documents.envelope import new_id
from sync.documents.tasks import DeliveryTask

Outcome = Literal["not_home", "refused", "vacant", "rescheduled"]


async def fail_visit(
    phone: Phone,
    task: DeliveryTask,
    outcome: Outcome,
    *,
    photos: Sequence[PhotoDraft] = (),
    door: PhotoDraft | None = None,
    notice: PhotoDraft | None = None,
    notice_handed_over: bool = False,
    notice_posted: bool = False,
    door_gap_ppm: float | None = None,
    next_appointment: date | None = None,
    reason: str = "",
    witness: str = "",
    note: str = "",
) -> VisitFailed:
    """Nobody home: a photo of the door, and one of the notice if it was put up. Raises FieldError."""
    _check(outcome, door=door, notice=notice if notice_posted else door, next_appointment=next_appointment)
    if outcome == "refused":
        _check_refusal(reason, witness, photos, notice_handed_over=notice_handed_over)
    record_id = new_id("visit.failed")
    sealed = await sealed_for_office(phone, witness.strip(), record_id)
    return await phone.record(
        VisitFailed,
        record_id=record_id,
        photos=[each for each in (door, notice, *photos) if each is not None],
        task_id=task.id,
        draft=f"delivery/{task.id}",
        customer_id=task.customer.customer_id,
        outcome=outcome,
        attempt=await attempt_of(phone, task),
        notice_posted=notice_posted,
        door_gap_ppm=door_gap_ppm,
        next_appointment=next_appointment,
        reason=reason,
        witness="" if sealed else witness.strip(),
        door_photo=door.id if door else "",
        notice_photo=notice.id if notice else "",
        notice_handed_over=notice_handed_over,
        sealed=sealed,
        note=note,
    )


async def attempt_of(phone: Phone, task: DeliveryTask) -> int:
    """The how-manieth visit this is: the office counts what it has, the phone knows what it has not sent yet."""
    own = [visit for visit in await phone.recorded(VisitFailed) if visit.task_id == task.id]
    return max(task.attempt, len(own) + 1)


def _check(
    outcome: Outcome, *, door: PhotoDraft | None, notice: PhotoDraft | None, next_appointment: date | None
) -> None:
    if outcome in {"not_home", "vacant"} and door is None:
        raise FieldError("visit.no_photo", "请拍一张门口照片", "Take a photo of the door", field="door_photo")
    if outcome == "not_home" and notice is None:
        raise FieldError(
            "visit.no_notice_photo",
            "还要拍一张已贴通知的照片",
            "Take a photo of the notice as well",
            field="notice_photo",
        )
    if outcome == "rescheduled" and next_appointment is None:
        raise FieldError(
            "visit.no_appointment", "请选择下次预约日期", "Choose the next appointment", field="next_appointment"
        )


def _check_refusal(reason: str, witness: str, photos: Sequence[PhotoDraft], *, notice_handed_over: bool) -> None:
    if not reason.strip():
        raise FieldError("visit.no_reason", "请填写拒检原因", "Say why the check was refused", field="reason")
    if not notice_handed_over:
        raise FieldError("visit.no_notice", "请先送达告知书", "Hand over the notice first", field="notice_handed_over")
    if not witness.strip() and not photos:
        raise FieldError("visit.no_witness", "请填写见证人，或拍照", "Name a witness, or take a photo", field="witness")
