"""扫瓶: a picture of the code first, the tag where there is one, the stamped number last; then the verdict."""

from collections.abc import Sequence

import flet as ft

from mobile_app.components import bars, buttons, forms, panels, photos, verdict
from mobile_app.components.ui import Tap, Ui, card, column, row, scrolling, secondary, text
from mobile_app.deliveries.scans import Scanned
from mobile_app.scanning.state import Scanning
from mobile_app.theme import ALLOWED_FILL, GUTTER, VERDICT_HEIGHT
from sync.rules.cylinders import Reason


def ways_to_scan(
    ui: Ui, scanning: Scanning, *, on_picture: Tap, on_tag: Tap, on_stamp: Tap, on_typed: Tap
) -> ft.Control:
    """QR or bar code first, since that is what drivers use."""
    camera = ft.Container(
        ft.Column(
            [
                ft.Icon(ft.Icons.QR_CODE_SCANNER_ROUNDED, size=72, color=ui.look.primary),
                text(
                    ui.say("扫二维码 / 条码", "Scan QR or bar code"), size=22, bold=True, colour=ui.look.primary_strong
                ),
                secondary(ui, _hint(ui, scanning)),
            ],
            alignment=ft.MainAxisAlignment.CENTER,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            spacing=6,
        ),
        height=196,
        bgcolor=ui.look.primary_soft,
        border_radius=20,
        alignment=ft.Alignment.CENTER,
        on_click=on_picture,
        ink=True,
    )
    named = ft.Semantics(identifier="scan-picture", content=camera, button=True)
    tag = buttons.tonal(
        ui, "scan-tag", ui.say("只读标签", "Read the tag alone"), on_tag, glyph=ft.Icons.NFC_ROUNDED, height=64
    )
    gone = [
        panels.notice(ui, ui.say(f"{e.detail_zh}：{e.what_to_do_zh}", f"{e.detail_en}: {e.what_to_do_en}"), kind="warn")
        for e in scanning.faults
    ]
    return column([named, *gone, tag, typed_number(ui, scanning, on_stamp=on_stamp, on_typed=on_typed)], spacing=12)


def _hint(ui: Ui, scanning: Scanning) -> str:
    if scanning.listening:
        names = ui.say("、", ", ").join(name.upper() for name in scanning.listening)
        return ui.say(f"{names} 正在读：贴近标签，或拍码", f"{names} listening: hold the tag near, or take a picture")
    return ui.say("拍码、贴标签，哪个先读到算哪个", "Picture or tag: whichever is read first")


def typed_number(ui: Ui, scanning: Scanning, *, on_stamp: Tap, on_typed: Tap) -> ft.Control:
    def typed(value: str) -> None:
        scanning.typed = value

    entry = forms.entry(ui, "typed-code", ui.say("手输钢印号", "Type the stamped number"), scanning.typed, typed)

    def stamped(value: str) -> None:
        scanning.stamped = value

    other = ui.say("和标签不一样时，填瓶上钢印", "The stamp, if the label says another")
    second = forms.entry(ui, "stamped", other, scanning.stamped, stamped)
    pictures = [scanning.stamp.picture.data] if scanning.stamp else []
    stamp = photos.strip(ui, pictures, on_stamp, ui.say("拍钢印", "Photo of the stamp"), identifier="stamp-photo")
    ready = bool(scanning.typed.strip()) and scanning.stamp is not None
    words = (
        ui.say("查这只瓶", "Check this cylinder")
        if ready
        else ui.say("输号并拍钢印后，才能查", "Number and photo first")
    )
    check = buttons.primary(ui, "scan-typed", words, on_typed if ready else None)
    return card(ui, column([entry, second, stamp, check], spacing=10))


