"""A round as its screens see it: what is on the vehicle, and what came off it again."""

from dataclasses import dataclass

import flet as ft

from device_bridge.models import Fix
from mobile_app.deliveries.rounds import Round, load_list
from mobile_app.deliveries.scans import Scanned
from mobile_app.scanning.state import Scanning
from mobile_app.state import AppState
from sync.documents.cylinders import CylindersLoaded
from sync.rules.loading import OnBoard, missing_of


@ft.observable
@dataclass
class RoundRun:
    """`stored`: what was scanned at the station, each with whether it is full."""

    app: AppState
    board: tuple[OnBoard, ...] = ()
    stored: tuple[tuple[Scanned, bool], ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        self.round: Round | None = None
        self.scanning = self.app.follow(Scanning(self.app, "return"))

    async def resume(self) -> None:
        """The round that was under way when the app went down."""
        self.round = await Round.resume(self.app.phone)
        await self.read()
        self._listen()

    async def begin(self, loaded: CylindersLoaded) -> None:
        self.round = await Round.begin(self.app.phone, loaded)
        await self.read()
        self._listen()

    def leave(self) -> None:
        """Signed out or at the station: no more positions for this one."""
        if self._take_fix in self.app.on_fix:
            self.app.on_fix.remove(self._take_fix)

    def _listen(self) -> None:
        if self.round is not None and self._take_fix not in self.app.on_fix:
            self.app.on_fix.append(self._take_fix)

    async def _take_fix(self, fix: Fix) -> None:
        if self.round is not None:
            await self.round.take_fix(fix)

    async def read(self) -> None:
        self.board = await load_list(self.app.phone)

    @property
    def missing(self) -> tuple[str, ...]:
        return missing_of(self.board, [found.scan.code for found, _ in self.stored])

    def is_full(self, code: str) -> bool:
        """What the load list says; a cylinder that nobody loaded comes as an empty."""
        return next((each.full for each in self.board if each.code == code), False)

    def on_list(self, code: str) -> bool:
        return any(each.code == code for each in self.board)

    def keep(self, *, full: bool) -> None:
        found, self.scanning.shown = self.scanning.shown, None
        if found is not None and found.scan.code not in {f.scan.code for f, _ in self.stored}:
            self.stored = (*self.stored, (found, full))

    def take_out(self, code: str) -> None:
        self.stored = tuple(pair for pair in self.stored if pair[0].scan.code != code)

    async def store(self) -> bool:
        """回站入库: the round is over."""
        if self.round is None:
            return False
        done = await self.app.attempt(self.round.store(self.stored, self.reason))
        if done is None:
            return False
        self.leave()
        self.round, self.stored, self.reason = None, (), ""
        await self.read()
        return True
