"""The devices of one phone: where they are, and their streams for as long as a patrol runs.

Addresses come from QIXUN_GPS, QIXUN_DETECTOR, QIXUN_TAGS, QIXUN_UHF, QIXUN_SCALE and QIXUN_CHECK_SCALE, or from the
app's settings, which win. A device that vanishes is told to the screen in the device's own words and tried again; the
record goes on without it.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from device_bridge.errors import AddressInvalid, DeviceError, DeviceLost
from device_bridge.health import battery_percent, free_storage_bytes
from device_bridge.models import Fix, GasReading, InstrumentInfo
from device_bridge.scale import open_scale
from device_bridge.tag_reader import TagReader, open_tag_reader
from mobile_app.files import read_struct, write_durable
from mobile_app.phone import Phone
from mobile_app.shift.work import Probes
from sync.documents.cylinders import ScanMethod

if TYPE_CHECKING:
    from device_bridge.ble import GasDetector, Status
    from device_bridge.gps import GpsReceiver

DeviceKind = Literal["gps", "detector", "tags"]
T = TypeVar("T")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
# A receiver under the open sky has its first position sooner.
PROBE_TIMEOUT_S = 12.0
_LOOK_EVERY_S = 0.1
FILE_NAME = "devices_settings.json"
DETECTOR_GONE = DeviceLost(
    "检漏仪断开",
    "the gas detector is gone",
    "看看电源，靠近手机；记录不中断，连上自动恢复",
    "check its power and bring it near; the record goes on and takes readings again when it is back",
)


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Empty where there is no such device."""

    gps: str = ""
    detector: str = ""
    tags: str = ""
    uhf: str = ""
    # The scale with the gun's lock, and the one on which a filled cylinder is weighed again.
    scale: str = ""
    check_scale: str = ""


class DeviceState(msgspec.Struct, frozen=True, kw_only=True):
    """For the screen: connected, or in `error` what happened and what to do."""

    kind: DeviceKind
    connected: bool
    error: DeviceError | None = None


def addresses(data_dir: Path) -> Addresses:
    kept = read_struct(data_dir / FILE_NAME, Addresses) or Addresses()
    return Addresses(
        gps=kept.gps or os.environ.get("QIXUN_GPS", ""),
        detector=kept.detector or os.environ.get("QIXUN_DETECTOR", ""),
        tags=kept.tags or os.environ.get("QIXUN_TAGS", ""),
        uhf=kept.uhf or os.environ.get("QIXUN_UHF", ""),
        scale=kept.scale or os.environ.get("QIXUN_SCALE", ""),
        check_scale=kept.check_scale or os.environ.get("QIXUN_CHECK_SCALE", ""),
    )


def save_addresses(data_dir: Path, chosen: Addresses) -> None:
    """Raises AddressInvalid before anything is kept."""
    if chosen.gps:
        _gps(chosen.gps)
    if chosen.detector:
        _detector(chosen.detector)
    for reader in filter(None, (chosen.tags, chosen.uhf)):
        open_tag_reader(reader)
    for scale in filter(None, (chosen.scale, chosen.check_scale)):
        open_scale(scale)
    write_durable(data_dir / FILE_NAME, msgspec.json.encode(chosen))


def tag_readers(data_dir: Path) -> dict[ScanMethod, TagReader]:
    """Those that are set up, by what they read; an address that cannot be read is left out."""
    found = addresses(data_dir)
    readers: dict[ScanMethod, TagReader] = {}
    named: tuple[tuple[ScanMethod, str], ...] = (("nfc", found.tags), ("uhf", found.uhf))
    for method, address in named:
        with suppress(AddressInvalid):
            if address:
                readers[method] = open_tag_reader(address)
    return readers


# A phone without these devices never loads their libraries; with them, beside the screen and after its first list.


def _gps(address: str) -> "GpsReceiver":
    from device_bridge.gps import open_gps  # noqa: PLC0415 - see above

    return open_gps(address)


def _detector(address: str, on_status: "Callable[[Status], None]" = lambda _status: None) -> "GasDetector":
    from device_bridge.ble import open_detector  # noqa: PLC0415 - see above

    return open_detector(address, on_status=on_status)


def tag_reader(data_dir: Path) -> TagReader | None:
    """None without an address. Raises AddressInvalid."""
    found = addresses(data_dir).tags
    return open_tag_reader(found) if found else None


