"""One record's way to the office: 已存, 已传, 已收 or 退回, each with its time, and its photos."""

from datetime import datetime

import flet as ft

from mobile_app.components import bars, glyphs, panels
from mobile_app.components.ui import Tap, Ui, card, column, hook, icon, row, scrolling, secondary, text
from mobile_app.recording import Refused, remedy
from mobile_app.records.screens import MEANING, Remedies, remedy_of, state_colour, why
from mobile_app.records.work import RecordPath
from mobile_app.theme import GUTTER, SECOND
from sync.store.records import RecordLine

_ORDER = ("saved", "sent", "accepted")


def path_screen(ui: Ui, path: RecordPath, *, on_remedy: Remedies, on_back: Tap) -> ft.Control:
    line = path.line
    body: list[ft.Control] = [card(ui, column(_steps(ui, line), spacing=0))]
    if line.state == "refused":
        facts = panels.pairs(ui, why(ui, line), width=64, strong=False)
        body.append(card(ui, facts))
    if path.record.photos or path.files:
        body.append(_files(ui, path))
    body.append(card(ui, panels.pairs(ui, _facts(ui, path), width=96, strong=False)))
    parts: list[ft.Control] = [
        bars.head(ui, ui.words.record(line.tag), subtitle=path.about, on_back=on_back),
        scrolling(body, spacing=12, padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=4, bottom=16)),
    ]
    if line.state == "refused":
        corrections = {line.id: path.correction} if path.correction else {}
        came_back = Refused(line, remedy(line, corrections))
        parts.append(bars.dock(ui, [remedy_of(ui, came_back, on_remedy)]))
    return column(parts, expand=True)


def _steps(ui: Ui, line: RecordLine) -> list[ft.Control]:
    """Reached steps in colour and with their time; those ahead are grey."""
    last = "refused" if line.state == "refused" else "accepted"
    answered = line.answered_at or line.changed_at
    times = {"saved": line.saved_at, "sent": line.sent_at, last: answered}
    # A hub that would not take it has refused it before it was sent.
    reached = {"saved"} if line.state == "saved" else {"saved", "sent"} if line.state == "sent" else {*_ORDER, last}
    if line.state == "refused" and line.sent_at is None and line.answered_at is None:
        reached.discard("sent")
    names = ("saved", "sent", last)
    return [
        _step(ui, state, times[state], reached=state in reached, ends=index == len(names) - 1)
        for index, state in enumerate(names)
    ]


def _step(ui: Ui, state: str, at: datetime | None, *, reached: bool, ends: bool) -> ft.Control:
    look = ui.look
    colour = state_colour(ui, state) if reached else look.ink_2
    glyph = glyphs.STATES[state] if reached else ft.Icons.RADIO_BUTTON_UNCHECKED_ROUNDED
    when = ui.words.full_time(at) if at and reached else "" if not reached else ui.say("时间不详", "time unknown")
    meaning = ui.say(*MEANING[state]) if reached else ui.say("还没有", "not yet")
    rail = ft.Column(
        [
            icon(glyph, size=28, colour=colour),
            ft.Container(width=3, height=0 if ends else 34, bgcolor=None if ends else look.line),
        ],
        spacing=2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
    )
    words = ft.Column(
        [
            ft.Row(
                [text(ui.words.state(state), bold=reached, lines=1, expand=True), secondary(ui, when, lines=1)],
                spacing=8,
            ),
            secondary(ui, meaning, lines=2),
        ],
        spacing=0,
        tight=True,
        expand=True,
    )
    named = hook(f"step-{state}", ft.Row([rail, words], spacing=12, vertical_alignment=ft.CrossAxisAlignment.START))
    named.selected = reached
    return named


def _files(ui: Ui, path: RecordPath) -> ft.Control:
    pictures = [file for file in path.files if file.tag == "photo"]
    inside: list[ft.Control] = []
    if named := len(path.record.photos):
        # The office counts in its receipt for the record; each photo's own receipt may be here before.
        arrived = max(path.line.photos_arrived, sum(file.state in {"accepted", "waiting"} for file in pictures))
        words = ui.say(f"照片 {arrived} / {named} 已到办公室", f"Photos: {arrived} of {named} at the office")
        inside.append(row([icon(ft.Icons.PHOTO_LIBRARY_OUTLINED), text(words, bold=True, expand=True)]))
        bar = ft.ProgressBar(arrived / named, bar_height=8, color=ui.look.walked, bgcolor=ui.look.line, border_radius=4)
        inside.append(bar)
    for index, file in enumerate(pictures, start=1):
        inside += _file(ui, ui.say(f"第 {index} 张", f"No. {index}"), file)
    for file in path.files:
        if file.tag != "photo":
            inside += _file(ui, ui.words.record(file.tag), file)
    return hook("files-arrived", card(ui, column(inside, spacing=10)))


def _file(ui: Ui, title: str, file: RecordLine) -> list[ft.Control]:
    mark = row(
        [
            icon(glyphs.STATES[file.state], size=22, colour=state_colour(ui, file.state)),
            text(ui.words.state(file.state), size=SECOND, bold=True),
        ],
        spacing=4,
    )
    at = file.answered_at or file.sent_at or file.saved_at or file.changed_at
    line = ft.Row([text(title, size=SECOND, expand=True), secondary(ui, ui.words.full_time(at)), mark], spacing=12)
    if file.state != "refused":
        return [line]
    return [line, secondary(ui, ui.say(file.reason_zh, file.reason_en or file.reason_zh))]


def _facts(ui: Ui, path: RecordPath) -> list[tuple[str, str]]:
    record = path.record
    place = record.position
    where = f"{place.lon:.5f}°E {place.lat:.5f}°N ±{place.accuracy_m:.0f} m" if place else ui.say("无定位", "none")
    return [
        (ui.say("编号", "Number"), f"#{path.line.number}"),
        (ui.say("记录时间", "Recorded"), ui.words.full_time(record.recorded.at)),
        (ui.say("位置", "Where"), where),
        (ui.say("手机", "Phone"), ui.say("本机 ", "this one ") + record.device_id[-8:]),
    ]
