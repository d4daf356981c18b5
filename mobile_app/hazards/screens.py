"""上报隐患 and 第三方施工: camera first, tiles, one 保存; the Struct says which fields there are."""

import flet as ft

from mobile_app.components import bars, buttons, forms, panels
from mobile_app.components.ui import Tap, Ui, column, icon, row, secondary, text
from mobile_app.hazards.state import FindingForm
from mobile_app.theme import GUTTER

TITLES = {"hazard": ("上报隐患", "Report a hazard"), "works": ("第三方施工", "Third-party works")}

CORRECTIONS = {"hazard": ("更正隐患", "Correct a hazard"), "works": ("更正第三方施工", "Correct third-party works")}


def finding_screen(
    ui: Ui, form: FindingForm, *, more: bool, on_more: Tap, on_album: Tap, on_save: Tap, on_close: Tap
) -> ft.Control:
    # Loaded with the first form: camera, microphone and player.
    from mobile_app.components.camera import CameraFirst  # noqa: PLC0415
    from mobile_app.components.voice import VoiceNote  # noqa: PLC0415

    number = len(form.pictures) + len(form.kept_photos)
    count = ui.say(f"照片 {number} 张", f"{number} photos")
    title = ui.say(*(CORRECTIONS if form.corrected else TITLES)[form.kind])
    head = bars.head(ui, title, on_back=on_close, close=True, trailing=secondary(ui, count))
    first = [f for f in form.fields if f.widget == "tiles" or f.name == "proposed_grade"]
    rest = [f for f in form.fields if f not in first]
    body: list[ft.Control] = []
    if form.corrected:
        kept = ui.say("原来的照片和位置照用，改好再存。", "Its photos and place are kept; change the rest and save.")
        body.append(panels.notice(ui, kept))
    if not form.lists:
        body.append(panels.notice(ui, _no_lists(ui), kind="warn"))
    body += [forms.field_control(ui, f, form.value(f), form.lists, form.change) for f in first]
    body.append(
        VoiceNote(
            ui,
            form.voice,
            at_most_s=form.voice_at_most_s,
            on_sound=form.add_voice,
            on_drop=lambda _: form.app.run(form.drop_voice()),
            on_refused=form.no_microphone,
        )
    )
    body.append(_place(ui, form))
    if more:
        body += [forms.field_control(ui, f, form.value(f), form.lists, form.change) for f in rest]
    else:
        more_words = ui.say("地址、详情等（可不填）", "More fields (optional)")
        body.append(buttons.outlined(ui, "more-fields", more_words, on_more, glyph=ft.Icons.EDIT_NOTE_ROUNDED))
    padding = ft.Padding.only(left=GUTTER, right=GUTTER, top=12, bottom=16)
    scroll = ft.ListView(
        [
            CameraFirst(ui, form.pictures, form.add_picture, on_album, typing=more),
            ft.Container(column(body, spacing=12), padding=padding),
        ],
        expand=True,
    )
    return column([head, scroll, bars.dock(ui, [_save(ui, form, on_save)])], expand=True)


def _save(ui: Ui, form: FindingForm, on_save: Tap) -> ft.Control:
    missing = form.missing
    if missing:
        words = ui.say("还差：", "Missing: ") + missing[0].title(ui.words.language)
        return buttons.primary(ui, "save-finding", words, None)
    return buttons.primary(ui, "save-finding", ui.say("保存", "Save"), on_save, glyph=ft.Icons.SAVE_ROUNDED)


def _place(ui: Ui, form: FindingForm) -> ft.Control:
    here = form.corrected.position if form.corrected else form.app.phone.position()
    if here is None:
        where = ui.say("现在没有定位，请在地址里写清楚", "No position now: describe the place in the address")
    else:
        where = f"{here.lon:.5f}°E {here.lat:.5f}°N ±{here.accuracy_m:.0f} m"
    pipe = (
        form.place + ui.say(" · 自动带出", " · filled in") if form.place else ui.say("附近没有管线", "No pipe near by")
    )
    words = ft.Column(
        [text(where, bold=True, lines=2), secondary(ui, pipe, lines=1)], spacing=0, tight=True, expand=True
    )
    return ft.Container(row([icon(ft.Icons.PLACE_OUTLINED, size=30, colour=ui.look.primary), words]))


def _no_lists(ui: Ui) -> str:
    return ui.say(
        "隐患类型还没有下发到手机。联网同步一次就有了。", "The lists have not arrived yet. Sync once with a network."
    )


def saved_screen(ui: Ui, *, title: str, photos_count: int, offline: bool, on_done: Tap, on_another: Tap) -> ft.Control:
    """It is saved: said in full, so that nobody reports twice."""
    where = (
        ui.say("没有网络也不会丢，有网自动上传。", "Safe without a network; it is sent by itself later.")
        if offline
        else ui.say("正在上传。", "It is being sent.")
    )
    pictures = ui.say(f"{photos_count} 张照片", f"{photos_count} photos")
    middle = panels.empty(
        ui, ft.Icons.CHECK_CIRCLE_ROUNDED, ui.say("已存", "Saved") + f" · {title}", f"{pictures}\n{where}", good=True
    )
    done = buttons.primary(ui, "done", ui.say("好，继续", "Go on"), on_done, glyph=ft.Icons.ARROW_FORWARD_ROUNDED)
    another = buttons.quiet(ui, "another", ui.say("再报一条", "Report another"), on_another)
    return column([middle, bars.dock(ui, [done, another])], expand=True)
