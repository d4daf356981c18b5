"""我的记录 and 同步状态, bound to the desk."""

import flet as ft

from mobile_app.components import sync
from mobile_app.records.screens import records_screen, sync_screen
from mobile_app.window import Window


def records_tab(window: Window) -> ft.Control:
    desk = window.desk
    app = desk.app

    def choose(state: str) -> None:
        desk.record_filter = state
        desk.changed()

    return records_screen(
        window.ui,
        counts=app.counts,
        lines=app.records,
        refused=app.refused,
        chosen=desk.record_filter,
        offline=app.status is None or app.status.state == "offline",
        on_filter=choose,
        on_sync=window.does(app.sync_now),
        on_status=window.goes("/sync"),
        on_remedy={
            "retry": lambda record_id: app.run(app.phone.retry([record_id])),
            "correct": lambda record_id: window.page.run_task(_correct, window, record_id),
        },
    )


async def _correct(window: Window, record_id: str) -> None:
    window.go(await window.desk.correct(record_id))


def sync_route(window: Window) -> ft.Control:
    app, ui = window.desk.app, window.ui
    return sync_screen(
        ui,
        status=app.status,
        counts=app.counts,
        photos=app.photo_counts,
        loss=app.loss,
        pill=sync.pill_words(ui, app.status, app.unsent, len(app.refused)),
        on_sync=window.does(app.sync_now),
        on_back=window.goes("/"),
    )
