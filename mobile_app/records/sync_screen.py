"""同步状态 in one page: the pill's words, how far it is, how many records and files are at each step."""

import flet as ft

from mobile_app.components import bars, buttons, glyphs, panels
from mobile_app.components.sync import pill_of
from mobile_app.components.ui import Tap, Ui, card, column, hook, icon, row, scrolling, secondary, text
from mobile_app.recording import Loss
from mobile_app.records.screens import FILTERS, count_of, state_colour
from mobile_app.sync_status import SyncStatus
from mobile_app.theme import GUTTER

# What `MEANING` says, beside two numbers.
_IN_SHORT = {
    "saved": ("断电也不丢", "on this phone"),
    "sent": ("等办公室收", "at the hub"),
    "accepted": ("办公室已入库", "in the office"),
    "refused": ("还在手机里", "returned"),
}


def sync_screen(
    ui: Ui, *, status: SyncStatus, loss: Loss | None, on_sync: Tap, on_step: Tap, on_back: Tap
) -> ft.Control:
    body: list[ft.Control] = [_top(ui, status)]
    if status.error_zh:
        body.append(panels.notice(ui, ui.say(status.error_zh, status.error_en), kind="warn"))
    body.append(panels.listed(ui, [_step(ui, state, status, on_step) for state in FILTERS]))
    if loss is not None:
        body.append(_loss(ui, loss))
    send = buttons.primary(ui, "sync-now", ui.say("现在同步", "Sync now"), on_sync, glyph=ft.Icons.SYNC_ROUNDED)
    return column(
        [
            bars.head(ui, ui.say("同步状态", "Sync"), on_back=on_back),
            scrolling(body, spacing=12, padding=ft.Padding.symmetric(horizontal=GUTTER, vertical=4)),
            bars.dock(ui, [send]),
        ],
        expand=True,
    )


def _top(ui: Ui, status: SyncStatus) -> ft.Control:
    look, shown = ui.look, pill_of(ui, status)
    colour = {"plain": look.primary, "warn": look.warn, "danger": look.danger}[shown.tone]
    parts: list[ft.Control] = [row([icon(shown.glyph, size=40, colour=colour), text(shown.words, size=22, bold=True)])]
    if shown.progress is not None:
        bar = ft.ProgressBar(shown.progress, bar_height=10, color=look.primary, bgcolor=look.line, border_radius=5)
        parts.append(hook("sync-progress", bar))
    last = ui.say("办公室上次收到：", "The office last took: ")
    at = ui.words.full_time(status.last_accepted_at) if status.last_accepted_at else ui.say("还没有", "nothing yet")
    parts.append(secondary(ui, last + at))
    return card(ui, column(parts, spacing=10))


def _step(ui: Ui, state: str, status: SyncStatus, on_step: Tap) -> ft.Control:
    files = count_of(status.photos, state)
    tail = ui.say(f" · 文件 {files}", f" · {files} files") if files else ""
    return panels.line(
        ui,
        f"path-{state}",
        ui.words.state(state),
        glyph=glyphs.STATES[state],
        glyph_colour=state_colour(ui, state),
        subtitle=ui.say(*_IN_SHORT[state]),
        value=f"{count_of(status.records, state)}{tail}",
        trailing=icon(ft.Icons.CHEVRON_RIGHT_ROUNDED, colour=ui.look.ink_2),
        on_click=lambda _: on_step(state),
    )


def _loss(ui: Ui, loss: Loss) -> ft.Control:
    if loss.nothing:
        words = ui.say("现在丢了手机也不会丢记录。", "Losing this phone now would lose no record.")
        return panels.notice(ui, words, kind="ok")
    return panels.notice(ui, ui.say("办公室还没收到：", "Not at the office yet: ") + loss_words(ui, loss), kind="warn")


def loss_words(ui: Ui, loss: Loss) -> str:
    counts = (
        (loss.records, ui.say(f"{loss.records} 条记录", f"{loss.records} records")),
        (loss.photos, ui.say(f"{loss.photos} 个文件（照片和原图）", f"{loss.photos} files (photos, originals)")),
        (loss.drafts, ui.say(f"{loss.drafts} 件没做完的活", f"{loss.drafts} pieces of unfinished work")),
        (loss.pictures, ui.say(f"{loss.pictures} 张还没用的照片", f"{loss.pictures} photos not used yet")),
    )
    return ui.say("、", ", ").join(words for number, words in counts if number)
