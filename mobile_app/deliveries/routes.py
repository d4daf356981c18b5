"""送气 and 到访不遇, bound to the desk."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from mobile_app.components import bars, buttons, forms, signature
from mobile_app.components.photos import choose_photo
from mobile_app.components.ui import column, scrolling
from mobile_app.deliveries import (
    exchange_screens,
    handover_screens,
    registering_screens,
    round_screens,
    screens,
    visit_screens,
)
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.scanning.routes import ways
from mobile_app.scanning.screens import choose_fault, verdict_screen
from mobile_app.scanning.state import Scanning
from mobile_app.theme import GUTTER
from mobile_app.window import Place, Window

Step = tuple[ft.Control, Sequence[ft.Control]]


def delivery_route(window: Window) -> ft.Control | None:
    run = window.desk.delivery
    if run is None:
        return None
    body, dock = _STEPS.get(run.step, _ended)(window, run)
    return screens.delivery_frame(
        window.ui,
        run,
        ft.Container(body, expand=True),
        dock,
        on_call=window.does(window.call, run.task.customer.phone),
        on_back=window.goes("/"),
    )


def _customer(window: Window, run: DeliveryRun) -> Step:
    async def sync(*_: Any) -> None:
        await run.app.sync_now()
        await run.look_at_customer()
        found = run.app.task(run.task.id)
        if found is not None:
            await window.desk.start(found.task)

    dock = screens.customer_dock(
        window.ui,
        run,
        on_confirm=window.does(run.check_customer),
        on_failed=window.opens(window.desk.fail_visit),
        on_sync=sync,
        on_complete=lambda *_: window.go(window.desk.register_customer()),
        on_contract=lambda *_: window.go(window.desk.open_contract()),
    )
    customer = run.task.customer
    place = Place(customer.address or customer.name, customer.lon, customer.lat)
    body = screens.customer_step(
        window.ui,
        run,
        on_map=window.does(window.open_map, place),
        on_contract=lambda *_: window.go(window.desk.open_contract()),
    )
    return body, dock


def _check(window: Window, run: DeliveryRun) -> Step:
    def fail(code: str) -> None:
        window.page.run_task(_fail_item, run, code)

    body = screens.check_step(window.ui, run, on_fail=fail)
    return body, screens.check_dock(window.ui, run, on_finish=window.does(run.finish_check))


async def _fail_item(run: DeliveryRun, code: str) -> None:
    chosen = await choose_photo()
    if chosen is not None:
        await run.fail_with_photo(code, *chosen)


def _exchange(window: Window, run: DeliveryRun) -> Step:
    body = exchange_screens.exchange_step(
        window.ui, run, on_scan=window.goes("/scan-full"), on_scan_empty=window.goes("/scan-empty")
    )
    return body, exchange_screens.exchange_dock(window.ui, run, on_finish=window.does(run.exchange))


def _leak_test(window: Window, run: DeliveryRun) -> Step:
    async def tight(*_: Any) -> None:
        await run.leak_test(passed=True)

    async def leaking(*_: Any) -> None:
        await run.leak_test(passed=False)

    body = handover_screens.leak_step(window.ui, run, on_photo=window.photographs(run.take_leak_photo))
    return body, handover_screens.leak_dock(window.ui, run, on_tight=tight, on_leaking=leaking)


def _sign(window: Window, run: DeliveryRun) -> Step:
    async def sign(*_: Any) -> None:
        if run.signing.get("kind") == "written":
            await run.take_signature(signature.picture_of(run.strokes))
        await run.sign()

    pad = signature.pad(
        window.ui, run.strokes, on_begin=run.begin_stroke, on_move=run.go_on_with_stroke, on_clear=run.clear_strokes
    )
    body = handover_screens.sign_step(window.ui, run, pad, on_photo=window.photographs(run.take_door_photo))
    has_ink = any(len(stroke) > 1 for stroke in run.strokes)
    return body, handover_screens.sign_dock(window.ui, run, on_sign=sign, has_ink=has_ink)


def _pay(window: Window, run: DeliveryRun) -> Step:
    body = handover_screens.pay_step(window.ui, run, on_slip=lambda *_: window.go(window.desk.open_slip()))
    return body, handover_screens.pay_dock(window.ui, on_complete=window.does(run.complete))


def _ended(window: Window, run: DeliveryRun) -> Step:
    ui = window.ui
    home = buttons.primary(
        ui, "home", ui.say("下一项", "Next task"), window.goes("/"), glyph=ft.Icons.ARROW_FORWARD_ROUNDED
    )
    return screens.ended(ui, run), [home]


_STEPS: dict[str, Callable[[Window, DeliveryRun], Step]] = {
    "customer": _customer,
    "check": _check,
    "exchange": _exchange,
    "leak_test": _leak_test,
    "sign": _sign,
    "complete": _pay,
}


def scan_full_route(window: Window) -> ft.Control | None:
    run = window.desk.delivery
    if run is None:
        return None
    ui, scanning = window.ui, run.scanning

    def keep(*_: Any) -> None:
        scanning.keep()
        window.go("/delivery")

    if scanning.shown is not None:
        return verdict_screen(
            ui,
            scanning.shown,
            heading=ui.say("换瓶 · 重瓶", "Exchange · full"),
            words=(ui.say("可配送", "ALLOWED"), ui.say("禁止配送", "FORBIDDEN")),
            keep_word=ui.say("送出这只", "Deliver this one"),
            on_keep=keep,
            on_back=lambda *_: scanning.put_back(),
        )
    return _scan_page(window, scanning, ui.say("扫重瓶", "Scan a full cylinder"))


def scan_empty_route(window: Window) -> ft.Control | None:
    run = window.desk.delivery
    if run is None:
        return None
    ui, scanning = window.ui, run.taking_back

    def take(fault: str) -> None:
        run.take_back(fault)
        window.go("/delivery")

    if scanning.shown is not None:
        faults = [forms.Choice(e.code, ui.say(e.zh, e.en)) for e in run.lists.get("returned_cylinder_fault", ())]
        return verdict_screen(
            ui,
            scanning.shown,
            heading=ui.say("收回空瓶", "An empty taken back"),
            words=(ui.say("收回", "TAKE BACK"), ui.say("收回", "TAKE BACK")),
            keep_word=ui.say("没有异常，收回", "Nothing wrong: take it back"),
            on_keep=lambda *_: take(""),
            on_back=lambda *_: scanning.put_back(),
            extra=[choose_fault(ui, faults, take)],
        )
    return _scan_page(window, scanning, ui.say("扫空瓶", "Scan an empty cylinder"))


def _scan_page(window: Window, scanning: Scanning, title: str, *, back: str = "/delivery") -> ft.Control:
    head = bars.head(window.ui, title, on_back=window.goes(back), close=True)
    padding = ft.Padding.only(left=GUTTER, right=GUTTER, bottom=16)
    return column([head, scrolling([ways(window, scanning)], padding=padding)], expand=True)


def failed_visit_route(window: Window) -> ft.Control | None:
    visit = window.desk.failed_visit
    if visit is None:
        return None
    return visit_screens.failed_visit_screen(
        window.ui,
        visit,
        on_door=window.photographs(visit.take_door),
        on_notice=window.photographs(visit.take_notice),
        on_photo=window.photographs(visit.add_picture),
        on_save=window.does(visit.save, then="/"),
        on_back=window.goes("/delivery"),
    )


def register_route(window: Window) -> ft.Control | None:
    form = window.desk.registering
    if form is None:
        return None
    return registering_screens.register_screen(
        window.ui,
        form,
        on_card=window.photographs(form.take_card),
        on_save=window.does(form.save, then="/delivery"),
        on_back=window.goes("/delivery"),
    )


def contract_route(window: Window) -> ft.Control | None:
    form = window.desk.contract
    if form is None:
        return None
    return registering_screens.contract_screen(
        window.ui,
        form,
        on_page=window.photographs(form.add_page),
        on_save=window.does(form.save, then="/delivery"),
        on_back=window.goes("/delivery"),
    )


def slip_route(window: Window) -> ft.Control | None:
    form = window.desk.slip
    if form is None:
        return None

    def add(*_: Any) -> None:
        if form.add():
            window.go("/delivery")

    return registering_screens.slip_screen(window.ui, form, on_add=add, on_back=window.goes("/delivery"))


def return_route(window: Window) -> ft.Control | None:
    run = window.desk.round
    return round_screens.return_screen(
        window.ui,
        run,
        on_scan=window.goes("/scan-return"),
        on_store=window.does(run.store, then="/"),
        on_back=window.goes("/"),
    )


def scan_return_route(window: Window) -> ft.Control | None:
    run = window.desk.round
    ui, scanning = window.ui, run.scanning
    if scanning.shown is None:
        return _scan_page(window, scanning, ui.say("扫入库的瓶", "Scan what comes off"), back="/return")
    code = scanning.shown.scan.code

    def keep(full: bool) -> None:  # noqa: FBT001
        run.keep(full=full)
        window.go("/return")

    listed_full = run.is_full(code)
    other = buttons.outlined(
        ui,
        "store-other",
        ui.say("其实是空瓶", "It is empty") if listed_full else ui.say("其实是重瓶", "It is full"),
        lambda *_: keep(not listed_full),
        height=56,
    )
    return verdict_screen(
        ui,
        scanning.shown,
        heading=ui.say("回站入库", "Back at the station"),
        words=(ui.say("入库", "STORE"), ui.say("入库", "STORE")),
        keep_word=ui.say("重瓶，入库", "Full: store") if listed_full else ui.say("空瓶，入库", "Empty: store"),
        on_keep=lambda *_: keep(listed_full),
        on_back=lambda *_: scanning.put_back(),
        extra=[other],
    )
