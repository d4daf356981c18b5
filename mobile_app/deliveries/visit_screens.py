"""没入户: 到访不遇, 拒检, 空置, 预约改期, each asking for its own evidence."""

import flet as ft

from mobile_app.components import bars, buttons, forms, photos
from mobile_app.components.ui import Tap, Ui, column
from mobile_app.deliveries.screens import step_body
from mobile_app.deliveries.state import FailedVisit
from sync.documents.deliveries import VisitFailed
from sync.documents.forms import form_of


def failed_visit_screen(
    ui: Ui, visit: FailedVisit, *, on_door: Tap, on_notice: Tap, on_photo: Tap, on_save: Tap, on_back: Tap
) -> ft.Control:
    outcomes = [
        forms.Choice("not_home", ui.words.option("not_home")),
        forms.Choice("refused", ui.words.option("refused")),
        forms.Choice("vacant", ui.words.option("vacant")),
        forms.Choice("rescheduled", ui.words.option("rescheduled")),
    ]
    body: list[ft.Control] = [
        forms.tiles(ui, "outcome", outcomes, {visit.outcome}, lambda code: visit.change("outcome", code)),
        *_pictures(ui, visit, on_door, on_notice, on_photo),
        *_outcome_fields(ui, visit),
    ]
    missing = _visit_missing(ui, visit)
    words = missing or ui.say("保存", "Save")
    save = buttons.primary(
        ui, "save-failed", words, None if missing else on_save, glyph=None if missing else ft.Icons.SAVE_ROUNDED
    )
    subtitle = ui.say(f"第 {visit.attempt} 次到访", f"Visit no. {visit.attempt}")
    head = bars.head(ui, ui.say("没入户", "Could not enter"), subtitle=subtitle, on_back=on_back, close=True)
    return column([head, step_body(body), bars.dock(ui, [save])], expand=True)


def _pictures(ui: Ui, visit: FailedVisit, on_door: Tap, on_notice: Tap, on_photo: Tap) -> list[ft.Control]:
    parts: list[ft.Control] = []
    if visit.outcome in {"not_home", "vacant"}:
        door = [visit.door.picture.data] if visit.door else []
        parts.append(photos.strip(ui, door, on_door, ui.say("拍门口", "The door"), identifier="take-photo"))
    if visit.outcome == "not_home" and visit.values.get("notice_posted"):
        notice = [visit.notice.picture.data] if visit.notice else []
        words = ui.say("拍已贴的通知", "The notice put up")
        parts.append(photos.strip(ui, notice, on_notice, words, identifier="notice-photo"))
    if visit.outcome == "refused":
        taken = [each.picture.data for each in visit.pictures]
        parts.append(photos.strip(ui, taken, on_photo, ui.say("拍照", "Photo"), identifier="take-photo"))
    return parts


def _outcome_fields(ui: Ui, visit: FailedVisit) -> list[ft.Control]:
    fields = {field.name: field for field in form_of(VisitFailed)}
    wanted = {
        "not_home": ("notice_posted", "door_gap_ppm", "next_appointment"),
        "refused": ("reason", "notice_handed_over", "witness"),
        "vacant": ("door_gap_ppm",),
        "rescheduled": ("next_appointment", "reason"),
    }.get(visit.outcome, ())
    return [forms.field_control(ui, fields[name], visit.values.get(name), {}, visit.change) for name in wanted]


def _visit_missing(ui: Ui, visit: FailedVisit) -> str:
    """What the button says; the work refuses the same."""
    if not visit.outcome:
        return ui.say("先选到访结果", "Choose the outcome")
    if visit.outcome in {"not_home", "vacant"} and visit.door is None:
        return ui.say("还差门口照片", "A photo of the door is missing")
    if visit.outcome == "not_home" and visit.values.get("notice_posted") and visit.notice is None:
        return ui.say("还差通知照片", "A photo of the notice is missing")
    if visit.outcome == "refused":
        return _refusal_missing(ui, visit)
    if visit.outcome == "rescheduled" and not visit.values.get("next_appointment"):
        return ui.say("还差预约日期", "The date is missing")
    return ""


def _refusal_missing(ui: Ui, visit: FailedVisit) -> str:
    if not str(visit.values.get("reason") or "").strip():
        return ui.say("还差拒检原因", "The reason is missing")
    if not visit.values.get("notice_handed_over"):
        return ui.say("先送达告知书", "Hand over the notice first")
    if not str(visit.values.get("witness") or "").strip() and not visit.pictures:
        return ui.say("还差见证人或照片", "A witness or a photo is missing")
    return ""
