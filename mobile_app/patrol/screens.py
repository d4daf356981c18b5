"""巡线: the map fills the screen, the live figures above it, what the thumb does below it."""

from collections.abc import Sequence

import flet as ft
import msgspec

from mobile_app.components import bars, buttons, forms, panels, photos
from mobile_app.components.ui import Tap, Ui, card, column, icon, row, scrolling, secondary, shadow, text
from mobile_app.drawing import Drawing, PointMark
from mobile_app.theme import DASHED_LEVELS, GUTTER, SECOND, TITLE, pipe_colour
from mobile_app.words import grouped
from sync.documents.reference import ListEntry
from sync.documents.tasks import CheckPoint


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What the strip shows. `ppm` is None without a detector, `accuracy_m` None without a position."""

    percent: float
    ppm: float | None
    alarming: bool
    accuracy_m: float | None
    paused: bool = False


class NextPoint(msgspec.Struct, frozen=True):
    point: CheckPoint
    number: int
    distance_m: float | None


def patrol_screen(
    ui: Ui,
    *,
    title: str,
    levels: str,
    live: Live,
    drawing: Drawing,
    map_key: str,
    on_here: bool,
    legend: bool,
    next_point: NextPoint | None,
    pill: ft.Control,
    warning: str,
    actions: Sequence[ft.Control],
    on_point: Tap,
    on_layers: Tap,
    on_centre: Tap,
    on_emergency: Tap,
    on_navigate: Tap,
    on_back: Tap,
) -> ft.Control:
    from mobile_app.components.network_map import NetworkMap  # noqa: PLC0415 - loaded with the first map

    top = ft.Container(
        column(
            [
                bars.head(ui, title, subtitle=levels, on_back=on_back, trailing=pill, size=20),
                bars.strip(ui, _figures(ui, live)),
                bars.share_bar(ui, live.percent / 100),
            ]
        ),
        bgcolor=ui.look.surface,
        shadow=shadow(ui),
    )
    over: list[ft.Control] = [
        NetworkMap(ui, drawing, jump=map_key, on_point=on_point, on_here=on_here),
        ft.Container(_map_buttons(ui, on_layers, on_centre, on_emergency), right=12, bottom=36),
    ]
    if legend:
        over.append(ft.Container(_legend(ui, drawing), left=12, bottom=36))
    if warning:
        over.append(ft.Container(panels.notice(ui, warning, kind="warn"), left=12, right=12, top=12))
    dock = bars.dock(ui, [_next(ui, next_point, on_point, on_navigate), ft.Row(list(actions), spacing=8)], rounded=True)
    # The sheet's round corners lie on the map, not on a gap.
    return ft.Stack(
        [
            column([top, ft.Stack(over, expand=True), ft.Container(height=164)], expand=True),
            ft.Container(dock, left=0, right=0, bottom=0),
        ],
        expand=True,
    )


def _figures(ui: Ui, live: Live) -> list[tuple[str, str, str, bool]]:
    gas = ui.say("甲烷", "Gas")
    if live.ppm is None:
        gas_label, ppm = f"{gas} · {ui.say('未连接', 'none')}", "—"
    else:
        state = ui.say("报警", "alarm") if live.alarming else ui.say("正常", "normal")
        gas_label, ppm = f"{gas} · {state}", grouped(live.ppm)
    gps = "GPS" if not live.paused else ui.say("已暂停", "Paused")
    accuracy = "—" if live.accuracy_m is None else f"±{live.accuracy_m:.0f}"
    return [
        (ui.say("覆盖", "Covered"), f"{live.percent:.0f}", "%", False),
        (gas_label, ppm, "ppm", True),
        (gps, accuracy, "m", False),
    ]


def _map_buttons(ui: Ui, on_layers: Tap, on_centre: Tap, on_emergency: Tap) -> ft.Control:
    def floating(identifier: str, glyph: ft.IconData, on_click: Tap, label: str) -> ft.Control:
        button = buttons.round_icon(ui, identifier, glyph, on_click, label, size=56)
        return ft.Container(button, bgcolor=ui.look.surface, border_radius=16, shadow=shadow(ui))

    return ft.Column(
        [
            floating("layers", ft.Icons.LAYERS_OUTLINED, on_layers, ui.say("图例", "Key")),
            floating("centre", ft.Icons.MY_LOCATION_ROUNDED, on_centre, ui.say("回到我的位置", "Where I am")),
            ft.Container(bars.emergency(ui, on_emergency), width=104),
        ],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.END,
    )


def _legend(ui: Ui, drawing: Drawing) -> ft.Control:
    def entry(sign: ft.Control, words: str) -> ft.Control:
        return row([ft.Container(sign, width=28, alignment=ft.Alignment.CENTER), text(words, size=SECOND)], spacing=8)

    def dashes() -> ft.Control:
        white = [ft.Container(width=6, height=2, bgcolor=ui.look.map_edge) for _ in range(2)]
        inside = ft.Row(list(white), spacing=5, alignment=ft.MainAxisAlignment.CENTER)
        return ft.Container(inside, width=28, height=7, bgcolor=ui.look.unwalked)

    snow = icon(ft.Icons.AC_UNIT_ROUNDED, size=20, colour=ui.look.warn_strong)
    entries = [
        entry(ft.Container(width=28, height=6, bgcolor=ui.look.walked), ui.say("已巡", "Walked")),
        entry(dashes(), ui.say("未巡", "To walk")),
        entry(snow, ui.say("未到达", "Missed")),
    ]
    for level in sorted({pipe.pressure_level for pipe in drawing.others}):
        bar = _level_sign(ui, level)
        entries.append(entry(bar, ui.words.pressure(level)))
    half = (len(entries) + 1) // 2
    columns = [ft.Column(entries[:half], spacing=4, tight=True), ft.Column(entries[half:], spacing=4, tight=True)]
    both = ft.Row(list(columns), spacing=16, tight=True, vertical_alignment=ft.CrossAxisAlignment.START)
    return card(ui, both, padding=12)


def _level_sign(ui: Ui, level: str) -> ft.Control:
    """As the map draws it, dashes and all."""
    colour = pipe_colour(ui.look, level)
    if level not in DASHED_LEVELS:
        return ft.Container(width=28, height=4, bgcolor=colour)
    dashes = [ft.Container(width=8, height=4, bgcolor=colour) for _ in range(3)]
    return ft.Container(ft.Row(list(dashes), spacing=2), width=28)


def _next(ui: Ui, next_point: NextPoint | None, on_point: Tap, on_navigate: Tap) -> ft.Control:
    if next_point is None:
        done = ui.say(
            "检查点都到过了，走完红线就可以结束。", "All check points are done; walk the red lines and finish."
        )
        return ft.Container(secondary(ui, done), height=56, alignment=ft.Alignment.CENTER_LEFT)
    point = next_point.point
    away = (
        "" if next_point.distance_m is None else ui.say("前方 ", "") + " ".join(ui.words.length(next_point.distance_m))
    )
    proof = ui.words.option(point.proof)
    circle = ft.Container(
        text(str(next_point.number), size=20, bold=True, colour=ui.look.on_primary),
        width=44,
        height=44,
        border_radius=22,
        bgcolor=ui.look.primary,
        alignment=ft.Alignment.CENTER,
    )
    words = ft.Column(
        [text(point.name, bold=True, lines=1), secondary(ui, " · ".join(w for w in (away, proof) if w), lines=1)],
        spacing=0,
        tight=True,
        expand=True,
    )
    arrive = buttons.outlined(
        ui, "visit-next", ui.say("到位", "Arrived"), lambda _: on_point(point.check_point_id), strong=True
    )
    guide = buttons.round_icon(
        ui, "navigate", ft.Icons.DIRECTIONS_OUTLINED, on_navigate, ui.say("导航", "Navigate"), size=56
    )
    return ft.Row([circle, words, guide, arrive], spacing=8, vertical_alignment=ft.CrossAxisAlignment.CENTER)


def patrol_actions(
    ui: Ui, *, paused: bool, on_hazard: Tap, on_works: Tap, on_pause: Tap, on_finish: Tap
) -> list[ft.Control]:
    soft, ink = ui.look.primary_soft, ui.look.primary_strong
    hold = (
        (ui.say("继续", "Resume"), ft.Icons.PLAY_ARROW_ROUNDED)
        if paused
        else (ui.say("暂停", "Pause"), ft.Icons.PAUSE_ROUNDED)
    )
    return [
        buttons.stacked(
            ui, "report-hazard", ui.say("隐患", "Hazard"), ft.Icons.REPORT_OUTLINED, on_hazard, fill=soft, ink=ink
        ),
        buttons.stacked(
            ui, "report-works", ui.say("施工", "Works"), ft.Icons.FRONT_LOADER, on_works, fill=soft, ink=ink
        ),
        buttons.stacked(ui, "pause", hold[0], hold[1], on_pause, edge=ui.look.ink_2),
        buttons.stacked(ui, "finish", ui.say("结束", "Finish"), ft.Icons.FLAG_OUTLINED, on_finish, edge=ui.look.ink_2),
    ]


class VisitForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker has put in so far; nothing is preselected."""

    result: str = ""
    reason: str = ""
    abnormal: tuple[str, ...] = ()
    proof: str = ""
    code: str = ""
    note: str = ""


