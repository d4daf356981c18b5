"""我的记录 and 同步状态: what became of each record; one that came back says why, what is safe and what to do."""

from collections.abc import Mapping, Sequence

import flet as ft

from mobile_app.components import bars, buttons, glyphs, panels
from mobile_app.components.ui import Tap, Ui, card, column, hook, icon, row, scrolling, secondary, text
from mobile_app.recording import Loss, Refused
from mobile_app.syncing import SyncStatus
from mobile_app.theme import GUTTER, LIVE, RADIUS, SECOND
from sync.store.records import RecordLine

# The track's chunks come every five minutes: they would bury what a worker recorded himself.
UNLISTED = frozenset({"patrol.tracked", "patrol.paused"})
FILTERS = ("saved", "sent", "accepted", "refused")


def count_of(counts: Mapping[str, int], state: str) -> int:
    """`waiting` is the office's affair: for the worker it is accepted."""
    return counts.get(state, 0) + (counts.get("waiting", 0) if state == "accepted" else 0)


def records_screen(
    ui: Ui,
    *,
    counts: Mapping[str, int],
    lines: Sequence[RecordLine],
    refused: Sequence[Refused],
    chosen: str,
    offline: bool,
    on_filter: Tap,
    on_sync: Tap,
    on_status: Tap,
    on_remedy: Mapping[str, Tap],
) -> ft.Control:
    """`on_remedy`: what to do with a refused record's id, by its remedy."""
    shown = [line for line in lines if line.tag not in UNLISTED and (not chosen or _state(line) == chosen)]
    others = [line for line in shown if line.state != "refused"]
    came_back = refused if chosen in {"", "refused"} else ()
    numbers = {**counts, "refused": len(refused)}
    body: list[ft.Control] = [_filters(ui, numbers, chosen, on_filter)]
    body += [_refused(ui, each, on_remedy) for each in came_back]
    if others:
        body.append(panels.listed(ui, [record_line(ui, line) for line in others]))
    top = _head(ui, counts.get("saved", 0), offline=offline, on_sync=on_sync, on_status=on_status)
    if not others and not came_back:
        return column(
            [top, ft.Container(body[0], padding=ft.Padding.symmetric(horizontal=GUTTER)), _nothing(ui, chosen)],
            expand=True,
        )
    padding = ft.Padding.only(left=GUTTER, right=GUTTER, bottom=16)
    return column([top, scrolling(body, spacing=12, padding=padding)], expand=True)


def _state(line: RecordLine) -> str:
    return "accepted" if line.state == "waiting" else line.state


def _head(ui: Ui, unsent: int, *, offline: bool, on_sync: Tap, on_status: Tap) -> ft.Control:
    mine = ui.say("我的记录", "My records") + (ui.say(" · 离线", " · offline") if offline else "")
    number = ft.Text(
        spans=[
            ft.TextSpan(str(unsent), ft.TextStyle(size=LIVE, weight=ft.FontWeight.W_700)),
            ft.TextSpan(ui.say(" 条未传", " unsent"), ft.TextStyle(size=22, weight=ft.FontWeight.W_700)),
        ],
        color=ui.look.ink,
    )
    words = hook("unsent", ft.Container(column([secondary(ui, mine), number]), on_click=on_status))
    words.expand = True
    send = buttons.tonal(ui, "sync-now", ui.say("现在传", "Send now"), on_sync, glyph=ft.Icons.SYNC_ROUNDED)
    return ft.Container(row([words, send]), padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=10, bottom=10))


def _filters(ui: Ui, counts: Mapping[str, int], chosen: str, on_filter: Tap) -> ft.Row:
    return ft.Row([_filter(ui, state, count_of(counts, state), chosen, on_filter) for state in FILTERS], spacing=8)


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
        on_click=lambda _: on_filter("" if state == chosen else state),
        ink=True,
    )
    named = hook(f"filter-{state}", box)
    named.button, named.selected, named.expand = True, state == chosen, True
    return named


def state_colour(ui: Ui, state: str) -> str:
    look = ui.look
    return {"saved": look.saved, "sent": look.sent, "refused": look.danger}.get(state, look.ok)


def record_line(ui: Ui, line: RecordLine) -> ft.Control:
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
        ui.words.record(line.tag),
        glyph=glyphs.record(line.tag),
        value=ui.words.when(line.changed_at),
        trailing=mark,
    )


