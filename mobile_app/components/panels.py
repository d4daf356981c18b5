"""Cards, rows and notices that lists and forms are made of."""

from collections.abc import Sequence
from typing import Literal

import flet as ft

from mobile_app.components.ui import Tap, Ui, card, column, hairline, hook, icon, row, secondary, shadow, tag, text
from mobile_app.theme import BODY, GUTTER, RADIUS, SECOND, TITLE

Severity = Literal["danger", "warn"]


def finding(
    ui: Ui, severity: Severity, title: str, sentence: str, mark: str, *, controls: Sequence[ft.Control] = ()
) -> ft.Container:
    """A card with a coloured band: what is wrong, why it matters, what to do."""
    look = ui.look
    danger = severity == "danger"
    band = look.danger if danger else look.warn
    glyph = ft.Icons.ERROR_ROUNDED if danger else ft.Icons.WARNING_ROUNDED
    inside = column(
        [
            row(
                [
                    icon(glyph, size=28, colour=band),
                    text(title, bold=True, expand=True, lines=2),
                    tag(ui, mark, severity),
                ]
            ),
            ft.Container(secondary(ui, sentence), padding=ft.Padding.only(left=40)),
            *controls,
        ],
        spacing=6,
    )
    return ft.Container(
        inside,
        bgcolor=look.surface,
        border_radius=RADIUS,
        border=ft.Border.only(left=ft.BorderSide(8, band)),
        padding=ft.Padding.only(left=14, right=14, top=12, bottom=14),
        shadow=shadow(ui),
    )


def pairs(ui: Ui, entries: Sequence[tuple[str, str]], *, width: int = 84, strong: bool = True) -> ft.Column:
    """Label and value, a line each."""
    return column(
        [
            ft.Row(
                [
                    ft.Container(secondary(ui, label), width=width),
                    text(value, size=BODY if strong else SECOND, bold=strong, expand=True),
                ],
                spacing=8,
                vertical_alignment=ft.CrossAxisAlignment.START,
            )
            for label, value in entries
        ],
        spacing=8,
    )


def facts(ui: Ui, entries: Sequence[tuple[str, str, str]]) -> ft.Row:
    """A few figures side by side: number, unit, what it counts."""
    cells: list[ft.Control] = [
        ft.Column(
            [
                ft.Text(
                    spans=[
                        ft.TextSpan(number, ft.TextStyle(size=TITLE, weight=ft.FontWeight.W_700)),
                        ft.TextSpan(f" {unit}", ft.TextStyle(size=SECOND, weight=ft.FontWeight.W_700)),
                    ],
                    color=ui.look.ink,
                ),
                secondary(ui, label),
            ],
            spacing=0,
            tight=True,
        )
        for number, unit, label in entries
    ]
    return row(cells, spacing=24)


def line(
    ui: Ui,
    identifier: str,
    title: str,
    *,
    glyph: ft.IconData,
    value: str = "",
    subtitle: str = "",
    trailing: ft.Control | None = None,
    on_click: Tap | None = None,
    glyph_colour: str | None = None,
) -> ft.Semantics:
    """A row of a list, 64 high, the whole of it to be touched."""
    words: list[ft.Control] = [text(title, lines=1)]
    if subtitle:
        words.append(secondary(ui, subtitle, lines=1))
    parts: list[ft.Control] = [
        icon(glyph, colour=glyph_colour or ui.look.ink_2),
        ft.Column(words, spacing=0, tight=True, expand=True),
    ]
    if value:
        parts.append(secondary(ui, value, lines=1))
    if trailing:
        parts.append(trailing)
    box = ft.Container(
        ft.Row(parts, spacing=12, vertical_alignment=ft.CrossAxisAlignment.CENTER),
        height=64,
        padding=ft.Padding.symmetric(horizontal=GUTTER),
        on_click=on_click,
        ink=on_click is not None,
    )
    named = hook(identifier, box)
    named.button = True if on_click else None
    return named


def listed(ui: Ui, lines: Sequence[ft.Control], *, as_card: bool = True) -> ft.Control:
    parts: list[ft.Control] = []
    for index, entry in enumerate(lines):
        if index:
            parts.append(hairline(ui))
        parts.append(entry)
    inside = column(parts)
    return card(ui, inside, padding=0) if as_card else ft.Container(inside, bgcolor=ui.look.surface)


def empty(
    ui: Ui, glyph: ft.IconData, title: str, what_to_do: str, *, action: ft.Control | None = None, good: bool = False
) -> ft.Container:
    """An empty list says what to do."""
    parts: list[ft.Control] = [
        icon(glyph, size=88 if good else 56, colour=ui.look.ok if good else ui.look.ink_2),
        text(title, size=TITLE, bold=True, align=ft.TextAlign.CENTER),
        text(what_to_do, size=SECOND, colour=ui.look.ink_2, align=ft.TextAlign.CENTER),
    ]
    if action:
        parts.append(action)
    return ft.Container(
        ft.Column(
            parts, spacing=10, horizontal_alignment=ft.CrossAxisAlignment.CENTER, alignment=ft.MainAxisAlignment.CENTER
        ),
        alignment=ft.Alignment.CENTER,
        padding=32,
        expand=True,
    )


def notice(ui: Ui, message: str, *, kind: Literal["danger", "warn", "ok", "quiet"] = "quiet") -> ft.Semantics:
    """What happened, what is safe, what to do next: a screen reader speaks it at once."""
    look = ui.look
    fill, ink, glyph = {
        "danger": (look.danger_soft, look.danger_strong, ft.Icons.ERROR_ROUNDED),
        "warn": (look.warn_soft, look.warn_strong, ft.Icons.WARNING_ROUNDED),
        "ok": (look.ok_soft, look.ok_strong, ft.Icons.CHECK_CIRCLE_ROUNDED),
        "quiet": (look.chip, look.ink, ft.Icons.INFO_ROUNDED),
    }[kind]
    box = ft.Container(
        row([icon(glyph, colour=ink), text(message, size=SECOND, colour=ink, expand=True)]),
        bgcolor=fill,
        border_radius=RADIUS,
        padding=12,
    )
    return ft.Semantics(identifier="notice", content=box, live_region=True)


def section(ui: Ui, title: str, value: str = "") -> ft.Container:
    return ft.Container(
        row([text(title, size=TITLE, bold=True), secondary(ui, value)], apart=True),
        padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=12, bottom=8),
    )
