"""A filling scale with a hold-to-run gun lock, over Modbus TCP on 127.0.0.1."""

import argparse
import asyncio
import random
import struct
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

import msgspec
from pymodbus.constants import ExcCodes
from pymodbus.logging import Log
from pymodbus.simulator import DataType, SimData, SimDevice

from device_bridge.scale import AT_TARGET, COMMAND, FAULT, OPEN, OVERLOAD, STABLE
from device_bridge.simulators.control import Command, Control
from device_bridge.simulators.modbus_peer import Peer

TICK_S = 0.02
# The lock closes, and stays closed, when the heartbeat has not changed for so long.
HEARTBEAT_S = 1.0
REGISTERS = 48
MODES = ("garbage", "absurd", "freeze", "silent", "fault", "overload", "refuse")


class Scale:
    """Weighs, and closes its lock by itself: without a heartbeat, at the target, and when told."""

    def __init__(self, *, number: str, gun: int, verified_until: int, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.heartbeat_s = heartbeat_s
        self.number, self.gun, self.verified_until = number, gun, verified_until
        self.weight_kg = 0.0
        self.flow_kg_per_s = 0.5
        self.drift_kg_per_s = 0.0
        self.noise_kg = 0.003
        self.mode = "on"
        self.unlocked = self.at_target = False
        self.closed_by = ""
        self.permits: list[str] = []
        self._stop_at_kg = 0.0
        self._counter = 0
        self._heartbeat: tuple[int, float] = (0, 0.0)
        self._shown = (0, 0)

    def tick(self, seconds: float) -> None:
        self.weight_kg += self.drift_kg_per_s * seconds
        if self.unlocked:
            self.weight_kg += self.flow_kg_per_s * seconds
            if monotonic() - self._heartbeat[1] > self.heartbeat_s:
                self.close("heartbeat")
            elif self.weight_kg >= self._stop_at_kg:
                self.close("target")
                self.at_target = True
        if self.mode != "freeze":
            self._counter = (self._counter + 1) % 0x10000
            grams = round((self.weight_kg + random.uniform(-self.noise_kg, self.noise_kg)) * 1000)
            self._shown = (900_000 if self.mode == "absurd" else grams, self._counter)

    def close(self, why: str) -> None:
        if self.unlocked:
            self.unlocked, self.closed_by = False, why

    def registers(self) -> list[int]:
        """0 to 15."""
        status = OPEN * self.unlocked | AT_TARGET * self.at_target | STABLE * (not self.unlocked)
        status |= FAULT * (self.mode == "fault") | OVERLOAD * (self.mode == "overload")
        grams, counter = self._shown
        number = self.number.encode().ljust(16, b"\0")[:16]
        raw = struct.pack(">iHHIHH16s", grams, status, counter, self.verified_until, self.gun, 0, number)
        return list(struct.unpack(">16H", raw))

    def write(self, address: int, values: list[int]) -> None:
        for place, value in enumerate(values, address):
            if place == COMMAND and value != self._heartbeat[0]:
                self._heartbeat = (value, monotonic())
            if place == COMMAND + 1 and not value:
                self.close("told")
        if address == COMMAND and len(values) == 8 and values[1]:
            self._open(values)

    def _open(self, values: list[int]) -> None:
        """What is not allowed is not done: the status says so."""
        (grams,) = struct.unpack(">i", struct.pack(">HH", *values[2:4]))
        permit = struct.pack(">4H", *values[4:8])
        alive = monotonic() - self._heartbeat[1] <= self.heartbeat_s
        if not any(permit) or not alive or self.mode == "refuse" or grams / 1000 <= self.weight_kg:
            return
        self._stop_at_kg = grams / 1000
        self.unlocked, self.at_target, self.closed_by = True, False, ""
        self.permits.append(permit.hex())

    def state(self, _words: list[str]) -> str:
        told = {
            "weight_kg": round(self.weight_kg, 3),
            "lock": "open" if self.unlocked else "closed",
            "closed_by": self.closed_by,
            "permits": self.permits,
            "mode": self.mode,
        }
        return msgspec.json.encode(told).decode()

    def put(self, words: list[str]) -> str:
        self.weight_kg, self.at_target = float(words[0]), False
        self.tick(0)
        return ""

    def set_number(self, name: str, words: list[str]) -> str:
        setattr(self, name, type(getattr(self, name))(words[0]))
        return ""


def _device(scale: Scale) -> SimDevice:
    async def action(*told: Any) -> ExcCodes | None:
        _function, _start, address, _count, current, written = told
        if written is not None:
            scale.write(address, [int(value) for value in written])
        else:
            current[:16] = scale.registers()
        return None

    return SimDevice(id=1, simdata=SimData(0, values=[0] * REGISTERS, datatype=DataType.REGISTERS), action=action)


def _switch(scale: Scale, mode: str, _words: list[str]) -> str:
    scale.mode = mode
    scale.tick(0)
    return ""


async def _weigh_forever(scale: Scale) -> None:
    last = monotonic()
    while True:
        await asyncio.sleep(TICK_S)
        now = monotonic()
        scale.tick(now - last)
        last = now


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--number", default="CS-0001", help="number on the scale's type plate")
    parser.add_argument("--gun", type=int, default=1, help="number of the filling gun")
    parser.add_argument("--heartbeat", type=float, default=HEARTBEAT_S, help="seconds without one that lock the gun")
    parser.add_argument("--verified-until", type=int, default=20991231, metavar="YYYYMMDD")


async def run(options: argparse.Namespace) -> None:
    Log.setLevel("CRITICAL")  # type: ignore[no-untyped-call]  # what a client does wrong is the client's to tell
    scale = Scale(
        number=options.number,
        gun=options.gun,
        verified_until=options.verified_until,
        heartbeat_s=options.heartbeat,
    )
    peer = Peer(_device(scale), options.port, lambda: scale.mode)
    port = await peer.start()
    weighing = asyncio.create_task(_weigh_forever(scale))
    commands: dict[str, Command] = {
        "weight": scale.put,
        "flow": lambda words: scale.set_number("flow_kg_per_s", words),
        "drift": lambda words: scale.set_number("drift_kg_per_s", words),
        "noise": lambda words: scale.set_number("noise_kg", words),
        "verified": lambda words: scale.set_number("verified_until", words),
        "state": scale.state,
        "cut": peer.cut,
        "join": peer.join,
        "resume": partial(_switch, scale, "on"),
    }
    for mode in MODES:
        commands[mode] = partial(_switch, scale, mode)
    control = Control(commands)
    try:
        await control.run({"address": f"modbus-tcp://127.0.0.1:{port}"}, control_port=options.control)
    finally:
        weighing.cancel()
        with suppress(asyncio.CancelledError):
            await weighing
        await peer.cut([])
