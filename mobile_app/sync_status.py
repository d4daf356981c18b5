"""The one line that says how far the phone's records are, and never more than is true."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec

from mobile_app.office_news import last_accepted_at
from mobile_app.phone import Phone
from sync.replication import Progress

State = Literal["offline", "waiting", "syncing", "accepted", "refused"]

_DRAW_EVERY_S = 0.1
# The key of what concerns all databases.
_NETWORK = ""


class SyncStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`waiting`: records and photos that the office has not accepted yet; `done` of `total` documents sent since the
    start. `accepted` only when nothing waits, nothing is refused and the server answers.
    """

    state: State = "offline"
    waiting: int = 0
    done: int = 0
    total: int = 0
    last_accepted_at: datetime | None = None
    refused: int = 0
    error_zh: str = ""
    error_en: str = ""


class StatusBoard:
    """Collects what is known of the network and of each database, and tells listeners what follows from it."""

    def __init__(self, phone: Phone) -> None:
        self.status = SyncStatus()
        self.online = False
        self._phone = phone
        self._listeners: dict[object, Callable[[SyncStatus], None]] = {}
        self._changed = asyncio.Event()
        self._progress: dict[str, Progress] = {}
        self._trouble: dict[str, tuple[str, str]] = {}

    def subscribe(self, listener: Callable[[SyncStatus], None]) -> Callable[[], None]:
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    def changed(self) -> None:
        self._changed.set()

    def progressed(self, database: str, progress: Progress) -> None:
        self._progress[f"{database} {progress.direction}"] = progress
        if progress.error is None:
            self.answered()
            self.clear(database)
        else:
            self.went_silent()
        self.changed()

    def answered(self) -> None:
        self.online = True
        self.clear(_NETWORK)

    def went_silent(
        self, zh: str = "现在连不上服务器", en: str = "The server cannot be reached now", *, online: bool = False
    ) -> None:
        """`online` where the server does answer, but with a failure of its own."""
        self.online = online
        self.note(_NETWORK, zh, en)

    def note(self, database: str, zh: str, en: str) -> None:
        self._trouble[database] = (zh, en)
        self.changed()

    def clear(self, database: str) -> None:
        if self._trouble.pop(database, None) is not None:
            self.changed()

    async def keep_drawn(self) -> None:
        """Tells the listeners of every change, until it is cancelled."""
        while True:
            await self.refresh()
            await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(_DRAW_EVERY_S)

    async def refresh(self) -> None:
        counts = [await self._phone.counts(), await self._phone.photo_counts()]
        to_send = sum(found.get("saved", 0) for found in counts)
        waiting = to_send + sum(found.get("sent", 0) for found in counts)
        refused = sum(found.get("refused", 0) for found in counts)
        sent = [progress for key, progress in self._progress.items() if key.endswith(" push")]
        trouble = next(iter(self._trouble.values()), ("", ""))
        status = SyncStatus(
            state=self._state(to_send, waiting, refused),
            waiting=waiting,
            done=sum(progress.done for progress in sent),
            total=sum(max(progress.total, progress.done) for progress in sent),
            last_accepted_at=await asyncio.to_thread(last_accepted_at, self._phone),
            refused=refused,
            error_zh=trouble[0],
            error_en=trouble[1],
        )
        if status != self.status:
            self.status = status
            for listener in tuple(self._listeners.values()):
                listener(status)

    def _state(self, to_send: int, waiting: int, refused: int) -> State:
        if not self.online:
            return "offline"
        if to_send and not self._trouble:
            return "syncing"
        if refused:
            return "refused"
        return "waiting" if waiting or self._trouble else "accepted"
