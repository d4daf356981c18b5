"""The camera's live picture, and the shutter: a large button, the volume key, space or enter.

Where there is no camera, or its use is refused, a large button opens the picker instead; its pictures say 相册导入.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import flet as ft
import flet_camera as fc

from mobile_app.components import buttons, photos
from mobile_app.components.ui import Tap, Ui, hook, icon, text
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.theme import RADIUS, TOUCH_HEIGHT

TakePicture = Callable[[bytes, PhotoSource], Awaitable[Any]]

# As Flutter names them; gloves find the volume key without looking.
VOLUME_KEYS = frozenset({"Audio Volume Up", "Audio Volume Down", "Camera"})
# Those of a keyboard, while nobody types.
TYPED_KEYS = frozenset({" ", "Enter"})
# Asking the person for leave and waking the sensor: longer is a camera that does not answer.
OPENS_WITHIN_S = 30.0
_TAKEN_WITHIN_S = 15.0
_NO_CAMERA = (TimeoutError, RuntimeError, ft.FletUnsupportedPlatformException)
HEIGHT, SHUTTER = 264, 80

_log = logging.getLogger(__name__)


class Viewfinder:
    """One camera on one screen: `live` once it shows something, `failed` where there is none to show."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.live = False
        self.failed = False
        # Set with each drawing: the control that is on the screen, what the shutter does, and which keys are one.
        self.control = fc.Camera()
        self.release: Tap = _nothing
        self.keys = VOLUME_KEYS
        self._changed = on_change
        self._taking = asyncio.Lock()

    async def open(self) -> None:
        """The camera at the back, the first one where none says that it is."""
        try:
            async with asyncio.timeout(OPENS_WITHIN_S):
                found = await self.control.get_available_cameras()
                if not found:
                    raise RuntimeError("no camera")
                back = next((c for c in found if c.lens_direction == fc.CameraLensDirection.BACK), found[0])
                await self.control.initialize(back, fc.ResolutionPreset.VERY_HIGH, enable_audio=False)
            self.live = True
        except _NO_CAMERA as error:
            _log.info("no camera: %s", error)
            self.failed = True
        self._changed()

    async def shoot(self) -> bytes | None:
        """The picture; None while one is being taken already, or where the camera has gone."""
        if not self.live or self._taking.locked():
            return None
        async with self._taking:
            try:
                async with asyncio.timeout(_TAKEN_WITHIN_S):
                    taken: bytes = await self.control.take_picture()
                    return taken
            except _NO_CAMERA as error:
                # Another app took it, or the screen was dark: it is opened anew, and the next touch takes the picture.
                _log.info("the camera has gone: %s", error)
                self.live = False
                self._changed()
                await self.open()
                return None

    async def pressed(self, event: ft.KeyboardEvent) -> None:
        if event.key in self.keys:
            await self.release()


async def _nothing(*_: Any) -> None: ...


def has_camera(page: ft.Page) -> bool:
    """Whether Flet's camera runs on this platform at all."""
    return bool(page.web) or page.platform in {ft.PagePlatform.ANDROID, ft.PagePlatform.IOS}


@ft.component
def CameraFirst(  # noqa: N802 - Flet names components like classes
    ui: Ui, taken: Sequence[PhotoDraft], on_picture: TakePicture, on_album: Tap, *, typing: bool
) -> ft.Control:
    """The first thing on a screen that wants pictures. While the worker types, only the volume key releases."""
    _, draw = ft.use_state(0)
    finder = ft.use_memo(lambda: Viewfinder(lambda: draw(lambda times: times + 1)), [])
    page = ft.context.page
    finder.control = fc.Camera(key="viewfinder")
    finder.keys = VOLUME_KEYS if typing else VOLUME_KEYS | TYPED_KEYS

    async def shoot(*_: Any) -> None:
        picture = await finder.shoot()
        if picture is not None:
            await on_picture(picture, "camera")

    finder.release = shoot

    async def mounted() -> None:
        page.on_keyboard_event = finder.pressed
        page.update()
        await finder.open()

    def gone() -> None:
        page.on_keyboard_event = None
        finder.live = False

    if not has_camera(page):
        return photos.camera_first(ui, taken, on_album)
    ft.use_effect(mounted, dependencies=[], cleanup=gone)
    if finder.failed:
        return photos.camera_first(ui, taken, on_album)
    return _viewfinder(ui, finder, taken, shoot, on_album)


def _viewfinder(ui: Ui, finder: Viewfinder, taken: Sequence[PhotoDraft], shoot: Tap, on_album: Tap) -> ft.Control:
    picture = ft.Container(
        finder.control, height=HEIGHT, left=0, right=0, bgcolor="#0A101A", alignment=ft.Alignment.CENTER
    )
    layers: list[ft.Control] = [picture]
    if not finder.live:
        opening = text(ui.say("正在打开相机…", "Opening the camera…"), colour="#FFFFFF")
        layers.append(ft.Container(opening, height=HEIGHT, left=0, right=0, alignment=ft.Alignment.CENTER))
    layers.append(
        ft.Container(
            ft.Row(
                [_latest(taken), _shutter(ui, finder, shoot), _album(ui, on_album)],
                alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            left=12,
            right=12,
            bottom=8,
        )
    )
    # Always in the same place among the controls: one that moves starts its camera anew.
    below = [photos.mark(ui, taken[-1])] if taken else []
    return ft.Column([ft.Stack(layers, height=HEIGHT), *below], spacing=0, tight=True)


def _shutter(ui: Ui, finder: Viewfinder, shoot: Tap) -> ft.Control:
    """A white ring, as on every camera; grey until there is a picture to take."""
    disc = ft.Container(
        icon(ft.Icons.PHOTO_CAMERA_ROUNDED, size=34, colour="#101828"),
        width=SHUTTER,
        height=SHUTTER,
        border_radius=SHUTTER // 2,
        bgcolor="#FFFFFF" if finder.live else "#98A2B3",
        border=ft.Border.all(5, "#F5B400" if finder.live else "#667085"),
        alignment=ft.Alignment.CENTER,
        on_click=shoot if finder.live else None,
        ink=True,
    )
    named = hook("shutter", disc, label=ui.say("拍照", "Take a photo"))
    named.button = True
    return named


def _latest(taken: Sequence[PhotoDraft]) -> ft.Control:
    if not taken:
        return ft.Container(width=TOUCH_HEIGHT)
    last = ft.Image(
        src=taken[-1].picture.data,
        width=TOUCH_HEIGHT,
        height=TOUCH_HEIGHT,
        fit=ft.BoxFit.COVER,
        border_radius=RADIUS,
        gapless_playback=True,
    )
    return ft.Container(last, border=ft.Border.all(2, "#FFFFFF"), border_radius=RADIUS)


def _album(ui: Ui, on_album: Tap) -> ft.Control:
    label = ui.say("从相册选", "From the album")
    return buttons.round_icon(
        ui, "album", ft.Icons.PHOTO_LIBRARY_OUTLINED, on_album, label, colour="#FFFFFF", fill="#C70A101A"
    )
