"""我的记录, one record's path and 同步状态, bound to the desk."""

from typing import Any

import flet as ft

from mobile_app.records.path_screen import path_screen
from mobile_app.records.screens import Remedies, Touches, records_screen
from mobile_app.records.sync_screen import sync_screen
from mobile_app.window import Handler, Window


def records_tab(window: Window) -> ft.Control:
    app, book = window.desk.app, window.desk.book
    return records_screen(
        window.ui,
        book,
        app.status,
        Touches(
            sync=window.does(app.sync_now),
            status=to_sync(window),
            filter=lambda state: app.run(book.choose("" if state == book.chosen else state)),
            find=window.does(book.toggle_search),
            search=lambda words: app.run(book.search(words)),
            more=window.does(book.show_more),
            open=lambda record_id: window.page.run_task(_open, window, record_id),
            remedy=_remedies(window),
        ),
    )


async def _open(window: Window, record_id: str) -> None:
    if await window.desk.book.open(record_id):
        window.go("/record")


def record_route(window: Window) -> ft.Control | None:
    opened = window.desk.book.opened
    if opened is None:
        return None
    return path_screen(window.ui, opened, on_remedy=_remedies(window), on_back=window.goes("/"))


def _remedies(window: Window) -> Remedies:
    app = window.desk.app
    return {
        "retry": lambda record_id: app.run(app.phone.retry([record_id])),
        "correct": lambda record_id: window.page.run_task(_correct, window, record_id),
    }


async def _correct(window: Window, record_id: str) -> None:
    window.go(await window.desk.correct(record_id))


def to_sync(window: Window) -> Handler:
    async def open_it(*_: Any) -> None:
        await window.desk.book.count_loss()
        window.go("/sync")

    return open_it


def sync_route(window: Window) -> ft.Control:
    app, book = window.desk.app, window.desk.book

    async def sync(*_: Any) -> None:
        await app.sync_now()
        await book.count_loss()

    def step(state: Any) -> None:
        app.tab = "records"
        app.run(book.choose(state))
        window.go("/")

    return sync_screen(
        window.ui, status=app.status, loss=book.loss, on_sync=sync, on_step=step, on_back=window.goes("/")
    )
