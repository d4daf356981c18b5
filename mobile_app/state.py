"""The app of one phone as the screens see it: who is signed in, what is to be done, how the sending goes.

One state for each phone, not for each window: a walk goes on while the screen is dark or a browser is closed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import flet as ft
import msgspec

from device_bridge.errors import DeviceError
from device_bridge.models import Fix, GasReading, InstrumentInfo
from mobile_app.components.ui import Ui
from mobile_app.devices import Addresses, Devices, DeviceState, save_addresses
from mobile_app.errors import NotReady, SignInError, WorkError
from mobile_app.phone import Phone
from mobile_app.preferences import Preferences, keep_preferences, read_preferences
from mobile_app.store_keys import KeySource
from mobile_app.sync_status import SyncStatus
from mobile_app.syncing import Syncing
from mobile_app.tasks import Task
from mobile_app.theme import DARK, LIGHT
from mobile_app.words import BEIJING, Words
from sync.documents.patrol import ShiftChecked
from sync.documents.reference import ChoiceList, CompanySettings, InspectionReminder

T = TypeVar("T")
_log = logging.getLogger(__name__)

# What the emergency button calls before the company's own number has arrived.
PUBLIC_EMERGENCY_PHONE = "119"


class Problem(msgspec.Struct, frozen=True):
    """What happened and what to do, in both languages, until the worker has read it."""

    zh: str
    en: str
    action_zh: str = ""
    action_en: str = ""


PROGRAM_FAULT = Problem(
    "程序出错了，这一步没有做成",
    "The program failed at this step",
    "已存的记录没有丢；再试一次，还不行请告诉管理员",
    "what was saved is safe; try again, and tell the administrator if it stays",
)


@ft.observable
@dataclass
class AppState:
    folder: Path
    phone: Phone
    preferences: Preferences
    tab: str = "today"
    signed_in: bool = False
    busy: bool = False
    problem: Problem | None = None
    tasks: tuple[Task, ...] = ()
    shift: ShiftChecked | None = None
    settings: CompanySettings | None = None
    # Units whose data are still on their first way here.
    downloading: set[str] = field(default_factory=set)
    inspections_due: tuple[InspectionReminder, ...] = ()
    lists: tuple[ChoiceList, ...] = ()
    status: SyncStatus = field(default_factory=SyncStatus)
    fix: Fix | None = None
    reading: GasReading | None = None
    instrument: InstrumentInfo | None = None
    gps_error: DeviceError | None = None
    detector_error: DeviceError | None = None

    def __post_init__(self) -> None:
        self.syncing: Syncing | None = None
        self.devices: Devices | None = None
        self.on_fix: list[Callable[[Fix], Awaitable[None]]] = []
        self.on_reading: list[Callable[[GasReading], Awaitable[None]]] = []
        self.on_reload: list[Callable[[], Awaitable[None]]] = []
        self.on_device: list[Callable[[DeviceState], object]] = []
        self._background: set[asyncio.Future[Any]] = set()
        self._reloading = False
        self._reload_again = False

    @classmethod
    async def open(cls, folder: Path, *, keys: KeySource | None = None) -> "AppState":
        preferences = await asyncio.to_thread(read_preferences, folder)
        phone = await Phone.open(folder, preferences.server_url, keys=keys)
        return cls(folder=folder, phone=phone, preferences=preferences)

    # How it speaks and looks

    @property
    def ui(self) -> Ui:
        look = DARK if self.preferences.theme == "night" else LIGHT
        return Ui(Words(self.preferences.language), look)

    async def prefer(self, **changes: Any) -> None:
        before = self.preferences
        self.preferences = msgspec.structs.replace(before, **changes)
        await asyncio.to_thread(keep_preferences, self.folder, self.preferences)
        if self.preferences.server_url != before.server_url and not self.signed_in:
            await self.phone.close()
            self.phone = await Phone.open(self.folder, self.preferences.server_url, keys=self.phone.keys)

    async def use_devices(self, chosen: Addresses) -> bool:
        """Keeps the addresses and reads these devices from now on; False when one cannot be read."""

        async def keep() -> bool:
            await asyncio.to_thread(save_addresses, self.folder, chosen)
            return True

        kept = await self.attempt(keep())
        if kept and self.devices is not None:
            await self.devices.stop()
            self._sensed()
            self.devices.start()
        return bool(kept)

    # Who

    async def sign_in(self, staff_number: str, password: str) -> None:
        async def enter() -> bool:
            await self.phone.sign_in(staff_number, password)
            return True

        if await self.attempt(enter()):
            await self.begin()

    async def begin(self) -> None:
        """Somebody is signed in: sending, positions and gas readings start."""
        self.phone.subscribe(self.reload_soon)
        self.syncing = Syncing(self.phone)
        self.syncing.subscribe(self._synced)
        # His own numbers before the first frame: never those of who worked with this phone before.
        self.status = await self.syncing.read_status()
        self.devices = Devices(
            self.phone,
            on_fix=self._take_fix,
            on_reading=self._take_reading,
            on_instrument=lambda _info: self._sensed(),
            on_state=self._device_told,
        )
        await self.reload()
        self.signed_in = True
        self.tab = "today"
        # Not before his list: they load what a screen without them does not wait for.
        self.syncing.start()
        self.devices.start()

    async def sign_out(self) -> None:
        # First: a screen that is drawn meanwhile must not look for who has gone.
        self.signed_in = False
        if self.devices is not None:
            await self.devices.stop()
            self._sensed()
            self.devices = None
        if self.syncing is not None:
            await self.syncing.stop()
            self.syncing = None
        await self.phone.sign_out()
        self.tasks, self.shift, self.settings, self.lists = (), None, None, ()
        self.inspections_due = ()
        self.status = SyncStatus()

    async def sync_now(self) -> None:
        if self.syncing is not None:
            await self.attempt(self.syncing.sync_now())
            await self.reload()

    # What is on the phone

    def reload_soon(self) -> None:
        """Reads the phone's store again; many calls in a burst cost one reading."""
        if self._reloading:
            self._reload_again = True
            return
        self.run(self.reload())

    async def reload(self) -> None:
        self._reloading = True
        try:
            self._reload_again = True
            while self._reload_again:
                self._reload_again = False
                await self._read_phone()
        except SignInError:
            return  # signed out meanwhile
        finally:
            self._reloading = False

    async def _read_phone(self) -> None:
        phone = self.phone
        self.tasks = tuple(await phone.tasks())
        await phone.index_cylinders()
        today = phone.today()
        checks = await phone.recorded(ShiftChecked)
        self.shift = next((c for c in reversed(checks) if c.recorded.at.astimezone(BEIJING).date() == today), None)
        try:
            self.settings = await phone.settings()
        except NotReady:
            self.settings = None
        self.downloading = await phone.downloading()
        self.inspections_due = tuple(await phone.inspections_due())
        for read_again in tuple(self.on_reload):
            await read_again()

    def follow(self, part: T) -> T:
        """A part of the app whose changes are the app's: a window hears of them through the app alone."""

        def forward(_sender: Any, _field: str | None) -> None:
            self.notify()  # type: ignore[attr-defined]

        # Flet holds listeners weakly; the part keeps its own alive.
        object.__setattr__(part, "forward_to_app", forward)
        part.subscribe(forward)  # type: ignore[attr-defined]
        return part

    def task(self, task_id: str) -> Task | None:
        return next((found for found in self.tasks if found.task.id == task_id), None)

    @property
    def emergency_phone(self) -> str:
        return (self.settings.emergency_phone if self.settings else "") or PUBLIC_EMERGENCY_PHONE

    @property
    def offline(self) -> bool:
        return self.status.state == "offline"

    def now(self) -> datetime:
        return self.phone.clock.now().at

    # Doing things

    async def attempt(self, work: Awaitable[T]) -> T | None:
        """Does it, or tells the worker why not and what to do; None when it failed."""
        self.busy = True
        try:
            return await work
        except WorkError as error:
            self.problem = Problem(error.zh, error.en, error.action_zh, error.action_en)
        except DeviceError as error:
            self.problem = Problem(error.detail_zh, error.detail_en, error.what_to_do_zh, error.what_to_do_en)
        except Exception:  # noqa: BLE001
            # The outermost loop of a touch: a fault of ours must not take the screen away from a worker.
            _log.exception("a touch failed")
            self.problem = PROGRAM_FAULT
        finally:
            self.busy = False
        return None

    def say_number(self, number: str) -> None:
        """To be called by hand, where the dialler did not open."""
        self.problem = Problem(
            f"请拨打 {number}",
            f"Call {number}",
            "这台设备不能直接拨号，用手机打",
            "this device cannot dial: use a phone",
        )

    def run(self, work: Awaitable[Any]) -> None:
        """In the background, so that a screen does not wait for it."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("background work failed", exc_info=task.exception())

    # News from the outside

    def _synced(self, status: SyncStatus) -> None:
        self.status = status
        self.reload_soon()

    async def _take_fix(self, fix: Fix) -> None:
        self.phone.take_fix(fix)
        for listener in tuple(self.on_fix):
            await listener(fix)
        self.fix = fix

    async def _take_reading(self, reading: GasReading) -> None:
        self.reading = reading
        for listener in tuple(self.on_reading):
            await listener(reading)

    def _device_told(self, state: DeviceState) -> None:
        self._sensed()
        for hear in tuple(self.on_device):
            hear(state)

    def _sensed(self) -> None:
        """What the devices are now, on the screens: a reading of a detector that has gone is no reading."""
        devices = self.devices
        if devices is None:
            return
        self.fix, self.reading = devices.fix, devices.reading
        self.instrument = self._verified(devices.instrument)
        self.gps_error, self.detector_error = devices.errors.get("gps"), devices.errors.get("detector")

    def _verified(self, instrument: InstrumentInfo | None) -> InstrumentInfo | None:
        """With the date from the settings, where the instrument does not tell its own."""
        if instrument is None or instrument.verified_until is not None:
            return instrument
        try:
            until = date.fromisoformat(self.preferences.instrument_verified_until)
        except ValueError:
            return instrument
        return msgspec.structs.replace(instrument, verified_until=until)
