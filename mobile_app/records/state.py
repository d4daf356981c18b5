"""我的记录: which of them are shown, what was searched for, and the one that is looked at."""

from dataclasses import dataclass
from typing import Literal

import flet as ft

from mobile_app.recording import Loss
from mobile_app.records.work import Finder, Listed, RecordPath
from mobile_app.state import AppState
from sync.store.records import RecordState

# A screenful or two; the rest is one touch away.
AT_FIRST = 60
Chosen = Literal["", "saved", "sent", "accepted", "refused"]
# For the worker what waits for another record has been accepted.
_STATES: dict[str, tuple[RecordState, ...]] = {"accepted": ("accepted", "waiting")}


@ft.observable
@dataclass
class RecordBook:
    app: AppState
    chosen: Chosen = ""
    words: str = ""
    searching: bool = False
    lines: tuple[Listed, ...] = ()
    more: bool = False
    opened: RecordPath | None = None
    loss: Loss | None = None

    def __post_init__(self) -> None:
        self._limit = AT_FIRST
        self._finder: Finder | None = None

    @property
    def finder(self) -> Finder:
        words = self.app.ui.words
        if self._finder is None or self._finder.language != words.language:
            self._finder = Finder(self.app.phone, words)
        return self._finder

    async def read(self) -> None:
        """Again, as the phone's files are now."""
        words, states = self.words, _STATES.get(self.chosen, (self.chosen,) if self.chosen else None)
        lines, more = await self.finder.find(words, states=states, limit=self._limit)
        if words == self.words:  # else the worker has typed on meanwhile
            self.lines, self.more = lines, more
        if self.opened is not None:
            self.opened = await self.finder.path(self.opened.line.id)

    async def choose(self, chosen: Chosen) -> None:
        self.chosen, self._limit = chosen, AT_FIRST
        await self.read()

    async def search(self, words: str) -> None:
        self.words, self._limit = words, AT_FIRST
        await self.read()

    async def toggle_search(self) -> None:
        self.searching = not self.searching
        if self.words:
            await self.search("")

    async def show_more(self) -> None:
        self._limit += AT_FIRST
        await self.read()

    async def open(self, record_id: str) -> bool:
        self.opened = await self.finder.path(record_id)
        return self.opened is not None

    async def count_loss(self) -> None:
        self.loss = await self.app.phone.what_would_be_lost()
