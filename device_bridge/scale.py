"""A filling scale with its gun lock (充装秤与枪锁) behind one protocol; today over Modbus TCP.

The lock is hold-to-run: it stays open only while the heartbeat register goes on changing, and this side writes a
heartbeat only when it is asked for the next weight. So a cut link, a killed app and a hung screen all close it, without
anybody having to notice. The scale itself closes at the target weight, however slow the link is.

Registers (holding registers, 32-bit numbers high word first), Modbus Application Protocol 1.1b3, functions 3 and 16:

| address | what |
|---|---|
| 0-1 | weight in grams, signed |
| 2 | status bits: 0 stable, 1 overload, 2 fault, 3 the lock is open, 4 closed because the target was reached |
| 3 | counts the weighings; stands still when the scale hangs |
| 4-5 | verified until, as the number YYYYMMDD |
| 6 | number of the gun |
| 8-15 | number of the scale, ASCII |
| 32 | heartbeat: any change counts; without one for a second the lock closes, and stays closed |
| 33 | 1 opens, 0 closes |
| 34-35 | gross weight in grams at which the scale closes by itself |
| 36-39 | permit: 64 bits that name the record which allows this filling; without one nothing opens |
"""

import asyncio
import hashlib
import struct
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from time import monotonic
from typing import Protocol

import msgspec

from device_bridge.errors import DeviceError, DeviceGarbled, DeviceLost, DeviceMissing, LockRefused
from device_bridge.modbus import Address, ModbusLink, Words, parse_address
from device_bridge.models import ScaleInfo, Weight

READING, READING_COUNT = 0, 4
IDENTITY, IDENTITY_COUNT = 4, 12
COMMAND = 32
STABLE, OVERLOAD, FAULT, OPEN, AT_TARGET = (1 << bit for bit in range(5))
# Five weighings a second: enough to see 10 g/s of flow, five heartbeats in the second that the lock allows.
POLL_S = 0.2
# A platform for cylinders weighs to 150 kg or 300 kg; an empty one drifts by less than this below zero.
HEAVIEST_KG, LIGHTEST_KG = 300.0, -2.0
# No gun fills faster than some 0.5 kg/s; what jumps more while gas flows is no weight.
FASTEST_KG_PER_S, JUMP_KG = 3.0, 2.0
FROZEN_AFTER_S = 2.0
# A living scale trembles by grams while gas flows in: the same gram for so long means that it hangs, or no gas comes.
UNMOVED_AFTER_S = 8.0
LOCKED_ZH, LOCKED_EN = "枪已锁", "the gun is locked"


class FillingScale(Protocol):
    async def info(self) -> ScaleInfo:
        """Who weighs. Raises DeviceMissing, DeviceLost, DeviceGarbled."""
        ...

    def weights(self) -> AsyncGenerator[Weight, None]:
        """Weighings as they come, about five a second; asking for the next one keeps an open lock open. Ends with
        DeviceMissing, DeviceLost or DeviceGarbled (garbage, implausible, frozen), and the lock closes.
        """
        ...

    async def unlock(self, record_id: str, stop_at_gross_kg: float) -> None:
        """Opens the gun on the strength of a record that is on the disk. Raises LockRefused and what `info` raises."""
        ...

    async def lock(self) -> None:
        """Closes the gun, and is sure of it when it returns."""
        ...

    async def close(self) -> None: ...


class Reading(msgspec.Struct, frozen=True):
    """Registers 0 to 3 as they were read."""

    weight_kg: float
    status: int
    counter: int


def decode_reading(registers: Sequence[int]) -> Reading:
    (grams,) = struct.unpack(">i", struct.pack(">HH", *registers[:2]))
    return Reading(grams / 1000, registers[2], registers[3])


