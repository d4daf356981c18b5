"""The answer that fills the screen: octagon with stripes against circle, the word as large as it goes."""

from collections.abc import Sequence

import flet as ft
import flet.canvas as cv

from mobile_app.components.ui import Tap, Ui, column, icon, text
from mobile_app.theme import ALARM_FILL, ALLOWED_FILL, GUTTER, ON_FILL


def full_screen(
    ui: Ui,
    *,
    allowed: bool,
    heading: str,
    word: str,
    reason: str,
    advice: str,
    details: ft.Control,
    actions: Sequence[ft.Control],
    on_close: Tap,
) -> ft.Container:
    fill = ALLOWED_FILL if allowed else ALARM_FILL
    top: list[ft.Control] = [_heading(ui, heading, on_close)]
    top.append(ft.Container(height=20) if allowed else _stripes())
    top.append(
        ft.Container(
            ft.Column(
                [
                    _circle() if allowed else _octagon(),
                    text(word, size=64, bold=True, colour=ON_FILL, align=ft.TextAlign.CENTER),
                    text(reason, size=26, bold=True, colour=ON_FILL, align=ft.TextAlign.CENTER),
                    text(advice, size=20, colour=ON_FILL, align=ft.TextAlign.CENTER),
                ],
                spacing=6,
                alignment=ft.MainAxisAlignment.CENTER,
                horizontal_alignment=ft.CrossAxisAlignment.CENTER,
                scroll=ft.ScrollMode.HIDDEN,
            ),
            expand=True,
            alignment=ft.Alignment.CENTER,
            padding=ft.Padding.symmetric(horizontal=GUTTER, vertical=8),
        )
    )
    top.append(
        ft.Container(
            column([details, ft.Container(height=4), *actions], spacing=12),
            bgcolor=ui.look.surface,
            border_radius=ft.BorderRadius.only(top_left=24, top_right=24),
            padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=18, bottom=14),
        )
    )
    return ft.Container(column(top), bgcolor=fill, expand=True)


def _heading(ui: Ui, heading: str, on_close: Tap) -> ft.Row:
    close = ft.IconButton(
        ft.Icons.CLOSE_ROUNDED,
        icon_color=ON_FILL,
        icon_size=28,
        width=56,
        height=56,
        on_click=on_close,
        tooltip=ui.say("关闭", "Close"),
    )
    return ft.Row(
        [
            ft.Semantics(identifier="back", content=close),
            text(heading, size=20, bold=True, colour=ON_FILL, lines=1, expand=True),
        ],
        spacing=4,
    )


def _stripes() -> ft.Container:
    """Slanted stripes say stop to an eye that does not tell red from green."""
    slats = [
        cv.Path(
            [
                cv.Path.MoveTo(x + 20, 0),
                cv.Path.LineTo(x + 40, 0),
                cv.Path.LineTo(x + 20, 20),
                cv.Path.LineTo(x, 20),
                cv.Path.Close(),
            ],
            paint=ft.Paint(color="#48FFFFFF", style=ft.PaintingStyle.FILL),
        )
        for x in range(-40, 900, 40)
    ]
    return ft.Container(
        cv.Canvas(list(slats), height=20, expand=True), height=20, clip_behavior=ft.ClipBehavior.HARD_EDGE
    )


def _circle() -> ft.Container:
    return ft.Container(
        icon(ft.Icons.CHECK_ROUNDED, size=104, colour=ALLOWED_FILL),
        width=132,
        height=132,
        border_radius=66,
        bgcolor=ON_FILL,
        alignment=ft.Alignment.CENTER,
    )


def _octagon() -> ft.Stack:
    size, cut = 132.0, 38.7  # a regular octagon: side · (1 - 1/(1 + √2)) / 2
    corners = [
        (cut, 0.0),
        (size - cut, 0.0),
        (size, cut),
        (size, size - cut),
        (size - cut, size),
        (cut, size),
        (0.0, size - cut),
        (0.0, cut),
    ]
    path = cv.Path(
        [cv.Path.MoveTo(*corners[0]), *(cv.Path.LineTo(*corner) for corner in corners[1:]), cv.Path.Close()],
        paint=ft.Paint(color=ON_FILL, style=ft.PaintingStyle.FILL),
    )
    return ft.Stack(
        [
            cv.Canvas([path], width=size, height=size),
            ft.Container(
                icon(ft.Icons.CLOSE_ROUNDED, size=104, colour=ALARM_FILL),
                width=size,
                height=size,
                alignment=ft.Alignment.CENTER,
            ),
        ],
        width=size,
        height=size,
    )
