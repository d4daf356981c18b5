"""我的记录: what became of each record; one that came back says why, what is safe and what to do."""

from collections.abc import Mapping

import flet as ft
import msgspec

from mobile_app.components import buttons, forms, glyphs, panels
from mobile_app.components.ui import Tap, Ui, card, column, hook, icon, row, scrolling, secondary, text
from mobile_app.recording import Refused
from mobile_app.records.state import RecordBook
from mobile_app.records.work import Listed
from mobile_app.sync_status import SyncStatus
from mobile_app.theme import GUTTER, LIVE, RADIUS, SECOND, TOUCH_HEIGHT
from sync.store.records import RecordLine

# What to do with a refused record's id, by its remedy.
Remedies = Mapping[str, Tap]
FILTERS = ("saved", "sent", "accepted", "refused")

MEANING = {
    "saved": ("在手机里，断电也不丢", "On this phone; a power cut does not lose it"),
    "sent": ("到了同步库，等办公室收", "At the hub, waiting for the office"),
    "accepted": ("办公室已入库", "In the office's database"),
    "refused": ("办公室退回，记录还在手机里", "Returned by the office; still on this phone"),
}


def count_of(counts: Mapping[str, int], state: str) -> int:
    """`waiting` is the office's affair: for the worker it is accepted."""
    return counts.get(state, 0) + (counts.get("waiting", 0) if state == "accepted" else 0)


class Touches(msgspec.Struct, frozen=True, kw_only=True):
    """What the page's parts do when touched; `remedy`: what to do with a refused record's id, by its remedy."""

    sync: Tap
    status: Tap
    filter: Tap
    find: Tap
    search: Tap
    more: Tap
    open: Tap
    remedy: Remedies


def records_screen(ui: Ui, book: RecordBook, status: SyncStatus, on: Touches) -> ft.Control:
    top = _head(ui, status, on, searching=book.searching)
    body: list[ft.Control] = [_filters(ui, status, book.chosen, on.filter)]
    if book.searching:
        hint = ui.say("类型、地址、瓶号、编号 #12", "type, address, cylinder, #12")
        body.append(forms.entry(ui, "search", ui.say("搜记录", "Search"), book.words, on.search, hint=hint))
    came_back = status.returned if book.chosen in {"", "refused"} and not book.words else ()
    body += [_refused(ui, each, on.remedy, on.open) for each in came_back]
    others = [each for each in book.lines if book.words or each.line.state != "refused"]
    if others:
        body.append(panels.listed(ui, [record_line(ui, each, on.open) for each in others]))
    if book.more:
        more = ui.say("更早的记录", "Earlier records")
        body.append(buttons.outlined(ui, "more-records", more, on.more, height=TOUCH_HEIGHT))
    if not others and not came_back:
        edge = ft.Padding.symmetric(horizontal=GUTTER)
        return column([top, ft.Container(column(body, spacing=12), padding=edge), _nothing(ui, book)], expand=True)
    padding = ft.Padding.only(left=GUTTER, right=GUTTER, bottom=16)
    return column([top, scrolling(body, spacing=12, padding=padding)], expand=True)


def _head(ui: Ui, status: SyncStatus, on: Touches, *, searching: bool) -> ft.Control:
    offline = status.state == "offline"
    mine = ui.say("我的记录", "My records") + (ui.say(" · 离线", " · offline") if offline else "")
    number = ft.Text(
        spans=[
            ft.TextSpan(str(status.records.get("saved", 0)), ft.TextStyle(size=LIVE, weight=ft.FontWeight.W_700)),
            ft.TextSpan(ui.say(" 条待传", " to send"), ft.TextStyle(size=22, weight=ft.FontWeight.W_700)),
        ],
        color=ui.look.ink,
    )
    words = hook("unsent", ft.Container(column([secondary(ui, mine), number]), on_click=on.status))
    words.expand = True
    glyph = ft.Icons.SEARCH_OFF_ROUNDED if searching else ft.Icons.SEARCH_ROUNDED
    look_for = buttons.round_icon(ui, "search-records", glyph, on.find, ui.say("搜记录", "Search records"))
    send = buttons.tonal(
        ui, "sync-now", ui.say("现在传", "Send now"), on.sync, glyph=ft.Icons.SYNC_ROUNDED, height=TOUCH_HEIGHT
    )
    padding = ft.Padding.only(left=GUTTER, right=GUTTER, top=10, bottom=10)
    return ft.Container(row([words, look_for, send], spacing=8), padding=padding)


def _filters(ui: Ui, status: SyncStatus, chosen: str, on_filter: Tap) -> ft.Row:
    return ft.Row(
        [_filter(ui, state, count_of(status.records, state), chosen, on_filter) for state in FILTERS], spacing=8
    )


