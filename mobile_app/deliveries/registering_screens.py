"""补全客户, 拍合同 and 押金单: one screen each, the button says what is missing."""

from collections.abc import Sequence

import flet as ft

from mobile_app.components import bars, buttons, forms, panels, photos
from mobile_app.components.ui import Tap, Ui, column, secondary, text
from mobile_app.components.ui import card as card_box
from mobile_app.deliveries.registering_state import Contract, Registering, Slip
from mobile_app.deliveries.screens import step_body
from mobile_app.theme import SECOND
from sync.documents.customers import CustomerPersonal
from sync.documents.forms import form_of
from sync.documents.reference import ListEntry
from sync.identity_card import TROUBLES
from sync.rules.customers import customer_field_label
from sync.rules.identity import Finding

_FIELDS = {field.name: field for field in form_of(CustomerPersonal)}


def register_screen(ui: Ui, form: Registering, *, on_card: Tap, on_save: Tap, on_back: Tap) -> ft.Control:
    customer = form.run.task.customer
    head = bars.head(
        ui,
        ui.say("补全客户信息", "Complete the record"),
        subtitle=f"{customer.code} · {customer.address or customer.name}",
        on_back=on_back,
        close=True,
    )
    body: list[ft.Control] = [
        panels.notice(
            ui,
            ui.say("只填缺的几项；加密上传，只有办公室能看。", "Only what is missing; sealed, for the office alone."),
            kind="quiet",
        )
    ]
    for name in form.asked:
        body += _asked(ui, form, name, on_card)
    missing = _register_missing(ui, form)
    save = buttons.primary(
        ui,
        "save-customer",
        missing or ui.say("保存，继续配送", "Save and go on"),
        None if missing else on_save,
        glyph=None if missing else ft.Icons.SAVE_ROUNDED,
    )
    return column([head, step_body(body), bars.dock(ui, [save])], expand=True)


def _asked(ui: Ui, form: Registering, name: str, on_card: Tap) -> list[ft.Control]:
    if name == "category":
        entries: Sequence[ListEntry] = form.run.lists.get("customer_category", ())
        choices = [forms.Choice(e.code, ui.say(e.zh, e.en)) for e in entries]
        return [
            text(ui.say("客户类别", "Class"), bold=True),
            forms.tiles(ui, "category", choices, {form.category}, lambda code: form.change("category", code)),
        ]
    if name != "identity_number":
        return (
            [forms.field_control(ui, _FIELDS[name], form.values.get(name), {}, form.change)] if name in _FIELDS else []
        )
    company = form.is_company
    title = ui.say("统一社会信用代码", "Credit code") if company else ui.say("身份证号", "Identity number")
    parts: list[ft.Control] = [
        forms.entry(
            ui,
            "identity_number",
            title,
            form.values.get("identity_number", ""),
            lambda value: form.change("identity_number", value),
            hint=ui.say("18 位，照证件输入", "18 characters, as on the card"),
        )
    ]
    parts += [_said(ui, finding) for finding in form.findings()]
    words = ui.say("拍营业执照", "Photo of the licence") if company else ui.say("扫描身份证", "Scan the card")
    pictures = [form.photo.picture.data] if form.photo else []
    parts.append(photos.strip(ui, pictures, on_card, words, identifier="card-photo"))
    return parts + _read(ui, form)


def _read(ui: Ui, form: Registering) -> list[ft.Control]:
    """What the card says, what speaks against it, and what may be taken over from it."""
    if form.is_reading:
        return [panels.notice(ui, ui.say("正在识别证件…", "Reading the card…"))]
    if form.read is None:
        return []
    parts: list[ft.Control] = []
    if form.read.trouble:
        zh, en, action_zh, action_en = TROUBLES[form.read.trouble]
        parts.append(
            panels.notice(
                ui,
                ui.say(f"{zh}。{action_zh}，或手工输入。", f"{en}: {action_en}, or type what is missing."),
                kind="warn",
            )
        )
    card = form.read.card
    known = form.run.task.customer.name
    if card.name and known and known != card.name:
        words = ui.say(f"证件姓名与档案上的“{known}”不同", f"The record says “{known}”, the card another name")
        parts.append(panels.notice(ui, words, kind="warn"))
    entries = [
        (ui.say("姓名", "Name"), card.name),
        (ui.say("性别 民族", "Sex"), " ".join(part for part in (card.sex, card.nation) if part)),
        (ui.say("号码", "Number"), card.number),
        (ui.say("住址", "Address"), card.address),
    ]
    shown = [(title, value) for title, value in entries if value]
    if shown:
        parts.append(
            card_box(
                ui,
                column([text(ui.say("证件上读到", "Read on the card"), bold=True), panels.pairs(ui, shown)], spacing=8),
            )
        )
    if card.number != form.values.get("identity_number"):
        parts += [_said(ui, doubt) for doubt in form.doubts(card.number)]
    return parts + [_offer(ui, form, name) for name in form.offers()]


