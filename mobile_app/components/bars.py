"""Head, dock, tabs and the sync pill: top tells, bottom does, 抢险 is always at the bottom right."""

from collections.abc import Sequence
from typing import Literal

import flet as ft

from mobile_app.components import buttons
from mobile_app.components.ui import Tap, Ui, hook, icon, secondary, shadow, text
from mobile_app.theme import BAR_HEIGHT, GUTTER, SECOND, SMALL, TITLE, TOUCH_HEIGHT


def head(
    ui: Ui,
    title: str,
    *,
    subtitle: str = "",
    on_back: Tap | None = None,
    close: bool = False,
    trailing: ft.Control | None = None,
    size: int = TITLE,
) -> ft.Container:
    words: list[ft.Control] = [text(title, size=size, bold=True, lines=1)]
    if subtitle:
        words.append(secondary(ui, subtitle, lines=1))
    parts: list[ft.Control] = []
    if on_back:
        glyph = ft.Icons.CLOSE_ROUNDED if close else ft.Icons.ARROW_BACK_ROUNDED
        label = ui.say("关闭", "Close") if close else ui.say("返回", "Back")
        parts.append(buttons.round_icon(ui, "back", glyph, on_back, label))
    parts.append(ft.Column(words, spacing=0, tight=True, expand=True))
    if trailing:
        parts.append(trailing)
    left = 4 if on_back else GUTTER
    return ft.Container(
        ft.Row(parts, spacing=8, vertical_alignment=ft.CrossAxisAlignment.CENTER),
        height=68,
        padding=ft.Padding.only(left=left, right=GUTTER),
    )


def sync_pill(
    ui: Ui,
    glyph: ft.IconData,
    words: str,
    on_click: Tap,
    *,
    tone: Literal["plain", "warn", "danger"] = "plain",
    progress: float | None = None,
) -> ft.Semantics:
    """Looks 48 high and is touched on 64; a line along its foot grows with `progress`."""
    look = ui.look
    ink = {"plain": look.ink, "warn": look.warn_strong, "danger": look.danger_strong}[tone]
    fill = {"plain": look.chip, "warn": look.warn_soft, "danger": look.danger_soft}[tone]
    label: list[ft.Control] = [
        ft.Row(
            [icon(glyph, size=20, colour=ink), text(words, size=SECOND, bold=True, colour=ink, lines=1)],
            spacing=8,
            tight=True,
        )
    ]
    if progress is not None:
        bar = ft.ProgressBar(progress, width=120, bar_height=4, color=look.primary, bgcolor=look.line, border_radius=2)
        label.append(bar)
    seen = ft.Container(
        ft.Column(label, spacing=4, tight=True, horizontal_alignment=ft.CrossAxisAlignment.CENTER),
        height=BAR_HEIGHT,
        padding=ft.Padding.only(left=12, right=16),
        border_radius=BAR_HEIGHT // 2,
        bgcolor=fill,
        alignment=ft.Alignment.CENTER,
    )
    touched = ft.Container(seen, height=TOUCH_HEIGHT, alignment=ft.Alignment.CENTER, on_click=on_click)
    named = hook("sync-pill", touched)
    named.button = True
    return named


def dock(ui: Ui, controls: Sequence[ft.Control], *, rounded: bool = False) -> ft.Container:
    """The part of the screen that the thumb reaches."""
    return ft.Container(
        ft.Column(list(controls), spacing=10, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        bgcolor=ui.look.surface,
        padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=GUTTER if rounded else 12, bottom=12),
        border=None if rounded else ft.Border.only(top=ft.BorderSide(1, ui.look.line)),
        border_radius=ft.BorderRadius.only(top_left=24, top_right=24) if rounded else None,
        shadow=shadow(ui, up=True) if rounded else None,
    )


def tabs(
    ui: Ui,
    entries: Sequence[tuple[str, str, ft.IconData, ft.IconData]],
    selected: str,
    on_select: Tap,
    on_emergency: Tap,
) -> ft.Container:
    """`entries`: key, word, icon, icon when chosen."""
    cells: list[ft.Control] = [
        _tab(ui, key, word, filled if key == selected else plain, chosen=key == selected, on_select=on_select)
        for key, word, plain, filled in entries
    ]
    cells.append(emergency(ui, on_emergency))
    return ft.Container(
        ft.Row(cells, spacing=0, vertical_alignment=ft.CrossAxisAlignment.CENTER),
        height=80,
        bgcolor=ui.look.surface,
        border=ft.Border.only(top=ft.BorderSide(1, ui.look.line)),
        padding=ft.Padding.only(left=4, right=GUTTER),
    )


def emergency(ui: Ui, on_emergency: Tap) -> ft.Semantics:
    return buttons.alarm(ui, "emergency", ui.say("抢险", "SOS"), on_emergency, glyph=ft.Icons.CALL_ROUNDED)


