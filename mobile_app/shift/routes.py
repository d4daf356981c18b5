"""开工体检, bound to the desk."""

import flet as ft

from mobile_app.shift.screens import shift_screen
from mobile_app.window import Window


def shift_route(window: Window) -> ft.Control:
    desk = window.desk
    return shift_screen(
        window.ui,
        staff_name=desk.app.phone.profile.staff.name,
        items=desk.shift.items,
        checking=desk.shift.checking,
        on_start=window.does(desk.shift.start, then="/"),
        on_again=window.does(desk.shift.check),
        on_close=window.goes("/"),
    )
