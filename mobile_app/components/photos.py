"""Choosing a picture, and showing the ones that belong to a record."""

from collections.abc import Sequence

import flet as ft

from mobile_app.components import buttons
from mobile_app.components.ui import Tap, Ui, hook, icon, text
from mobile_app.photo_drafts import PhotoSource
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


def camera_first(ui: Ui, pictures: Sequence[bytes], on_take: Tap, *, height: int = 214) -> ft.Control:
    """The newest picture, its watermark in sight, and the button for another; before the first, one large button."""
    look = ui.look
    if not pictures:
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
    again = buttons.outlined(
        ui, "take-photo", ui.say("再拍", "Another"), on_take, glyph=ft.Icons.ADD_A_PHOTO_OUTLINED, strong=True
    )
    return ft.Stack(
        [
            ft.Image(src=pictures[-1], height=height, width=float("inf"), fit=ft.BoxFit.COVER, gapless_playback=True),
            ft.Container(again, right=12, top=12),
        ],
        height=height,
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
