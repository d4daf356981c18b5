"""充装: one step a screen, one button a step; a refusal fills the screen, and so does the live weight."""

from collections.abc import Sequence

import flet as ft

from mobile_app.components import bars, buttons, forms, panels, verdict
from mobile_app.components.ui import Tap, Ui, card, column, row, scrolling, text
from mobile_app.deliveries.screens import check_step
from mobile_app.filling.state import FillingRun
from mobile_app.scanning.screens import doubts
from mobile_app.tags.screens import tag_notice
from mobile_app.theme import GUTTER, VERDICT_HEIGHT
from sync.documents.reference import Cylinder

SHOWN = ("scan", "check", "fill", "after")
# The live weight is read from where the gun is, not from the hand.
_LIVE_SIZE = 88
_AT_WORK = {"filling": "fill", "refused": "check", "done": "after", "set_aside": "after"}


def filling_frame(
    ui: Ui, run: FillingRun, body: ft.Control, dock: Sequence[ft.Control], *, on_back: Tap | None
) -> ft.Control:
    names = [
        ui.say("扫码", "Scan"),
        ui.say("前检", "Before"),
        ui.say("充装", "Fill"),
        ui.say("后检", "After"),
    ]
    step = _AT_WORK.get(run.step, run.step)
    current = SHOWN.index(step) if run.step != "done" else len(SHOWN)
    cylinder = run.filling.progress.cylinder
    subtitle = f"{cylinder.code} · {cylinder.specification}" if cylinder else ui.say("一次一只瓶", "One at a time")
    parts: list[ft.Control] = [
        bars.head(ui, ui.say("充装", "Filling"), subtitle=subtitle, on_back=on_back),
        bars.steps(ui, names, current),
        ft.Container(body, expand=True),
    ]
    if dock:
        parts.append(bars.dock(ui, dock))
    return column(parts, expand=True)


def _body(controls: Sequence[ft.Control]) -> ft.Control:
    return scrolling(controls, spacing=12, padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=12, bottom=16))


def scan_step(ways: ft.Control) -> ft.Control:
    return _body([ways])


# 禁止充装


def refused_screen(ui: Ui, run: FillingRun, *, on_next: Tap, on_close: Tap) -> ft.Control:
    progress = run.filling.progress
    reasons = progress.reasons
    first = reasons[0] if reasons else None
    more = ui.say(f"，另有 {len(reasons) - 1} 条", f", {len(reasons) - 1} more") if len(reasons) > 1 else ""
    locked = ui.say("枪已锁，这次拒充已记下", "The gun is locked; this refusal is recorded")
    return verdict.full_screen(
        ui,
        allowed=False,
        heading=ui.say("充装", "Filling"),
        word=ui.say("禁止充装", "NO FILLING"),
        reason=(ui.say(first.zh, first.en) + more) if first else ui.say("检查不合格", "It failed its check"),
        advice=ui.say(first.action_zh, first.action_en) if first else "",
        details=panels.pairs(ui, _facts(ui, progress.scan.code if progress.scan else "", progress.cylinder)),
        actions=[
            panels.notice(ui, locked, kind="quiet"),
            buttons.primary(
                ui,
                "next-cylinder",
                ui.say("放到隔离区，扫下一只", "Set aside, scan the next"),
                on_next,
                glyph=ft.Icons.QR_CODE_SCANNER_ROUNDED,
                height=VERDICT_HEIGHT,
            ),
        ],
        on_close=on_close,
    )


def _facts(ui: Ui, code: str, cylinder: Cylinder | None) -> list[tuple[str, str]]:
    facts = [(ui.say("钢印号", "Number"), code)]
    if cylinder is None:
        return facts
    due = f"{cylinder.next_inspection_on:%Y-%m-%d}" if cylinder.next_inspection_on else "—"
    tare = f"{cylinder.tare_kg:g} kg" if cylinder.tare_kg is not None else "—"
    return [
        *facts,
        (ui.say("型号", "Size"), f"{cylinder.specification} · {cylinder.manufacturer}".rstrip(" ·")),
        (ui.say("应检", "Due"), due),
        (ui.say("皮重", "Tare"), tare),
    ]


# 充装前检查


def before_step(ui: Ui, run: FillingRun, *, on_fail: Tap) -> ft.Control:
    fields = ft.Container(
        ft.Row(
            [
                ft.Container(_number(ui, run, "pressure", ui.say("剩余压力", "Pressure"), "MPa"), expand=True),
                ft.Container(_number(ui, run, "ambient", ui.say("环境温度", "Ambient"), "°C"), expand=True),
            ],
            spacing=10,
        ),
        padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=12),
    )
    title = ("充装前检查", "Check before filling")
    return check_step(ui, run, on_fail=on_fail, title=title, below=[*doubts(ui, run.doubt), fields])


