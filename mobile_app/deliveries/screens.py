"""送气: one step a screen, one button a step; the button says what is missing."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import flet as ft

from mobile_app.components import bars, buttons, forms, panels
from mobile_app.components.ui import Tap, Ui, card, column, icon, row, scrolling, secondary, text
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.deliveries.work import STEP_TITLES
from mobile_app.tags.screens import tag_notice
from mobile_app.theme import GUTTER, TITLE
from sync.documents.reference import ListEntry
from sync.rules.customers import customer_field_label

SHOWN_STEPS = ("customer", "check", "exchange", "leak_test", "sign", "complete")
ANSWERS = {
    "pass": ft.Icons.CHECK_CIRCLE_ROUNDED,
    "fail": ft.Icons.CANCEL_ROUNDED,
    "not_applicable": ft.Icons.REMOVE_CIRCLE_OUTLINE_ROUNDED,
}


def delivery_frame(
    ui: Ui, run: DeliveryRun, body: ft.Control, dock: Sequence[ft.Control], *, on_call: Tap, on_back: Tap
) -> ft.Control:
    customer = run.task.customer
    order = " + ".join(f"{line.specification} × {line.quantity}" for line in run.task.lines)
    call = buttons.round_icon(
        ui,
        "call-customer",
        ft.Icons.CALL_ROUNDED,
        on_call,
        ui.say("打电话", "Call"),
        size=56,
        fill=ui.look.primary_soft,
        colour=ui.look.primary_strong,
    )
    head = bars.head(
        ui,
        customer.address or run.task.title,
        subtitle=f"{customer.name} · {order}",
        on_back=on_back,
        size=20,
        trailing=call,
    )
    # A stopped delivery ended at its check.
    step = "check" if run.step == "stopped" else run.step
    current = SHOWN_STEPS.index(step) if step in SHOWN_STEPS else len(SHOWN_STEPS)
    names = [_short(ui, step) for step in SHOWN_STEPS]
    return column([head, bars.steps(ui, names, current), body, bars.dock(ui, dock)], expand=True)


def _short(ui: Ui, step: str) -> str:
    zh = {"check": "安检", "leak_test": "检漏", "complete": "收款"}.get(step, STEP_TITLES[step][0])
    en = {"customer": "Who", "exchange": "Swap", "leak_test": "Leak", "sign": "Sign", "complete": "Pay"}
    return ui.say(zh, en.get(step, STEP_TITLES[step][1]))


def step_body(controls: Sequence[ft.Control], *, gutter: int = GUTTER) -> ft.Control:
    return scrolling(controls, spacing=12, padding=ft.Padding.only(left=gutter, right=gutter, top=12, bottom=16))


# 核客户


def customer_step(ui: Ui, run: DeliveryRun, *, on_map: Tap, on_contract: Tap) -> ft.Control:
    customer = run.task.customer
    facts = [
        (ui.say("户名", "Name"), customer.name or "—"),
        (ui.say("户号", "Number"), customer.code),
        (ui.say("地址", "Address"), customer.address or "—"),
        (ui.say("电话", "Phone"), customer.phone or "—"),
        (ui.say("合同", "Contract"), customer.agreement_on or "—"),
        (ui.say("配送单", "Order"), run.task.order_number),
    ]
    body: list[ft.Control] = []
    if run.missing_customer:
        missing = ui.say("、", ", ").join(
            customer_field_label(name, ui.words.language) for name in run.missing_customer
        )
        body.append(
            panels.finding(
                ui,
                "danger",
                ui.say("客户信息不全，不能配送", "Record incomplete: no delivery"),
                ui.say(
                    f"缺：{missing}。现在补全就能送；补不了，气瓶留在车上。",
                    f"Missing: {missing}. Complete it here, or keep the cylinder on the vehicle.",
                ),
                ui.say("禁止", "Blocked"),
            )
        )
    body.append(card(ui, panels.pairs(ui, facts, width=76)))
    if run.given_here:
        words = ui.say("、", ", ").join(customer_field_label(n, ui.words.language) for n in sorted(run.given_here))
        told = ui.say(f"已在门口补全：{words}", f"Taken down here: {words}")
        body.append(panels.notice(ui, told, kind="ok"))
    body.append(
        row(
            [
                buttons.tonal(
                    ui,
                    "navigate",
                    ui.say("导航", "Map"),
                    on_map,
                    glyph=ft.Icons.NAVIGATION_OUTLINED,
                    height=64,
                    expand=True,
                ),
                buttons.tonal(
                    ui,
                    "open-contract",
                    ui.say("拍合同", "Contract"),
                    on_contract,
                    glyph=ft.Icons.DESCRIPTION_OUTLINED,
                    height=64,
                    expand=True,
                ),
            ],
            spacing=10,
        )
    )
    return step_body(body)


def customer_dock(
    ui: Ui, run: DeliveryRun, *, on_confirm: Tap, on_failed: Tap, on_sync: Tap, on_complete: Tap, on_contract: Tap
) -> list[ft.Control]:
    failed = buttons.outlined(
        ui,
        "visit-failed",
        ui.say("没入户（不遇、拒检…）", "Could not enter"),
        on_failed,
        glyph=ft.Icons.NO_MEETING_ROOM_OUTLINED,
    )
    if run.missing_customer:
        sync = buttons.outlined(
            ui,
            "sync-now",
            ui.say("同步，看办公室补全没有", "Sync: has the office?"),
            on_sync,
            glyph=ft.Icons.SYNC_ROUNDED,
        )
        # A contract is photographed, all else is filled in.
        contract_only = set(run.missing_customer) == {"agreement_on"}
        words = ui.say("拍合同，补全", "Photograph it") if contract_only else ui.say("现在补全", "Complete it now")
        complete = buttons.primary(
            ui,
            "complete-customer",
            words,
            on_contract if contract_only else on_complete,
            glyph=ft.Icons.EDIT_NOTE_ROUNDED,
        )
        return [failed, sync, complete]
    confirm = buttons.primary(
        ui,
        "confirm-customer",
        ui.say("是这一户，开始安检", "This customer: start the check"),
        on_confirm,
        glyph=ft.Icons.HOW_TO_REG_ROUNDED,
    )
    return [failed, confirm]


# 随瓶安检


class Checklist(Protocol):
    """What a list of items needs to be judged one after the other."""

    @property
    def items(self) -> tuple[ListEntry, ...]: ...
    @property
    def unanswered(self) -> int: ...
    @property
    def answers(self) -> Mapping[str, Any]: ...
    @property
    def open_item(self) -> str: ...
    def answer(self, code: str, result: Any) -> None: ...
    def reopen(self, code: str) -> None: ...


def check_step(
    ui: Ui,
    run: Checklist,
    *,
    on_fail: Tap,
    title: tuple[str, str] = ("随瓶安检", "Check at delivery"),
    below: Sequence[ft.Control] = (),
) -> ft.Control:
    done = len(run.items) - run.unanswered
    body: list[ft.Control] = [
        panels.section(
            ui,
            ui.say(*title),
            ui.say(f"已查 {done} / {len(run.items)}", f"{done} of {len(run.items)}"),
        )
    ]
    if not run.items:
        words = ui.say("安检表还没有下发到手机，联网同步一次。", "The check list has not arrived: sync once.")
        body.append(panels.notice(ui, words, kind="warn"))
    for number, entry in enumerate(run.items, start=1):
        if entry.code == run.open_item:
            body.append(
                ft.Container(_open_item(ui, run, entry, number, on_fail), padding=ft.Padding.symmetric(horizontal=12))
            )
        else:
            body.append(_closed_item(ui, run, entry, number))
    body += below
    return scrolling(body, padding=ft.Padding.only(bottom=16))


def _closed_item(ui: Ui, run: Checklist, entry: ListEntry, number: int) -> ft.Control:
    answer = run.answers.get(entry.code)
    look = ui.look
    title = ui.say(entry.zh, entry.en)
    if answer is None:
        sign: ft.Control = ft.Container(secondary(ui, str(number), size=18), width=26, alignment=ft.Alignment.CENTER)
        words = ""
    else:
        colour = {"pass": look.ok, "fail": look.danger}.get(answer.result, look.ink_2)
        sign = icon(ANSWERS[answer.result], colour=colour)
        words = ui.words.option(answer.result)
    box = ft.Container(
        row([sign, text(title, expand=True, lines=1), secondary(ui, words)]),
        height=56,
        padding=ft.Padding.symmetric(horizontal=GUTTER),
        bgcolor=look.surface,
        border=ft.Border.only(bottom=ft.BorderSide(1, look.line)),
        on_click=lambda _: run.reopen(entry.code),
        ink=True,
    )
    return ft.Semantics(identifier=f"item-{entry.code}", content=box, button=True)


def _open_item(ui: Ui, run: Checklist, entry: ListEntry, number: int, on_fail: Tap) -> ft.Control:
    look = ui.look
    circle = ft.Container(
        text(str(number), bold=True, colour=look.on_primary),
        width=36,
        height=36,
        border_radius=18,
        bgcolor=look.primary,
        alignment=ft.Alignment.CENTER,
    )
    choices = ft.Row(
        [
            buttons.stacked(
                ui,
                f"{entry.code}-pass",
                ui.words.option("pass"),
                ft.Icons.CHECK_ROUNDED,
                lambda _: run.answer(entry.code, "pass"),
                edge=look.ok_strong,
                ink=look.ok_strong,
            ),
            buttons.stacked(
                ui,
                f"{entry.code}-fail",
                ui.words.option("fail"),
                ft.Icons.PHOTO_CAMERA_OUTLINED,
                lambda _: on_fail(entry.code),
                edge=look.danger_strong,
                ink=look.danger_strong,
            ),
            buttons.stacked(
                ui,
                f"{entry.code}-na",
                ui.words.option("not_applicable"),
                ft.Icons.REMOVE_ROUNDED,
                lambda _: run.answer(entry.code, "not_applicable"),
                edge=look.ink_2,
                ink=look.ink_2,
            ),
        ],
        spacing=8,
    )
    parts: list[ft.Control] = [row([circle, text(ui.say(entry.zh, entry.en), size=TITLE, bold=True, expand=True)])]
    if entry.help_zh:
        parts.append(text(ui.say(entry.help_zh, entry.help_en or entry.help_zh)))
    if entry.unit and isinstance(run, DeliveryRun):
        parts.append(_measured(ui, run, entry))
    parts.append(choices)
    inside = card(ui, column(parts, spacing=12))
    inside.border = ft.Border.all(2, look.primary)
    inside.margin = ft.Margin.symmetric(vertical=10)
    return inside


def _measured(ui: Ui, run: DeliveryRun, entry: ListEntry) -> ft.Control:
    limit = f"{entry.limit:g} {entry.unit}" if entry.limit is not None else ""
    return forms.entry(
        ui,
        f"{entry.code}-value",
        ui.say(f"实测（限值 {limit}）", f"Measured (limit {limit})") if limit else ui.say("实测", "Measured"),
        run.measured.get(entry.code, ""),
        lambda typed: run.measure(entry.code, typed),
        unit=entry.unit,
        keyboard=ft.KeyboardType.NUMBER,
    )


def check_dock(ui: Ui, run: DeliveryRun, *, on_finish: Tap) -> list[ft.Control]:
    if run.unanswered or not run.items:
        words = ui.say(f"还差 {run.unanswered} 项，才能换瓶", f"{run.unanswered} to go before the exchange")
        return [buttons.primary(ui, "finish-check", words, None)]
    if run.failed:
        words = ui.say("不予供气，报隐患", "No supply: report the hazard")
        return [buttons.alarm(ui, "finish-check", words, on_finish, glyph=ft.Icons.BLOCK_ROUNDED, size=20)]
    return [
        buttons.primary(
            ui, "finish-check", ui.say("安检合格，去换瓶", "Passed: exchange"), on_finish, glyph=ft.Icons.CHECK_ROUNDED
        )
    ]


def ended(ui: Ui, run: DeliveryRun) -> ft.Control:
    if run.step == "stopped":
        return panels.empty(
            ui,
            ft.Icons.BLOCK_ROUNDED,
            ui.say("不予供气", "Supply stopped"),
            ui.say(
                "隐患已存，会派整改。气瓶留在车上，把告知单交给客户。",
                "The hazard is saved. Keep the cylinder on the vehicle; hand over the notice.",
            ),
        )
    return panels.empty(
        ui,
        ft.Icons.CHECK_CIRCLE_ROUNDED,
        ui.say("已送达，已存", "Delivered and saved"),
        ui.say(
            "没有网络也不会丢，有网自动上传。空瓶带回站。",
            "Safe without a network. Bring the empties back to the station.",
        ),
        action=tag_notice(ui, run.tag),
        good=True,
    )