def decode_info(registers: Sequence[int]) -> ScaleInfo:
    """Registers 4 to 15. Raises DeviceGarbled where there is no number on the type plate."""
    raw = struct.pack(f">{len(registers) - 4}H", *registers[4:])
    number = raw.rstrip(b"\0 ").decode("ascii", errors="replace").strip()
    if not number or not number.isprintable() or "\ufffd" in number:
        raise _garbled("秤号读不出来", "the scale does not tell its number")
    written = str((registers[0] << 16) + registers[1])
    verified_until: date | None = None
    with suppress(ValueError):
        verified_until = datetime.strptime(written, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    return ScaleInfo(number=number, gun_number=str(registers[2]), verified_until=verified_until)


class Plausible:
    """Tells weights from nonsense, one reading after the other."""

    def __init__(self) -> None:
        self._last: tuple[Reading, float] | None = None
        self._counted_at = self._moved_at = 0.0

    def check(self, reading: Reading, now_s: float) -> None:
        """Raises DeviceGarbled; `now_s` is monotonic."""
        if reading.status & OVERLOAD:
            raise _garbled(
                "秤超载", "the scale is overloaded", "取下气瓶，检查秤", "take the cylinder off, check the scale"
            )
        if reading.status & FAULT:
            raise _garbled("秤报故障", "the scale reports a fault")
        if not LIGHTEST_KG <= reading.weight_kg <= HEAVIEST_KG:
            raise _garbled(
                f"秤的读数不合理（{reading.weight_kg:g} kg）",
                f"the scale's weight makes no sense ({reading.weight_kg:g} kg)",
            )
        self._against_last(reading, now_s)
        self._last = (reading, now_s)

    def _against_last(self, reading: Reading, now_s: float) -> None:
        if self._last is None:
            self._counted_at = self._moved_at = now_s
            return
        last, last_s = self._last
        flows = bool(reading.status & last.status & OPEN)
        if reading.counter != last.counter:
            self._counted_at = now_s
        elif now_s - self._counted_at > FROZEN_AFTER_S:
            raise _garbled("秤的读数不动了", "the scale's reading is frozen")
        if not flows or reading.weight_kg != last.weight_kg:
            self._moved_at = now_s
        elif now_s - self._moved_at > UNMOVED_AFTER_S:
            raise _garbled(
                "开着枪重量不变：没有进气，或秤卡住了",
                "the gun is open and the weight stands still: no gas comes, or the scale hangs",
                "看看阀门、软管和秤盘",
                "look at valve, hose and platform",
            )
        jump = abs(reading.weight_kg - last.weight_kg)
        if flows and jump > JUMP_KG + FASTEST_KG_PER_S * (now_s - last_s):
            raise _garbled(
                f"秤的读数跳变（{last.weight_kg:g} → {reading.weight_kg:g} kg）",
                f"the scale's weight jumped ({last.weight_kg:g} to {reading.weight_kg:g} kg)",
            )


class ModbusScale:
    """Connects when it is first asked, and anew after every error."""

    def __init__(self, address: Address) -> None:
        self._link = ModbusLink(address, Words(_missing, _lost, _not_understood, _refused))
        self._heartbeat = 0
        self._holding = False

    async def info(self) -> ScaleInfo:
        return decode_info(await self._read(IDENTITY, IDENTITY_COUNT))

    async def weights(self) -> AsyncGenerator[Weight, None]:
        plausible = Plausible()
        try:
            while True:
                began_s = monotonic()
                if self._holding:
                    await self._write(COMMAND, [self._next_heartbeat()])
                reading = decode_reading(await self._read(READING, READING_COUNT))
                plausible.check(reading, monotonic())
                is_open = bool(reading.status & OPEN)
                self._holding = self._holding and is_open
                yield Weight(
                    kg=reading.weight_kg,
                    stable=bool(reading.status & STABLE),
                    unlocked=is_open,
                    at_target=bool(reading.status & AT_TARGET),
                )
                await asyncio.sleep(max(0.0, POLL_S - (monotonic() - began_s)))
        finally:
            # Whatever ended it, gas must not go on flowing; the lock closes too where this does not reach it.
            if self._holding:
                with suppress(DeviceError):
                    await self.lock()

    async def unlock(self, record_id: str, stop_at_gross_kg: float) -> None:
        if not record_id:
            raise ValueError("a gun opens on the strength of a record")
        permit = struct.unpack(">4H", hashlib.sha256(record_id.encode()).digest()[:8])
        grams = struct.unpack(">HH", struct.pack(">i", round(stop_at_gross_kg * 1000)))
        # Two beats: one of them differs from what a program before this one has left there.
        await self._write(COMMAND, [self._next_heartbeat()])
        await self._write(COMMAND, [self._next_heartbeat(), 1, *grams, *permit])
        if not decode_reading(await self._read(READING, READING_COUNT)).status & OPEN:
            raise LockRefused(
                "枪锁没有打开",
                "the gun's lock did not open",
                "看看秤上的急停和提示，再试一次",
                "look at the scale's emergency stop and display, then try again",
            )
        self._holding = True

    async def lock(self) -> None:
        self._holding = False
        await self._write(COMMAND + 1, [0])
        if decode_reading(await self._read(READING, READING_COUNT)).status & OPEN:
            raise LockRefused(
                "枪锁没有关上",
                "the gun's lock did not close",
                "马上关瓶阀和供气阀，按急停",
                "close the cylinder's and the supply valve now, press the emergency stop",
            )

    async def close(self) -> None:
        if self._holding:
            with suppress(DeviceError):
                await self.lock()
        self._hang_up()

    # Inside

    def _next_heartbeat(self) -> int:
        self._heartbeat = self._heartbeat % 0xFFFF + 1
        return self._heartbeat

    async def _read(self, address: int, count: int) -> list[int]:
        with self._held_by_this_connection():
            return await self._link.read(address, count)

    async def _write(self, address: int, values: list[int]) -> None:
        with self._held_by_this_connection():
            await self._link.write(address, values)

    @contextmanager
    def _held_by_this_connection(self) -> Iterator[None]:
        """A lock is not held on over a connection that was lost: it closes by itself, and stays closed."""
        self._holding = self._holding and self._link.connected
        try:
            yield
        except DeviceError:
            self._holding = False
            raise

    def _hang_up(self) -> None:
        self._holding = False
        self._link.hang_up()


def open_scale(address: str) -> FillingScale:
    """The scale that `address` names; connects only when asked something. Raises AddressInvalid."""
    return ModbusScale(parse_address(address))


def _missing(address: Address) -> DeviceMissing:
    place = f"{address.host}:{address.port}"
    return DeviceMissing(
        f"连不上充装秤（{place}），{LOCKED_ZH}",
        f"the filling scale does not answer at {place}; {LOCKED_EN}",
        "看看秤的电源和网线，再试一次",
        "check its power and cable, then try again",
    )


def _lost() -> DeviceLost:
    return DeviceLost(
        f"与充装秤断开，{LOCKED_ZH}",
        f"the link to the filling scale is cut; {LOCKED_EN}",
        "关好瓶阀，看看秤的电源和网线，连上后接着充或报未充完",
        "close the valve, check power and cable; then finish this filling or report it",
    )


def _garbled(
    zh: str, en: str, do_zh: str = "停用这台秤，请维修人员检查", do_en: str = "stop using this scale, have it checked"
) -> DeviceGarbled:
    return DeviceGarbled(f"{zh}，{LOCKED_ZH}", f"{en}; {LOCKED_EN}", do_zh, do_en)


def _not_understood() -> DeviceGarbled:
    return _garbled("秤的应答读不懂", "the scale's answer cannot be understood")


def _refused(code: int) -> DeviceGarbled:
    return _garbled(f"秤拒绝了命令（Modbus 异常 {code}）", f"the scale refused a command (Modbus exception {code})")
