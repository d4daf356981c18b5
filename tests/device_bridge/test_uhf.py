"""UHF tags over real LLRP, against llrpkit's emulator as a process of its own."""

import asyncio
import json
import time
from datetime import date

import msgspec
import pytest

from device_bridge.errors import AddressInvalid, DeviceGarbled, DeviceLost, DeviceMissing, TagAbsent, TagRefused
from device_bridge.tag_content import TagContent, judge
from device_bridge.tag_reader import open_tag_reader
from device_bridge.tag_slots import TagKey

KEYS = (TagKey(b"k" * 16),)
CONTENT = TagContent(
    code="SH-000123",
    manufacturer="松河演示钢瓶制造有限公司",
    next_inspection_on=date(2027, 3, 31),
    filled_on=date(2026, 11, 1),
    gross_kg=31.02,
)
LATER = msgspec.structs.replace(CONTENT, gross_kg=30.5, filled_on=date(2026, 11, 22))


@pytest.fixture
def uhf(simulate):
    return simulate("uhf", "--tags", "SH-000001,SH-000002")


def near(simulator, *names: str) -> str:
    return json.loads(simulator.tell("present " + " ".join(names)))[0]


def judged(tag, *, bound: str = ""):
    bound_uids = (bytes.fromhex(bound),) if bound else ()
    return judge(tag.slots, bytes.fromhex(tag.uid), KEYS, bound_uids=bound_uids, empty=tag.empty, foreign=tag.foreign)


class TestRead:
    async def test_the_code_is_in_the_epc_and_the_uid_is_the_chip_s(self, uhf) -> None:
        uid = near(uhf, "SH-000001")
        tag = await open_tag_reader(uhf.address).read(5)
        assert (tag.uid, tag.text, tag.empty, tag.foreign) == (uid, "SH-000001", False, False)

    async def test_the_nearest_of_several_is_meant(self, uhf) -> None:
        near(uhf, "SH-000002", "SH-000001")
        assert (await open_tag_reader(uhf.address).read(5)).text == "SH-000002"

    async def test_two_as_near_are_told_and_not_guessed(self, uhf) -> None:
        near(uhf, "SH-000002", "+SH-000001")
        with pytest.raises(DeviceGarbled, match="分不清"):
            await open_tag_reader(uhf.address).read(5)

    async def test_no_tag_ends_in_time(self, uhf) -> None:
        began = time.monotonic()
        with pytest.raises(TagAbsent):
            await open_tag_reader(uhf.address).read(1)
        assert time.monotonic() - began < 4

    async def test_a_cancelled_read_frees_the_reader(self, uhf) -> None:
        reader = open_tag_reader(uhf.address)
        reading = asyncio.create_task(reader.read(30))
        await asyncio.sleep(0.5)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        near(uhf, "SH-000001")
        assert (await reader.read(5)).text == "SH-000001"

    async def test_no_reader(self) -> None:
        with pytest.raises(DeviceMissing, match="读卡器"):
            await open_tag_reader("llrp://127.0.0.1:9").read(2)

    async def test_a_reader_that_goes_away_says_so(self, uhf) -> None:
        reading = asyncio.create_task(open_tag_reader(uhf.address).read(20))
        await asyncio.sleep(1)
        uhf.tell("drop")
        with pytest.raises((DeviceLost, DeviceMissing)):
            await reading

    @pytest.mark.parametrize("address", ["llrp://", "llrp://:5084", "llrp://host:port"])
    def test_an_address_that_means_nothing_is_refused(self, address: str) -> None:
        with pytest.raises(AddressInvalid, match="llrp"):
            open_tag_reader(address)


class TestWriteEntry:
    async def test_the_next_reader_finds_it_and_the_one_before(self, uhf) -> None:
        uid = near(uhf, "blank")
        reader = open_tag_reader(uhf.address)
        first = await reader.write_entry(CONTENT, uid=uid, keys=KEYS)
        assert first.left_out == ("code", "manufacturer")
        await reader.write_entry(LATER, uid=uid, keys=KEYS)
        tag = await reader.read(5)
        reading = judged(tag)
        assert (tag.text, tag.uid, reading.state, reading.sequence) == (CONTENT.code, uid, "genuine", 2)
        assert (reading.content.gross_kg, reading.previous.gross_kg) == (30.5, 31.02)

    @pytest.mark.requirement("5.8.6-5b")
    async def test_a_tag_out_of_reach_at_every_write_loses_nothing(self, uhf) -> None:
        uid = near(uhf, "blank")
        reader, torn = open_tag_reader(uhf.address), 0
        await reader.write_entry(CONTENT, uid=uid, keys=KEYS)
        for writes in range(12):
            near(uhf, "blank")
            before = judged(await reader.read(5)).content
            uhf.tell(f"tear {writes}")
            content = msgspec.structs.replace(LATER, gross_kg=20 + writes / 100)
            try:
                await reader.write_entry(content, uid=uid, keys=KEYS, timeout_s=2)
                break
            except (DeviceLost, TagAbsent):
                torn += 1
            near(uhf, "blank")
            assert judged(await reader.read(5)).content == before
        assert torn >= 3

    async def test_copied_memory_on_another_tag_is_found(self, uhf) -> None:
        uid = near(uhf, "blank")
        reader = open_tag_reader(uhf.address)
        await reader.write_entry(CONTENT, uid=uid, keys=KEYS)
        uhf.tell("copy blank blank2")
        near(uhf, "blank2")
        assert judged(await reader.read(5), bound=uid).state == "copied"

    async def test_another_tag_than_the_one_asked_for_stays_as_it_is(self, uhf) -> None:
        near(uhf, "blank")
        before = uhf.tell("dump blank")
        with pytest.raises(TagRefused, match="不是要写"):
            await open_tag_reader(uhf.address).write_entry(CONTENT, uid="E2AA", keys=KEYS)
        assert uhf.tell("dump blank") == before
