"""扫码, bound to the desk; a delivery's scans use the same screens."""

from typing import Any

import flet as ft

from mobile_app.components.photos import choose_photo
from mobile_app.scanning.screens import loading_screen, verdict_screen, ways_to_scan
from mobile_app.scanning.state import Scanning
from mobile_app.today.routes import pill
from mobile_app.window import Window


def ways(window: Window, scanning: Scanning) -> ft.Control:
    async def listened() -> None:
        if await scanning.listen():
            await felt(window, scanning)

    async def picture(*_: Any) -> None:
        # One touch, every way: the readers listen while the picture is taken; whichever answers first wins.
        window.desk.app.run(listened())
        chosen = await choose_photo()
        if chosen is not None:
            await scanning.scan_picture(chosen[0])
            await felt(window, scanning)

    async def typed(*_: Any) -> None:
        await scanning.scan_typed()
        await felt(window, scanning)

    async def tag(*_: Any) -> None:
        await scanning.scan_tag()
        await felt(window, scanning)

    stamp = window.photographs(scanning.take_stamp)
    return ways_to_scan(window.ui, scanning, on_picture=picture, on_tag=tag, on_stamp=stamp, on_typed=typed)


async def felt(window: Window, scanning: Scanning) -> None:
    shown = scanning.shown
    if shown is not None and (shown.cautions or shown.doubt or not shown.allowed):
        await window.warn_hand()


def scan_tab(window: Window) -> ft.Control:
    ui, scanning = window.ui, window.desk.scanning
    if scanning.shown is not None:
        number = len(scanning.kept) + 1
        heading = ui.say(f"出库装车 · 第 {number} 只", f"Loading · no. {number}")
        return verdict_screen(
            ui,
            scanning.shown,
            heading=heading,
            words=(ui.say("可配送", "ALLOWED"), ui.say("禁止配送", "FORBIDDEN")),
            keep_word=ui.say("装车，扫下一只", "Load it, scan the next"),
            on_keep=lambda *_: scanning.keep(),
            on_back=lambda *_: scanning.put_back(),
        )
    return loading_screen(
        ui,
        scanning,
        ways(window, scanning),
        pill(window),
        on_load=window.does(scanning.load),
        on_board=len(window.desk.round.board),
        on_return=window.goes("/return"),
    )
