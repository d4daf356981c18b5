"""A pad to sign on with a finger: strokes on the screen, a PNG for the record."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import flet as ft
import flet.canvas as cv

from mobile_app.components import buttons
from mobile_app.components.ui import Tap, Ui, icon, text
from mobile_app.theme import RADIUS

Point = tuple[float, float]
Stroke = tuple[Point, ...]
WIDTH, HEIGHT = 358, 200
# Paper is white by night as well.
PAPER, INK, PALE = "#FFFFFF", "#101828", "#344054"
_SCALE = 3  # for a picture that can be printed


def picture_of(strokes: Sequence[Stroke]) -> bytes:
    """Black on white, three times the size of the pad."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - loaded when the first customer has signed

    image = Image.new("L", (WIDTH * _SCALE, HEIGHT * _SCALE), 255)
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        points = [(x * _SCALE, y * _SCALE) for x, y in stroke]
        if len(points) > 1:
            pen.line(points, fill=0, width=3 * _SCALE, joint="curve")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def pad(
    ui: Ui,
    strokes: Sequence[Stroke],
    *,
    on_begin: Callable[[Point], Any],
    on_move: Callable[[Point], Any],
    on_clear: Tap,
) -> ft.Control:
    """Every part keeps its place from the first touch on: a part that moves would end the stroke."""

    def begin(event: ft.DragStartEvent[ft.GestureDetector]) -> None:
        on_begin((event.local_position.x, event.local_position.y))

    def move(event: ft.DragUpdateEvent[ft.GestureDetector]) -> None:
        on_move((event.local_position.x, event.local_position.y))

    ground = ft.Container(
        width=WIDTH, height=HEIGHT, bgcolor=PAPER, border_radius=RADIUS, border=ft.Border.all(2, ui.look.ink_2)
    )
    fingers = ft.GestureDetector(
        on_pan_start=begin, on_pan_update=move, drag_interval=16, content=ft.Container(width=WIDTH, height=HEIGHT)
    )
    clear = buttons.round_icon(
        ui,
        "clear-signature",
        ft.Icons.DELETE_OUTLINE_ROUNDED,
        on_clear,
        ui.say("重签", "Again"),
        size=56,
        colour=INK,
    )
    layers: list[ft.Control] = [
        ground,
        _hint(ui, visible=not strokes),
        cv.Canvas(_drawn(strokes), width=WIDTH, height=HEIGHT),
        fingers,
        ft.Container(clear, right=4, top=4, visible=bool(strokes)),
    ]
    return ft.Semantics(identifier="signature", content=ft.Stack(layers, width=WIDTH, height=HEIGHT))


def _drawn(strokes: Sequence[Stroke]) -> list[cv.Shape]:
    ink = ft.Paint(color=INK, stroke_width=3, style=ft.PaintingStyle.STROKE, stroke_cap=ft.StrokeCap.ROUND)
    return [
        cv.Path([cv.Path.MoveTo(*stroke[0]), *(cv.Path.LineTo(x, y) for x, y in stroke[1:])], paint=ink)
        for stroke in strokes
        if len(stroke) > 1
    ]


def _hint(ui: Ui, *, visible: bool) -> ft.Container:
    words = ft.Column(
        [icon(ft.Icons.DRAW_ROUNDED, size=36, colour=PALE), text(ui.say("请客户在这里签名", "Sign here"), colour=PALE)],
        alignment=ft.MainAxisAlignment.CENTER,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
    )
    return ft.Container(words, width=WIDTH, height=HEIGHT, alignment=ft.Alignment.CENTER, visible=visible)
