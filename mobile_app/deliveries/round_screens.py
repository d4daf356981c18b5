"""回站入库: the load list, each line ticked off by its scan; what is missing stands on top."""

from collections.abc import Sequence

import flet as ft

from mobile_app.components import bars, buttons, forms, panels
from mobile_app.components.ui import Tap, Ui, column, scrolling
from mobile_app.deliveries.round_state import RoundRun
from mobile_app.theme import GUTTER


def return_screen(ui: Ui, run: RoundRun, *, on_scan: Tap, on_store: Tap, on_back: Tap) -> ft.Control:
    missing = run.missing
    head = bars.head(
        ui,
        ui.say("回站入库", "Back at the station"),
        subtitle=ui.say(
            f"清单 {len(run.board)} 只 · 已扫 {len(run.stored)} 只",
            f"{len(run.board)} on the list, {len(run.stored)} scanned",
        ),
        on_back=on_back,
    )
    body = [*_called_out(ui, run, missing), *_lists(ui, run)]
    dock = [
        buttons.tonal(
            ui,
            "scan-return",
            ui.say("扫一只", "Scan one"),
            on_scan,
            glyph=ft.Icons.QR_CODE_SCANNER_ROUNDED,
            height=64,
        ),
        _store_button(ui, run, missing, on_store),
    ]
    padding = ft.Padding.only(left=GUTTER, right=GUTTER, top=12, bottom=16)
    return column([head, scrolling(body, spacing=10, padding=padding), bars.dock(ui, dock)], expand=True)


def _store_button(ui: Ui, run: RoundRun, missing: Sequence[str], on_store: Tap) -> ft.Control:
    if missing and not run.reason.strip():
        words = ui.say(f"还差 {len(missing)} 只，扫到或写原因", f"{len(missing)} missing: scan or say why")
        return buttons.primary(ui, "store", words, None)
    words = ui.say("数量相符，入库", "All there: store")
    if missing:
        words = ui.say(f"少 {len(missing)} 只，照此入库", f"Store with {len(missing)} missing")
    return buttons.primary(ui, "store", words, on_store, glyph=ft.Icons.WAREHOUSE_OUTLINED)


def _called_out(ui: Ui, run: RoundRun, missing: Sequence[str]) -> list[ft.Control]:
    if not missing:
        return []

    def change(value: str) -> None:
        run.reason = value

    shown = "、".join(missing[:6]) + (" …" if len(missing) > 6 else "")
    reason = forms.entry(ui, "missing-reason", ui.say("未回站原因", "Why not back"), run.reason, change)
    return [
        panels.finding(
            ui,
            "danger",
            ui.say(f"少 {len(missing)} 只", f"{len(missing)} missing"),
            shown,
            ui.say("未扫到", "Not scanned"),
            controls=[ft.Container(reason, padding=ft.Padding.only(top=6))],
        )
    ]


def _lists(ui: Ui, run: RoundRun) -> list[ft.Control]:
    seen = {found.scan.code: full for found, full in run.stored}
    parts: list[ft.Control] = []
    for full, title in ((True, ui.say("未送出的重瓶", "Full, not sold")), (False, ui.say("收回的空瓶", "Empties"))):
        codes = [each.code for each in run.board if each.full == full]
        codes += [code for code, is_full in seen.items() if is_full == full and not run.on_list(code)]
        if codes:
            ticked = sum(code in seen for code in codes)
            parts.append(panels.section(ui, title, f"{ticked} / {len(codes)}"))
            parts.append(panels.listed(ui, [_line(ui, run, code, seen) for code in codes]))
    if not parts:
        parts.append(
            panels.empty(
                ui,
                ft.Icons.LOCAL_SHIPPING_OUTLINED,
                ui.say("车上没有气瓶", "The vehicle is empty"),
                ui.say("扫到的会列在这里。", "What you scan is listed here."),
            )
        )
    return parts


def _line(ui: Ui, run: RoundRun, code: str, seen: dict[str, bool]) -> ft.Control:
    look = ui.look
    found = code in seen
    subtitle = ""
    if not run.on_list(code):
        subtitle = ui.say("不在清单上", "Not on the list")
    elif found and seen[code] != run.is_full(code):
        subtitle = ui.say("与清单不符", "Not as listed")
    remove = None
    if found:
        remove = buttons.round_icon(
            ui,
            f"take-out-{code}",
            ft.Icons.UNDO_ROUNDED,
            lambda _: run.take_out(code),
            ui.say("撤回", "Undo"),
            size=56,
        )
    return panels.line(
        ui,
        f"board-{code}",
        code,
        glyph=ft.Icons.CHECK_CIRCLE_ROUNDED if found else ft.Icons.RADIO_BUTTON_UNCHECKED_ROUNDED,
        glyph_colour=look.ok if found else look.ink_2,
        subtitle=subtitle,
        trailing=remove,
    )
