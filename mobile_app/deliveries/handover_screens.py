"""检漏, 签收 and 收款: what ends a delivery."""

from typing import Any

import flet as ft

from mobile_app.components import buttons, forms, panels, photos
from mobile_app.components.forms import number_in
from mobile_app.components.ui import Tap, Ui, text
from mobile_app.deliveries.screens import step_body
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.theme import SECOND, TITLE
from sync.documents.deliveries import DepositSlip

# 检漏


def leak_step(ui: Ui, run: DeliveryRun, *, on_photo: Tap) -> ft.Control:
    methods = [forms.Choice(code, ui.words.option(code)) for code in ("instrument", "soap_water")]
    method = run.leak.get("method", "instrument")

    def change(name: str, value: Any) -> None:
        run.leak = {**run.leak, name: value}

    body: list[ft.Control] = [
        text(ui.say("换瓶后检漏", "Leak test after the exchange"), size=TITLE, bold=True),
        ft.Row([forms.segments(ui, "method", methods, method, lambda code: change("method", code))]),
    ]
    if method == "instrument":
        reading = run.leak.get("reading_ppm")
        shown = reading or ""
        entry = forms.entry(
            ui,
            "reading-ppm",
            ui.say("检漏读数", "Reading"),
            shown,
            lambda v: change("reading_ppm", v),
            unit="ppm",
            keyboard=ft.KeyboardType.NUMBER,
        )
        body.append(entry)
        live = run.app.reading
        if live is not None:
            words = ui.say(
                f"填入现在的读数 {live.value_ppm:.0f} ppm", f"Take the reading of now: {live.value_ppm:.0f} ppm"
            )
            body.append(
                buttons.tonal(
                    ui,
                    "take-reading",
                    words,
                    lambda _: change("reading_ppm", f"{live.value_ppm:.1f}"),
                    glyph=ft.Icons.AIR_ROUNDED,
                )
            )
    pictures = [run.leak_photo.picture.data] if run.leak_photo else []
    body.append(
        photos.strip(ui, pictures, on_photo, ui.say("拍检漏照片", "Photo of the test"), identifier="leak-photo")
    )
    return step_body(body)


def leak_dock(ui: Ui, run: DeliveryRun, *, on_tight: Tap, on_leaking: Tap) -> list[ft.Control]:
    needs_reading = (
        run.leak.get("method", "instrument") == "instrument" and number_in(run.leak.get("reading_ppm", "")) is None
    )
    if needs_reading or run.leak_photo is None:
        words = (
            ui.say("还差读数", "The reading is missing")
            if needs_reading
            else ui.say("还差照片", "The photo is missing")
        )
        return [buttons.primary(ui, "leak-tight", words, None)]
    leaking = buttons.outlined(
        ui,
        "leak-found",
        ui.say("漏气：处理后再测", "It leaks: mend, test again"),
        on_leaking,
        danger=True,
        glyph=ft.Icons.AIR_ROUNDED,
    )
    return [
        leaking,
        buttons.primary(
            ui, "leak-tight", ui.say("不漏，去签收", "Tight: signature"), on_tight, glyph=ft.Icons.CHECK_ROUNDED
        ),
    ]


# 签收


def sign_step(ui: Ui, run: DeliveryRun, pad: ft.Control, *, on_photo: Tap) -> ft.Control:
    signing = run.signing

    def change(name: str, value: Any) -> None:
        run.signing = {**run.signing, name: value}

    kinds = [forms.Choice(code, ui.words.option(code)) for code in ("written", "door_photo")]
    relations = [forms.Choice(e.code, ui.say(e.zh, e.en)) for e in run.lists.get("receiver_relation", ())]
    body: list[ft.Control] = [
        ft.Row([forms.segments(ui, "kind", kinds, signing.get("kind"), lambda code: change("kind", code))]),
        forms.entry(
            ui, "receiver", ui.say("签收人", "Receiver"), signing.get("receiver", ""), lambda v: change("receiver", v)
        ),
    ]
    if signing.get("kind") == "written":
        body.insert(1, pad)
    else:
        pictures = [run.signature.picture.data] if run.signature else []
        body.append(
            photos.strip(ui, pictures, on_photo, ui.say("拍门前照片", "Photo at the door"), identifier="door-photo")
        )
    if relations:
        body.append(text(ui.say("与户主关系", "Relation to the account holder"), bold=True, size=SECOND))
        body.append(
            forms.tiles(ui, "relation", relations, {signing.get("relation")}, lambda code: change("relation", code))
        )
    return step_body(body)


