"""The sync pill and the sync page's words, from one status, so that they never disagree."""

from typing import Literal

import flet as ft

from mobile_app.components import bars
from mobile_app.components.ui import Tap, Ui
from mobile_app.syncing import SyncStatus

Pill = tuple[ft.IconData, str, bool]


def pill(
    ui: Ui, status: SyncStatus | None, unsent: int, refused: int, on_click: Tap, *, short: bool = False
) -> ft.Control:
    """`short` leaves the room to a long title; the icon still tells that the phone is offline."""
    glyph, words, danger = pill_words(ui, status, unsent, refused)
    if short and unsent and not danger:
        words = ui.say(f"{unsent} 条未传", f"{unsent} unsent")
    return bars.sync_pill(ui, glyph, words, on_click, danger=danger)


def pill_words(ui: Ui, status: SyncStatus | None, unsent: int, refused: int) -> Pill:
    """Never "all accepted" while something is unsent or came back."""
    state: Literal["offline", "waiting", "syncing", "accepted", "refused"] = status.state if status else "waiting"
    if refused or state == "refused":
        return ft.Icons.UNDO_ROUNDED, ui.say(f"{refused} 条退回", f"{refused} returned"), True
    if state == "offline":
        tail = ui.say(f" · {unsent} 条未传", f" · {unsent} unsent") if unsent else ""
        return ft.Icons.CLOUD_OFF_ROUNDED, ui.say("离线", "Offline") + tail, False
    if state == "syncing":
        tail = f" {status.done}/{status.total}" if status and status.total else ""
        return ft.Icons.SYNC_ROUNDED, ui.say("同步中", "Syncing") + tail, False
    if unsent:
        return ft.Icons.CLOUD_UPLOAD_OUTLINED, ui.say(f"{unsent} 条未传", f"{unsent} unsent"), False
    if state == "accepted":
        return ft.Icons.CLOUD_DONE_OUTLINED, ui.say("全部已收", "All accepted"), False
    return ft.Icons.CLOUD_QUEUE_ROUNDED, ui.say("等待回执", "Awaiting receipt"), False
