"""One gas detector over Bluetooth LE through bleak: who it is, and its readings for as long as it lives.

A walk breaks the link many times a day (a body in between, a car door). So the stream reconnects by itself with
growing pauses and tells `on_status`; only a detector that stays away for `give_up_s` ends it, with DeviceLost.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from time import monotonic
from typing import Literal, Protocol

from bleak import BleakClient
from bleak.exc import BleakCharacteristicNotFoundError, BleakError

from device_bridge.ble.discovery import SCHEME, find_device
from device_bridge.ble.parsers import PROFILES, Concentration, PayloadError, Profile
from device_bridge.errors import AddressInvalid, DeviceError, DeviceGarbled, DeviceLost, DeviceMissing
from device_bridge.models import GasReading, InstrumentInfo

SERIAL_NUMBER = "00002a25-0000-1000-8000-00805f9b34fb"
MODEL_NUMBER = "00002a24-0000-1000-8000-00805f9b34fb"
MANUFACTURER = "00002a29-0000-1000-8000-00805f9b34fb"
BATTERY_LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"
SCAN_TIMEOUT_S = 8.0
CONNECT_TIMEOUT_S = 8.0
READ_TIMEOUT_S = 5.0
HANG_UP_TIMEOUT_S = 3.0
# A detector reports once a second or faster; ten missing readings are no hiccup.
DEFAULT_SILENCE_S = 10.0
# Ten minutes: past a lunch break in the car the inspector reconnects by hand.
DEFAULT_GIVE_UP_S = 600.0
FIRST_PAUSE_S = 0.3
LONGEST_PAUSE_S = 10.0
# A screen that hangs for a minute loses the oldest readings, never the newest.
LONGEST_QUEUE = 600

Status = Literal["lost", "back"]
Payload = bytes | None  # None: the link is gone


class GasDetector(Protocol):
    async def info(self) -> InstrumentInfo:
        """Who it is, with its battery now. Raises DeviceMissing, DeviceLost."""
        ...

    def readings(self) -> AsyncGenerator[GasReading, None]:
        """Readings across reconnections. Raises DeviceMissing (never reached), DeviceLost, DeviceGarbled."""
        ...


def open_detector(
    address: str,
    *,
    on_status: Callable[[Status], None] = lambda _status: None,
    silence_s: float = DEFAULT_SILENCE_S,
    give_up_s: float = DEFAULT_GIVE_UP_S,
    scan_timeout_s: float = SCAN_TIMEOUT_S,
) -> GasDetector:
    """`ble://C4:DE:E2:11:22:33`, or `ble://` for the first detector heard. Connects on use. Raises AddressInvalid."""
    if not address.startswith(SCHEME):
        raise AddressInvalid(address, "ble://C4:DE:E2:11:22:33, ble://")
    return BleDetector(
        address.removeprefix(SCHEME),
        on_status=on_status,
        silence_s=silence_s,
        give_up_s=give_up_s,
        scan_timeout_s=scan_timeout_s,
    )


class BleDetector:
    def __init__(
        self,
        mac: str,
        *,
        on_status: Callable[[Status], None],
        silence_s: float,
        give_up_s: float,
        scan_timeout_s: float,
    ) -> None:
        self._mac = mac
        self._on_status = on_status
        self._silence_s = silence_s
        self._give_up_s = give_up_s
        self._scan_timeout_s = scan_timeout_s
        self._client: BleakClient | None = None
        self._instrument_id = ""

    async def info(self) -> InstrumentInfo:
        if self._client is not None and self._client.is_connected:
            return await _read_info(self._client)
        async with self._connected(asyncio.Queue()) as client:
            return await _read_info(client)

    async def readings(self) -> AsyncGenerator[GasReading, None]:
        reached, lost_at, pause_s = False, 0.0, FIRST_PAUSE_S
        while True:
            try:
                async with aclosing(self._readings_of_one_link()) as readings:
                    async for reading in readings:
                        if lost_at:
                            self._on_status("back")
                        reached, lost_at, pause_s = True, 0.0, FIRST_PAUSE_S
                        yield reading
            except (DeviceLost, DeviceMissing) as error:
                if not reached:
                    raise
                if not lost_at:
                    lost_at = monotonic()
                    self._on_status("lost")
                if monotonic() - lost_at + pause_s > self._give_up_s:
                    raise _lost() from error
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _readings_of_one_link(self) -> AsyncGenerator[GasReading, None]:
        payloads: asyncio.Queue[Payload] = asyncio.Queue()
        async with self._connected(payloads) as client:
            profile = _profile_of(client)
            self._instrument_id = self._instrument_id or (await _read_info(client)).instrument_id
            with _link_errors():
                await client.start_notify(
                    profile.characteristic_uuid, lambda _sender, data: _put(payloads, bytes(data))
                )
            understood_at = monotonic()
            while True:
                try:
                    payload = await asyncio.wait_for(payloads.get(), self._silence_s)
                except TimeoutError as error:
                    raise _lost() from error
                if payload is None:
                    raise _lost()
                try:
                    concentration = profile.decode(payload)
                except PayloadError as error:
                    if monotonic() - understood_at > self._silence_s:
                        raise _garbled() from error
                    continue
                if concentration is not None:
                    yield self._reading(concentration)
                understood_at = monotonic()

    def _reading(self, concentration: Concentration) -> GasReading:
        return GasReading(
            value_ppm=concentration.value_ppm,
            raw_unit=concentration.raw_unit,
            at_monotonic_s=monotonic(),
            instrument_id=self._instrument_id,
        )

    @asynccontextmanager
    async def _connected(self, payloads: "asyncio.Queue[Payload]") -> AsyncGenerator[BleakClient, None]:
        device = await find_device(self._mac, self._scan_timeout_s)
        # From the first contact on it is this detector and no other that the record names.
        self._mac = device.address
        client = BleakClient(device, lambda _client: _put(payloads, None), timeout=CONNECT_TIMEOUT_S)
        with _link_errors():
            await client.connect()
        self._client = client
        try:
            yield client
        finally:
            self._client = None
            with suppress(BleakError, OSError, EOFError, TimeoutError):
                await asyncio.wait_for(client.disconnect(), HANG_UP_TIMEOUT_S)


@contextmanager
def _link_errors() -> Iterator[None]:
    """Turns what bleak raises when a link breaks into DeviceLost."""
    try:
        yield
    except (BleakError, OSError, EOFError) as error:
        raise _lost() from error


async def _read_info(client: BleakClient) -> InstrumentInfo:
    battery = await _read(client, BATTERY_LEVEL)
    serial = (await _read(client, SERIAL_NUMBER)).decode(errors="replace").strip("\0 ")
    return InstrumentInfo(
        # A detector without a serial number is still told apart by its radio address.
        instrument_id=serial or client.address,
        name=client.name,
        manufacturer=(await _read(client, MANUFACTURER)).decode(errors="replace"),
        model=(await _read(client, MODEL_NUMBER)).decode(errors="replace"),
        battery_percent=battery[0] if battery and battery[0] <= 100 else None,
    )


async def _read(client: BleakClient, uuid: str) -> bytes:
    """The value, or b"" when the instrument has no such characteristic."""
    with _link_errors():
        try:
            return bytes(await asyncio.wait_for(client.read_gatt_char(uuid), READ_TIMEOUT_S))
        except BleakCharacteristicNotFoundError:
            return b""


def _profile_of(client: BleakClient) -> Profile:
    for profile in PROFILES:
        if client.services.get_characteristic(profile.characteristic_uuid) is not None:
            return profile
    raise _garbled()


def _put(payloads: "asyncio.Queue[Payload]", payload: Payload) -> None:
    if payloads.qsize() >= LONGEST_QUEUE:
        payloads.get_nowait()
    payloads.put_nowait(payload)


def _lost() -> DeviceError:
    return DeviceLost(
        "检漏仪断开",
        "the gas detector is gone",
        "请检查电源并靠近手机；记录继续，连上后自动恢复",
        "check its power and bring it near; the record goes on and takes readings again when it is back",
    )


def _garbled() -> DeviceError:
    return DeviceGarbled(
        "检漏仪数据无法识别",
        "what the gas detector sends cannot be understood",
        "请换一台检漏仪，或手工输入读数；记录继续",
        "use another detector or type the reading; the record goes on",
    )
