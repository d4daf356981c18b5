"""电子标签, bound to the desk."""

from typing import Any

import flet as ft

from mobile_app.components.photos import choose_photo
from mobile_app.scanning.screens import typed_number
from mobile_app.tags import screens
from mobile_app.tags.work import Writing
from mobile_app.window import Window


def tags_route(window: Window) -> ft.Control:
    tagging, ui = window.desk.tagging, window.ui
    scanning = tagging.scanning

    async def picture(*_: Any) -> None:
        chosen = await choose_photo()
        if chosen is not None:
            await scanning.scan_picture(chosen[0])

    def finish(writing: Writing) -> None:
        window.page.run_task(tagging.finish, writing)

    def give_up(writing: Writing) -> None:
        window.page.run_task(tagging.give_up, writing)

    typed = typed_number(
        ui, scanning, on_stamp=window.photographs(scanning.take_stamp), on_typed=window.does(scanning.scan_typed)
    )
    return screens.tags_screen(
        ui,
        tagging,
        scan=screens.scan_first(ui, typed, on_picture=picture),
        on_bind=window.does(tagging.bind),
        on_finish=finish,
        on_give_up=give_up,
        on_back=window.goes("/"),
    )