def _filter(ui: Ui, state: str, number: int, chosen: str, on_filter: Tap) -> ft.Control:
    look = ui.look
    alarming = state == "refused" and number > 0
    edge = look.primary if state == chosen else look.danger if alarming else look.line
    label = row(
        [
            icon(glyphs.STATES[state], size=18, colour=state_colour(ui, state)),
            text(ui.words.state(state), size=SECOND, lines=1),
        ],
        spacing=4,
    )
    label.alignment = ft.MainAxisAlignment.CENTER
    box = ft.Container(
        ft.Column(
            [text(str(number), size=22, bold=True), label],
            spacing=0,
            alignment=ft.MainAxisAlignment.CENTER,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        ),
        height=70,
        bgcolor=look.primary_soft if state == chosen else look.surface,
        border=ft.Border.all(2 if state == chosen or alarming else 1, edge),
        border_radius=RADIUS,
        on_click=lambda _: on_filter(state),
        ink=True,
    )
    named = hook(f"filter-{state}", box)
    named.button, named.selected, named.expand = True, state == chosen, True
    return named


def state_colour(ui: Ui, state: str) -> str:
    look = ui.look
    return {"saved": look.saved, "sent": look.sent, "refused": look.danger}.get(state, look.ok)


def record_line(ui: Ui, listed: Listed, on_open: Tap) -> ft.Control:
    line = listed.line
    mark = row(
        [
            icon(glyphs.STATES[line.state], size=22, colour=state_colour(ui, line.state)),
            text(ui.words.state(line.state), size=SECOND, bold=True),
        ],
        spacing=4,
    )
    return panels.line(
        ui,
        f"record-{line.number}",
        ui.words.record(line.tag) + (f" · {listed.about}" if listed.about else ""),
        glyph=glyphs.record(line.tag),
        value=ui.words.when(line.saved_at or line.changed_at),
        trailing=mark,
        on_click=lambda _: on_open(line.id),
    )


def _refused(ui: Ui, refused: Refused, on_remedy: Remedies, on_open: Tap) -> ft.Control:
    line = refused.line
    words = row(
        [
            icon(ft.Icons.UNDO_ROUNDED, colour=ui.look.danger),
            text(f"{ui.words.state('refused')} · {ui.words.record(line.tag)}", bold=True, expand=True, lines=1),
            secondary(ui, ui.words.when(line.changed_at)),
            icon(ft.Icons.CHEVRON_RIGHT_ROUNDED, colour=ui.look.ink_2),
        ],
        spacing=8,
    )
    head = hook(f"record-{line.number}", ft.Container(words, height=TOUCH_HEIGHT, on_click=lambda _: on_open(line.id)))
    head.button = True
    facts = panels.pairs(ui, why(ui, line), width=64, strong=False)
    inside = ft.Container(
        column([head, facts, ft.Container(height=12), remedy_of(ui, refused, on_remedy)]),
        border=ft.Border.only(left=ft.BorderSide(8, ui.look.danger)),
        padding=ft.Padding.only(left=14, right=14, bottom=14),
    )
    return hook(f"refused-{line.tag}-{line.number}", card(ui, inside, padding=0))


def why(ui: Ui, line: RecordLine) -> list[tuple[str, str]]:
    """Why it came back, what is safe, what to do."""
    return [
        (ui.say("原因", "Why"), ui.say(line.reason_zh, line.reason_en or line.reason_zh)),
        (ui.say("没有丢", "Safe"), ui.say("照片和记录都在本机", "Photos and record are on this phone")),
        (ui.say("怎么办", "To do"), ui.say(line.action_zh, line.action_en or line.action_zh) or _wait(ui)),
    ]


def remedy_of(ui: Ui, refused: Refused, on_remedy: Remedies) -> ft.Control:
    """A button only where it helps."""
    line, remedy = refused.line, refused.remedy
    if remedy == "corrected":
        return panels.notice(ui, ui.say("已另存更正记录", "A correction is recorded"), kind="ok")
    if remedy == "call":
        by_phone = ui.say(
            "这类记录不能在手机上改，打电话给办公室处理", "This one cannot be changed on the phone: call the office"
        )
        return panels.notice(ui, by_phone)
    word, glyph = {
        "retry": (ui.say("重传", "Send again"), ft.Icons.REPLAY_ROUNDED),
        "correct": (ui.say("填更正记录", "Record a correction"), ft.Icons.EDIT_NOTE_ROUNDED),
    }[remedy]
    return buttons.primary(ui, f"{remedy}-{line.number}", word, lambda _: on_remedy[remedy](line.id), glyph=glyph)


def _wait(ui: Ui) -> str:
    return ui.say("等办公室处理", "The office is looking into it")


def _nothing(ui: Ui, book: RecordBook) -> ft.Control:
    if book.words:
        return panels.empty(
            ui,
            ft.Icons.SEARCH_OFF_ROUNDED,
            ui.say("没有找到", "Nothing found"),
            ui.say("换个词，或者只搜一部分。", "Try another word, or a part of it."),
        )
    if book.chosen:
        return panels.empty(
            ui,
            ft.Icons.FILTER_LIST_OFF_ROUNDED,
            ui.say("没有这类记录", "None of these"),
            ui.say("再点一次上面的方块，看全部记录。", "Tap the box above again to see all records."),
        )
    return panels.empty(
        ui,
        ft.Icons.EDIT_NOTE_ROUNDED,
        ui.say("还没有记录", "No records yet"),
        ui.say(
            "从“今日”开始任务，或在巡线时上报隐患；记录先存在手机里。",
            "Start a task under “Today”; records are kept on the phone first.",
        ),
    )
