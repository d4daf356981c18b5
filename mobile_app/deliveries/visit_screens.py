"""没入户: 到访不遇, 拒检, 空置, 预约改期, each asking for its own evidence."""

import flet as ft

from mobile_app.components import bars, buttons, forms, photos
from mobile_app.components.ui import Tap, Ui, column
from mobile_app.deliveries.screens import step_body
from mobile_app.deliveries.state import FailedVisit
from sync.documents.deliveries import VisitFailed
from sync.documents.forms import form_of


def failed_visit_screen(ui: Ui, visit: FailedVisit, *, on_photo: Tap, on_save: Tap, on_back: Tap) -> ft.Control:
    outcomes = [
        forms.Choice("not_home", ui.words.option("not_home")),
        forms.Choice("refused", ui.words.option("refused")),
        forms.Choice("vacant", ui.words.option("vacant")),
        forms.Choice("rescheduled", ui.words.option("rescheduled")),
    ]
    attempt = visit.run.task.attempt
    body: list[ft.Control] = [
        forms.tiles(ui, "outcome", outcomes, {visit.outcome}, lambda code: visit.change("outcome", code)),
        *_outcome_fields(ui, visit, on_photo),
    ]
    missing = _visit_missing(ui, visit)
    words = missing or ui.say("保存", "Save")
    save = buttons.primary(
        ui, "save-failed", words, None if missing else on_save, glyph=None if missing else ft.Icons.SAVE_ROUNDED
    )
    subtitle = ui.say(f"第 {attempt} 次到访", f"Visit no. {attempt}")
    head = bars.head(ui, ui.say("没入户", "Could not enter"), subtitle=subtitle, on_back=on_back, close=True)
    return column([head, step_body(body), bars.dock(ui, [save])], expand=True)


def _outcome_fields(ui: Ui, visit: FailedVisit, on_photo: Tap) -> list[ft.Control]:
    fields = {field.name: field for field in form_of(VisitFailed)}
    wanted = {
        "not_home": ("notice_posted", "door_gap_ppm", "next_appointment"),
        "refused": ("reason", "witness", "notice_posted"),
        "vacant": ("door_gap_ppm",),
        "rescheduled": ("next_appointment", "reason"),
    }.get(visit.outcome, ())
    parts: list[ft.Control] = []
    if visit.outcome in {"not_home", "vacant", "refused"}:
        pictures = [taken.picture.data for taken in visit.pictures]
        words = (
            ui.say("拍门口和通知", "Photo: door, notice") if visit.outcome == "not_home" else ui.say("拍照", "Photo")
        )
        parts.append(photos.strip(ui, pictures, on_photo, words))
    parts += [forms.field_control(ui, fields[name], visit.values.get(name), {}, visit.change) for name in wanted]
    return parts


def _visit_missing(ui: Ui, visit: FailedVisit) -> str:
    """What the button says; the work refuses the same."""
    if not visit.outcome:
        return ui.say("先选到访结果", "Choose the outcome")
    if visit.outcome in {"not_home", "vacant"} and not visit.pictures:
        return ui.say("还差门口照片", "A photo of the door is missing")
    if visit.outcome == "refused" and not visit.values.get("reason"):
        return ui.say("还差拒检原因", "The reason is missing")
    if visit.outcome == "rescheduled" and not visit.values.get("next_appointment"):
        return ui.say("还差预约日期", "The date is missing")
    return ""