def visit_screen(
    ui: Ui,
    *,
    point: CheckPoint,
    arrival: str,
    arrived: bool,
    form: VisitForm,
    items: Sequence[ListEntry],
    reasons: Sequence[ListEntry],
    pictures: Sequence[bytes],
    missing: str,
    on_form: Tap,
    on_photo: Tap,
    on_proof: Tap,
    on_save: Tap,
    on_back: Tap,
) -> ft.Control:
    results = (
        forms.Choice("normal", ui.say("正常", "Normal"), "check"),
        forms.Choice("abnormal", ui.say("异常", "Abnormal"), "report"),
        forms.Choice("unreachable", ui.say("无法到达", "Unreachable"), "snow"),
    )
    body: list[ft.Control] = [
        _proof(ui, point, form, arrival, arrived=arrived, on_proof=on_proof),
        text(ui.say("结果", "Result"), size=TITLE, bold=True),
        forms.tiles(ui, "result", results, {form.result}, lambda code: on_form("result", code)),
    ]
    if form.result == "unreachable":
        choices = [forms.Choice(e.code, ui.say(e.zh, e.en), e.icon) for e in reasons]
        body.append(text(ui.say("原因", "Reason"), bold=True))
        body.append(forms.tiles(ui, "reason", choices, {form.reason}, lambda code: on_form("reason", code)))
    if form.result == "abnormal" and items:
        choices = [forms.Choice(e.code, ui.say(e.zh, e.en), e.icon) for e in items]
        body.append(text(ui.say("哪里异常（可多选）", "What is abnormal (several)"), bold=True))
        body.append(forms.tiles(ui, "item", choices, set(form.abnormal), lambda code: on_form("abnormal", code)))
    if form.result in {"abnormal", "unreachable"}:
        body.append(photos.strip(ui, pictures, on_photo, ui.say("拍照", "Photo")))
    body.append(forms.entry(ui, "note", ui.say("备注", "Note"), form.note, lambda typed: on_form("note", typed)))
    word = missing or ui.say("保存", "Save")
    save = buttons.primary(
        ui, "save-visit", word, None if missing else on_save, glyph=None if missing else ft.Icons.SAVE_ROUNDED
    )
    padding = ft.Padding.only(left=GUTTER, right=GUTTER, top=4, bottom=16)
    head = bars.head(ui, point.name, subtitle=ui.say("检查点", "Check point"), on_back=on_back, close=True)
    return column([head, scrolling(body, spacing=12, padding=padding), bars.dock(ui, [save])], expand=True)


