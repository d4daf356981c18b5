"""A tag reader's field with NTAG215 tags to hold near, over nfcpy's UDP driver on 127.0.0.1."""

import argparse
import asyncio
import hashlib
from enum import IntEnum
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import msgspec
import ndef

from device_bridge.nfc import code_records
from device_bridge.simulators.control import Control

PAGE_BYTES = 4
NTAG215_PAGES = 135
FIRST_USER_PAGE = 4
DYNAMIC_LOCK_PAGE = 130
ACK, NAK = b"\x0a", b"\x00"
SENS_RES, SEL_RES = b"\x44\x00", 0x00
REQUEST_OR_WAKE_UP = (b"\x26", b"\x52")
# Read-only for every page: static lock bytes, and write access 0xF in the capability container.
READ_ONLY = 0x0F


class Command(IntEnum):
    GET_VERSION = 0x60
    READ = 0x30
    FAST_READ = 0x3A
    WRITE = 0xA2


class Ntag215:
    """The chip's memory and its answers (NXP NTAG213/215/216 data sheet, ISO 14443-3A), without a radio."""

    def __init__(self, uid: bytes, message: bytes = b"", *, locked: bool = False) -> None:
        self.uid = uid
        self.memory = bytearray(NTAG215_PAGES * PAGE_BYTES)
        self.memory[0:10] = uid[:3] + bytes([0x88 ^ _xor(uid[:3])]) + uid[3:7] + bytes([_xor(uid[3:7]), 0x48])
        self.memory[12:16] = bytes([0xE1, 0x10, 0x3E, READ_ONLY if locked else 0x00])
        tlv = bytes([0x03, len(message)]) + message + b"\xfe"
        self.memory[16 : 16 + len(tlv)] = tlv
        self._locked = locked

    def answer(self, command: bytes) -> bytes | None:
        """The answer of the chip once it is selected; None for what it does not know."""
        match command[0]:
            case Command.GET_VERSION:
                return bytes([0, 4, 4, 2, 1, 0, 0x11, 3])
            case Command.READ if command[1] < NTAG215_PAGES:
                at = command[1] * PAGE_BYTES
                return bytes(self.memory[(at + i) % len(self.memory)] for i in range(16))
            case Command.FAST_READ:
                return bytes(self.memory[command[1] * PAGE_BYTES : (command[2] + 1) * PAGE_BYTES])
            case Command.WRITE if 2 < command[1] < DYNAMIC_LOCK_PAGE and not self._locked:
                at = command[1] * PAGE_BYTES
                self.memory[at : at + PAGE_BYTES] = command[2:6]
                return ACK
        return NAK

    def select(self, command: bytes) -> bytes | None:
        """Anticollision over both cascade levels; None when the command is none of it."""
        if command in REQUEST_OR_WAKE_UP:
            return SENS_RES
        for level, part in ((0x93, b"\x88" + self.uid[:3]), (0x95, self.uid[3:7])):
            whole = part + bytes([_xor(part)])
            if command == bytes([level, 0x20]):
                return whole
            if command == bytes([level, 0x70]) + whole:
                return bytes([SEL_RES | (0x04 if level == 0x93 else 0)])
        return None


class Field(asyncio.DatagramProtocol):
    """The space over the reader: at most one tag, which may leave after a number of reads or writes."""

    def __init__(self, chips: dict[str, Ntag215]) -> None:
        self.chips = chips
        self.present: Ntag215 | None = None
        self._leaves_after: tuple[int, int] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        technology, _, payload = data.partition(b" ")
        if technology != b"106A" or self.present is None:
            return
        try:
            command = bytes.fromhex(payload.decode("ascii"))
        except ValueError:
            return
        answer = self._answer(self.present, command) if command else None
        if answer is not None:
            self._transport.sendto(technology + b" " + answer.hex().encode(), addr)

    def _answer(self, chip: Ntag215, command: bytes) -> bytes | None:
        selected = chip.select(command)
        if selected is not None:
            return selected
        if self._leaves_after is not None:
            kind, left = self._leaves_after
            if command[0] == kind and left == 0:
                self.present = self._leaves_after = None
                return None
            if command[0] == kind:
                self._leaves_after = (kind, left - 1)
        return chip.answer(command)

    def hold(self, words: list[str]) -> str:
        name = " ".join(words)
        chip = self.chips.get(name) or next(
            (chip for chip in self.chips.values() if chip.uid.hex() == name.lower()), None
        )
        if chip is None:
            raise ValueError(f"no tag {name!r}; see list")
        self.present, self._leaves_after = chip, None
        return chip.uid.hex().upper()

    def remove(self, _words: list[str]) -> str:
        self.present = self._leaves_after = None
        return ""

    def tear(self, words: list[str]) -> str:
        """`tear N [write|read]`: the tag leaves after N further writes (or reads), before the next takes effect."""
        kind = {"write": Command.WRITE, "read": Command.READ}[words[1] if len(words) > 1 else "write"]
        self._leaves_after = (kind, int(words[0]))
        return ""

    def list_chips(self, _words: list[str]) -> str:
        return msgspec.json.encode({name: chip.uid.hex().upper() for name, chip in self.chips.items()}).decode()


def make_chips(codes: list[str]) -> dict[str, Ntag215]:
    """One tag for each code, and four that a worker meets sooner or later."""
    someone = b"".join(ndef.message_encoder([ndef.UriRecord("https://example.com/ticket/42")]))
    broken = b"".join(ndef.message_encoder(code_records("BROKEN")))[:-4]
    chips = {code: Ntag215(_uid(code), b"".join(ndef.message_encoder(code_records(code)))) for code in codes}
    chips["empty"] = Ntag215(_uid("empty"))
    chips["foreign"] = Ntag215(_uid("foreign"), someone)
    chips["locked"] = Ntag215(_uid("locked"), locked=True)
    chips["broken"] = Ntag215(_uid("broken"), broken)
    return chips


def _uid(name: str) -> bytes:
    # 04 is NXP's manufacturer code; the rest only has to differ and to stay the same from run to run.
    return b"\x04" + hashlib.sha256(name.encode()).digest()[:6]


def _xor(data: bytes) -> int:
    return reduce(xor, data)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="UDP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--tags", default="", help="codes of the tags to make, separated by commas")
    parser.add_argument("--tags-file", type=Path, help="the same from a file, one code a line")


async def run(options: argparse.Namespace) -> None:
    codes = [code.strip() for code in options.tags.split(",") if code.strip()]
    if options.tags_file:
        codes += options.tags_file.read_text(encoding="utf-8").split("\n")
    chips = make_chips([code.strip() for code in codes if code.strip()])
    field = Field(chips)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: field, local_addr=("127.0.0.1", options.port)
    )
    port = transport.get_extra_info("sockname")[1]
    control = Control(
        {
            "present": field.hold,
            "remove": field.remove,
            "tear": field.tear,
            "list": field.list_chips,
        }
    )
    addresses = {
        "address": f"udp:127.0.0.1:{port}",
        "tags": {name: chip.uid.hex().upper() for name, chip in chips.items()},
    }
    try:
        await control.run(addresses, control_port=options.control)
    finally:
        transport.close()
