"""The check before the shift: what the phone finds out by itself, judged, and kept when the shift starts."""

import asyncio
from dataclasses import dataclass
from datetime import date

import flet as ft
import msgspec

from device_bridge.health import battery_percent, free_storage_bytes
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
            await self._wait_for_devices()
            self.probes = await self._probe()
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

    async def _wait_for_devices(self) -> None:
        app = self.app
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while asyncio.get_running_loop().time() < deadline:
            sensing = app.sensing
            positioned = not app.preferences.gps or sensing.fix or sensing.gps_error
            measured = not app.preferences.detector or sensing.instrument or sensing.detector_error
            if positioned and measured:
                return
            await asyncio.sleep(0.1)

    async def _probe(self) -> Probes:
        app = self.app
        instrument = app.sensing.instrument
        if instrument is not None and instrument.verified_until is None:
            instrument = msgspec.structs.replace(
                instrument, verified_until=_date(app.preferences.instrument_verified_until)
            )
        return Probes(
            fix=app.sensing.fix,
            battery_percent=await asyncio.to_thread(battery_percent),
            free_storage_bytes=await asyncio.to_thread(free_storage_bytes, app.folder),
            clock_ahead_s=app.phone.clock.ahead_s(),
            instrument=instrument,
            instrument_needed=any(isinstance(found.task, PatrolTask) for found in app.tasks),
        )


def _date(words: str) -> date | None:
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None