def _number(ui: Ui, run: FillingRun, name: str, title: str, unit: str) -> ft.Control:
    keyboard = ft.KeyboardType.TEXT if name == "ambient" else ft.KeyboardType.NUMBER  # a minus sign in winter
    return forms.entry(
        ui, name, title, run.values.get(name, ""), lambda typed: run.change(name, typed), unit=unit, keyboard=keyboard
    )


def before_dock(ui: Ui, run: FillingRun, *, on_finish: Tap) -> list[ft.Control]:
    if run.unanswered or not run.items:
        words = ui.say(f"还差 {run.unanswered} 项，枪才能开", f"{run.unanswered} to go before the gun opens")
        return [buttons.primary(ui, "finish-check", words, None)]
    if run.failed:
        words = ui.say("不合格，禁止充装", "Failed: no filling")
        return [buttons.alarm(ui, "finish-check", words, on_finish, glyph=ft.Icons.BLOCK_ROUNDED, size=20)]
    words = ui.say("检查合格，去充装", "Passed: to the gun")
    return [buttons.primary(ui, "finish-check", words, on_finish, glyph=ft.Icons.CHECK_ROUNDED)]


# 充装


def gun_step(ui: Ui, run: FillingRun) -> ft.Control:
    weight, target = run.weight, run.target_gross_kg
    look = ui.look
    shown = f"{weight.kg:.2f}" if weight and run.running else "—"
    live = ft.Text(
        spans=[
            ft.TextSpan(shown, ft.TextStyle(size=_LIVE_SIZE, weight=ft.FontWeight.W_700)),
            ft.TextSpan(" kg", ft.TextStyle(size=32, weight=ft.FontWeight.W_700)),
        ],
        color=look.ink,
        text_align=ft.TextAlign.CENTER,
        max_lines=1,
    )
    open_gun = run.running and weight is not None and weight.unlocked
    lock = (
        (ft.Icons.LOCK_OPEN_ROUNDED, ui.say("正在充装", "Filling"), look.ok_strong)
        if open_gun
        else (ft.Icons.LOCK_ROUNDED, ui.say("枪已锁", "The gun is locked"), look.ink_2)
    )
    share = 0.0
    start = run.filling.progress.start
    if weight is not None and start is not None and target is not None and run.running:
        share = max(0.0, min(1.0, (weight.kg - start.gross_kg) / max(0.001, target - start.gross_kg)))
    net = f"{run.net_kg:.2f} kg" if run.net_kg is not None and run.running else "—"
    facts = [
        (ui.say("净重", "Net"), net),
        (ui.say("充到", "Until"), f"{target:.2f} kg" if target is not None else "—"),
        *_facts(ui, "", run.filling.progress.cylinder)[1:],
    ]
    sign = row([ft.Icon(lock[0], size=32, color=lock[2]), text(lock[1], size=22, bold=True, colour=lock[2])], spacing=8)
    sign.alignment = ft.MainAxisAlignment.CENTER
    centre = ft.Column(
        [
            sign,
            ft.Semantics(identifier="live-weight", content=live, label=f"{shown} kg"),
            ft.ProgressBar(share, bar_height=16, color=look.ok_strong, bgcolor=look.line, border_radius=8),
        ],
        spacing=12,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return _body([card(ui, centre), card(ui, panels.pairs(ui, facts, width=76))])


def gun_dock(ui: Ui, run: FillingRun, *, on_fill: Tap, on_stop: Tap) -> list[ft.Control]:
    if run.running:
        return [
            buttons.alarm(
                ui,
                "stop-filling",
                ui.say("停", "STOP"),
                on_stop,
                glyph=ft.Icons.STOP_CIRCLE_OUTLINED,
                height=VERDICT_HEIGHT,
                size=24,
            )
        ]
    words = ui.say("接好枪，开始充装", "Gun on: start filling")
    return [buttons.primary(ui, "start-filling", words, on_fill, glyph=ft.Icons.PLAY_ARROW_ROUNDED)]


# 没充完


def broken_step(ui: Ui, run: FillingRun) -> ft.Control:
    start = run.filling.progress.start
    since = ui.words.time(start.at) if start else ""
    what = panels.finding(
        ui,
        "danger",
        ui.say("这只瓶没充完，枪已锁", "Unfinished: the gun is locked"),
        ui.say(
            f"{since} 开始充，中途断了。接着充到应充净重；不能充了，就称一下、报没充完。",
            f"Begun at {since} and broken off. Finish it; if you cannot, weigh it and report it.",
        ),
        ui.say("先处理", "First"),
    )
    gross = _number(ui, run, "gross", ui.say("现在的总重", "Gross weight now"), "kg")
    return _body([what, card(ui, panels.pairs(ui, _target(ui, run), width=90)), gross])


def _target(ui: Ui, run: FillingRun) -> list[tuple[str, str]]:
    target = run.target_gross_kg
    return [
        (ui.say("充到总重", "Until"), f"{target:.2f} kg" if target is not None else "—"),
        *_facts(ui, "", run.filling.progress.cylinder)[1:],
    ]


def broken_dock(ui: Ui, run: FillingRun, *, on_fill: Tap, on_report: Tap, on_stop: Tap) -> list[ft.Control]:
    if run.running:
        return gun_dock(ui, run, on_fill=on_fill, on_stop=on_stop)
    report = buttons.outlined(
        ui,
        "report-unfinished",
        ui.say("不充了，报没充完", "Report it as unfinished"),
        on_report if run.values.get("gross") else None,
        glyph=ft.Icons.REPORT_OUTLINED,
    )
    go_on = buttons.primary(
        ui, "go-on-filling", ui.say("接着充", "Go on filling"), on_fill, glyph=ft.Icons.PLAY_ARROW_ROUNDED
    )
    return [report, go_on]


# 充装后检查


def after_scan_step(ui: Ui, ways: ft.Control) -> ft.Control:
    ask = panels.notice(ui, ui.say("充好了。再扫一次这只瓶，做充装后检查。", "Filled. Scan it once more."), kind="ok")
    return _body([ask, ways])


def after_step(ui: Ui, run: FillingRun, *, on_fail: Tap, on_weigh: Tap) -> ft.Control:
    below: list[ft.Control] = []
    if not run.unanswered:
        below = [
            ft.Container(
                _second_weighing(ui, run, on_weigh), padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=12)
            )
        ]
    title = ("充装后检查", "Check after filling")
    return check_step(ui, run, on_fail=on_fail, title=title, below=below)


