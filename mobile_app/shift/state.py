"""The check before the shift: what the phone finds out by itself, judged, and kept when the shift starts."""

from dataclasses import dataclass

import flet as ft
import msgspec

from mobile_app.devices import probe
from mobile_app.shift.work import Probes, judge, shift_check
from mobile_app.state import AppState
from sync.documents.patrol import ShiftCheckItem
from sync.documents.tasks import PatrolTask

# How long to wait for a first position and a first reading.
WAIT_S = 8.0


@ft.observable
@dataclass
class ShiftRun:
    app: AppState
    items: tuple[ShiftCheckItem, ...] = ()
    checking: bool = False
    probes: Probes | None = None

    async def check(self) -> None:
        self.checking = True
        try:
            app = self.app
            needed = any(isinstance(found.task, PatrolTask) for found in app.tasks)
            found = await probe(app.phone, app.devices, instrument_needed=needed, timeout_s=WAIT_S)
            self.probes = msgspec.structs.replace(found, instrument=app.instrument if found.instrument else None)
            self.items = judge(self.probes, self.app.phone.today())
        finally:
            self.checking = False

    async def start(self) -> bool:
        """With a finding too: it is recorded that the worker started all the same."""
        if self.probes is None:
            return False
        done = await self.app.attempt(shift_check(self.app.phone, self.probes, started_anyway=True))
        if done is not None:
            await self.app.reload()
        return done is not None