def _proof(ui: Ui, point: CheckPoint, form: VisitForm, arrival: str, *, arrived: bool, on_proof: Tap) -> ft.Control:
    asked = {
        "gps": ui.say("到位由定位证明", "Position proves arrival"),
        "qr": ui.say("要扫检查点上的二维码", "Scan the point's QR code"),
        "nfc": ui.say("要读检查点上的 NFC 标签", "Read the point's NFC tag"),
    }
    done = arrived or bool(form.code)
    glyph = ft.Icons.CHECK_CIRCLE_ROUNDED if done else ft.Icons.LOCATION_SEARCHING_ROUNDED
    words = ft.Column([text(asked[point.proof], bold=True), secondary(ui, arrival)], spacing=2, tight=True, expand=True)
    parts: list[ft.Control] = [row([icon(glyph, size=32, colour=ui.look.ok if done else ui.look.warn), words])]
    if point.proof == "qr":
        scan = buttons.tonal(
            ui,
            "proof-qr",
            ui.say("扫二维码", "Scan QR code"),
            lambda _: on_proof("qr"),
            glyph=ft.Icons.QR_CODE_SCANNER_ROUNDED,
            height=64,
        )
        parts.append(scan)
    if point.proof == "nfc":
        touch = buttons.tonal(
            ui,
            "proof-nfc",
            ui.say("贴近标签读取", "Hold near the tag"),
            lambda _: on_proof("nfc"),
            glyph=ft.Icons.NFC_ROUNDED,
            height=64,
        )
        parts.append(touch)
    return card(ui, column(parts, spacing=12))


