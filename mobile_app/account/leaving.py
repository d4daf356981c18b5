"""退出登录: what stays behind on this phone, said before it is left; the safe way is the large button."""

from collections.abc import Sequence

import flet as ft

from mobile_app.components import bars, buttons, glyphs, panels
from mobile_app.components.ui import Tap, Ui, column, scrolling
from mobile_app.recording import Loss
from mobile_app.sync_status import SyncStatus
from mobile_app.theme import GUTTER, TOUCH_HEIGHT


def leaving_screen(
    ui: Ui,
    *,
    status: SyncStatus,
    loss: Loss,
    forgotten: Sequence[str],
    busy: bool,
    on_sync: Tap,
    on_stay: Tap,
    on_leave: Tap,
) -> ft.Control:
    """`forgotten`: forms that are open and kept nowhere: signing out does lose them."""
    body: list[ft.Control] = []
    if loss.nothing and not forgotten:
        safe = ui.say("办公室都收到了，退出不会丢任何东西。", "The office has everything: signing out loses nothing.")
        body.append(panels.notice(ui, safe, kind="ok"))
    if not loss.nothing:
        body += _stays(ui, loss)
    body += [
        panels.notice(
            ui, ui.say(f"{form}没有保存，退出就没了。", f"{form}: not saved, lost by signing out."), kind="danger"
        )
        for form in forgotten
    ]
    return column(
        [
            bars.head(ui, ui.say("退出登录", "Sign out"), on_back=on_stay),
            scrolling(body, spacing=12, padding=ft.Padding.symmetric(horizontal=GUTTER, vertical=4)),
            bars.dock(ui, _choices(ui, status, loss, forgotten, busy=busy, on=(on_sync, on_stay, on_leave))),
        ],
        expand=True,
    )


def _stays(ui: Ui, loss: Loss) -> list[ft.Control]:
    lines = [
        panels.line(ui, f"stays-{tag}", ui.words.record(tag), glyph=glyphs.record(tag), value=_pieces(ui, number))
        for tag, number in sorted(loss.unsent.items(), key=lambda item: -item[1])
    ]
    others = (
        (loss.photos, "files", ui.say("照片和原图", "Photos and originals"), ft.Icons.PHOTO_LIBRARY_OUTLINED),
        (loss.drafts, "drafts", ui.say("没做完的活", "Unfinished work"), ft.Icons.EDIT_NOTE_ROUNDED),
        (loss.pictures, "pictures", ui.say("还没用的照片", "Photos not used yet"), ft.Icons.PHOTO_OUTLINED),
    )
    lines += [
        panels.line(ui, f"stays-{key}", title, glyph=glyph, value=_pieces(ui, number))
        for number, key, title, glyph in others
        if number
    ]
    words = ui.say(
        "下面这些办公室还没有收到。退出后它们留在这部手机里，别人登录看不到，也不会替你上传；你在这部手机上再登录并联网才上传。"
        "手机丢了、坏了或被清空，它们就没有了。",
        "The office does not have these yet. They stay on this phone when you sign out; nobody else who signs in sees"
        " or sends them. They are sent after you sign in again on this phone with a network. If the phone is lost,"
        " broken or wiped, they are gone.",
    )
    return [panels.notice(ui, words, kind="warn"), panels.listed(ui, lines)]


def _pieces(ui: Ui, number: int) -> str:
    return ui.say(f"{number} 件", str(number))


def _choices(
    ui: Ui, status: SyncStatus, loss: Loss, forgotten: Sequence[str], *, busy: bool, on: tuple[Tap, Tap, Tap]
) -> list[ft.Control]:
    on_sync, on_stay, on_leave = on
    if loss.nothing and not forgotten:
        leave = ui.say("退出登录", "Sign out")
        stay = buttons.quiet(ui, "stay", ui.say("不退出", "Stay signed in"), on_stay)
        return [buttons.primary(ui, "leave", leave, on_leave, glyph=ft.Icons.LOGOUT_ROUNDED), stay]
    reachable = status.state not in {"offline", "connecting"}
    if status.to_send and reachable and not forgotten:
        word = ui.say("正在传…", "Sending…") if busy else ui.say("先传完", "Send first")
        safe = buttons.primary(ui, "send-first", word, None if busy else on_sync, glyph=ft.Icons.SYNC_ROUNDED)
    else:
        safe = buttons.primary(ui, "stay", ui.say("不退出，接着干", "Stay signed in"), on_stay)
    anyway = ui.say("仍然退出", "Sign out anyway")
    return [safe, buttons.outlined(ui, "leave", anyway, on_leave, danger=True, height=TOUCH_HEIGHT)]
