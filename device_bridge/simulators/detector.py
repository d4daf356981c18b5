"""A methane leak detector over Bluetooth LE, with a BlueZ of its own on a private D-Bus."""

import argparse
import asyncio
import struct
from contextlib import ExitStack
from time import monotonic

from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData, ProtocolError
from bumble.device import Device
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.profiles.battery_service import BatteryService
from bumble.profiles.device_information_service import DeviceInformationService
from bumble.transport.common import AsyncPipeSink

from device_bridge.simulators.bluez import BluezService
from device_bridge.simulators.bus import private_bus
from device_bridge.simulators.control import Control

ENVIRONMENTAL_SENSING = 0x181A
METHANE_CONCENTRATION = 0x2BD1
PPB_PER_PPM = 1000
# Values of medfloat16 (IEEE 11073-20601 SFLOAT): a 4-bit exponent of ten and a 12-bit mantissa.
POSITIVE_INFINITY = 0x07FE
LARGEST_MANTISSA = 2045
ADVERTISING_MS = 50


class Detector:
    def __init__(self, link: LocalLink, *, address: str, name: str, serial: str, interval_s: float) -> None:
        controller = Controller("detector", link=link, public_address=address)
        host = Host(controller, AsyncPipeSink(controller))
        self._device = Device(name=name, address=Address(address), host=host)
        self._interval_s = interval_s
        self._ramp = (2.0, 2.0, 0.0, monotonic())
        self.battery = 87
        self.mode = "on"
        properties = Characteristic.Properties.READ | Characteristic.Properties.NOTIFY
        value: CharacteristicValue[bytes] = CharacteristicValue(read=lambda _connection: self.payload())
        uuid = UUID.from_16_bits(METHANE_CONCENTRATION)
        self._methane: Characteristic[bytes] = Characteristic(uuid, properties, Characteristic.READABLE, value)
        self._device.add_services(
            [
                Service(UUID.from_16_bits(ENVIRONMENTAL_SENSING), [self._methane]),
                BatteryService(lambda _connection: self.battery),
                DeviceInformationService("演示仪表", "LD-01", serial, firmware_revision="1.2"),
            ]
        )
        self._device.advertising_data = bytes(
            AdvertisingData(
                [
                    (AdvertisingData.FLAGS, b"\x06"),
                    (AdvertisingData.COMPLETE_LOCAL_NAME, name.encode()),
                    (
                        AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                        struct.pack("<H", ENVIRONMENTAL_SENSING),
                    ),
                ]
            )
        )

    def ppm(self) -> float:
        start, end, seconds, since = self._ramp
        done = min((monotonic() - since) / seconds, 1.0) if seconds else 1.0
        return start + (end - start) * done

    def payload(self) -> bytes:
        return b"\xff" if self.mode == "garble" else encode_medfloat16(self.ppm() * PPB_PER_PPM)

    async def power_on(self) -> None:
        await self._device.power_on()
        await self.advertise()

    async def advertise(self) -> None:
        await self._device.start_advertising(
            auto_restart=True,
            advertising_interval_min=ADVERTISING_MS,
            advertising_interval_max=ADVERTISING_MS,
        )

    async def notify_forever(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            if self.mode == "silent":
                continue
            try:
                await self._device.notify_subscribers(self._methane)
            except (ProtocolError, TimeoutError):
                continue  # the peer left between two notifications

    # The line commands.

    def set_ppm(self, words: list[str]) -> str:
        return self.set_ramp([words[0], words[0], "0"])

    def set_ramp(self, words: list[str]) -> str:
        start, end, seconds = (float(word) for word in words[:3])
        if min(start, end, seconds) < 0:
            raise ValueError("concentrations and seconds are not negative")
        self._ramp = (start, end, seconds, monotonic())
        return f"{start:g} -> {end:g} ppm in {seconds:g} s"

    def set_battery(self, words: list[str]) -> str:
        self.battery = int(words[0])
        return ""

    def set_mode(self, mode: str) -> str:
        self.mode = mode
        return ""

    async def drop(self, _words: list[str]) -> str:
        connections = list(self._device.connections.values())
        for connection in connections:
            await connection.disconnect()
        return f"{len(connections)} dropped"

    async def switch_off(self, words: list[str]) -> str:
        await self._device.stop_advertising()
        return await self.drop(words)

    async def switch_on(self, _words: list[str]) -> str:
        await self.advertise()
        return ""


def encode_medfloat16(value: float) -> bytes:
    """Little-endian, with as many digits as twelve bits hold; infinity for what is too large."""
    if value == 0:
        return b"\0\0"
    for exponent in range(-8, 8):
        mantissa = round(value / 10.0**exponent)
        if abs(mantissa) <= LARGEST_MANTISSA:
            return struct.pack("<H", (exponent & 0xF) << 12 | (mantissa & 0xFFF))
    return struct.pack("<H", POSITIVE_INFINITY)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bus", default="auto", help="D-Bus address, or auto for a private bus of its own")
    parser.add_argument("--address", default="C4:DE:E2:11:22:33", help="Bluetooth address of the detector")
    parser.add_argument("--name", default="JLY-LD01")
    parser.add_argument("--serial", default="LD01-0001")
    parser.add_argument("--interval", type=float, default=0.5, help="seconds between readings")


async def run(options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        bus = stack.enter_context(private_bus()) if options.bus == "auto" else options.bus
        link = LocalLink()  # type: ignore[no-untyped-call]
        detector = Detector(
            link,
            address=options.address,
            name=options.name,
            serial=options.serial,
            interval_s=options.interval,
        )
        bluez = BluezService(link)
        await detector.power_on()
        await bluez.start(bus)
        notifying = asyncio.create_task(detector.notify_forever())
        control = Control(
            {
                "ppm": detector.set_ppm,
                "ramp": detector.set_ramp,
                "battery": detector.set_battery,
                "drop": detector.drop,
                "off": detector.switch_off,
                "on": detector.switch_on,
                "silent": lambda _: detector.set_mode("silent"),
                "garble": lambda _: detector.set_mode("garble"),
                "resume": lambda _: detector.set_mode("on"),
            }
        )
        addresses = {
            "bus": bus,
            "address": f"ble://{options.address}",
            "serial": options.serial,
            "name": options.name,
        }
        await control.run(addresses, control_port=options.control)
        notifying.cancel()
        bluez.stop()