def _tab(ui: Ui, key: str, word: str, glyph: ft.IconData, *, chosen: bool, on_select: Tap) -> ft.Semantics:
    look = ui.look
    ink = look.primary_strong if chosen else look.ink_2
    cell = ft.Container(
        ft.Column(
            [
                ft.Container(
                    icon(glyph, colour=ink),
                    width=56,
                    height=34,
                    border_radius=17,
                    bgcolor=look.primary_soft if chosen else None,
                    alignment=ft.Alignment.CENTER,
                ),
                text(word, size=SMALL, bold=chosen, colour=ink, lines=1),
            ],
            spacing=2,
            alignment=ft.MainAxisAlignment.CENTER,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        ),
        height=72,
        on_click=lambda _: on_select(key),
        ink=True,
        border_radius=14,
    )
    named = hook(f"tab-{key}", cell)
    named.button, named.selected, named.expand = True, chosen, True
    return named


def steps(ui: Ui, names: Sequence[str], current: int) -> ft.Container:
    """The steps of a delivery: done with a tick, the present one filled, the rest numbered."""
    look = ui.look
    cells: list[ft.Control] = []
    for index, name in enumerate(names):
        done, here = index < current, index == current
        fill = look.ok_strong if done else look.primary if here else look.surface
        ink = look.on_ok if done else look.on_primary if here else look.ink_2
        mark: ft.Control = (
            icon(ft.Icons.CHECK_ROUNDED, size=20, colour=ink) if done else text(str(index + 1), bold=True, colour=ink)
        )
        circle = ft.Container(
            mark,
            width=34,
            height=34,
            border_radius=17,
            bgcolor=fill,
            alignment=ft.Alignment.CENTER,
            border=None if done or here else ft.Border.all(2, look.ink_2),
        )
        bar = ft.Row(
            [
                _link(ui, index > 0, reached=index <= current),
                circle,
                _link(ui, index < len(names) - 1, reached=index < current),
            ],
            spacing=0,
        )
        word = text(name, size=SECOND, bold=here, colour=look.primary_strong if here else look.ink_2, lines=1)
        cells.append(ft.Column([bar, word], spacing=4, expand=True, horizontal_alignment=ft.CrossAxisAlignment.CENTER))
    return ft.Container(
        ft.Row(cells, spacing=0),
        bgcolor=look.surface,
        padding=ft.Padding.only(left=4, right=4, top=8, bottom=10),
        border=ft.Border.only(bottom=ft.BorderSide(1, look.line)),
    )


def _link(ui: Ui, shown: bool, *, reached: bool) -> ft.Container:  # noqa: FBT001 - the first cell has no line before it
    colour = (ui.look.ok_strong if reached else ui.look.line) if shown else None
    return ft.Container(height=3, bgcolor=colour, expand=True)


def strip(ui: Ui, cells: Sequence[tuple[str, str, str, bool]]) -> ft.Container:
    """Live figures: label, number, unit, large or not."""
    look = ui.look

    def cell(label: str, number: str, unit: str, large: bool) -> ft.Semantics:  # noqa: FBT001 - a row of a table
        figure = ft.Text(
            spans=[
                ft.TextSpan(number, ft.TextStyle(size=32 if large else TITLE, weight=ft.FontWeight.W_700)),
                ft.TextSpan(f" {unit}", ft.TextStyle(size=SECOND)),
            ],
            color=look.ink,
            max_lines=1,
        )
        lines: list[ft.Control] = [
            secondary(ui, label, lines=1),
            ft.Container(figure, height=42, alignment=ft.Alignment.CENTER),
        ]
        content = ft.Column(lines, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.CENTER)
        # Read out as one: “覆盖 62 %”.
        return ft.Semantics(content=content, label=f"{label} {number} {unit}", exclude_semantics=True, expand=True)

    parts: list[ft.Control] = []
    for index, (label, number, unit, large) in enumerate(cells):
        if index:
            parts.append(ft.Container(width=1, height=60, bgcolor=look.line))
        parts.append(cell(label, number, unit, large))
    return ft.Container(ft.Row(parts, spacing=0), padding=ft.Padding.only(bottom=8))


def share_bar(ui: Ui, share: float) -> ft.Row:
    """Walked green and thick, unwalked red and thin."""
    done = max(0, min(1000, round(share * 1000)))
    parts: list[ft.Control] = []
    if done:
        parts.append(ft.Container(bgcolor=ui.look.walked, height=8, expand=done))
    if done < 1000:
        parts.append(ft.Container(bgcolor=ui.look.unwalked, height=4, expand=1000 - done))
    return ft.Row(parts, spacing=3, vertical_alignment=ft.CrossAxisAlignment.END)
