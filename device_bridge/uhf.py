"""UHF tags (EPC Gen2, ISO/IEC 18000-63) through a reader that speaks LLRP, with llrpkit.

A tag's UID is its TID, which the chip's maker has locked; its EPC carries our code in ASCII where it fits, and its user
memory the two entries of `tag_slots` (64 bytes make two slots of 32: days and weight). There is no public page on it.
A UHF reader hears metres far, so a tag counts only when it answers clearly louder than every other one.
GS1 EPC Gen2 2.0 (memory banks), LLRP 1.1.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from llrpkit import LLRPConnectionError, LLRPError, Reader

from device_bridge import tag_errors
from device_bridge.errors import AddressInvalid, DeviceError
from device_bridge.models import Tag, WrittenTag
from device_bridge.tag_content import TagContent, fit
from device_bridge.tag_slots import Slot, TagKey, read_slots, write_slot

DEFAULT_TIMEOUT_S = 10.0
LLRP_PORT = 5084
# So long the reader listens once it has heard a tag, whether there are others.
SETTLE_S = 0.4
# Twice as near is four times, 6 dB, as loud; on the way there and back twice that.
LOUDER_DB = 6.0
# Four words in one command: an entry's header.
_BLOCK_BYTES = 8
_LARGEST_SLOT_BYTES = 256
_ACCESS_TIMEOUT_S = 3.0

T = TypeVar("T")


def read_address(address: str) -> tuple[str, int]:
    """Host and port of `llrp://host[:port]`. Raises AddressInvalid."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or LLRP_PORT
    except ValueError:
        host, port = None, 0
    if not host or urlsplit(address).scheme != "llrp":
        raise AddressInvalid(address, "llrp://192.168.1.10:5084")
    return host, port


