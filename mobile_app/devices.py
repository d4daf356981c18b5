"""The devices of one phone: where they are, and their streams for as long as a patrol runs.

Addresses come from QIXUN_GPS, QIXUN_DETECTOR and QIXUN_TAGS, or from the app's settings, which win. A device that
vanishes is told to the screen in the device's own words and tried again; the record goes on without it.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from device_bridge.ble import GasDetector, open_detector
from device_bridge.errors import AddressInvalid, DeviceError
from device_bridge.gps import GpsReceiver, open_gps
from device_bridge.health import battery_percent, free_storage_bytes
from device_bridge.models import Fix, GasReading, InstrumentInfo
from device_bridge.nfc import TagReader, open_tag_reader
from mobile_app.files import read_struct, write_durable
from mobile_app.phone import Phone
from mobile_app.shift.work import Probes

DeviceKind = Literal["gps", "detector", "tags"]
T = TypeVar("T")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
# A receiver under the open sky has its first position sooner.
PROBE_TIMEOUT_S = 12.0


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Empty where there is no such device."""

    gps: str = ""
    detector: str = ""
    tags: str = ""


class DeviceState(msgspec.Struct, frozen=True, kw_only=True):
    """For the screen: connected, or what happened and what to do."""

    kind: DeviceKind
    connected: bool
    error: DeviceError | None = None


def addresses(data_dir: Path) -> Addresses:
    kept = read_struct(data_dir / "devices_settings.json", Addresses) or Addresses()
    return Addresses(
        gps=kept.gps or os.environ.get("QIXUN_GPS", ""),
        detector=kept.detector or os.environ.get("QIXUN_DETECTOR", ""),
        tags=kept.tags or os.environ.get("QIXUN_TAGS", ""),
    )


def save_addresses(data_dir: Path, chosen: Addresses) -> None:
    """Raises AddressInvalid before anything is kept."""
    if chosen.gps:
        open_gps(chosen.gps)
    if chosen.detector:
        open_detector(chosen.detector)
    if chosen.tags:
        open_tag_reader(chosen.tags)
    write_durable(data_dir / "devices_settings.json", msgspec.json.encode(chosen))


def tag_reader(data_dir: Path) -> TagReader | None:
    """None without an address. Raises AddressInvalid."""
    found = addresses(data_dir).tags
    return open_tag_reader(found) if found else None


class Devices:
    """Reads positions and methane while it runs; each stream connects again by itself."""

    def __init__(
        self,
        phone: Phone,
        *,
        on_fix: Callable[[Fix], Awaitable[object]],
        on_reading: Callable[[GasReading], Awaitable[object]],
        on_instrument: Callable[[InstrumentInfo], object] = lambda _info: None,
        on_state: Callable[[DeviceState], object] = lambda _state: None,
    ) -> None:
        self._phone = phone
        self._on_fix = on_fix
        self._on_reading = on_reading
        self._on_instrument = on_instrument
        self._on_state = on_state
        self._tasks: list[asyncio.Task[None]] = []

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

    async def _positions(self, address: str) -> None:
        await self._forever("gps", lambda: open_gps(address).fixes(), self._on_fix)

    async def _gas(self, address: str) -> None:
        def told(status: Literal["lost", "back"]) -> None:
            self._on_state(DeviceState(kind="detector", connected=status == "back"))

        def readings() -> AsyncGenerator[GasReading, None]:
            return self._readings(open_detector(address, on_status=told))

        await self._forever("detector", readings, self._on_reading)

    async def _readings(self, detector: GasDetector) -> AsyncGenerator[GasReading, None]:
        known = False
        async with aclosing(detector.readings()) as stream:
            async for reading in stream:
                if not known:
                    with suppress(DeviceError):
                        self._on_instrument(await detector.info())
                        known = True
                yield reading

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
                            self._on_state(DeviceState(kind=kind, connected=True))
                        await take(item)
            except AddressInvalid as error:
                self._on_state(DeviceState(kind=kind, connected=False, error=error))
                return
            except DeviceError as error:
                self._on_state(DeviceState(kind=kind, connected=False, error=error))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


async def probe(phone: Phone, *, timeout_s: float = PROBE_TIMEOUT_S) -> Probes:
    """Everything the start-of-shift check asks of this phone, found at the same time; what is not there is None."""
    found = addresses(phone.data_dir)
    fix, instrument = await asyncio.gather(
        _first_fix(open_gps(found.gps), timeout_s) if found.gps else _nothing(),
        _instrument(open_detector(found.detector), timeout_s) if found.detector else _nothing(),
    )
    if fix is not None:
        phone.take_fix(fix)
    return Probes(
        fix=fix,
        # A handheld or vehicle box has no battery saver; a phone's app asks its own system.
        battery_saver_exempt=True if os.name == "posix" and "ANDROID_ROOT" not in os.environ else None,
        battery_percent=await asyncio.to_thread(battery_percent),
        free_storage_bytes=await asyncio.to_thread(free_storage_bytes, phone.data_dir),
        clock_ahead_s=phone.clock.ahead_s(),
        instrument=instrument,
        instrument_needed=bool(found.detector),
    )


async def _nothing() -> None:
    return None


async def _first_fix(receiver: GpsReceiver, timeout_s: float) -> Fix | None:
    with suppress(DeviceError, TimeoutError):
        async with asyncio.timeout(timeout_s), aclosing(receiver.fixes()) as fixes:
            async for fix in fixes:
                return fix
    return None


async def _instrument(detector: GasDetector, timeout_s: float) -> InstrumentInfo | None:
    with suppress(DeviceError, TimeoutError):
        async with asyncio.timeout(timeout_s):
            return await detector.info()
    return None
