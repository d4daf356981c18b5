"""A pad to sign on with a finger: strokes on the screen, a PNG for the record."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import flet as ft
import flet.canvas as cv
from PIL import Image, ImageDraw

from mobile_app.components import buttons
from mobile_app.components.ui import Ui, icon, text
from mobile_app.theme import RADIUS

Stroke = tuple[tuple[float, float], ...]
WIDTH, HEIGHT = 358, 200
_SCALE = 3  # for a picture that can be printed


def picture_of(strokes: Sequence[Stroke]) -> bytes:
    """Black on white, three times the size of the pad."""
    image = Image.new("L", (WIDTH * _SCALE, HEIGHT * _SCALE), 255)
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        points = [(x * _SCALE, y * _SCALE) for x, y in stroke]
        if len(points) > 1:
            pen.line(points, fill=0, width=3 * _SCALE, joint="curve")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def pad(ui: Ui, strokes: Sequence[Stroke], on_strokes: Callable[[tuple[Stroke, ...]], Any]) -> ft.Control:
    """`on_strokes` hears the whole drawing after each move."""

    def begin(event: ft.DragStartEvent[ft.GestureDetector]) -> None:
        on_strokes((*strokes, ((event.local_position.x, event.local_position.y),)))

    def move(event: ft.DragUpdateEvent[ft.GestureDetector]) -> None:
        if strokes:
            on_strokes((*strokes[:-1], (*strokes[-1], (event.local_position.x, event.local_position.y))))

    ink = ft.Paint(color="#101828", stroke_width=3, style=ft.PaintingStyle.STROKE, stroke_cap=ft.StrokeCap.ROUND)
    shapes = [
        cv.Path([cv.Path.MoveTo(*stroke[0]), *(cv.Path.LineTo(x, y) for x, y in stroke[1:])], paint=ink)
        for stroke in strokes
        if len(stroke) > 1
    ]
    canvas = cv.Canvas(
        list(shapes),
        width=WIDTH,
        height=HEIGHT,
        content=ft.GestureDetector(
            on_pan_start=begin, on_pan_update=move, drag_interval=16, width=WIDTH, height=HEIGHT
        ),
    )
    layers: list[ft.Control] = [
        ft.Container(
            width=WIDTH, height=HEIGHT, bgcolor="#FFFFFF", border_radius=RADIUS, border=ft.Border.all(2, ui.look.ink_2)
        )
    ]
    if not strokes:
        hint = ft.Column(
            [
                icon(ft.Icons.DRAW_ROUNDED, size=36, colour="#344054"),
                text(ui.say("请客户在这里签名", "Sign here"), colour="#344054"),
            ],
            alignment=ft.MainAxisAlignment.CENTER,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        )
        layers.append(ft.Container(hint, width=WIDTH, height=HEIGHT, alignment=ft.Alignment.CENTER))
    layers.append(canvas)
    if strokes:
        clear = buttons.round_icon(
            ui,
            "clear-signature",
            ft.Icons.DELETE_OUTLINE_ROUNDED,
            lambda _: on_strokes(()),
            ui.say("重签", "Again"),
            size=56,
            colour="#101828",
        )
        layers.append(ft.Container(clear, right=4, top=4))
    return ft.Semantics(identifier="signature", content=ft.Stack(layers, width=WIDTH, height=HEIGHT))
