"""Registers and coils over Modbus TCP (Application Protocol 1.1b3, functions 1, 3, 5 and 16).

Connects when it is first asked, and anew after every error. Each error is the device's own words (`Words`): the same
cut cable means "the gun is locked" at a scale and "the readings are unknown" at a storage tank.
"""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from device_bridge.errors import AddressInvalid, DeviceGarbled, DeviceLost, DeviceMissing

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient

ADDRESS_EXAMPLES = "modbus-tcp://192.168.1.40:502, modbus-tcp://192.168.1.40:502?unit=3"
ANSWER_TIMEOUT_S = 1.0
CONNECT_TIMEOUT_S = 3.0
# A request for more registers is refused by the protocol.
MOST_REGISTERS = 125


class Address(msgspec.Struct, frozen=True):
    host: str
    port: int
    unit: int


class Words(msgspec.Struct, frozen=True):
    """How this device is missed, lost, and not understood; `refused` is asked with the exception's code."""

    missing: Callable[[Address], DeviceMissing]
    lost: Callable[[], DeviceLost]
    garbled: Callable[[], DeviceGarbled]
    refused: Callable[[int], DeviceGarbled]


def parse_address(address: str) -> Address:
    """Raises AddressInvalid."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
        unit = int(parse_qs(parts.query).get("unit", ["1"])[0])
    except ValueError as error:
        raise AddressInvalid(address, ADDRESS_EXAMPLES) from error
    if parts.scheme != "modbus-tcp" or not host or not port or not 0 < unit < 248:
        raise AddressInvalid(address, ADDRESS_EXAMPLES)
    return Address(host, port, unit)


class ModbusLink:
    """All calls raise DeviceMissing, DeviceLost and DeviceGarbled, and hang up before they do."""

    def __init__(self, address: Address, words: Words) -> None:
        self._address, self._words = address, words
        self._client: AsyncModbusTcpClient | None = None
        self._heard = False

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def read(self, register: int, count: int) -> list[int]:
        client = await self._connected()
        unit = self._address.unit
        answer = await self._ask(client.read_holding_registers(register, count=count, device_id=unit))
        registers: list[int] = answer.registers
        if len(registers) != count:
            self.hang_up()
            raise self._words.garbled()
        return registers

    async def write(self, register: int, values: list[int]) -> None:
        client = await self._connected()
        await self._ask(client.write_registers(register, values, device_id=self._address.unit))

    async def read_coil(self, coil: int) -> bool:
        client = await self._connected()
        answer = await self._ask(client.read_coils(coil, count=1, device_id=self._address.unit))
        if not answer.bits:
            self.hang_up()
            raise self._words.garbled()
        return bool(answer.bits[0])

    async def set_coil(self, coil: int) -> None:
        client = await self._connected()
        await self._ask(client.write_coil(coil, True, device_id=self._address.unit))

    def hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _ask(self, call: Any) -> Any:
        from pymodbus.exceptions import ModbusException  # noqa: PLC0415 - loaded by `_connected`

        self._heard = False
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S * 2):
                answer = await call
        except (ModbusException, TimeoutError, OSError) as error:
            self.hang_up()
            if self._heard:
                raise self._words.garbled() from error
            raise self._words.lost() from error
        if answer.isError():
            self.hang_up()
            raise self._words.refused(answer.exception_code)
        return answer

    async def _connected(self) -> "AsyncModbusTcpClient":
        if self._client is not None and self._client.connected:
            return self._client
        self.hang_up()
        # Only who stands before such a device waits for this library, and his screen does not.
        await asyncio.to_thread(import_module, "pymodbus.client")
        from pymodbus.client import AsyncModbusTcpClient  # noqa: PLC0415
        from pymodbus.exceptions import ModbusException  # noqa: PLC0415

        def heard(sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus calls it so
            self._heard = self._heard or bool(not sending and data)
            return data

        client = AsyncModbusTcpClient(
            self._address.host,
            port=self._address.port,
            timeout=ANSWER_TIMEOUT_S,
            retries=0,
            reconnect_delay=0,
            trace_packet=heard,
        )
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connected = await client.connect()
        except (ModbusException, TimeoutError, OSError) as error:
            client.close()
            raise self._words.missing(self._address) from error
        if not connected:
            client.close()
            raise self._words.missing(self._address)
        self._client = client
        return client