def _offer(ui: Ui, form: Registering, name: str) -> ft.Control:
    words = {
        "name": ui.say("姓名改成证件上的", "Take the name from the card"),
        "identity_number": ui.say("号码改成证件上的", "Take the number from the card"),
        "address": ui.say("住址就是用气地址，填入", "Gas is used at this address"),
    }[name]
    if name == "identity_number" and any(doubt.blocks for doubt in form.doubts(form.offers()[name])):
        words = ui.say("填入读到的号码，再改正", "Take it and correct it")
    return buttons.tonal(ui, f"take-{name}", words, lambda *_: form.accept(name), glyph=ft.Icons.INPUT_ROUNDED)


def _said(ui: Ui, finding: Finding) -> ft.Control:
    return panels.notice(ui, ui.say(finding.zh, finding.en), kind="danger" if finding.blocks else "warn")


def _register_missing(ui: Ui, form: Registering) -> str:
    blocking = next((finding for finding in form.findings() if finding.blocks), None)
    if blocking is not None:
        return ui.say("号码不对，请核对", "The number is wrong")
    left = form.open_fields()
    if left:
        return ui.say("还差", "Missing: ") + customer_field_label(left[0], ui.words.language)
    if form.values.get("identity_number", "").strip() and form.photo is None:
        return ui.say("还差证件照片", "The card's photo is missing")
    return ""


def contract_screen(ui: Ui, form: Contract, *, on_page: Tap, on_save: Tap, on_back: Tap) -> ft.Control:
    customer = form.run.task.customer
    head = bars.head(
        ui,
        ui.say("供用气合同", "Supply contract"),
        subtitle=f"{customer.name or customer.code} · {form.run.task.order_number}",
        on_back=on_back,
        close=True,
    )
    body: list[ft.Control] = [
        photos.strip(
            ui,
            [taken.picture.data for taken in form.pictures],
            on_page,
            ui.say(f"拍第 {len(form.pictures) + 1} 页", f"Page {len(form.pictures) + 1}"),
            identifier="contract-photo",
        ),
        forms.entry(
            ui,
            "contract-number",
            ui.say("合同编号", "Contract number"),
            form.number,
            lambda value: form.change("number", value),
        ),
        forms.entry(
            ui,
            "valid-until",
            ui.say("有效期至（可不填）", "Valid until (optional)"),
            form.valid_until,
            lambda value: form.change("valid_until", value),
            hint=ui.say("年-月-日，如 2028-11-22", "year-month-day, e.g. 2028-11-22"),
            keyboard=ft.KeyboardType.DATETIME,
        ),
        secondary(ui, ui.say("合同照片与客户、本次配送一起存档。", "Kept with the customer and this delivery.")),
    ]
    missing = "" if form.pictures else ui.say("还差合同照片", "A photo is missing")
    save = buttons.primary(
        ui,
        "save-contract",
        missing or ui.say("保存合同", "Save the contract"),
        None if missing else on_save,
        glyph=None if missing else ft.Icons.SAVE_ROUNDED,
    )
    return column([head, step_body(body), bars.dock(ui, [save])], expand=True)


def slip_screen(ui: Ui, form: Slip, *, on_add: Tap, on_back: Tap) -> ft.Control:
    values = form.values
    kinds = [forms.Choice(code, ui.words.option(f"deposit_{code}")) for code in ("taken", "refunded", "moved")]
    sizes = [forms.Choice(size, size) for size in form.sizes]

    def entry(name: str, title: tuple[str, str], *, unit: str = "", number: bool = False) -> ft.Control:
        keyboard = ft.KeyboardType.NUMBER if number else ft.KeyboardType.TEXT
        shown = str(values.get(name, ""))
        return forms.entry(
            ui, name, ui.say(*title), shown, lambda value: form.change(name, value), unit=unit, keyboard=keyboard
        )

    body: list[ft.Control] = [
        ft.Row([forms.segments(ui, "kind", kinds, values["kind"], lambda code: form.change("kind", code))]),
        entry("number", ("押金单号", "Slip number")),
        text(ui.say("规格", "Size"), bold=True, size=SECOND),
        forms.tiles(ui, "size", sizes, {values.get("specification")}, lambda code: form.change("specification", code)),
        entry("quantity", ("数量", "Count"), unit=ui.say("只", "pcs"), number=True),
        entry("yuan", ("金额", "Amount"), unit=ui.say("元", "CNY"), number=True),
    ]
    if values["kind"] == "moved":
        body.insert(4, entry("moved_to", ("转为规格", "Moved to size")))
    missing = form.missing()
    words = {
        "number": ui.say("还差押金单号", "The number is missing"),
        "specification": ui.say("还差规格", "The size is missing"),
        "quantity": ui.say("数量应为 1 到 200", "A count from 1 to 200"),
        "amount": ui.say("还差金额", "The amount is missing"),
        "moved_to": ui.say("还差转为规格", "To which size?"),
    }.get(missing, ui.say("加上这张", "Add this slip"))
    add = buttons.primary(
        ui, "add-slip", words, None if missing else on_add, glyph=None if missing else ft.Icons.ADD_ROUNDED
    )
    head = bars.head(ui, ui.say("押金单", "Deposit slip"), on_back=on_back, close=True)
    return column([head, step_body(body), bars.dock(ui, [add])], expand=True)
