"""The one line that says how far the phone's records are, and never more than is true.

Its numbers come from one reading of the phone's files, so that no two parts of the app disagree; what the network
does is told by the sending. A network's word never changes a number, and a number never says that there is a network.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from mobile_app.office_news import last_accepted_at
from mobile_app.phone import Phone
from mobile_app.recording import Refused, remedy, total_counts
from sync.errors import Unreachable
from sync.store.records import RecordLine, RecordStore

State = Literal["connecting", "offline", "waiting", "syncing", "accepted", "refused"]

_DRAW_EVERY_S = 0.1
# The key of what concerns all databases.
_NETWORK = ""
_ALL = 1_000_000


class SyncStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`records` and `photos`: how many are in each state. `waiting`: of both, what the office has not accepted yet;
    `done` of `total` were sent since something last began to wait. `refused` came back and still needs somebody,
    `corrected` came back and has a correction. `accepted` only when nothing waits, nothing is refused and the server
    answers; `connecting` before the first answer or silence.
    """

    state: State = "connecting"
    records: Mapping[str, int] = {}
    photos: Mapping[str, int] = {}
    waiting: int = 0
    done: int = 0
    total: int = 0
    last_accepted_at: datetime | None = None
    refused: int = 0
    corrected: int = 0
    returned: tuple[Refused, ...] = ()
    error_zh: str = ""
    error_en: str = ""

    @property
    def to_send(self) -> int:
        return self.records.get("saved", 0) + self.photos.get("saved", 0)


class StatusBoard:
    """Collects what is known of the network and of each database, and tells listeners what follows from it."""

    def __init__(self, phone: Phone) -> None:
        self.status = SyncStatus()
        self._phone = phone
        self._answers: bool | None = None
        self._listeners: dict[object, Callable[[SyncStatus], None]] = {}
        self._changed = asyncio.Event()
        self._trouble: dict[str, tuple[str, str]] = {}
        self._sent_before: int | None = None
        self._corrections: tuple[int, dict[str, str]] = (0, {})

    @property
    def online(self) -> bool:
        return bool(self._answers)

    def subscribe(self, listener: Callable[[SyncStatus], None]) -> Callable[[], None]:
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    def changed(self) -> None:
        self._changed.set()

    def progressed(self, database: str, error: Unreachable | None) -> None:
        """A step of replication went well, or why not."""
        if error is None:
            self.answered()
            self.clear(database)
        elif error.connected:
            self.failed()
        else:
            self.went_silent()
        self.changed()

    def answered(self) -> None:
        if not self._answers:
            self._answers = True
            self.changed()
        self.clear(_NETWORK)

    def failed(self) -> None:
        """The server does answer, with a failure of its own."""
        self.went_silent("服务器出错，稍后自动再传", "The server failed; it is tried again by itself", online=True)

    def went_silent(
        self, zh: str = "现在连不上服务器", en: str = "The server cannot be reached now", *, online: bool = False
    ) -> None:
        """`online` where the server does answer, but with a failure of its own."""
        self._answers = online
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
        status = self._judged(await asyncio.to_thread(self._read))
        if status != self.status:
            self.status = status
            for listener in tuple(self._listeners.values()):
                listener(status)

    def _read(self) -> SyncStatus:
        """What the files say, in a thread."""
        stores = self._phone.stores
        # Photos are kept before the record that names them: read after it, none of them is missed.
        records, photos = (total_counts(stores.all_own(kind)) for kind in ("user", "media"))
        returned: tuple[Refused, ...] = ()
        if records.get("refused", 0) + photos.get("refused", 0):
            lines = [*_refused(stores.all_own("user")), *_refused(stores.all_own("media"))]
            corrections = self._corrections_of(sum(records.values()))
            returned = tuple(Refused(line, remedy(line, corrections)) for line in lines)
        corrected = sum(each.remedy == "corrected" for each in returned)
        return SyncStatus(
            records=records,
            photos=photos,
            waiting=sum(found.get(state, 0) for found in (records, photos) for state in ("saved", "sent")),
            last_accepted_at=last_accepted_at(self._phone),
            refused=len(returned) - corrected,
            corrected=corrected,
            returned=returned,
        )

    def _corrections_of(self, records: int) -> dict[str, str]:
        """Read again only when there are more records: a correction is one."""
        if self._corrections[0] != records:
            self._corrections = (records, self._phone.corrections_here())
        return self._corrections[1]

    def _judged(self, read: SyncStatus) -> SyncStatus:
        sent = sum(read.records.values()) + sum(read.photos.values()) - read.to_send
        if self._sent_before is None or not read.to_send:
            self._sent_before = sent
        # One that came back and is sent again was counted as sent before.
        self._sent_before = min(self._sent_before, sent)
        done = sent - self._sent_before
        zh, en = next(iter(self._trouble.values()), ("", ""))
        return msgspec.structs.replace(
            read, state=self._state(read), done=done, total=done + read.to_send, error_zh=zh, error_en=en
        )

    def _state(self, read: SyncStatus) -> State:
        if not self._answers:
            return "connecting" if self._answers is None else "offline"
        if read.to_send and not self._trouble:
            return "syncing"
        if read.refused:
            return "refused"
        return "waiting" if read.waiting or self._trouble else "accepted"


def _refused(stores: list[RecordStore]) -> list[RecordLine]:
    return [line for store in stores for line in store.records(states=("refused",), limit=_ALL)]