def point_marks(points: Sequence[CheckPoint], results: dict[str, str], next_id: str) -> tuple[PointMark, ...]:
    """`results`: check point id -> result of its visit."""
    states = {"normal": "visited", "abnormal": "abnormal", "unreachable": "unreachable"}
    marks = []
    for number, point in enumerate(sorted(points, key=lambda p: p.order), start=1):
        state = states.get(
            results.get(point.check_point_id, ""), "next" if point.check_point_id == next_id else "ahead"
        )
        marks.append(PointMark(point.check_point_id, number, point.lon, point.lat, state))  # type: ignore[arg-type]
    return tuple(marks)


def finish_sheet(
    ui: Ui,
    *,
    percent: float,
    left_m: float,
    visited: int,
    points: int,
    reason: str,
    on_reason: Tap,
    on_finish: Tap,
    on_back: Tap,
) -> ft.Control:
    unfinished = left_m >= 1 or visited < points
    number, unit = ui.words.length(left_m)
    body: list[ft.Control] = [
        panels.facts(
            ui,
            [
                (f"{percent:.0f}", "%", ui.say("覆盖", "covered")),
                (number, unit, ui.say("未巡", "not walked")),
                (f"{visited}/{points}", "", ui.say("检查点", "check points")),
            ],
        )
    ]
    if unfinished:
        why = ui.say("没走完，写一句原因，办公室会看到。", "Not complete: give the reason, the office will see it.")
        body.append(panels.notice(ui, why, kind="warn"))
        body.append(forms.entry(ui, "unfinished-reason", ui.say("未完成原因", "Why unfinished"), reason, on_reason))
    ready = not unfinished or bool(reason.strip())
    word = ui.say("结束巡线", "Finish the patrol") if ready else ui.say("先写原因，再结束", "Give the reason first")
    finish = buttons.primary(ui, "finish-patrol", word, on_finish if ready else None, glyph=ft.Icons.FLAG_ROUNDED)
    back = buttons.quiet(ui, "keep-walking", ui.say("接着巡", "Keep walking"), on_back)
    head = bars.head(ui, ui.say("结束巡线", "Finish the patrol"), on_back=on_back)
    scroll = scrolling(body, spacing=16, padding=ft.Padding.symmetric(horizontal=GUTTER, vertical=8))
    return column([head, scroll, bars.dock(ui, [finish, back])], expand=True)
