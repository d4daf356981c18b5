"""Two entries on one tag: the previous one stays until the new one is complete (5.8.6-5b).

A tag's memory of ours is two slots of equal size. A slot is
`mark(1) length(1) sequence(2) key id(4) content(length) MAC(8)`, big-endian. The slot that does not hold the current
entry is written: first its first block is cleared, so that nobody takes old header and new content for one entry; then
everything behind the first block; that is read back; the first block last. Taken away at any moment, the tag holds the
previous entry or the new one, whole. The MAC covers the tag's UID, so that bytes copied to another tag tell themselves.

MAC: HMAC-SM3 (GB/T 32905) cut to 8 bytes: a guess succeeds once in 2^64, and only at a tag that is held near.
"""

import hmac
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from device_bridge import tag_errors

# The layout's version is in the mark: a reader that does not know it does not guess.
MARK = 0xC1
_HEADER = struct.Struct(">BBH4s")
HEADER_BYTES = _HEADER.size
MAC_BYTES = 8
OVERHEAD_BYTES = HEADER_BYTES + MAC_BYTES
# A chip endures fewer writes of one page; so the sequence needs no way to begin anew.
LAST_SEQUENCE = 0xFFFF
SECRET_BYTES = 16


class TagMemory(Protocol):
    """What a tag has for us, as its driver reaches it. `write_block` puts one block, whole or not at all."""

    @property
    def slot_bytes(self) -> int: ...

    @property
    def block_bytes(self) -> int:
        """Divides `slot_bytes`; an entry's commit is one block."""
        ...

    def read(self, at: int, count: int) -> bytes:
        """`at` counts from the first slot's first byte. Raises what the driver raises when the tag has gone."""
        ...

    def write_block(self, at: int, block: bytes) -> None: ...


class Slot(msgspec.Struct, frozen=True):
    """An entry as it lies on a tag, believed by nobody yet: see `is_genuine`."""

    sequence: int
    key_id: bytes
    content: bytes
    mac: bytes


class TagKey(msgspec.Struct, frozen=True):
    """A company's secret for its tags. A `retired` one proves nothing any more: somebody lost a phone that held it."""

    secret: bytes
    retired: bool = False

    @property
    def id(self) -> bytes:
        """Tells companies and generations apart on a tag; says nothing about the secret."""
        return derive(self.secret, b"id")[:4]


def derive(secret: bytes, purpose: bytes, *parts: bytes) -> bytes:
    """HMAC-SM3 over the parts, each with its length, so that no two lists of parts are the same bytes."""
    mac = HMAC(secret, hashes.SM3())
    for part in (b"qixun tag 1", purpose, *parts):
        mac.update(len(part).to_bytes(2, "big") + part)
    return mac.finalize()


def seal_slot(uid: bytes, sequence: int, content: bytes, key: TagKey) -> bytes:
    """The bytes of a slot."""
    header = _HEADER.pack(MARK, len(content), sequence, key.id)
    return header + content + _mac(uid, header, content, key)


def is_genuine(slot: Slot, uid: bytes, key: TagKey) -> bool:
    header = _HEADER.pack(MARK, len(slot.content), slot.sequence, slot.key_id)
    return slot.key_id == key.id and hmac.compare_digest(slot.mac, _mac(uid, header, slot.content, key))


def _mac(uid: bytes, header: bytes, content: bytes, key: TagKey) -> bytes:
    return derive(key.secret, b"mac", uid, header, content)[:MAC_BYTES]


def room(memory: TagMemory) -> int:
    """Bytes of content that one entry may have."""
    return min(memory.slot_bytes - OVERHEAD_BYTES, 0xFF)


def read_slots(memory: TagMemory) -> tuple[Slot | None, Slot | None]:
    """Both slots, None for one that is empty or was not finished."""
    return _read_slot(memory, 0), _read_slot(memory, 1)


def current(slots: Iterable[Slot | None], uid: bytes, keys: Iterable[TagKey]) -> tuple[Slot, TagKey] | None:
    """The newest genuine entry and the key that proves it."""
    known = tuple(keys)
    found = [(slot, key) for slot in slots if slot is not None for key in known if is_genuine(slot, uid, key)]
    return max(found, key=lambda pair: pair[0].sequence, default=None)


def write_slot(
    memory: TagMemory, uid: bytes, make: Callable[[int, int], bytes], keys: Sequence[TagKey]
) -> tuple[Slot, Slot | None]:
    """Adds the entry that `make(sequence, room)` gives under the first of `keys`, and answers it with the one before.
    Where that is what the tag says already, nothing is written: writing again after an interruption does no harm.

    Raises TagRefused for what does not fit, TagTorn when what was written does not read back.
    """
    slots = read_slots(memory)
    now = current(slots, uid, keys)
    if now is not None and now[1] == keys[0] and now[0].content == make(now[0].sequence, room(memory)):
        return now[0], next((slot for slot in slots if slot is not now[0]), None)
    sequence = now[0].sequence + 1 if now else 1
    content = make(sequence, room(memory))
    if len(content) > room(memory):
        raise tag_errors.too_small()
    if sequence > LAST_SEQUENCE:
        raise tag_errors.worn_out()
    _put(memory, 1 if now and now[0] is slots[0] else 0, seal_slot(uid, sequence, content, keys[0]))
    after = current(read_slots(memory), uid, keys)
    if after is None or (after[0].sequence, after[0].content) != (sequence, content):
        raise tag_errors.torn()
    return after[0], now[0] if now else None


def _read_slot(memory: TagMemory, number: int) -> Slot | None:
    at = number * memory.slot_bytes
    mark, length, sequence, key_id = _HEADER.unpack(memory.read(at, HEADER_BYTES))
    if mark != MARK or length > room(memory):
        return None
    rest = memory.read(at + HEADER_BYTES, length + MAC_BYTES)
    return Slot(sequence, key_id, rest[:length], rest[length:])


def _put(memory: TagMemory, number: int, raw: bytes) -> None:
    size = memory.block_bytes
    raw += bytes(-len(raw) % size)
    at = number * memory.slot_bytes
    if memory.read(at, 1) == bytes([MARK]):
        memory.write_block(at, bytes(size))
    for offset in range(size, len(raw), size):
        memory.write_block(at + offset, raw[offset : offset + size])
    if memory.read(at + size, len(raw) - size) != raw[size:]:
        raise tag_errors.torn()
    memory.write_block(at, raw[:size])
