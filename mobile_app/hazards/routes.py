"""隐患 and 施工, bound to the desk."""

from typing import Any

import flet as ft

from mobile_app.hazards.screens import TITLES, finding_screen, saved_screen
from mobile_app.window import Window


def hazard_route(window: Window) -> ft.Control | None:
    return _finding(window)


def works_route(window: Window) -> ft.Control | None:
    return _finding(window)


def _finding(window: Window) -> ft.Control | None:
    desk, ui = window.desk, window.ui
    form = desk.finding
    if form is None:
        return None
    back = "/patrol" if desk.patrol and not form.corrected else "/"
    if form.saved_id:
        return saved_screen(
            ui,
            title=ui.say(*TITLES[form.kind]),
            photos_count=len(form.pictures) + len(form.kept_photos),
            offline=desk.app.offline,
            on_done=window.goes(back),
            on_another=window.does(desk.find, form.kind),
        )

    def more(*_: Any) -> None:
        form.more = True

    return finding_screen(
        ui,
        form,
        more=form.more,
        on_more=more,
        on_album=window.photographs(form.add_picture),
        on_save=window.does(form.save),
        on_close=window.goes(back),
    )
