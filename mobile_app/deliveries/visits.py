"""A visit that failed: 到访不遇, 拒检, 空置, 预约改期, each with the evidence it needs."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from mobile_app.errors import FieldError
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from sync.documents.deliveries import VisitFailed
from sync.documents.tasks import DeliveryTask

Outcome = Literal["not_home", "refused", "vacant", "rescheduled"]


async def fail_visit(
    phone: Phone,
    task: DeliveryTask,
    outcome: Outcome,
    *,
    photos: Sequence[PhotoDraft] = (),
    notice_posted: bool = False,
    door_gap_ppm: float | None = None,
    next_appointment: date | None = None,
    reason: str = "",
    witness: str = "",
    note: str = "",
) -> VisitFailed:
    """Nobody home: a photo of the door, and one of the notice if it was put up. Raises FieldError."""
    _check(outcome, len(photos), notice_posted=notice_posted, next_appointment=next_appointment, reason=reason)
    return await phone.record(
        VisitFailed,
        photos=photos,
        task_id=task.id,
        draft=f"delivery/{task.id}",
        customer_id=task.customer.customer_id,
        outcome=outcome,
        attempt=task.attempt,
        notice_posted=notice_posted,
        door_gap_ppm=door_gap_ppm,
        next_appointment=next_appointment,
        reason=reason,
        witness=witness,
        note=note,
    )


def _check(outcome: Outcome, photos: int, *, notice_posted: bool, next_appointment: date | None, reason: str) -> None:
    if outcome in {"not_home", "vacant"} and not photos:
        raise FieldError("visit.no_photo", "请拍一张门口照片", "Take a photo of the door", field="photos")
    if outcome == "not_home" and notice_posted and photos < 2:  # the door and the notice
        raise FieldError(
            "visit.no_notice_photo", "还要拍一张已贴通知的照片", "Take a photo of the notice as well", field="photos"
        )
    if outcome == "refused" and not reason:
        raise FieldError("visit.no_reason", "请填写拒检原因", "Say why the check was refused", field="reason")
    if outcome == "rescheduled" and next_appointment is None:
        raise FieldError(
            "visit.no_appointment", "请选择下次预约日期", "Choose the next appointment", field="next_appointment"
        )
