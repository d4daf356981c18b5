"""A tag reader's field with NTAG and Type 4 tags to hold near, over nfcpy's UDP driver on 127.0.0.1."""

import argparse
import asyncio
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import ndef

from device_bridge.nfc import code_records
from device_bridge.simulators.chips import Chip, Ntag, Type4Tag
from device_bridge.simulators.control import Control


class Field(asyncio.DatagramProtocol):
    """The space over the reader: at most one tag, which may leave after a number of reads or writes."""

    def __init__(self, chips: dict[str, Chip]) -> None:
        self.chips = chips
        self.present: Chip | None = None
        self._leaves_after: tuple[str, int] | None = None

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

    def _answer(self, chip: Chip, command: bytes) -> bytes | None:
        selected = chip.select(command)
        if selected is not None:
            return selected
        if self._leaves_after is not None:
            kind, left = self._leaves_after
            if chip.kind_of(command) == kind and left == 0:
                self.present = self._leaves_after = None
                return None
            if chip.kind_of(command) == kind:
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
        kind = words[1] if len(words) > 1 else "write"
        if kind not in {"read", "write"}:
            raise ValueError(kind)
        self._leaves_after = (kind, int(words[0]))
        return ""

    def copy(self, words: list[str]) -> str:
        """`copy FROM TO`: what can be written of one tag, on another of its kind."""
        source, target = self.chips[words[0]], self.chips[words[1]]
        if not isinstance(source, Ntag) or not isinstance(target, Ntag):
            raise TypeError("NTAG chips only")
        target.copy_from(source)
        return ""

    def dump(self, words: list[str]) -> str:
        return self.chips[words[0]].memory.hex()

    def list_chips(self, _words: list[str]) -> str:
        return msgspec.json.encode({name: chip.uid.hex().upper() for name, chip in self.chips.items()}).decode()


def make_chips(codes: list[str]) -> dict[str, Chip]:
    """One tag for each code, empty ones of each size, and some that a worker meets sooner or later."""
    someone = b"".join(ndef.message_encoder([ndef.UriRecord("https://example.com/ticket/42")]))
    broken = b"".join(ndef.message_encoder(code_records("BROKEN")))[:-4]
    chips: dict[str, Chip] = {
        code: Ntag(_uid(code), b"".join(ndef.message_encoder(code_records(code)))) for code in codes
    }
    chips["empty"] = Ntag(_uid("empty"))
    chips |= {f"empty{model}": Ntag(_uid(f"empty{model}"), model=model) for model in Ntag.MODELS}
    chips["type4"] = Type4Tag(_uid("type4"))
    chips["foreign"] = Ntag(_uid("foreign"), someone)
    chips["locked"] = Ntag(_uid("locked"), locked=True)
    chips["broken"] = Ntag(_uid("broken"), broken)
    return chips


def _uid(name: str) -> bytes:
    # 04 is NXP's manufacturer code; the rest only has to differ and to stay the same from run to run.
    return b"\x04" + hashlib.sha256(name.encode()).digest()[:6]


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
            "copy": field.copy,
            "dump": field.dump,
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
