"""Choosing a picture, and showing the ones that belong to a record."""

from collections.abc import Sequence

import flet as ft

from mobile_app.components import buttons
from mobile_app.components.ui import Tap, Ui, hook, icon, text
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.theme import RADIUS

PICTURE_KINDS = ["jpg", "jpeg", "png", "webp", "heic"]


async def choose_photo() -> tuple[bytes, PhotoSource] | None:
    """One picture and where it is from, None when the worker thought better of it.

    The one place that knows where pictures come from: a phone's picker offers its camera, a browser opens a file.
    """
    files = await ft.FilePicker().pick_files(
        file_type=ft.FilePickerFileType.CUSTOM, allowed_extensions=PICTURE_KINDS, with_data=True
    )
    if not files or files[0].bytes is None:
        return None
    # The picker cannot tell a fresh picture from an old one, so the watermark says 相册导入.
    return files[0].bytes, "album"


def camera_first(ui: Ui, taken: Sequence[PhotoDraft], on_take: Tap, *, height: int = 214) -> ft.Control:
    """The newest picture, what its watermark says in sight, and the button for another; at first one large button."""
    if not taken:
        return _first_picture(ui, on_take, height)
    again = buttons.outlined(
        ui, "take-photo", ui.say("再拍", "Another"), on_take, glyph=ft.Icons.ADD_A_PHOTO_OUTLINED, strong=True
    )
    picture = ft.DecorationImage(src=taken[-1].picture.data, fit=ft.BoxFit.COVER, alignment=ft.Alignment(0, -0.4))
    return ft.Stack(
        [
            ft.Container(height=height, image=picture, left=0, right=0),
            ft.Container(again, right=12, top=12),
            ft.Container(mark(ui, taken[-1]), left=0, right=0, bottom=0),
        ],
        height=height,
    )


def _first_picture(ui: Ui, on_take: Tap, height: int) -> ft.Control:
    look = ui.look
    inside = ft.Column(
        [
            icon(ft.Icons.PHOTO_CAMERA_ROUNDED, size=56, colour=look.primary),
            text(ui.say("点这里拍照", "Take a photo"), size=22, bold=True, colour=look.primary_strong),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        spacing=8,
    )
    box = ft.Container(
        inside, height=height, bgcolor=look.primary_soft, alignment=ft.Alignment.CENTER, on_click=on_take, ink=True
    )
    named = hook("take-photo", box)
    named.button = True
    return named


def mark(ui: Ui, taken: PhotoDraft) -> ft.Control:
    """The watermark's words, large enough to be read; the picture itself carries them smaller."""
    clocks = {
        "gnss": ui.say("卫星校时", "set by satellites"),
        "server": ui.say("服务器校时", "set by the server"),
        "unset": ui.say("未校时", "clock not set"),
    }
    here = taken.position
    where = f"{here.lon:.5f}°E {here.lat:.5f}°N ±{here.accuracy_m:.0f} m" if here else ui.say("无定位", "No position")
    rows = [
        (f"{ui.words.full_time(taken.recorded.at)} {ui.say('北京时间', 'Beijing time')}", clocks[taken.recorded.clock]),
        (where, ui.say("相册导入", "from the album") if taken.source == "album" else ""),
        (ui.say("校验码 ", "Check code ") + taken.check_code, ""),
    ]
    lines: list[ft.Control] = [
        ft.Row(
            [text(left, size=14, colour="#FFFFFF", lines=1, expand=True), text(right, size=14, colour="#FFFFFF")],
            spacing=8,
        )
        for left, right in rows
    ]
    return ft.Container(
        ft.Column(lines, spacing=0, tight=True),
        bgcolor="#C70A101A",
        padding=ft.Padding.symmetric(horizontal=16, vertical=8),
    )


def strip(ui: Ui, pictures: Sequence[bytes], on_take: Tap, word: str, *, identifier: str = "take-photo") -> ft.Control:
    """Small pictures in a row, the button last."""
    shown: list[ft.Control] = [
        ft.Image(src=picture, width=72, height=72, fit=ft.BoxFit.COVER, border_radius=RADIUS, gapless_playback=True)
        for picture in pictures[-3:]
    ]
    button = buttons.tonal(
        ui, identifier, word, on_take, glyph=ft.Icons.PHOTO_CAMERA_OUTLINED, height=72 if shown else 64, expand=True
    )
    return ft.Row([*shown, button], spacing=8)
