"""One window on the desk: where its screens go, what it asks of the device it runs on."""

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import flet as ft
import msgspec

from mobile_app.components.photos import choose_photo
from mobile_app.components.ui import Ui
from mobile_app.desk import Desk
from mobile_app.photo_drafts import PhotoSource

Handler = Callable[..., Any]
TakePicture = Callable[[bytes, PhotoSource], Awaitable[Any]]


class Place(msgspec.Struct, frozen=True):
    """Where to: a position (WGS-84) where it is known, else the address in words."""

    name: str
    lon: float | None = None
    lat: float | None = None


def map_link(place: Place, page: ft.Page) -> str:
    """`geo:` (RFC 5870) asks an Android phone for its map app and needs no network; Apple and browsers have pages."""
    name = quote(place.name)
    known = place.lon is not None and place.lat is not None
    if not page.web and page.platform == ft.PagePlatform.ANDROID:
        at = f"{place.lat},{place.lon}" if known else "0,0"
        return f"geo:{at}?q={f'{at}({name})' if known else name}"
    if not page.web and page.platform == ft.PagePlatform.IOS:
        return f"http://maps.apple.com/?daddr={f'{place.lat},{place.lon}' if known else name}"
    if known:
        # AMap takes the satellites' coordinates only when it is told.
        return f"https://uri.amap.com/marker?position={place.lon},{place.lat}&name={name}&coordinate=wgs84"
    return f"https://uri.amap.com/search?keyword={name}"


@ft.observable
@dataclass
class Window:
    """`beats` counts the changes on the desk that this window has drawn."""

    desk: Desk
    page: ft.Page
    beats: int = 0

    def __post_init__(self) -> None:
        self._drawing = False
        self._stop: Callable[[], None] | None = None

    def listen(self) -> None:
        """Draws this window again after news, which may come from tasks of another window or of none."""
        # Flet holds listeners weakly: a bound method would be gone at once.
        object.__setattr__(self, "_on_news", self._hear)
        self._stop = self.desk.app.subscribe(self._on_news)  # type: ignore[attr-defined]

    def stop_listening(self) -> None:
        if self._stop is not None:
            self._stop()

    def _hear(self, _sender: Any, _field: str | None) -> None:
        if not self._drawing:
            object.__setattr__(self, "_drawing", True)
            # Flet draws only in the window's own context, and `run_task` changes the caller's.
            copy_context().run(self.page.run_task, self._draw)

    async def _draw(self) -> None:
        object.__setattr__(self, "_drawing", False)
        self.beats += 1

    @property
    def ui(self) -> Ui:
        return self.desk.app.ui

    def go(self, path: str) -> None:
        if path:
            self.page.navigate(path)

    def goes(self, path: str) -> Handler:
        return lambda *_: self.go(path)

    def does(self, work: Callable[..., Awaitable[Any]], *given: Any, then: str = "") -> Handler:
        """Does the work when touched, and with `then` goes there if it went well."""

        async def handler(*_: Any) -> None:
            went_well = await work(*given)
            if then and went_well is not False:
                self.go(then)

        return handler

    def opens(self, work: Callable[..., Awaitable[str]]) -> Handler:
        """For work that answers where its screen is; what is touched may say which one (`given`)."""

        async def handler(*given: Any) -> None:
            self.go(await work(*(g for g in given if isinstance(g, str))))

        return handler

    def photographs(self, take: TakePicture) -> Handler:
        async def handler(*_: Any) -> None:
            chosen = await choose_photo()
            if chosen is not None:
                await take(*chosen)

        return handler

    async def call(self, number: str) -> None:
        """Hands the number to the dialler; a browser cannot tell whether it has one, so the number is shown too."""
        if self.page.web:
            self.desk.app.say_number(number)
        await ft.UrlLauncher().launch_url(f"tel:{number}")

    async def open_map(self, place: Place) -> None:
        """Hands the way there to the phone's map app; a browser opens the map's page."""
        await ft.UrlLauncher().launch_url(map_link(place, self.page))

    async def call_emergency(self, *_: Any) -> None:
        await self.call(self.desk.app.emergency_phone)

    async def warn_hand(self) -> None:
        """A refusal is felt as well as seen."""
        if not self.page.web:
            await ft.HapticFeedback().vibrate()  # type: ignore[no-untyped-call]


WindowContext = ft.create_context(cast("Window | None", None))


def use_window() -> Window:
    window = ft.use_context(WindowContext)
    if window is None:
        raise RuntimeError("a screen outside a window")
    return window


def screen(window: Window, content: ft.Control, *, path: str, root: bool = False) -> ft.View:
    return ft.View(
        route=path,
        can_pop=not root,
        padding=0,
        spacing=0,
        bgcolor=window.ui.look.ground,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        controls=[ft.SafeArea(content, expand=True)],
    )