class Devices:
    """Reads positions and methane while it runs; each stream connects again by itself.

    `fix`, `reading` and `instrument` are the latest of devices that are there now; `errors` says what is wrong with
    the others.
    """

    def __init__(
        self,
        phone: Phone,
        *,
        on_fix: Callable[[Fix], Awaitable[object]],
        on_reading: Callable[[GasReading], Awaitable[object]],
        on_instrument: Callable[[InstrumentInfo], object] = lambda _info: None,
        on_state: Callable[[DeviceState], object] = lambda _state: None,
    ) -> None:
        self.fix: Fix | None = None
        self.reading: GasReading | None = None
        self.instrument: InstrumentInfo | None = None
        self.errors: dict[DeviceKind, DeviceError] = {}
        self._phone = phone
        self._on_fix = on_fix
        self._on_reading = on_reading
        self._on_instrument = on_instrument
        self._on_state = on_state
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def running(self) -> bool:
        return bool(self._tasks)

    def start(self) -> None:
        """Raises nothing: an address that cannot be read is told as the device's state."""
        found = addresses(self._phone.data_dir)
        if found.gps:
            self._tasks.append(asyncio.create_task(self._positions(found.gps)))
        if found.detector:
            self._tasks.append(asyncio.create_task(self._gas(found.detector)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.fix = self.reading = self.instrument = None
        self.errors.clear()

    def _tell(self, state: DeviceState) -> None:
        self.errors.pop(state.kind, None)
        if state.error is not None:
            self.errors[state.kind] = state.error
        if not state.connected and state.kind == "gps":
            self.fix = None
        if not state.connected and state.kind == "detector":
            self.reading = None
        self._on_state(state)

    async def _positions(self, address: str) -> None:
        await asyncio.to_thread(import_module, "device_bridge.gps")
        await self._forever("gps", lambda: _gps(address).fixes(), self._take_fix)

    async def _gas(self, address: str) -> None:
        def told(status: Literal["lost", "back"]) -> None:
            error = DETECTOR_GONE if status == "lost" else None
            self._tell(DeviceState(kind="detector", connected=error is None, error=error))

        def readings() -> AsyncGenerator[GasReading, None]:
            return self._readings(_detector(address, told))

        await asyncio.to_thread(import_module, "device_bridge.ble")
        await self._forever("detector", readings, self._take_reading)

    async def _readings(self, detector: "GasDetector") -> AsyncGenerator[GasReading, None]:
        known = False
        async with aclosing(detector.readings()) as stream:
            async for reading in stream:
                if not known:
                    with suppress(DeviceError):
                        self.instrument = await detector.info()
                        self._on_instrument(self.instrument)
                        known = True
                yield reading

    async def _take_fix(self, fix: Fix) -> None:
        self.fix = fix
        await self._on_fix(fix)

    async def _take_reading(self, reading: GasReading) -> None:
        self.reading = reading
        await self._on_reading(reading)

    async def _forever(
        self,
        kind: DeviceKind,
        connect: Callable[[], AsyncGenerator[T, None]],
        take: Callable[[T], Awaitable[object]],
    ) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            connected = False
            try:
                async with aclosing(connect()) as stream:
                    async for item in stream:
                        if not connected:
                            connected, pause_s = True, FIRST_PAUSE_S
                            self._tell(DeviceState(kind=kind, connected=True))
                        await take(item)
            except AddressInvalid as error:
                self._tell(DeviceState(kind=kind, connected=False, error=error))
                return
            except DeviceError as error:
                self._tell(DeviceState(kind=kind, connected=False, error=error))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


async def probe(
    phone: Phone,
    devices: Devices | None = None,
    *,
    instrument_needed: bool | None = None,
    timeout_s: float = PROBE_TIMEOUT_S,
) -> Probes:
    """Everything the start-of-shift check asks of this phone; what is not there in time is None.

    `devices` that run already are asked: a detector has one link, and a second one would end the first. Without
    `instrument_needed` an instrument is needed where one is set up.
    """
    found = addresses(phone.data_dir)
    if devices is not None and devices.running:
        await _first_words(devices, found, timeout_s)
        fix, instrument = devices.fix, None if "detector" in devices.errors else devices.instrument
    else:
        fix, instrument = await asyncio.gather(
            _first_fix(found.gps, timeout_s) if found.gps else _nothing(),
            _instrument(found.detector, timeout_s) if found.detector else _nothing(),
        )
    if fix is not None:
        phone.take_fix(fix)
    return Probes(
        fix=fix,
        # A computer, a handheld or a vehicle box has no battery saver that would stop the app.
        battery_saver_exempt=None if on_a_phone() else True,
        battery_percent=await asyncio.to_thread(battery_percent),
        free_storage_bytes=await asyncio.to_thread(free_storage_bytes, phone.data_dir),
        clock_ahead_s=phone.clock.ahead_s(),
        instrument=instrument,
        instrument_needed=bool(found.detector) if instrument_needed is None else instrument_needed,
    )


def on_a_phone() -> bool:
    """Android or iOS, whose system may stop what runs in the background."""
    return "ANDROID_ROOT" in os.environ or sys.platform in {"android", "ios"}


async def _first_words(devices: Devices, found: Addresses, timeout_s: float) -> None:
    """Until each device has answered or is known to be missing."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while (  # noqa: ASYNC110 - two streams are looked at
                found.gps and devices.fix is None and "gps" not in devices.errors
            ) or (found.detector and devices.instrument is None and "detector" not in devices.errors):
                await asyncio.sleep(_LOOK_EVERY_S)


async def _nothing() -> None:
    return None


async def _first_fix(address: str, timeout_s: float) -> Fix | None:
    with suppress(DeviceError, TimeoutError):
        async with asyncio.timeout(timeout_s), aclosing(_gps(address).fixes()) as fixes:
            async for fix in fixes:
                return fix
    return None


async def _instrument(address: str, timeout_s: float) -> InstrumentInfo | None:
    with suppress(DeviceError, TimeoutError):
        async with asyncio.timeout(timeout_s):
            return await _detector(address).info()
    return None
