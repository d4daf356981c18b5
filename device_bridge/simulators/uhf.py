"""A UHF reader with tags in its field: llrpkit's emulator, which speaks real LLRP over TCP on 127.0.0.1."""

import argparse
from typing import Any

import msgspec
from llrpkit.emulator import LLRPEmulator
from llrpkit.emulator.core import EmulatedTag
from llrpkit.protocol import params

from device_bridge.simulators.control import Control

EPC_BYTES = 12
# As a tag at the reader and one on the next cylinder are heard.
NEAR_DBM, FAR_DBM = -45.0, -62.0
READS_PER_S = 400.0


class Field(LLRPEmulator):
    """Tags that come near and leave: also before a write takes effect."""

    def __init__(self, port: int, codes: list[str]) -> None:
        super().__init__(port=port, tags=[], reads_per_sec=READS_PER_S)
        self.known = {code: EmulatedTag(epc=epc(code), rssi_dbm=NEAR_DBM) for code in codes}
        for number, name in enumerate(("blank", "blank2")):
            self.known[name] = EmulatedTag(epc=bytes([0xE2, 0, 0, 0x17, number]).ljust(EPC_BYTES, b"\x01"))
        self._writes_left: int | None = None

    def present(self, words: list[str]) -> str:
        """`present NAME [NAME ...]`: the first one near, the others farther away, unless one is written `+NAME`."""
        tags = []
        for number, word in enumerate(words):
            tag = self._current(word.removeprefix("+"))
            level = NEAR_DBM if number == 0 or word.startswith("+") else FAR_DBM
            tags.append(EmulatedTag(epc=tag.epc, rssi_dbm=level, antennas=(1,)))
        self.tags, self._writes_left = tags, None
        return msgspec.json.encode([bytes(self._memory_for(tag.epc)[2]).hex().upper() for tag in tags]).decode()

    def remove(self, _words: list[str]) -> str:
        self.tags, self._writes_left = [], None
        return ""

    def tear(self, words: list[str]) -> str:
        self._writes_left = int(words[0])
        return ""

    def copy(self, words: list[str]) -> str:
        """`copy FROM TO`: user memory, as anybody with a reader can."""
        source, target = (self._memory_for(self._current(word).epc) for word in words)
        target[3][:] = source[3]
        return ""

    def dump(self, words: list[str]) -> str:
        return bytes(self._memory_for(self._current(words[0]).epc)[3]).hex()

    async def drop(self, _words: list[str]) -> str:
        await self.stop()
        return ""

    def _current(self, name: str) -> EmulatedTag:
        return self.known[name]

    def _replace_tag_epc(self, tag: EmulatedTag, new_epc: bytes) -> None:
        super()._replace_tag_epc(tag, new_epc)
        name = next(name for name, known in self.known.items() if known.epc == tag.epc)
        self.known[name] = EmulatedTag(epc=new_epc)

    def _run_access_op(self, op: object, tag: EmulatedTag) -> Any:
        if isinstance(op, params.C1G2Write) and self._writes_left is not None:
            if self._writes_left == 0:
                self.remove([])
                return None
            self._writes_left -= 1
        return super()._run_access_op(op, tag)


def epc(code: str) -> bytes:
    return code.encode("ascii").ljust(EPC_BYTES, b"\0")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--tags", default="", help="codes of the tags to make (12 characters at most), with commas")


async def run(options: argparse.Namespace) -> None:
    field = Field(options.port, [code.strip() for code in options.tags.split(",") if code.strip()])
    await field.start()
    control = Control(
        {
            "present": field.present,
            "remove": field.remove,
            "tear": field.tear,
            "copy": field.copy,
            "dump": field.dump,
            "drop": field.drop,
        }
    )
    try:
        await control.run({"address": f"llrp://127.0.0.1:{field.port}"}, control_port=options.control)
    finally:
        await field.stop()
