"""疑似泄漏: what to do stands first, the call lowest and largest."""

from collections.abc import Sequence

import flet as ft

from mobile_app.components import buttons, panels
from mobile_app.components.ui import Tap, Ui, column, icon, row, secondary, text
from mobile_app.theme import ALARM_FILL, GUTTER, ON_FILL
from mobile_app.words import grouped


def leak_screen(
    ui: Ui,
    *,
    emergency: bool,
    at: str,
    reading: float,
    limit: float,
    facts: Sequence[tuple[str, str]],
    saved: bool,
    emergency_phone: str,
    on_retest: Tap,
    on_save: Tap,
    on_call: Tap,
    on_close: Tap,
) -> ft.Control:
    """撤离 first when the reading is over the emergency limit; the call lowest and largest."""
    heading = ui.say("疑似泄漏", "Suspected leak")
    if emergency:
        heading += ui.say(" · 超应急限值", " · over the emergency limit")
    word = ui.say("撤离", "LEAVE") if emergency else ui.say("报警", "ALARM")
    sentences = ui.say(
        "往上风侧走，离开 50 m 以外\n不开关电器，不点火，拦住行人\n到安全处再打电话",
        "Go upwind, more than 50 m away\nNo switches, no flames; stop passers-by\nCall from a safe place",
    )
    if not emergency:
        sentences = ui.say("站到上风侧，不动火\n复测一次，再判断", "Stay upwind, no flames\nMeasure again, then decide")
    top = ft.Container(
        column(
            [
                row(
                    [
                        icon(ft.Icons.WARNING_ROUNDED, size=30, colour=ON_FILL),
                        text(heading, size=20, bold=True, colour=ON_FILL, expand=True),
                        _close(ui, on_close),
                    ]
                ),
                row(
                    [
                        icon(
                            ft.Icons.DIRECTIONS_RUN_ROUNDED if emergency else ft.Icons.AIR_ROUNDED,
                            size=84,
                            colour=ON_FILL,
                        ),
                        text(word, size=88 if emergency else 64, bold=True, colour=ON_FILL, lines=1),
                    ],
                    spacing=16,
                ),
                text(sentences, size=22, bold=True, colour=ON_FILL),
            ],
            spacing=8,
        ),
        padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=12, bottom=12),
        expand=True,
    )
    figure = ft.Text(
        spans=[
            ft.TextSpan(grouped(reading), ft.TextStyle(size=44, weight=ft.FontWeight.W_700)),
            ft.TextSpan(" ppm", ft.TextStyle(size=22, weight=ft.FontWeight.W_700)),
        ],
        color=ui.look.ink,
    )
    kept = (
        panels.notice(ui, ui.say("已存为疑似泄漏点，不会丢", "Saved as a suspected leak; it cannot be lost"), kind="ok")
        if saved
        else buttons.primary(
            ui, "save-leak", ui.say("记为疑似泄漏点", "Record a suspected leak"), on_save, glyph=ft.Icons.SAVE_ROUNDED
        )
    )
    over = ui.say("限值 ", "limit ") + grouped(limit)
    bottom = ft.Container(
        column(
            [
                row([secondary(ui, f"{ui.say('甲烷', 'Methane')} · {at}"), secondary(ui, over)], apart=True),
                figure,
                panels.pairs(ui, facts),
                kept,
                buttons.outlined(
                    ui,
                    "retest",
                    ui.say("从上风侧复测", "Measure again from upwind"),
                    on_retest,
                    glyph=ft.Icons.REPLAY_ROUNDED,
                    height=64,
                ),
                buttons.alarm(
                    ui,
                    "call-emergency",
                    f"{ui.say('呼叫抢险', 'Call')} {emergency_phone}",
                    on_call,
                    glyph=ft.Icons.CALL_ROUNDED,
                    height=80,
                    size=22,
                ),
            ],
            spacing=10,
        ),
        bgcolor=ui.look.surface,
        border_radius=ft.BorderRadius.only(top_left=24, top_right=24),
        padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=16, bottom=14),
    )
    return ft.Container(column([top, bottom]), bgcolor=ALARM_FILL, expand=True)


def _close(ui: Ui, on_close: Tap) -> ft.Control:
    button = ft.IconButton(
        ft.Icons.CLOSE_ROUNDED,
        icon_color=ON_FILL,
        icon_size=28,
        width=64,
        height=64,
        on_click=on_close,
        tooltip=ui.say("关闭", "Close"),
    )
    return ft.Semantics(identifier="back", content=button)