def _refused(ui: Ui, refused: Refused, on_remedy: Mapping[str, Tap]) -> ft.Control:
    line = refused.line
    head = row(
        [
            icon(ft.Icons.UNDO_ROUNDED, colour=ui.look.danger),
            text(f"{ui.words.state('refused')} · {ui.words.record(line.tag)}", bold=True, expand=True, lines=1),
            secondary(ui, ui.words.when(line.changed_at)),
        ]
    )
    facts = panels.pairs(
        ui,
        [
            (ui.say("原因", "Why"), ui.say(line.reason_zh, line.reason_en or line.reason_zh)),
            (ui.say("没有丢", "Safe"), ui.say("照片和记录都在本机", "Photos and record are on this phone")),
            (ui.say("怎么办", "To do"), ui.say(line.action_zh, line.action_en or line.action_zh) or _wait(ui)),
        ],
        width=64,
        strong=False,
    )
    inside = ft.Container(
        column([head, facts, _remedy(ui, refused, on_remedy)], spacing=12),
        border=ft.Border.only(left=ft.BorderSide(8, ui.look.danger)),
        padding=ft.Padding.only(left=14, right=14, top=12, bottom=14),
    )
    return hook(f"refused-{line.tag}-{line.number}", card(ui, inside, padding=0))


def _remedy(ui: Ui, refused: Refused, on_remedy: Mapping[str, Tap]) -> ft.Control:
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
        "retry": (ui.say("再传一次", "Send again"), ft.Icons.REPLAY_ROUNDED),
        "correct": (ui.say("填更正记录", "Record a correction"), ft.Icons.EDIT_NOTE_ROUNDED),
    }[remedy]
    return buttons.primary(ui, f"{remedy}-{line.number}", word, lambda _: on_remedy[remedy](line.id), glyph=glyph)


def _wait(ui: Ui) -> str:
    return ui.say("等办公室处理", "The office is looking into it")


def _nothing(ui: Ui, chosen: str) -> ft.Control:
    if chosen:
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


def sync_screen(
    ui: Ui,
    *,
    status: SyncStatus | None,
    counts: Mapping[str, int],
    photos: Mapping[str, int],
    loss: Loss | None,
    pill: tuple[ft.IconData, str, bool],
    on_sync: Tap,
    on_back: Tap,
) -> ft.Control:
    glyph, words, danger = pill
    top = card(
        ui,
        column(
            [
                row(
                    [
                        icon(glyph, size=40, colour=ui.look.danger if danger else ui.look.primary),
                        text(words, size=22, bold=True),
                    ]
                ),
                secondary(
                    ui,
                    ui.say("上次办公室收到：", "Last accepted: ")
                    + ui.words.ago(status.last_accepted_at if status else None),
                ),
            ],
            spacing=8,
        ),
    )
    body: list[ft.Control] = [top]
    if status and status.error_zh:
        body.append(panels.notice(ui, ui.say(status.error_zh, status.error_en), kind="warn"))
    body.append(panels.listed(ui, [_path(ui, state, counts, photos) for state in FILTERS]))
    if loss is not None:
        body.append(_loss(ui, loss))
    return column(
        [
            bars.head(ui, ui.say("同步状态", "Sync"), on_back=on_back),
            scrolling(body, spacing=12, padding=ft.Padding.symmetric(horizontal=GUTTER, vertical=4)),
            bars.dock(
                ui,
                [buttons.primary(ui, "sync-now", ui.say("现在同步", "Sync now"), on_sync, glyph=ft.Icons.SYNC_ROUNDED)],
            ),
        ],
        expand=True,
    )


_MEANING = {
    "saved": ("在手机里，断电也不丢", "On this phone; a power cut does not lose it"),
    "sent": ("到了同步库，等办公室收", "At the hub, waiting for the office"),
    "accepted": ("办公室已入库", "In the office's database"),
    "refused": ("办公室退回，记录还在手机里", "Returned by the office; still on this phone"),
}


def _path(ui: Ui, state: str, counts: Mapping[str, int], photos: Mapping[str, int]) -> ft.Control:
    pictures = count_of(photos, state)
    tail = ui.say(f" · 照片 {pictures}", f" · {pictures} photos") if pictures else ""
    return panels.line(
        ui,
        f"path-{state}",
        ui.words.state(state),
        glyph=glyphs.STATES[state],
        glyph_colour=state_colour(ui, state),
        subtitle=ui.say(*_MEANING[state]),
        value=f"{count_of(counts, state)}{tail}",
    )


def _loss(ui: Ui, loss: Loss) -> ft.Control:
    if loss.nothing:
        return panels.notice(
            ui, ui.say("现在丢了手机也不会丢记录。", "Losing this phone now would lose no record."), kind="ok"
        )
    return panels.notice(
        ui,
        ui.say(
            f"只在本机：{loss.records} 条记录、{loss.photos} 张照片、{loss.drafts} 份草稿。先同步。",
            f"Only here: {loss.records} records, {loss.photos} photos, {loss.drafts} drafts. Sync first.",
        ),
        kind="warn",
    )
