"""A tag taken away at any moment of writing holds the previous entry or the new one, whole."""

import random
from collections.abc import Callable

import pytest

from device_bridge.errors import TagRefused
from device_bridge.tag_slots import (
    LAST_SEQUENCE,
    MARK,
    Slot,
    TagKey,
    current,
    is_genuine,
    read_slots,
    room,
    seal_slot,
    write_slot,
)

UID, OTHER_UID = bytes.fromhex("04A1B2C3D4E5F6"), bytes.fromhex("04FFFFFFFFFFFF")
KEY, OTHER_KEY = TagKey(b"k" * 16), TagKey(b"o" * 16)


class GoneError(Exception):
    pass


class Memory:
    """A tag's memory; it leaves before a write (`tear_before`), or in the middle of one, with half of its bits set."""

    def __init__(self, slot_bytes: int, block_bytes: int) -> None:
        self.slot_bytes, self.block_bytes = slot_bytes, block_bytes
        self.raw = bytearray(2 * slot_bytes)
        self.writes = 0
        self.leaves_at: int | None = None
        self.half: random.Random | None = None

    def read(self, at: int, count: int) -> bytes:
        assert at + count <= len(self.raw)
        return bytes(self.raw[at : at + count])

    def write_block(self, at: int, block: bytes) -> None:
        assert len(block) == self.block_bytes
        assert at % self.block_bytes == 0
        if self.leaves_at == self.writes:
            if self.half is not None:
                self.raw[at : at + len(block)] = bytes(
                    new if self.half.random() < 0.5 else self.half.choice((old, new, old & new, 0))
                    for old, new in zip(self.raw[at : at + len(block)], block, strict=True)
                )
            raise GoneError
        self.writes += 1
        self.raw[at : at + len(block)] = block


def says(text: bytes) -> Callable[[int, int], bytes]:
    return lambda _sequence, _room: text


def content(memory: Memory, *keys: TagKey) -> bytes:
    found = current(read_slots(memory), UID, keys or (KEY,))
    return found[0].content if found else b""


SHAPES = pytest.mark.parametrize(("slot_bytes", "block_bytes"), [(40, 4), (192, 4), (256, 4), (256, 16), (32, 8)])


class TestWriteSlot:
    @SHAPES
    @pytest.mark.requirement("5.8.6-5b")
    @pytest.mark.parametrize("half", [False, True])
    def test_a_tag_torn_away_at_every_step_keeps_the_previous_entry_or_has_the_new_one(
        self, slot_bytes: int, block_bytes: int, *, half: bool
    ) -> None:
        """Every step of the third and fourth write, each tried again afterwards; also in the middle of a block."""
        before, after = b"filled 1101 14.5"[: slot_bytes - 16], b"filled 1122 99.9"[: slot_bytes - 16]
        steps = 0
        for seed in range(8 if half else 1):
            for leaves_at in range(slot_bytes // block_bytes + 3):
                memory = Memory(slot_bytes, block_bytes)
                for text in (b"first", b"second", before):
                    write_slot(memory, UID, says(text), (KEY,))
                memory.leaves_at = memory.writes + leaves_at
                memory.half = random.Random(seed) if half else None
                try:
                    write_slot(memory, UID, says(after), (KEY,))
                    finished = True
                except GoneError:
                    finished, steps = False, steps + 1
                assert content(memory) == after if finished else content(memory) in (before, after)
                memory.leaves_at = None
                slot, previous = write_slot(memory, UID, says(after), (KEY,))
                assert (content(memory), slot.sequence) == (after, 4)
                assert previous is not None
                assert (previous.content, previous.sequence) == (before, 3)
        assert steps >= 20 // block_bytes

    @SHAPES
    def test_the_previous_entry_stays_beside_the_new_one(self, slot_bytes: int, block_bytes: int) -> None:
        memory = Memory(slot_bytes, block_bytes)
        for number in range(1, 6):
            slot, previous = write_slot(memory, UID, says(b"entry %d" % number), (KEY,))
            assert slot.content == b"entry %d" % number
            assert (previous.content if previous else b"") == (b"entry %d" % (number - 1) if number > 1 else b"")

    def test_the_same_again_is_not_written_again(self) -> None:
        memory = Memory(40, 4)
        write_slot(memory, UID, says(b"once"), (KEY,))
        writes = memory.writes
        slot, _ = write_slot(memory, UID, says(b"once"), (KEY,))
        assert (memory.writes, slot.sequence) == (writes, 1)

    def test_a_new_key_writes_the_same_again(self) -> None:
        memory = Memory(40, 4)
        write_slot(memory, UID, says(b"once"), (KEY,))
        new = TagKey(b"n" * 16)
        slot, _ = write_slot(memory, UID, says(b"once"), (new, TagKey(KEY.secret, retired=True)))
        assert (slot.sequence, slot.key_id) == (2, new.id)

    def test_what_does_not_fit_is_refused_and_nothing_is_written(self) -> None:
        memory = Memory(40, 4)
        with pytest.raises(TagRefused, match="容量不足"):
            write_slot(memory, UID, says(b"x" * (room(memory) + 1)), (KEY,))
        assert memory.writes == 0

    def test_a_worn_tag_is_refused(self) -> None:
        memory = Memory(40, 4)
        memory.raw[:20] = seal_slot(UID, LAST_SEQUENCE, b"last", KEY)
        with pytest.raises(TagRefused, match="次数已尽"):
            write_slot(memory, UID, says(b"more"), (KEY,))
        assert content(memory) == b"last"


class TestIsGenuine:
    def test_every_bit_counts(self) -> None:
        raw = bytearray(seal_slot(UID, 7, b"14.5 kg", KEY))
        for bit in range(8, 8 * len(raw)):  # the first byte is the mark
            memory = Memory(40, 4)
            changed = bytearray(raw)
            changed[bit // 8] ^= 1 << bit % 8
            memory.raw[: len(changed)] = changed
            assert content(memory) == b"", bit

    def test_bytes_on_another_tag_prove_nothing(self) -> None:
        slot = Slot(7, KEY.id, b"14.5 kg", seal_slot(UID, 7, b"14.5 kg", KEY)[-8:])
        assert is_genuine(slot, UID, KEY)
        assert not is_genuine(slot, OTHER_UID, KEY)

    def test_another_s_key_proves_nothing(self) -> None:
        slot = Slot(7, KEY.id, b"14.5 kg", seal_slot(UID, 7, b"14.5 kg", OTHER_KEY)[-8:])
        assert not is_genuine(slot, UID, KEY)


class TestReadSlots:
    def test_any_bytes_are_no_entry_or_one_that_proves_nothing(self) -> None:
        noise = random.Random(5)
        for _ in range(500):
            memory = Memory(40, 4)
            memory.raw[:] = noise.randbytes(80)
            memory.raw[0] = noise.choice((MARK, memory.raw[0]))
            assert content(memory) == b""

    def test_the_bytes_of_an_entry_stay_the_same_from_version_to_version(self) -> None:
        assert seal_slot(UID, 258, b"abc", KEY).hex() == "c10301029dac54f361626335696ec263b7bec4"
