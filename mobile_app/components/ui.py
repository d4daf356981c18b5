"""What every screen speaks and looks with: language and colours, handed down by one context."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import flet as ft
import msgspec

from mobile_app.theme import BODY, LIGHT, RADIUS, SECOND, SMALL, Look
from mobile_app.words import Words

Tap = Callable[..., Any]


class Ui(msgspec.Struct, frozen=True):
    words: Words = Words("zh")
    look: Look = LIGHT

    def say(self, zh: str, en: str) -> str:
        return self.words.say(zh, en)


UiContext = ft.create_context(Ui())


def use_ui() -> Ui:
    return ft.use_context(UiContext)


def hook(identifier: str, control: ft.Control, *, label: str | None = None) -> ft.Semantics:
    """A stable name for a test or a screen reader's tool; it is not announced.

    As key too: a field must not take over the text of the one that stood in its place a step before.
    """
    return ft.Semantics(identifier=identifier, key=identifier, content=control, label=label)


def text(
    value: str,
    *,
    size: int = BODY,
    colour: str | None = None,
    bold: bool = False,
    lines: int | None = None,
    align: ft.TextAlign = ft.TextAlign.START,
    expand: bool = False,
) -> ft.Text:
    return ft.Text(
        value,
        size=max(size, SMALL),
        color=colour,
        weight=ft.FontWeight.W_700 if bold else None,
        max_lines=lines,
        overflow=ft.TextOverflow.ELLIPSIS if lines else ft.TextOverflow.CLIP,
        text_align=align,
        expand=expand,
    )


def secondary(ui: Ui, value: str, *, lines: int | None = None, size: int = SECOND) -> ft.Text:
    return text(value, size=size, colour=ui.look.ink_2, lines=lines)


def icon(name: ft.IconData, *, size: int = 26, colour: str | None = None) -> ft.Icon:
    return ft.Icon(name, size=size, color=colour)


def shadow(ui: Ui, *, up: bool = False) -> ft.BoxShadow:
    return ft.BoxShadow(blur_radius=10, color=ui.look.shadow, offset=ft.Offset(0, -3 if up else 2))


def card(ui: Ui, content: ft.Control, *, padding: ft.PaddingValue = 16) -> ft.Container:
    return ft.Container(
        content,
        bgcolor=ui.look.surface,
        border_radius=RADIUS,
        padding=padding,
        shadow=shadow(ui),
        clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
    )


def column(
    controls: Sequence[ft.Control], *, spacing: int = 0, expand: bool = False, stretch: bool = True
) -> ft.Column:
    return ft.Column(
        list(controls),
        spacing=spacing,
        expand=expand,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH if stretch else ft.CrossAxisAlignment.START,
    )


def row(controls: Sequence[ft.Control], *, spacing: int = 12, apart: bool = False, expand: bool = False) -> ft.Row:
    return ft.Row(
        list(controls),
        spacing=spacing,
        expand=expand,
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN if apart else ft.MainAxisAlignment.START,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )


def scrolling(controls: Sequence[ft.Control], *, spacing: int = 0, padding: ft.PaddingValue = 0) -> ft.ListView:
    return ft.ListView(list(controls), spacing=spacing, padding=padding, expand=True)


def tag(
    ui: Ui, value: str, kind: Literal["primary", "next", "danger", "warn", "ok", "quiet"] = "primary"
) -> ft.Container:
    look = ui.look
    fill, ink = {
        "primary": (look.primary_soft, look.primary_strong),
        "next": (look.primary, look.on_primary),
        "danger": (look.danger_soft, look.danger_strong),
        "warn": (look.warn_soft, look.warn_strong),
        "ok": (look.ok_soft, look.ok_strong),
        "quiet": (look.chip, look.ink),
    }[kind]
    return ft.Container(
        text(value, size=SECOND, bold=True, colour=ink),
        bgcolor=fill,
        border_radius=8,
        padding=ft.Padding.symmetric(horizontal=10, vertical=3),
    )


def hairline(ui: Ui) -> ft.Divider:
    return ft.Divider(height=1, thickness=1, color=ui.look.line)
