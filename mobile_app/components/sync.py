"""The sync pill and the sync page's words, from one status, so that they never disagree."""

from typing import Literal

import flet as ft
import msgspec

from mobile_app.components import bars
from mobile_app.components.ui import Tap, Ui
from mobile_app.sync_status import SyncStatus


class Pill(msgspec.Struct, frozen=True):
    """`progress` is the share that was sent, None where nothing is being sent."""

    glyph: ft.IconData
    words: str
    tone: Literal["plain", "warn", "danger"] = "plain"
    progress: float | None = None


def pill(ui: Ui, status: SyncStatus, on_click: Tap, *, short: bool = False) -> ft.Control:
    """`short` leaves the room to a long title; the icon still tells that the phone is offline."""
    shown = pill_of(ui, status, short=short)
    return bars.sync_pill(ui, shown.glyph, shown.words, on_click, tone=shown.tone, progress=shown.progress)


def pill_of(ui: Ui, status: SyncStatus, *, short: bool = False) -> Pill:
    """Never "all accepted" while something is unsent, unanswered or came back; never "offline" while connected."""
    tone: Literal["plain", "danger"] = "danger" if status.refused else "plain"
    returned = ui.say(f"{status.refused} 条退回", f"{status.refused} returned") if status.refused else ""
    if status.state in {"offline", "connecting"}:
        tail = returned or waiting_words(ui, status)
        word = ui.say("离线", "Offline") if status.state == "offline" else ui.say("连接中", "Connecting")
        words = tail if short and tail else f"{word} · {tail}" if tail else word
        offline = status.state == "offline"
        return Pill(ft.Icons.CLOUD_OFF_ROUNDED if offline else ft.Icons.CLOUD_QUEUE_ROUNDED, words, tone)
    if status.state == "syncing":
        word = ui.say("同步中", "Syncing") + f" {status.done}/{status.total}"
        return Pill(ft.Icons.SYNC_ROUNDED, word, tone, status.done / status.total)
    if returned:
        return Pill(ft.Icons.UNDO_ROUNDED, returned, tone)
    if status.error_zh:
        words = waiting_words(ui, status) or ui.say("同步受阻", "Sync blocked")
        return Pill(ft.Icons.SYNC_PROBLEM_ROUNDED, words, "warn")
    if status.waiting:
        return Pill(ft.Icons.CLOUD_UPLOAD_OUTLINED, waiting_words(ui, status))
    return Pill(ft.Icons.CLOUD_DONE_OUTLINED, _accepted_words(ui, status))


def waiting_words(ui: Ui, status: SyncStatus) -> str:
    """What is to be sent first, then what the office has not answered; records before files."""
    records, files = status.records, status.photos
    if n := records.get("saved", 0):
        return ui.say(f"{n} 条待传", f"{n} to send")
    if n := files.get("saved", 0):
        return ui.say(f"{n} 个文件待传", f"{n} files to send")
    if n := records.get("sent", 0):
        return ui.say(f"{n} 条待收", f"{n} sent")
    if n := files.get("sent", 0):
        return ui.say(f"{n} 个文件待收", f"{n} files sent")
    return ""


def _accepted_words(ui: Ui, status: SyncStatus) -> str:
    if not sum(status.records.values()):
        return ui.say("没有待传", "Nothing to send")
    at = f" {ui.words.when(status.last_accepted_at)}" if status.last_accepted_at else ""
    if status.corrected:
        return ui.say("其余已收", "Rest accepted") + at
    return ui.say("全部已收", "All accepted") + at