def loading_screen(
    ui: Ui, scanning: Scanning, ways: ft.Control, pill: ft.Control, *, on_load: Tap, on_board: int, on_return: Tap
) -> ft.Control:
    """`on_board`: what is on the vehicle already; with any, the way back to the station is offered."""
    count = len(scanning.kept)
    body: list[ft.Control] = [ways]
    if on_board and not count:
        words = ui.say(f"回站入库（车上 {on_board} 只）", f"Back at the station ({on_board} on board)")
        body.append(buttons.outlined(ui, "open-return", words, on_return, glyph=ft.Icons.WAREHOUSE_OUTLINED, height=64))
    if scanning.kept:
        body.append(panels.section(ui, ui.say("已装车", "Loaded"), ui.say(f"{count} 只", f"{count}")))
        body.append(panels.listed(ui, kept_lines(ui, scanning)))
    parts: list[ft.Control] = [
        bars.head(ui, ui.say("出库装车", "Loading"), subtitle=_needed(ui, scanning), trailing=pill),
        scrolling(body, spacing=8, padding=ft.Padding.only(left=GUTTER, right=GUTTER, bottom=16)),
    ]
    if count:
        words = ui.say(f"{count} 只装车完成，出库", f"Loading done: {count}")
        parts.append(
            bars.dock(ui, [buttons.primary(ui, "load", words, on_load, glyph=ft.Icons.LOCAL_SHIPPING_ROUNDED)])
        )
    return column(parts, expand=True)


def _needed(ui: Ui, scanning: Scanning) -> str:
    wanted = scanning.wanted
    if not wanted:
        return ui.say("今天没有配送单", "No orders today")
    return ui.say(f"今天要送 {wanted} 只", f"{wanted} ordered today")


def kept_lines(ui: Ui, scanning: Scanning) -> list[ft.Control]:
    lines: list[ft.Control] = []
    for found in scanning.kept:
        code = found.scan.code
        remove = buttons.round_icon(
            ui,
            f"take-out-{code}",
            ft.Icons.DELETE_OUTLINE_ROUNDED,
            _taker(scanning, code),
            ui.say("取下", "Take out"),
            size=56,
        )
        size = found.cylinder.specification if found.cylinder else ""
        lines.append(
            panels.line(
                ui,
                f"kept-{code}",
                code,
                glyph=ft.Icons.PROPANE_TANK_OUTLINED,
                subtitle=f"{size} · {ui.words.option(found.scan.method)}",
                trailing=remove,
            )
        )
    return lines


def _taker(scanning: Scanning, code: str) -> Tap:
    return lambda _: scanning.take_out(code)


def verdict_screen(
    ui: Ui,
    found: Scanned,
    *,
    heading: str,
    words: tuple[str, str],
    keep_word: str,
    on_keep: Tap,
    on_back: Tap,
    extra: Sequence[ft.Control] = (),
) -> ft.Control:
    """`words`: what is said when it is allowed, and when it is forbidden."""
    if found.cautions:
        return _caution_screen(ui, found, heading=heading, on_keep=on_keep, on_back=on_back)
    allowed = found.allowed
    word = words[0] if allowed else words[1]
    reason, advice = _reason(ui, found)
    if allowed:
        actions: list[ft.Control] = [
            *doubts(ui, found.doubt),
            *extra,
            buttons.outlined(
                ui, "put-back", ui.say("不是这只", "Not this one"), on_back, glyph=ft.Icons.UNDO_ROUNDED, height=64
            ),
            buttons.primary(
                ui, "keep", keep_word, on_keep, glyph=ft.Icons.CHECK_ROUNDED, height=VERDICT_HEIGHT, fill=ALLOWED_FILL
            ),
        ]
    else:
        another = ui.say("放回，扫另一只", "Put it back, scan another")
        actions = [
            panels.notice(
                ui, ui.say("这次禁止已记下，会上报", "This refusal is recorded and will be sent"), kind="quiet"
            ),
            buttons.primary(
                ui, "put-back", another, on_back, glyph=ft.Icons.QR_CODE_SCANNER_ROUNDED, height=VERDICT_HEIGHT
            ),
        ]
    return verdict.full_screen(
        ui,
        allowed=allowed,
        heading=heading,
        word=word,
        reason=reason,
        advice=advice,
        details=panels.pairs(ui, cylinder_facts(ui, found)),
        actions=actions,
        on_close=on_back,
    )


