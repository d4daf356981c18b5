"""Chips of contactless tags, without a radio: their memory and their answers once a reader has woken them.

NXP NTAG213/215/216 data sheet; ISO 14443-3A (anticollision) and -4 (blocks); NFC Forum Type 4 Tag specification.
"""

from enum import IntEnum
from functools import reduce
from operator import xor
from typing import ClassVar, Protocol

PAGE_BYTES = 4
FIRST_USER_PAGE = 4
ACK, NAK = b"\x0a", b"\x00"
REQUEST_OR_WAKE_UP = (b"\x26", b"\x52")
# Read-only for every page: static lock bytes, and write access 0xF in the capability container.
READ_ONLY = 0x0F


class Command(IntEnum):
    GET_VERSION = 0x60
    READ = 0x30
    FAST_READ = 0x3A
    WRITE = 0xA2


class Chip(Protocol):
    uid: bytes
    memory: bytearray

    def select(self, command: bytes) -> bytes | None: ...

    def answer(self, command: bytes) -> bytes | None: ...

    def kind_of(self, command: bytes) -> str:
        """`read`, `write`, or "" for what moves no content."""
        ...


class _TypeA:
    """Anticollision over both cascade levels (ISO 14443-3A)."""

    sens_res, sel_res = b"\x44\x00", 0x00

    def __init__(self, uid: bytes) -> None:
        self.uid = uid

    def select(self, command: bytes) -> bytes | None:
        """None when the command is none of it."""
        if command in REQUEST_OR_WAKE_UP:
            return self.sens_res
        for level, part in ((0x93, b"\x88" + self.uid[:3]), (0x95, self.uid[3:7])):
            whole = part + bytes([_xor(part)])
            if command == bytes([level, 0x20]):
                return whole
            if command == bytes([level, 0x70]) + whole:
                return bytes([self.sel_res | (0x04 if level == 0x93 else 0)])
        return None


class Ntag(_TypeA):
    # Model: pages, storage size in GET_VERSION, size in the capability container (in 8 bytes).
    MODELS: ClassVar = {"213": (45, 0x0F, 0x12), "215": (135, 0x11, 0x3E), "216": (231, 0x13, 0x6D)}

    def __init__(self, uid: bytes, message: bytes = b"", *, locked: bool = False, model: str = "215") -> None:
        super().__init__(uid)
        self.pages, self._storage, size = self.MODELS[model]
        self.memory = bytearray(self.pages * PAGE_BYTES)
        self.memory[0:10] = uid[:3] + bytes([0x88 ^ _xor(uid[:3])]) + uid[3:7] + bytes([_xor(uid[3:7]), 0x48])
        self.memory[12:16] = bytes([0xE1, 0x10, size, READ_ONLY if locked else 0x00])
        tlv = bytes([0x03, len(message)]) + message + b"\xfe"
        self.memory[16 : 16 + len(tlv)] = tlv
        self._locked = locked

    def answer(self, command: bytes) -> bytes | None:
        # The last five pages are lock bytes and configuration.
        match command[0]:
            case Command.GET_VERSION:
                return bytes([0, 4, 4, 2, 1, 0, self._storage, 3])
            case Command.READ if command[1] < self.pages:
                at = command[1] * PAGE_BYTES
                return bytes(self.memory[(at + i) % len(self.memory)] for i in range(16))
            case Command.FAST_READ:
                return bytes(self.memory[command[1] * PAGE_BYTES : (command[2] + 1) * PAGE_BYTES])
            case Command.WRITE if 2 < command[1] < self.pages - 5 and not self._locked:
                at = command[1] * PAGE_BYTES
                self.memory[at : at + PAGE_BYTES] = command[2:6]
                return ACK
        return NAK

    def kind_of(self, command: bytes) -> str:
        return "read" if command[0] == Command.READ else "write" if command[0] == Command.WRITE else ""

    def copy_from(self, other: "Ntag") -> None:
        """All that can be written: what somebody with a phone can put on a tag of his own."""
        user = slice(FIRST_USER_PAGE * PAGE_BYTES, (min(self.pages, other.pages) - 5) * PAGE_BYTES)
        self.memory[user] = other.memory[user]


class Type4Tag(_TypeA):
    """An NDEF application on ISO-DEP, as DESFire EV and NTAG 424 have it; one command at a time, no chaining out."""

    sens_res, sel_res = b"\x44\x03", 0x20
    _FILE = b"\xe1\x04"

    def __init__(self, uid: bytes, size: int = 1024) -> None:
        super().__init__(uid)
        self.memory = bytearray(size)
        container = bytes.fromhex("000F20003B00340406E104") + size.to_bytes(2, "big") + b"\0\0"
        self._files = {b"\xe1\x03": bytearray(container), self._FILE: self.memory}
        self._selected = b""
        self._gathered = b""

    def answer(self, command: bytes) -> bytes | None:
        first = command[0]
        if first == 0xE0:  # RATS
            self._gathered = b""
            return bytes.fromhex("0578807002")
        if first & 0xFE == 0xC2:  # DESELECT
            return command[:1]
        if first & 0xF6 == 0xB2:  # R(NAK)
            return bytes([0xA2 | first & 1])
        if first & 0xEE != 0x02:
            return None
        self._gathered += command[1:]
        if first & 0x10:  # more to come
            return bytes([0xA2 | first & 1])
        apdu, self._gathered = self._gathered, b""
        return bytes([0x02 | first & 1]) + self._obey(apdu)

    def _obey(self, apdu: bytes) -> bytes:
        instruction, length = apdu[1], apdu[4] if len(apdu) > 4 else 0
        data = apdu[5 : 5 + length]
        if instruction == 0xA4:
            if apdu[2] == 4:
                return b"\x90\x00" if data == bytes.fromhex("D2760000850101") else b"\x6a\x82"
            self._selected = data if data in self._files else self._selected
            return b"\x90\x00" if data in self._files else b"\x6a\x82"
        file = self._files.get(self._selected)
        if file is None:
            return b"\x69\x86"
        at = apdu[2] << 8 | apdu[3]
        if instruction == 0xB0:
            return bytes(file[at : at + (length or 256)]) + b"\x90\x00"
        if instruction == 0xD6 and at + length <= len(file):
            file[at : at + length] = data
            return b"\x90\x00"
        return b"\x6d\x00"

    def kind_of(self, command: bytes) -> str:
        instruction = command[2] if command[0] & 0xEE == 0x02 and len(command) > 2 else 0
        return {0xB0: "read", 0xD6: "write"}.get(instruction, "")


def _xor(data: bytes) -> int:
    return reduce(xor, data)