class UhfReader:
    def __init__(self, address: str) -> None:
        self._host, self._port = read_address(address)
        # An LLRP reader serves one client at a time.
        self._radio = asyncio.Lock()

    async def read(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Tag:
        return await self._connected(self._read_nearest, timeout_s)

    async def write(
        self,
        code: str,
        *,
        uid: str | None = None,
        page_url: str | None = None,  # noqa: ARG002 - there is none on a UHF tag
        replace_foreign: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Tag:
        async def put(reader: Reader) -> Tag:
            tag, epc = await _nearest(reader)
            _require(tag, uid, (), replace_foreign=replace_foreign)
            await _write_code(reader, epc, code, must=True)
            return await self._read_nearest(reader)

        return await self._connected(put, timeout_s)

    async def write_entry(
        self,
        content: TagContent,
        *,
        uid: str,
        keys: Sequence[TagKey],
        page_url: str | None = None,  # noqa: ARG002 - there is none on a UHF tag
        replace_foreign: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> WrittenTag:
        async def add(reader: Reader) -> WrittenTag:
            tag, epc = await _nearest(reader)
            _require(tag, uid, keys, replace_foreign=replace_foreign)
            epc = await _write_code(reader, epc, content.code, must=False)
            memory = await _UserMemory.of(reader, epc)
            slot, previous, left_out = await asyncio.to_thread(_add_entry, memory, tag, content, tuple(keys))
            return WrittenTag(_as_tag(tag.uid, epc, (slot, previous)), slot.sequence, left_out)

        return await self._connected(add, timeout_s)

    async def _read_nearest(self, reader: Reader) -> Tag:
        return (await _nearest(reader))[0]

    async def _connected(self, work: Callable[[Reader], Awaitable[T]], timeout_s: float) -> T:
        try:
            async with asyncio.timeout(timeout_s):
                async with self._radio:
                    return await self._at_reader(work, timeout_s)
        except TimeoutError as error:
            raise tag_errors.absent() from error

    async def _at_reader(self, work: Callable[[Reader], Awaitable[T]], timeout_s: float) -> T:
        reader = Reader(self._host, self._port, connect_timeout=timeout_s, response_timeout=_ACCESS_TIMEOUT_S)
        try:
            await reader.connect()
        except (LLRPError, OSError) as error:
            raise tag_errors.missing() from error
        try:
            return await work(reader)
        except DeviceError:
            raise
        except (LLRPConnectionError, OSError) as error:
            raise tag_errors.lost() from error
        except LLRPError as error:
            raise tag_errors.torn() from error
        finally:
            with suppress(LLRPError, OSError):
                await reader.close()


async def _nearest(reader: Reader) -> tuple[Tag, bytes]:
    """The tag that is clearly the loudest, and its EPC. Raises DeviceGarbled where none is."""
    loudness: dict[bytes, float] = {}
    until: float | None = None
    loop = asyncio.get_running_loop()
    async with aclosing(reader.inventory()) as heard:
        async for report in heard:
            level = report.rssi_dbm if report.rssi_dbm is not None else -99.0
            loudness[report.epc] = max(level, loudness.get(report.epc, level))
            until = until or loop.time() + SETTLE_S
            if loop.time() >= until:
                break
    if not loudness:  # the stream ended by itself: so did the connection
        raise tag_errors.lost()
    first, *others = sorted(loudness, key=lambda epc: loudness[epc], reverse=True)
    if others and loudness[first] - loudness[others[0]] < LOUDER_DB:
        raise tag_errors.several()
    tid = await _bank(reader, first, "tid")
    return _as_tag(tid.hex().upper(), first, read_slots(_Snapshot(await _bank(reader, first, "user")))), first


def _as_tag(uid: str, epc: bytes, slots: tuple[Slot | None, Slot | None]) -> Tag:
    code = _code_in(epc)
    ours = bool(code) or any(slots)
    return Tag(uid=uid, kind="EPC Gen2", text=code, empty=not ours, foreign=False, slots=slots if any(slots) else ())


def _code_in(epc: bytes) -> str:
    text = epc.rstrip(b"\0")
    return text.decode("ascii") if text and all(0x20 < byte < 0x7F for byte in text) else ""


async def _bank(reader: Reader, epc: bytes, bank: str) -> bytes:
    result = await reader.read_memory(bank=bank, target_epc=epc, timeout=_ACCESS_TIMEOUT_S)
    return result.data if result.ok and result.data is not None else b""


def _require(tag: Tag, uid: str | None, keys: Sequence[TagKey], *, replace_foreign: bool) -> None:
    if uid is not None and tag.uid != uid.upper():
        raise tag_errors.wrong_tag()
    mine = {key.id for key in keys}
    theirs = [slot for slot in tag.slots if slot is not None]
    if theirs and not replace_foreign and not any(slot.key_id in mine for slot in theirs):
        raise tag_errors.foreign_tag()


async def _write_code(reader: Reader, epc: bytes, code: str, *, must: bool) -> bytes:
    """The EPC that the tag answers with from now on; a code that does not fit stays out of it unless it `must`."""
    wanted = code.encode("ascii", errors="replace").ljust(len(epc), b"\0")
    if not code.isascii() or len(wanted) != len(epc):
        if must:
            raise tag_errors.too_small()
        return epc
    if wanted != epc:
        result = await reader.write_epc(wanted, target_epc=epc, timeout=_ACCESS_TIMEOUT_S)
        if not result.ok:
            raise tag_errors.locked()
    return wanted


def _add_entry(
    memory: "_UserMemory", tag: Tag, content: TagContent, keys: tuple[TagKey, ...]
) -> tuple[Slot, Slot | None, tuple[str, ...]]:
    left_out: list[tuple[str, ...]] = [()]
    uid = bytes.fromhex(tag.uid)

    def make(sequence: int, room: int) -> bytes:
        fitted = fit(content, room, uid, sequence, keys[0])
        left_out[0] = fitted.left_out
        return fitted.packed

    return *write_slot(memory, uid, make, keys), left_out[0]


def _slot_bytes(bank_bytes: int) -> int:
    return min(bank_bytes // 2 // _BLOCK_BYTES * _BLOCK_BYTES, _LARGEST_SLOT_BYTES)


class _Snapshot:
    """User memory as it was read in one go; too little of it reads as empty."""

    block_bytes = _BLOCK_BYTES

    def __init__(self, raw: bytes) -> None:
        self.slot_bytes = _slot_bytes(len(raw)) or 2 * _BLOCK_BYTES
        self._raw = raw.ljust(2 * self.slot_bytes, b"\0")

    def read(self, at: int, count: int) -> bytes:
        return self._raw[at : at + count]

    def write_block(self, at: int, block: bytes) -> None:
        raise NotImplementedError


class _UserMemory:
    """`tag_slots` blocks, llrpkit awaits: the slots are written in a thread, each command in the event loop."""

    block_bytes = _BLOCK_BYTES

    def __init__(self, reader: Reader, epc: bytes, slot_bytes: int) -> None:
        self._reader, self._epc, self.slot_bytes = reader, epc, slot_bytes
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def of(cls, reader: Reader, epc: bytes) -> "_UserMemory":
        slot_bytes = _slot_bytes(len(await _bank(reader, epc, "user")))
        if not slot_bytes:
            raise tag_errors.too_small()
        return cls(reader, epc, slot_bytes)

    def read(self, at: int, count: int) -> bytes:
        first, last = at // 2, (at + count + 1) // 2
        result = self._wait(
            self._reader.read_memory(
                bank="user",
                word_pointer=first,
                word_count=last - first,
                target_epc=self._epc,
                timeout=_ACCESS_TIMEOUT_S,
            )
        )
        if result.data is None:
            raise tag_errors.torn()
        return result.data[at - first * 2 :][:count]

    def write_block(self, at: int, block: bytes) -> None:
        result = self._wait(
            self._reader.write_memory(
                bank="user", word_pointer=at // 2, data=block, target_epc=self._epc, timeout=_ACCESS_TIMEOUT_S
            )
        )
        if not result.ok:
            raise tag_errors.locked() if "Locked" in result.status else tag_errors.torn()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