def sign_dock(ui: Ui, run: DeliveryRun, *, on_sign: Tap, has_ink: bool) -> list[ft.Control]:
    signing = run.signing
    kind = signing.get("kind")
    missing = ""
    if not str(signing.get("receiver", "")).strip():
        missing = ui.say("还差签收人", "The receiver is missing")
    elif kind == "written" and not has_ink:
        missing = ui.say("请客户签名", "Let the customer sign")
    elif kind == "door_photo" and run.signature is None:
        missing = ui.say("还差照片", "The photo is missing")
    words = missing or ui.say("签收", "Signed")
    return [
        buttons.primary(
            ui, "sign", words, None if missing else on_sign, glyph=None if missing else ft.Icons.DRAW_ROUNDED
        )
    ]


# 收款


def pay_step(ui: Ui, run: DeliveryRun, *, on_slip: Tap) -> ft.Control:
    def change(name: str, value: Any) -> None:
        run.payment = {**run.payment, name: value}

    methods = [forms.Choice(e.code, ui.say(e.zh, e.en), e.icon) for e in run.lists.get("payment_method", ())]
    yuan = run.payment.get("yuan")
    body: list[ft.Control] = [text(ui.say("收款（可不填）", "Payment (optional)"), size=TITLE, bold=True)]
    body.append(forms.tiles(ui, "payment", methods, {run.payment.get("method")}, lambda code: change("method", code)))
    body.append(
        forms.entry(
            ui,
            "amount",
            ui.say("金额", "Amount"),
            yuan or "",
            lambda v: change("yuan", v),
            unit=ui.say("元", "CNY"),
            keyboard=ft.KeyboardType.NUMBER,
        )
    )

    def note(value: str) -> None:
        run.pay_note = value

    body.append(forms.entry(ui, "pay-note", ui.say("收款备注", "Note"), run.pay_note, note))
    return step_body([*body, *_slips(ui, run, on_slip)])


def _slips(ui: Ui, run: DeliveryRun, on_slip: Tap) -> list[ft.Control]:
    """押金单: those of this delivery, and the way to another."""
    parts: list[ft.Control] = [panels.section(ui, ui.say("押金单", "Deposit slips"), f"{len(run.deposits)}")]
    if run.deposits:
        parts.append(panels.listed(ui, [_slip(ui, run, slip) for slip in run.deposits]))
    parts.append(
        buttons.outlined(
            ui, "open-slip", ui.say("加押金单", "Add a slip"), on_slip, glyph=ft.Icons.RECEIPT_LONG_OUTLINED, height=64
        )
    )
    return parts


def _slip(ui: Ui, run: DeliveryRun, slip: DepositSlip) -> ft.Control:
    kind = ui.words.option(f"deposit_{slip.kind}")
    size = f"{slip.specification}→{slip.moved_to}" if slip.moved_to else slip.specification
    remove = buttons.round_icon(
        ui,
        f"take-out-{slip.number}",
        ft.Icons.DELETE_OUTLINE_ROUNDED,
        lambda _: run.take_out_slip(slip.number),
        ui.say("去掉", "Remove"),
        size=56,
    )
    return panels.line(
        ui,
        f"slip-{slip.number}",
        f"{kind} {slip.amount_fen / 100:.2f} " + ui.say("元", "CNY"),
        glyph=ft.Icons.RECEIPT_LONG_OUTLINED,
        subtitle=f"{slip.number} · {size} × {slip.quantity}",
        trailing=remove,
    )


def pay_dock(ui: Ui, *, on_complete: Tap) -> list[ft.Control]:
    return [
        buttons.primary(
            ui, "complete", ui.say("完成配送，保存", "Finish and save"), on_complete, glyph=ft.Icons.SAVE_ROUNDED
        )
    ]
