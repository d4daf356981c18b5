"""A station's controller with tanks, gas detectors and a fire-water pump, over Modbus TCP on 127.0.0.1.

Holding registers: 0 counts its rounds; 1 level (0.1 %), 2 pressure (0.001 MPa), 3 temperature (0.1 °C), 4 and 5 gas
(%LEL).
Coils: 0 starts the pump, 1 tells that it runs. `--map` prints the map that a gateway needs, and ends.
"""

import argparse
import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from pymodbus.constants import ExcCodes
from pymodbus.logging import Log
from pymodbus.simulator import DataType, SimData, SimDevice

from device_bridge.simulators.control import Command, Control
from device_bridge.simulators.modbus_peer import Peer
from device_bridge.station_sensors import FireWater, Sensor, StationMap

ROUND_S = 0.2
# A pump needs a moment before its contactor tells that it runs.
PUMP_S = 0.3
BROKEN_WIRE = 0x8000
# Name -> register, and how many of its units a whole one is.
PLACES = {"level": (1, 10), "pressure": (2, 1000), "temperature": (3, 10), "gas-1": (4, 1), "gas-2": (5, 1)}
CALM = {"level": 62.0, "pressure": 0.62, "temperature": 12.5, "gas-1": 0.0, "gas-2": 0.0}
MODES = ("garbage", "freeze", "silent")
_READS_BITS, _WRITES_BIT = 1, 5


def station_map(address: str, code: str) -> StationMap:
    """What this simulator answers to."""
    return StationMap(
        station=code,
        address=address,
        round_register=0,
        fire_water=FireWater(start_coil=0, running_coil=1),
        sensors=(
            Sensor(id="level", name="1# 储罐液位", kind="level", register=1, scale=0.1, least=-2, most=105),
            Sensor(
                id="pressure",
                name="1# 储罐压力",
                kind="pressure",
                register=2,
                scale=0.001,
                least=-0.05,
                most=2.5,
                starts_fire_water=True,
            ),
            Sensor(
                id="temperature",
                name="1# 储罐温度",
                kind="temperature",
                register=3,
                scale=0.1,
                least=-60,
                most=150,
                starts_fire_water=True,
            ),
            Sensor(id="gas-1", name="灌装间可燃气体", kind="gas", register=4, least=-3, most=110),
            Sensor(id="gas-2", name="压缩机房可燃气体", kind="gas", register=5, least=-3, most=110),
        ),
    )


class Tanks:
    """The controller: what it measures, and its pump, which only a person stops."""

    def __init__(self) -> None:
        self.mode = "on"
        self.values: dict[str, float] = dict(CALM)
        self.broken: set[str] = set()
        self.pump_runs = self.pump_blocked = False
        self.starts = 0
        self._count = 0

    def tick(self) -> None:
        if self.mode != "freeze":
            self._count = (self._count + 1) % 0x10000

    def registers(self) -> list[int]:
        raw = [self._count, *[0] * len(PLACES)]
        for name, (register, factor) in PLACES.items():
            value = BROKEN_WIRE if name in self.broken else round(self.values[name] * factor)
            raw[register] = max(-0x8000, min(value, 0xFFFF)) & 0xFFFF
        return raw

    async def start_pump(self) -> None:
        self.starts += 1
        await asyncio.sleep(PUMP_S)
        self.pump_runs = not self.pump_blocked

    def put(self, words: list[str]) -> str:
        """`put NAME VALUE`, in the sensor's own unit."""
        if words[0] not in self.values:
            raise ValueError(f"there are: {' '.join(self.values)}")
        self.values[words[0]] = float(words[1])
        self.broken.discard(words[0])
        return ""

    def break_wire(self, words: list[str]) -> str:
        self.broken.add(words[0])
        return ""

    def calm(self, _words: list[str]) -> str:
        self.values, self.broken, self.mode = dict(CALM), set(), "on"
        return ""

    def pump(self, words: list[str]) -> str:
        """`pump stop`, `pump block` (does not start any more), `pump free`."""
        match words[0]:
            case "stop":
                self.pump_runs = False
            case "block":
                self.pump_blocked, self.pump_runs = True, False
            case "free":
                self.pump_blocked = False
            case _:
                raise ValueError("stop, block or free")
        return ""

    def state(self, _words: list[str]) -> str:
        told = {"mode": self.mode, "values": self.values, "pump_runs": self.pump_runs, "starts": self.starts}
        return msgspec.json.encode(told).decode()


def _switch(tanks: Tanks, mode: str, _words: list[str]) -> str:
    tanks.mode = mode
    return ""


async def _turn(tanks: Tanks) -> None:
    while True:
        await asyncio.sleep(ROUND_S)
        tanks.tick()


def _device(tanks: Tanks) -> SimDevice:
    starting: set[asyncio.Task[None]] = set()

    async def action(*told: Any) -> ExcCodes | None:
        function, _start, address, _count, current, written = told
        if function == _WRITES_BIT and written is not None:
            if address == 0 and any(written):
                starting.add(asyncio.create_task(tanks.start_pump()))
        elif function == _READS_BITS:
            # Sixteen coils a register, the lowest bit first: coil 1 is the pump's contactor.
            current[0] = tanks.pump_runs << 1
        elif written is None:
            registers = tanks.registers()
            current[: len(registers)] = registers
        return None

    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    none = [SimData(0, values=[0], datatype=DataType.REGISTERS)]
    held = [SimData(0, values=[0] * (len(PLACES) + 1), datatype=DataType.REGISTERS)]
    return SimDevice(id=1, simdata=(bits, bits, held, none), action=action)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--station", default="CZ-001", help="its code in the office's ledger, for --map")
    parser.add_argument("--map", action="store_true", help="print the map of registers as JSON, and end")


async def run(options: argparse.Namespace) -> None:
    if options.map:
        found = station_map(f"modbus-tcp://127.0.0.1:{options.port}", options.station)
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    Log.setLevel("CRITICAL")  # type: ignore[no-untyped-call]  # what a client does wrong is the client's to tell
    tanks = Tanks()
    peer = Peer(_device(tanks), options.port, lambda: tanks.mode)
    port = await peer.start()
    turning = asyncio.create_task(_turn(tanks))
    commands: dict[str, Command] = {
        "put": tanks.put,
        "break": tanks.break_wire,
        "calm": tanks.calm,
        "pump": tanks.pump,
        "state": tanks.state,
        "cut": peer.cut,
        "join": peer.join,
        "resume": partial(_switch, tanks, "on"),
    }
    for mode in MODES:
        commands[mode] = partial(_switch, tanks, mode)
    try:
        await Control(commands).run({"address": f"modbus-tcp://127.0.0.1:{port}"}, control_port=options.control)
    finally:
        turning.cancel()
        with suppress(asyncio.CancelledError):
            await turning
        await peer.cut([])