def _second_weighing(ui: Ui, run: FillingRun, on_weigh: Tap) -> ft.Control:
    parts: list[ft.Control] = [text(ui.say("独立秤复秤", "Second scale"), size=22, bold=True)]
    if run.too_full:
        warning = ui.say("超装：必须倒残，倒完再复秤", "Over-filled: drain it, then weigh it again")
        parts.append(panels.notice(ui, warning, kind="danger"))
        parts.append(_number(ui, run, "drained", ui.say("倒残后总重", "Gross after draining"), "kg"))
    else:
        parts.append(_number(ui, run, "reweighed", ui.say("复秤总重", "Gross weight"), "kg"))
    if run.has_check_scale:
        words = ui.say("正在读秤…", "Reading…") if run.weighing else ui.say("从复秤读数", "Read the second scale")
        parts.append(
            buttons.tonal(
                ui, "weigh-again", words, None if run.weighing else on_weigh, glyph=ft.Icons.SCALE_ROUNDED, height=64
            )
        )
    parts.append(_typed(ui, run, "second", ui.say("复秤秤号", "Its number")))
    parts.append(_typed(ui, run, "certificate", ui.say("检查员证号", "Checker's certificate")))
    return column(parts, spacing=12)


def _typed(ui: Ui, run: FillingRun, name: str, title: str) -> ft.Control:
    return forms.entry(ui, name, title, run.values.get(name, ""), lambda typed: run.change(name, typed))


def after_dock(ui: Ui, run: FillingRun, *, on_finish: Tap) -> list[ft.Control]:
    if run.unanswered:
        words = ui.say(f"还差 {run.unanswered} 项", f"{run.unanswered} to go")
        return [buttons.primary(ui, "finish-after", words, None)]
    weight = run.values.get("drained" if run.too_full else "reweighed")
    missing = not (weight and run.values.get("second") and run.values.get("certificate"))
    if missing:
        return [buttons.primary(ui, "finish-after", ui.say("复秤、填证号，才能出站", "Weigh and sign first"), None)]
    words = ui.say("不合格，隔离", "Failed: set aside") if run.failed else ui.say("检查完，存记录", "Checked: save it")
    if run.failed:
        return [buttons.alarm(ui, "finish-after", words, on_finish, glyph=ft.Icons.BLOCK_ROUNDED, size=20)]
    return [buttons.primary(ui, "finish-after", words, on_finish, glyph=ft.Icons.CHECK_ROUNDED)]


def ended(ui: Ui, run: FillingRun) -> ft.Control:
    if run.step == "set_aside":
        return panels.empty(
            ui,
            ft.Icons.BLOCK_ROUNDED,
            ui.say("不合格，不能出站", "Failed: it stays at the station"),
            ui.say("放到隔离区，交站里处理。记录已存。", "Set it aside for the station. The record is saved."),
        )
    return panels.empty(
        ui,
        ft.Icons.CHECK_CIRCLE_ROUNDED,
        ui.say("充好了，已存", "Filled and saved"),
        ui.say("没有网络也不会丢，有网自动上传。", "Safe without a network; sent by itself."),
        action=tag_notice(ui, run.tag),
        good=True,
    )


def next_dock(ui: Ui, on_next: Tap) -> list[ft.Control]:
    words = ui.say("充下一只", "The next one")
    return [buttons.primary(ui, "next-cylinder", words, on_next, glyph=ft.Icons.QR_CODE_SCANNER_ROUNDED)]
