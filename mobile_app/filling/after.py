"""充装后检查: scanned once more, judged, and weighed on a second scale; what is too full is drained first."""

from collections.abc import Sequence

from mobile_app.deliveries.scans import identify
from mobile_app.errors import FieldError
from mobile_app.filling.progress import DRAFT, Start
from mobile_app.filling.tables import limits_of
from mobile_app.filling.work import Filling
from mobile_app.photo_drafts import PhotoDraft
from mobile_app.tags.reading import TagRead
from sync.documents.cylinders import CylinderScan, ScanMethod
from sync.documents.filling import FillingCheckedAfter, FillingCheckItem
from sync.rules.filling import (
    AFTER_LIST,
    FILLING_RULES_VERSION,
    FillingLimits,
    WeightState,
    items_pass,
    net_weight,
)


def weight_state(filling: Filling, gross_kg: float, limits: FillingLimits) -> WeightState:
    start = filling.started()
    return net_weight(gross_kg - start.tare_kg, filling.progress.cylinder, limits, target=start.target_kg)


async def check_after(
    filling: Filling,
    code: str,
    method: ScanMethod,
    items: Sequence[FillingCheckItem],
    *,
    second_scale_number: str,
    gross_kg: float | None,
    checker_certificate: str,
    drained_gross_kg: float | None = None,
    tag_uid: str = "",
    tag: TagRead | None = None,
    photos: Sequence[PhotoDraft] = (),
    stamp: PhotoDraft | None = None,
    note: str = "",
) -> FillingCheckedAfter:
    """Scanned once more and weighed on a second scale; what is too full must be drained before it is judged."""
    filling.expect("after")
    told, _ = await identify(filling.phone, code, method, tag_uid=tag_uid, tag=tag, photo=stamp)
    _refuse_other(filling, told)
    await filling.check_answers(items, AFTER_LIST)
    start = filling.started()
    checked_gross_kg = _weighed(gross_kg, second_scale_number, start)
    if not checker_certificate.strip():
        raise FieldError(
            "after.no_certificate",
            "请填写检查员证号",
            "Give the checker's certificate",
            field="checker_certificate",
        )
    limits = await limits_of(filling.phone, filling.progress.cylinder)
    overfilled = weight_state(filling, checked_gross_kg, limits) == "over"
    final_kg = checked_gross_kg if drained_gross_kg is None else drained_gross_kg
    state = weight_state(filling, final_kg, limits)
    if state == "over":
        raise _must_drain(again=drained_gross_kg is not None)
    passed = items_pass(items) and state == "right"
    checked = await filling.phone.record(
        FillingCheckedAfter,
        record_id=filling.progress.after_id,
        photos=(*photos, stamp) if stamp else tuple(photos),
        draft=DRAFT,
        scan=told,
        filled_id=filling.progress.filled_id,
        items=tuple(items),
        second_scale_number=second_scale_number.strip(),
        reweighed_gross_kg=checked_gross_kg,
        drained_gross_kg=drained_gross_kg,
        overfilled=overfilled,
        passed=passed,
        checker_certificate=checker_certificate.strip(),
        note=note,
        rules_version=FILLING_RULES_VERSION,
    )
    filling.end("done" if passed else "set_aside")
    return checked


def _refuse_other(filling: Filling, told: CylinderScan) -> None:
    scan, cylinder = filling.scanned()
    if told.cylinder_id != scan.cylinder_id and told.code != cylinder.code:
        raise FieldError(
            "after.other_cylinder",
            f"扫到的是 {told.code}，刚充的是 {cylinder.code}",
            f"This is {told.code}; the one that was filled is {cylinder.code}",
            action_zh="扫刚充好的那只",
            action_en="scan the one that was filled",
            field="code",
        )


def _weighed(gross_kg: float | None, second_scale_number: str, start: Start) -> float:
    if not second_scale_number.strip() or gross_kg is None:
        raise FieldError(
            "after.not_weighed", "请在另一台秤上复秤", "Weigh it again on a second scale", field="reweighed_gross_kg"
        )
    if second_scale_number.strip() == start.scale.number:
        raise FieldError(
            "after.same_scale",
            "复秤要用另一台秤，不能用充装秤",
            "It is weighed again on another scale than that of the gun",
            field="second_scale_number",
        )
    return gross_kg


def _must_drain(*, again: bool) -> FieldError:
    return FieldError(
        "after.drain",
        "倒残后仍然超装" if again else "超装，必须倒残",
        "Still over-filled after draining" if again else "Over-filled: it must be drained",
        action_zh="倒残后再复秤，填倒残后的总重",
        action_en="drain it, weigh it again and give that weight",
        field="drained_gross_kg",
    )
