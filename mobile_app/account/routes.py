"""Sign-in, 我的 and settings, bound to the desk."""

from typing import Any

import flet as ft

from mobile_app.account.leaving import leaving_screen
from mobile_app.account.screens import me_screen, settings_screen, sign_in_screen
from mobile_app.records.routes import to_sync
from mobile_app.theme import dress
from mobile_app.window import Handler, Window


def sign_in_view(window: Window) -> ft.Control:
    desk, ui = window.desk, window.ui
    app, entry = desk.app, desk.sign_in_entry

    def number(value: str) -> None:
        entry.number = value

    def password(value: str) -> None:
        entry.password = value

    async def sign_in(*_: Any) -> None:
        typed, entry.password = entry.password, ""
        await desk.sign_in(entry.number, typed)

    return sign_in_screen(
        ui,
        number=entry.number,
        password=entry.password,
        busy=app.busy,
        problem="",
        on_number=number,
        on_password=password,
        on_sign_in=sign_in,
        on_settings=_to_settings(window),
    )


def me_tab(window: Window) -> ft.Control:
    app, ui, tagging = window.desk.app, window.ui, window.desk.tagging
    instrument = app.instrument.instrument_id if app.instrument else ""
    return me_screen(
        ui,
        profile=app.phone.profile,
        instrument=ui.say(f"检漏仪 {instrument}", f"Detector {instrument}") if instrument else "",
        tagging=tagging if tagging.shown else None,
        on_open=lambda key: _to_settings(window)() if key == "settings" else _open(window, key),
        on_sign_out=_to_leaving(window),
    )


def _open(window: Window, key: str) -> None:
    if key == "sync":
        window.page.run_task(to_sync(window))
    elif key == "tags":
        window.page.run_task(window.opens(window.desk.tagging.open))
    else:
        window.go(f"/{key}")


def _to_leaving(window: Window) -> Handler:
    async def open_it(*_: Any) -> None:
        await window.desk.book.count_loss()
        window.go("/leave")

    return open_it


def leaving_route(window: Window) -> ft.Control | None:
    desk = window.desk
    app, book = desk.app, desk.book
    if book.loss is None:
        return None

    async def send_first(*_: Any) -> None:
        await app.sync_now()
        await book.count_loss()

    return leaving_screen(
        window.ui,
        status=app.status,
        loss=book.loss,
        forgotten=desk.forgotten(),
        busy=app.busy,
        on_sync=send_first,
        on_stay=window.goes("/"),
        on_leave=window.does(desk.sign_out, then="/"),
    )


def _to_settings(window: Window) -> Handler:
    def open_them(*_: Any) -> None:
        window.desk.settings_entry.read()
        window.go("/settings")

    return open_them


def settings_route(window: Window) -> ft.Control:
    app, entry = window.desk.app, window.desk.settings_entry

    def prefer(name: str, value: str) -> None:
        window.page.run_task(_prefer, window, name, value)

    return settings_screen(
        window.ui,
        preferences=app.preferences,
        entry=entry,
        server_fixed=app.signed_in,
        device_id=app.phone.device_id if app.signed_in else "",
        on_prefer=prefer,
        on_type=entry.type,
        on_save=window.does(entry.save),
        on_back=window.goes("/"),
    )


async def _prefer(window: Window, name: str, value: str) -> None:
    await window.desk.app.prefer(**{name: value})
    dress(window.page, window.ui.look)
    window.page.update()
