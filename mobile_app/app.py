"""The app in one window: sign-in, the four tabs, and the screens that open over them."""

from collections.abc import Callable
from typing import Any

import flet as ft

from mobile_app.account.routes import leaving_route, me_tab, settings_route, sign_in_view
from mobile_app.components import bars, buttons
from mobile_app.components.ui import Ui, UiContext, row, text
from mobile_app.deliveries.routes import (
    contract_route,
    delivery_route,
    failed_visit_route,
    register_route,
    return_route,
    scan_empty_route,
    scan_full_route,
    scan_return_route,
    slip_route,
)
from mobile_app.desk import Desk
from mobile_app.filling.routes import filling_route
from mobile_app.hazards.routes import hazard_route, works_route
from mobile_app.patrol.routes import finish_route, patrol_route, visit_route
from mobile_app.records.routes import record_route, records_tab, sync_route
from mobile_app.scanning.routes import scan_tab
from mobile_app.shift.routes import shift_route
from mobile_app.state import Problem
from mobile_app.tags.routes import tags_route
from mobile_app.theme import LARGE
from mobile_app.today.routes import today_tab
from mobile_app.window import Window, WindowContext, screen, use_window

TABS: dict[str, Callable[[Window], ft.Control]] = {
    "today": today_tab,
    "scan": scan_tab,
    "records": records_tab,
    "me": me_tab,
}


def _entries(ui: Ui) -> list[tuple[str, str, ft.IconData, ft.IconData]]:
    icons = ft.Icons
    return [
        ("today", ui.say("今日", "Today"), icons.TODAY_OUTLINED, icons.TODAY_ROUNDED),
        ("scan", ui.say("扫码", "Scan"), icons.QR_CODE_SCANNER_ROUNDED, icons.QR_CODE_SCANNER_ROUNDED),
        ("records", ui.say("记录", "Records"), icons.LIST_ALT_OUTLINED, icons.LIST_ALT_ROUNDED),
        ("me", ui.say("我的", "Me"), icons.PERSON_OUTLINE_ROUNDED, icons.PERSON_ROUNDED),
    ]


@ft.component
def Shell() -> ft.View:  # noqa: N802 - Flet names components like classes
    window = use_window()
    app, ui = window.desk.app, window.ui
    if not app.signed_in:
        return screen(window, sign_in_view(window), path="/", root=True)

    def select(key: str) -> None:
        app.tab = key

    parts: list[ft.Control] = [ft.Container(TABS[app.tab](window), expand=True)]
    verdict_shown = app.tab == "scan" and window.desk.scanning.shown is not None
    if not verdict_shown:
        parts.append(bars.tabs(ui, _entries(ui), app.tab, select, window.call_emergency))
    return screen(
        window,
        ft.Column(parts, spacing=0, expand=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        path="/",
        root=True,
    )


def _opened(build: Callable[[Window], ft.Control | None]) -> Callable[[], ft.View]:
    """A screen over the tabs; where there is nothing to show (a reloaded page), the tabs are one touch away."""

    @ft.component
    def Opened() -> ft.View:  # noqa: N802
        window = use_window()
        content = build(window) if window.desk.app.signed_in or build is settings_route else None
        return screen(window, content or _gone(window), path=ft.use_view_path())

    return Opened


def _gone(window: Window) -> ft.Control:
    ui = window.ui
    home = buttons.primary(ui, "home", ui.say("回到今日", "To today"), lambda _: window.go("/"))
    return ft.Container(home, alignment=ft.Alignment.CENTER, padding=32)


SCREENS: dict[str, Callable[[Window], ft.Control | None]] = {
    "settings": settings_route,
    "sync": sync_route,
    "record": record_route,
    "leave": leaving_route,
    "shift": shift_route,
    "patrol": patrol_route,
    "visit": visit_route,
    "finish": finish_route,
    "hazard": hazard_route,
    "works": works_route,
    "delivery": delivery_route,
    "visit-failed": failed_visit_route,
    "filling": filling_route,
    "scan-full": scan_full_route,
    "scan-empty": scan_empty_route,
    "register": register_route,
    "contract": contract_route,
    "slip": slip_route,
    "return": return_route,
    "tags": tags_route,
    "scan-return": scan_return_route,
}
ROUTES = [
    ft.Route(
        component=Shell, children=[ft.Route(path=path, component=_opened(build)) for path, build in SCREENS.items()]
    )
]


@ft.component
def App(desk: Desk) -> Any:  # noqa: N802
    page = ft.context.page
    opened: Window = Window(desk, page)
    window, _ = ft.use_state(opened)

    ft.use_effect(window.listen, dependencies=[], cleanup=window.stop_listening)
    ft.use_dialog(_problem(window))
    return WindowContext(window, lambda: UiContext(window.ui, lambda: ft.Router(ROUTES, manage_views=True)))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _problem(window: Window) -> ft.AlertDialog | None:
    """What went wrong stays until it was read."""
    app, ui = window.desk.app, window.ui
    problem: Problem | None = app.problem
    if problem is None:
        return None

    def read(_: Any) -> None:
        app.problem = None

    words: list[ft.Control] = [text(_sentence(ui.say(problem.zh, problem.en)), size=LARGE, bold=True)]
    action = _sentence(ui.say(problem.action_zh, problem.action_en))
    if action:
        words.append(text(action))
    return ft.AlertDialog(
        modal=True,
        content=ft.Semantics(identifier="problem", content=ft.Column(words, tight=True, spacing=12), live_region=True),
        actions=[row([buttons.primary(ui, "understood", ui.say("知道了", "Understood"), read, expand=True)])],
        bgcolor=ui.look.surface,
    )
