"""开工体检: the blocker first, and beneath it what to do about it."""

from collections.abc import Sequence
from typing import Literal

import flet as ft

from mobile_app.components import bars, buttons, panels
from mobile_app.components.ui import Tap, Ui, column, row, scrolling, secondary, text
from mobile_app.theme import GUTTER, TITLE
from mobile_app.words import SHIFT_ITEMS
from sync.documents.patrol import ShiftCheckItem

# Why it matters and what to do, by item.
_ADVICE: dict[str, tuple[str, str]] = {
    "positioning": (
        "没有定位，轨迹和到位都记不下来。到开阔处，打开手机定位后再检。",
        "Without a position neither track nor arrival counts. Go into the open, switch positioning on, check again.",
    ),
    "battery_saver": (
        "锁屏后系统会停掉定位，轨迹会断。把“气巡”设为“不受限制”。",
        "With the screen off the system stops positioning and the track breaks. Set Qixun to “unrestricted”.",
    ),
    "battery": ("天冷掉电快，带充电宝，手机贴身放。", "Cold drains it fast: take a power bank, keep the phone warm."),
    "storage": (
        "存储快满，照片会存不下。先删掉不用的文件。",
        "Nearly full: photos would not fit. Delete what is not needed.",
    ),
    "clock": (
        "还没有校时，照片会标“未校时”。到室外等卫星，或联网一次。",
        "Not set by satellites or server: photos are marked so. Go outside or go online once.",
    ),
    "instrument": (
        "检漏仪没连上或检定过期。开机靠近手机，再检一次。",
        "No detector, or its verification has run out. Switch it on near the phone and check again.",
    ),
}


def shift_screen(
    ui: Ui,
    *,
    staff_name: str,
    items: Sequence[ShiftCheckItem],
    checking: bool,
    on_start: Tap,
    on_again: Tap,
    on_close: Tap,
) -> ft.Control:
    head = bars.head(
        ui, ui.say("开工体检", "Shift check"), on_back=on_close, close=True, trailing=secondary(ui, staff_name)
    )
    if checking and not items:
        waiting = panels.empty(
            ui,
            ft.Icons.HOURGLASS_TOP_ROUNDED,
            ui.say("正在体检", "Checking"),
            ui.say(
                "查定位、电量、存储、时钟和检漏仪，几秒钟。",
                "Positioning, battery, storage, clock, instrument: a few seconds.",
            ),
            action=ft.ProgressRing(width=48, height=48),
        )
        return column([head, waiting], expand=True)
    return column([head, _findings(ui, items), _dock(ui, items, on_start=on_start, on_again=on_again)], expand=True)


def _findings(ui: Ui, items: Sequence[ShiftCheckItem]) -> ft.Control:
    failed = [item for item in items if item.result == "failed"]
    warned = [item for item in items if item.result == "warning"]
    passed = [item for item in items if item.result == "passed"]
    cards: list[ft.Control] = [_summary(ui, len(passed), len(items), len(failed))]
    cards += [_finding(ui, item, "danger", ui.say("要处理", "To fix")) for item in failed]
    cards += [_finding(ui, item, "warn", ui.say("注意", "Note")) for item in warned]
    if passed:
        cards.append(panels.listed(ui, [_passed(ui, item) for item in passed]))
    padding = ft.Padding.only(left=GUTTER, right=GUTTER, top=4, bottom=16)
    return scrolling(cards, spacing=12, padding=padding)


def _summary(ui: Ui, passed: int, total: int, failed: int) -> ft.Control:
    ring = ft.ProgressRing(
        value=passed / total if total else 0,
        width=64,
        height=64,
        stroke_width=9,
        color=ui.look.ok,
        bgcolor=ui.look.line,
    )
    if failed:
        sentence = ui.say(f"处理 {failed} 项就能开工", f"Fix {failed} and start")
    else:
        sentence = ui.say("可以开工", "Ready to start")
    counted = ui.say(f"{passed} 项通过，共 {total} 项", f"{passed} of {total} passed")
    words = ft.Column(
        [text(counted, size=TITLE, bold=True), secondary(ui, sentence)], spacing=2, tight=True, expand=True
    )
    return ft.Container(row([ring, words], spacing=16), padding=ft.Padding.symmetric(vertical=6, horizontal=6))


def _finding(ui: Ui, item: ShiftCheckItem, severity: Literal["danger", "warn"], mark: str) -> ft.Control:
    title = ui.words.of(SHIFT_ITEMS, item.item)
    named = f"{title} {item.value}".strip()
    return panels.finding(ui, severity, named, ui.say(*_ADVICE[item.item]), mark)


def _passed(ui: Ui, item: ShiftCheckItem) -> ft.Control:
    return panels.line(
        ui,
        f"shift-{item.item}",
        ui.words.of(SHIFT_ITEMS, item.item),
        glyph=ft.Icons.CHECK_CIRCLE_ROUNDED,
        glyph_colour=ui.look.ok,
        value=item.value,
    )


def _dock(ui: Ui, items: Sequence[ShiftCheckItem], *, on_start: Tap, on_again: Tap) -> ft.Control:
    if any(item.result == "failed" for item in items):
        again = buttons.primary(
            ui,
            "check-again",
            ui.say("处理好了，再检一次", "Fixed: check again"),
            on_again,
            glyph=ft.Icons.REPLAY_ROUNDED,
        )
        anyway = ui.say("先开工（会记下没通过的项）", "Start anyway (it is recorded)")
        return bars.dock(ui, [again, buttons.quiet(ui, "start-anyway", anyway, on_start)])
    start = ui.say("体检通过，开工", "Start the shift")
    return bars.dock(ui, [buttons.primary(ui, "start-shift", start, on_start, glyph=ft.Icons.CHECK_ROUNDED)])
