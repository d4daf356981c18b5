"""今日, bound to the desk."""

from typing import Any

import flet as ft

from mobile_app.components import panels, sync
from mobile_app.components.ui import column
from mobile_app.records.routes import to_sync
from mobile_app.theme import GUTTER
from mobile_app.today.screens import AgendaLine, agenda, no_tasks, task_sheet, today_head
from mobile_app.today.state import FILLING, SHIFT
from mobile_app.window import Window
from sync.documents.tasks import PatrolTask


def pill(window: Window, *, short: bool = False) -> ft.Control:
    return sync.pill(window.ui, window.desk.app.status, to_sync(window), short=short)


def today_tab(window: Window) -> ft.Control:
    desk, ui = window.desk, window.ui
    app, today = desk.app, desk.today
    head = today_head(ui, app.now(), pill(window))
    lines, chosen = today.lines(), today.chosen()
    middle = agenda(ui, lines, chosen.key if chosen else "", today.choose)
    due = today.inspections_due()
    told = [ft.Container(panels.notice(ui, due, kind="warn"), padding=ft.Padding.symmetric(horizontal=GUTTER))]
    head = column([head, *told]) if due else head
    parts = [head, ft.Container(middle, expand=True)]
    if not app.tasks:
        parts = [
            head,
            ft.Container(middle, height=50 + 70 * len(lines)),
            ft.Container(no_tasks(ui, window.does(app.sync_now)), expand=True),
        ]
    if chosen is not None:
        parts.append(_sheet(window, chosen))
    return column(parts, expand=True)


def _sheet(window: Window, line: AgendaLine) -> ft.Control:
    ui, today = window.ui, window.desk.today
    if isinstance(line.task, PatrolTask):
        window.desk.app.run(today.draw(line.task)) if line.key not in today.drawings else None
    running = today.running(line) or (line.key == FILLING and today.unfinished)
    word = ui.say("继续", "Go on") if running else ui.say("开始", "Start")
    if line.done:
        word = ui.say("再检一次", "Check again") if line.key == SHIFT else ui.say("已完成", "Done")
    warning = ""
    if line.key != SHIFT and window.desk.app.shift is None and not line.done:
        warning = ui.say("还没有开工体检", "The shift check is still to be done")
    startable = not line.done or line.key == SHIFT
    if startable and not today.ready(line):
        startable, word = False, ui.say("正在下载…", "Downloading…")

    async def start(*_: Any) -> None:
        if line.key == FILLING:
            window.go(await window.desk.start_filling())
        elif line.task is None:
            window.go("/shift")
            await window.desk.shift.check()
        else:
            window.go(await window.desk.start(line.task))

    return task_sheet(ui, line, today.drawings.get(line.key), word, start if startable else None, warning=warning)