def doubts(ui: Ui, doubt: Reason | None) -> list[ft.Control]:
    if doubt is None:
        return []
    said = ui.say(f"{doubt.zh}。{doubt.action_zh}", f"{doubt.en}: {doubt.action_en}")
    return [panels.notice(ui, said, kind="warn")]


def _caution_screen(ui: Ui, found: Scanned, *, heading: str, on_keep: Tap, on_back: Tap) -> ft.Control:
    """Allowed, and yet odd: called out before it is on the vehicle; the driver decides."""
    first = found.cautions[0]
    others = [ui.say(each.zh, each.en) for each in found.cautions[1:]]
    actions: list[ft.Control] = [
        *(panels.notice(ui, words, kind="warn") for words in others),
        *doubts(ui, found.doubt),
        buttons.outlined(
            ui,
            "keep",
            ui.say("没装错，照样装", "It is right: load it"),
            on_keep,
            glyph=ft.Icons.CHECK_ROUNDED,
            height=64,
        ),
        buttons.primary(
            ui,
            "put-back",
            ui.say("放回，扫另一只", "Put it back, scan another"),
            on_back,
            glyph=ft.Icons.UNDO_ROUNDED,
            height=VERDICT_HEIGHT,
        ),
    ]
    return verdict.full_screen(
        ui,
        allowed=False,
        heading=heading,
        word=ui.say("装错了？", "WRONG?"),
        reason=ui.say(first.zh, first.en),
        advice=ui.say(first.action_zh, first.action_en),
        details=panels.pairs(ui, cylinder_facts(ui, found)),
        actions=actions,
        on_close=on_back,
    )


def _reason(ui: Ui, found: Scanned) -> tuple[str, str]:
    if not found.allowed:
        first = found.reasons[0]
        more = (
            ui.say(f"，另有 {len(found.reasons) - 1} 条", f", {len(found.reasons) - 1} more")
            if len(found.reasons) > 1
            else ""
        )
        return ui.say(first.zh, first.en) + more, ui.say(first.action_zh, first.action_en)
    cylinder = found.cylinder
    if cylinder is None:
        return ui.say("档案里没有，按外来空瓶收", "Not on record: taken back as foreign"), ""
    if found.reasons:
        # Taken back whatever is wrong with it; what is wrong is said.
        first = found.reasons[0]
        return ui.say(first.zh, first.en), ui.say("带回站里处理", "Bring it to the station")
    until = f"{cylinder.next_inspection_on:%Y-%m-%d}" if cylinder.next_inspection_on else "—"
    return ui.say(f"检验有效至 {until}", f"Inspected until {until}"), ui.say(
        "在册 · 本企业产权", "On record · own cylinder"
    )


def cylinder_facts(ui: Ui, found: Scanned) -> list[tuple[str, str]]:
    facts = [(ui.say("钢印号", "Number"), found.scan.code)]
    cylinder = found.cylinder
    if cylinder is None:
        return facts
    made = f"{cylinder.made_on:%Y-%m}" if cylinder.made_on else "—"
    due = f"{cylinder.next_inspection_on:%Y-%m-%d}" if cylinder.next_inspection_on else "—"
    return [
        *facts,
        (ui.say("型号", "Size"), f"{cylinder.specification} · {cylinder.manufacturer}".rstrip(" ·")),
        (ui.say("制造", "Made"), made),
        (ui.say("应检", "Due"), due),
    ]


def choose_fault(ui: Ui, faults: Sequence[forms.Choice], on_fault: Tap) -> ft.Control:
    """What is wrong with an empty that comes back; most have nothing."""
    cells = [
        buttons.outlined(ui, f"fault-{choice.code}", choice.title, _fault(on_fault, choice.code), height=56)
        for choice in faults
    ]
    return row(list(cells), spacing=8) if cells else ft.Container()


def _fault(on_fault: Tap, code: str) -> Tap:
    return lambda _: on_fault(code)
