"""电子标签: the cylinder first, then its tag; below, what was begun and is not finished."""

import flet as ft

from mobile_app.components import bars, buttons, forms, panels
from mobile_app.components.ui import Tap, Ui, card, column, scrolling, secondary
from mobile_app.tags.state import TagFollow, Tagging
from mobile_app.tags.work import Writing
from mobile_app.theme import GUTTER, VERDICT_HEIGHT
from sync.documents.reference import Cylinder

OCCASIONS = {"bound": ("绑定", "Binding"), "filled": ("充装", "Filling"), "delivered": ("送达", "Delivery")}


def tag_notice(ui: Ui, tag: TagFollow) -> ft.Control | None:
    """What became of the tag after a record was saved; None where no tag was at hand."""
    return panels.notice(ui, ui.say(*tag.words), kind=tag.kind) if any(tag.words) else None


def tags_screen(
    ui: Ui, tagging: Tagging, *, scan: ft.Control, on_bind: Tap, on_finish: Tap, on_give_up: Tap, on_back: Tap
) -> ft.Control:
    """`scan`: the ways to tell which cylinder it is."""
    body: list[ft.Control] = []
    cylinder = tagging.cylinder
    if tagging.done:
        words = ui.say(f"{tagging.done} 的标签已写好", f"The tag of {tagging.done} is written")
        body.append(panels.notice(ui, words, kind="ok"))
    if tagging.may_bind:
        body += [scan] if cylinder is None else _chosen(ui, tagging, cylinder)
    if tagging.begun:
        body.append(panels.section(ui, ui.say("没写完", "Unfinished"), f"{len(tagging.begun)}"))
        body += [_begun(ui, tagging, each, on_finish=on_finish, on_give_up=on_give_up) for each in tagging.begun]
    elif not tagging.may_bind:
        told = ui.say("没有没写完的标签", "No tag is unfinished")
        hint = ui.say("写到一半的标签会列在这里。", "A tag that left in mid-write is listed here.")
        body.append(panels.empty(ui, ft.Icons.NFC_ROUNDED, told, hint, good=True))
    parts: list[ft.Control] = [
        bars.head(ui, ui.say("电子标签", "Tags"), on_back=None if tagging.writing else on_back),
        scrolling(body, spacing=12, padding=ft.Padding.only(left=GUTTER, right=GUTTER, bottom=16)),
    ]
    if cylinder is not None:
        parts.append(bars.dock(ui, [_bind(ui, tagging, on_bind)]))
    return column(parts, expand=True)


def scan_first(ui: Ui, typed: ft.Control, *, on_picture: Tap) -> ft.Control:
    """Codes and numbers alone: a new tag held near must not be taken for the cylinder's."""
    words = ui.say("扫气瓶上的码", "Scan the cylinder's code")
    glyph = ft.Icons.QR_CODE_SCANNER_ROUNDED
    picture = buttons.primary(ui, "scan-cylinder", words, on_picture, glyph=glyph, height=VERDICT_HEIGHT)
    ask = secondary(ui, ui.say("先扫气瓶，再贴标签", "The cylinder first, then the tag"))
    return column([ask, picture, typed], spacing=12)


def _chosen(ui: Ui, tagging: Tagging, cylinder: Cylinder) -> list[ft.Control]:
    none = ui.say("没有", "none")
    facts = [
        (ui.say("钢印号", "Number"), cylinder.code),
        (ui.say("型号", "Size"), f"{cylinder.specification} · {cylinder.manufacturer}".rstrip(" ·")),
        (ui.say("原标签", "Tag now"), cylinder.tag_uid or none),
    ]
    parts: list[ft.Control] = [card(ui, panels.pairs(ui, facts))]
    if cylinder.tag_uid:
        choices = [forms.Choice(entry.code, ui.say(entry.zh, entry.en)) for entry in tagging.reasons]
        title = forms.label(ui.say("更换标签，为什么？", "Replace the tag: why?"))
        reasons = forms.tiles(ui, "reason", choices, {tagging.reason}, lambda code: tagging.change("reason", code))
        same = ui.say("还是原来那张标签、只重写，不用选", "The same tag written anew: no reason needed")
        parts.append(column([title, reasons, secondary(ui, same)], spacing=8))
    if len(tagging.kinds) > 1:
        kinds = [forms.Choice(kind, ui.words.option(kind)) for kind in tagging.kinds]
        parts.append(
            ft.Row([forms.segments(ui, "kind", kinds, tagging.kind, lambda kind: tagging.change("kind", kind))])
        )
    if tagging.foreign:
        warn = ui.say(
            "标签里有其他单位的内容。是自家标签才能覆盖。", "Somebody else's content; replace it only on your own tag."
        )
        parts.append(panels.notice(ui, warn, kind="warn"))
        ours = ui.say("是自家标签，覆盖", "It is ours: replace the content")
        parts.append(
            forms.yes_no(
                ui, "replace-foreign", ours, tagging.replace_foreign, lambda yes: tagging.change("replace_foreign", yes)
            )
        )
    if not tagging.writing:
        other = ui.say("不是这只", "Not this one")
        parts.append(
            buttons.outlined(
                ui, "put-back", other, lambda _: tagging.put_back(), glyph=ft.Icons.UNDO_ROUNDED, height=64
            )
        )
    return parts


def _bind(ui: Ui, tagging: Tagging, on_bind: Tap) -> ft.Control:
    if tagging.writing:
        words = ui.say("贴住标签，别移开…", "Hold the tag still…")
        return buttons.primary(ui, "bind", words, None, height=VERDICT_HEIGHT)
    words = ui.say("贴好标签，绑定", "Tag held near: bind")
    return buttons.primary(ui, "bind", words, on_bind, glyph=ft.Icons.NFC_ROUNDED, height=VERDICT_HEIGHT)


def _begun(ui: Ui, tagging: Tagging, writing: Writing, *, on_finish: Tap, on_give_up: Tap) -> ft.Control:
    uid, sure = writing.tag_uid, tagging.giving_up == writing.tag_uid
    facts = [
        (ui.say("钢印号", "Number"), writing.scan.code),
        (ui.say("标签", "Tag"), uid),
        (ui.say("写入", "After"), ui.say(*OCCASIONS[writing.occasion])),
    ]
    finish = None if tagging.writing else lambda _: on_finish(writing)
    drop = None if tagging.writing else lambda _: on_give_up(writing)
    ask = ui.say("确定放弃", "Yes, give up") if sure else ui.say("放弃", "Give up")
    cells: list[ft.Control] = [
        buttons.outlined(ui, f"give-up-{uid}", ask, drop, height=64, danger=sure, expand=1),
        buttons.tonal(ui, f"finish-{uid}", ui.say("接着写", "Go on"), finish, height=64, expand=1),
    ]
    parts: list[ft.Control] = [panels.pairs(ui, facts), ft.Row(cells, spacing=8)]
    if sure:
        told = ui.say("标签找不到或坏了才放弃；会告诉站里。", "Only for a lost or broken tag; the station is told.")
        parts.insert(1, panels.notice(ui, told, kind="warn"))
    return card(ui, column(parts, spacing=12))
