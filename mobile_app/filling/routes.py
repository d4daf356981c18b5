"""充装, bound to the desk."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from mobile_app.components.photos import choose_photo
from mobile_app.filling import screens
from mobile_app.filling.state import FillingRun
from mobile_app.scanning.routes import ways
from mobile_app.window import Window

Step = tuple[ft.Control, Sequence[ft.Control]]


def filling_route(window: Window) -> ft.Control | None:
    run = window.desk.filling
    if run is None:
        return None
    ui = window.ui
    if run.step == "refused":
        return screens.refused_screen(ui, run, on_next=_next(window), on_close=_next(window))
    body, dock = _STEPS.get(run.step, _ended)(window, run)
    # Nobody walks away from an open gun: its back arrow comes again when it is locked.
    on_back = None if run.running else window.goes("/")
    return screens.filling_frame(ui, run, body, dock, on_back=on_back)


def _next(window: Window) -> Callable[..., Any]:
    async def begin(*_: Any) -> None:
        await window.desk.start_filling()

    return begin


def _scan(window: Window, run: FillingRun) -> Step:
    return screens.scan_step(ways(window, run.scanning)), []


def _check(window: Window, run: FillingRun) -> Step:
    body = screens.before_step(window.ui, run, on_fail=_fails(window, run))
    return body, screens.before_dock(window.ui, run, on_finish=_check_and_feel(window, run))


def _check_and_feel(window: Window, run: FillingRun) -> Callable[..., Any]:
    async def check(*_: Any) -> None:
        await run.check()
        if run.step == "refused":
            await window.warn_hand()

    return check


def _fails(window: Window, run: FillingRun) -> Callable[[str], None]:
    def fail(code: str) -> None:
        window.page.run_task(_fail_item, run, code)

    return fail


async def _fail_item(run: FillingRun, code: str) -> None:
    chosen = await choose_photo()
    if chosen is not None:
        await run.fail_with_photo(code, *chosen)


def _gun(window: Window, run: FillingRun) -> Step:
    dock = screens.gun_dock(window.ui, run, on_fill=window.does(run.fill), on_stop=lambda *_: run.stop())
    return screens.gun_step(window.ui, run), dock


def _broken(window: Window, run: FillingRun) -> Step:
    dock = screens.broken_dock(
        window.ui,
        run,
        on_fill=window.does(run.fill),
        on_report=window.does(run.report),
        on_stop=lambda *_: run.stop(),
    )
    body = screens.gun_step(window.ui, run) if run.running else screens.broken_step(window.ui, run)
    return body, dock


def _after(window: Window, run: FillingRun) -> Step:
    if run.scanned is None:
        return screens.after_scan_step(window.ui, ways(window, run.scanning)), []
    body = screens.after_step(window.ui, run, on_fail=_fails(window, run), on_weigh=window.does(run.weigh_again))
    return body, screens.after_dock(window.ui, run, on_finish=window.does(run.finish))


def _ended(window: Window, run: FillingRun) -> Step:
    return screens.ended(window.ui, run), screens.next_dock(window.ui, _next(window))


_STEPS: dict[str, Callable[[Window, FillingRun], Step]] = {
    "scan": _scan,
    "check": _check,
    "fill": _gun,
    "filling": _broken,
    "after": _after,
}
