"""Buttons for gloves: primary actions 64 high, four actions of a map 76, the emergency call 80."""

from typing import Any

import flet as ft

from mobile_app.components.ui import Tap, Ui, hook, icon, text
from mobile_app.theme import (
    ALARM_FILL,
    BODY,
    LARGE,
    ON_FILL,
    PRIMARY_HEIGHT,
    RADIUS,
    SECOND,
    SECONDARY_HEIGHT,
    TOUCH_HEIGHT,
)


def _style(fill: str | None, ink: str, *, edge: str | None = None, disabled_fill: str | None = None) -> ft.ButtonStyle:
    return ft.ButtonStyle(
        bgcolor={ft.ControlState.DISABLED: disabled_fill or fill, ft.ControlState.DEFAULT: fill} if fill else None,
        color=ink,
        shape=ft.RoundedRectangleBorder(radius=RADIUS),
        side=ft.BorderSide(2, edge) if edge else None,
        padding=ft.Padding.symmetric(horizontal=12),
        elevation=0,
    )


def _label(value: str, glyph: ft.IconData | None, ink: str, size: int) -> ft.Row:
    parts: list[ft.Control] = [icon(glyph, size=size + 8, colour=ink)] if glyph else []
    parts.append(text(value, size=size, bold=True, colour=ink, lines=1))
    return ft.Row(parts, alignment=ft.MainAxisAlignment.CENTER, spacing=10, tight=True)


def _button(
    identifier: str,
    value: str,
    on_click: Tap | None,
    *,
    glyph: ft.IconData | None,
    style: ft.ButtonStyle,
    ink: str,
    height: int,
    size: int,
    expand: bool | int | None = None,
) -> ft.Semantics:
    button = ft.FilledButton(
        content=_label(value, glyph, ink, size),
        on_click=on_click,
        disabled=on_click is None,
        height=height,
        style=style,
    )
    named = hook(identifier, button)
    named.expand = expand
    return named


def primary(
    ui: Ui,
    identifier: str,
    value: str,
    on_click: Tap | None,
    *,
    glyph: ft.IconData | None = None,
    height: int = PRIMARY_HEIGHT,
    expand: bool | int | None = None,
    fill: str | None = None,
) -> ft.Semantics:
    """The one action of a screen. With no `on_click` it is grey and its words say what is missing."""
    look = ui.look
    ink = look.ink if on_click is None else (ON_FILL if fill else look.on_primary)
    style = _style(fill or look.primary, ink, disabled_fill=look.chip)
    return _button(
        identifier, value, on_click, glyph=glyph, style=style, ink=ink, height=height, size=LARGE, expand=expand
    )


def outlined(
    ui: Ui,
    identifier: str,
    value: str,
    on_click: Tap | None,
    *,
    glyph: ft.IconData | None = None,
    height: int = SECONDARY_HEIGHT,
    expand: bool | int | None = None,
    danger: bool = False,
    strong: bool = False,
) -> ft.Semantics:
    look = ui.look
    ink = look.danger_strong if danger else look.primary_strong if strong else look.ink
    style = _style(look.surface, ink, edge=ink)
    return _button(
        identifier, value, on_click, glyph=glyph, style=style, ink=ink, height=height, size=BODY, expand=expand
    )


def tonal(
    ui: Ui,
    identifier: str,
    value: str,
    on_click: Tap | None,
    *,
    glyph: ft.IconData | None = None,
    height: int = SECONDARY_HEIGHT,
    expand: bool | int | None = None,
) -> ft.Semantics:
    look = ui.look
    style = _style(look.primary_soft, look.primary_strong)
    return _button(
        identifier,
        value,
        on_click,
        glyph=glyph,
        style=style,
        ink=look.primary_strong,
        height=height,
        size=BODY,
        expand=expand,
    )


def quiet(ui: Ui, identifier: str, value: str, on_click: Tap) -> ft.Semantics:
    button = ft.TextButton(
        content=text(value, bold=True, colour=ui.look.primary), on_click=on_click, height=SECONDARY_HEIGHT
    )
    return hook(identifier, button)


def alarm(
    ui: Ui,
    identifier: str,
    value: str,
    on_click: Tap,
    *,
    glyph: ft.IconData | None,
    height: int = PRIMARY_HEIGHT,
    size: int = BODY,
) -> ft.Semantics:
    """Red: the emergency line, and nothing else."""
    fill, ink = (ui.look.danger, ui.look.on_danger) if ui.look.dark else (ALARM_FILL, ON_FILL)
    return _button(identifier, value, on_click, glyph=glyph, style=_style(fill, ink), ink=ink, height=height, size=size)


def stacked(
    ui: Ui,
    identifier: str,
    value: str,
    glyph: ft.IconData,
    on_click: Tap | None,
    *,
    height: int = 76,
    selected: bool = False,
    edge: str | None = None,
    ink: str | None = None,
    fill: str | None = None,
) -> ft.Semantics:
    """Icon over word: actions of the map, tiles of a form, the three answers of a check."""
    look = ui.look
    ink = look.on_primary if selected else ink or look.ink
    size = BODY if height >= 72 else SECOND
    box = ft.Container(
        ft.Column(
            [
                icon(glyph, size=28 if height >= 72 else 24, colour=ink),
                text(value, size=size, bold=selected or height >= 72, colour=ink, lines=1),
            ],
            alignment=ft.MainAxisAlignment.CENTER,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            spacing=2,
            tight=True,
        ),
        height=height,
        bgcolor=look.primary if selected else fill or look.surface,
        border=ft.Border.all(2 if edge else 1, look.primary if selected else edge or look.line)
        if not fill or edge
        else None,
        border_radius=RADIUS,
        alignment=ft.Alignment.CENTER,
        ink=True,
        on_click=on_click,
        padding=ft.Padding.symmetric(horizontal=2),
    )
    named = hook(identifier, box)
    named.button = True
    named.selected = selected or None
    named.expand = True
    return named


def round_icon(ui: Ui, identifier: str, glyph: ft.IconData, on_click: Tap, label: str, **rest: Any) -> ft.Semantics:
    button = ft.IconButton(
        glyph,
        icon_size=26,
        icon_color=rest.get("colour", ui.look.ink),
        bgcolor=rest.get("fill"),
        width=rest.get("size", TOUCH_HEIGHT),
        height=rest.get("size", TOUCH_HEIGHT),
        tooltip=label,
        on_click=on_click,
    )
    return hook(identifier, button)
