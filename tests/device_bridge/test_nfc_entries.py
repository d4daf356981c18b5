"""Entries written and read over nfcpy, on chips of each size."""

from datetime import date

import msgspec
import pytest

from device_bridge.errors import TagAbsent, TagRefused, TagTorn
from device_bridge.models import Tag
from device_bridge.tag_content import TagContent, TagReading, judge
from device_bridge.tag_reader import open_tag_reader
from device_bridge.tag_slots import TagKey

KEYS = (TagKey(b"k" * 16),)
STRANGER = (TagKey(b"s" * 16),)
PAGE = "https://gas.songhe.example.cn/c/0123456789abcdef01234567"
CONTENT = TagContent(
    code="SH-YSP35.5-000123",
    manufacturer="松河演示钢瓶制造有限公司",
    factory_number="20210317",
    made_on=date(2021, 3, 1),
    next_inspection_on=date(2027, 3, 31),
    filling_company="松河演示燃气有限公司",
    gross_kg=31.02,
    filled_on=date(2026, 11, 1),
)
LATER = msgspec.structs.replace(CONTENT, gross_kg=30.5, filled_on=date(2026, 11, 22))


def judged(tag: Tag, keys=KEYS, *, bound: str = "") -> TagReading:
    bound_uids = (bytes.fromhex(bound),) if bound else ()
    return judge(tag.slots, bytes.fromhex(tag.uid), keys, bound_uids=bound_uids, empty=tag.empty, foreign=tag.foreign)


async def write(simulator, name: str, content: TagContent = CONTENT, keys=KEYS, **rest):
    uid = simulator.tell(f"present {name}")
    reader = open_tag_reader(simulator.address)
    return await reader.write_entry(content, uid=uid, keys=keys, page_url=PAGE, timeout_s=5, **rest)


class TestWriteEntry:
    @pytest.mark.requirement("E5.8.6-1")
    @pytest.mark.parametrize("name", ["empty215", "empty216", "type4"])
    async def test_the_next_reader_finds_all_of_it_and_the_one_before(self, simulate, name: str) -> None:
        simulator = simulate("tags")
        assert (await write(simulator, name)).left_out == ()
        written = await write(simulator, name, LATER)
        assert (written.sequence, written.left_out) == (2, ())
        tag = await open_tag_reader(simulator.address).read(5)
        assert (tag.text, tag.page_url, tag.empty, tag.foreign) == (CONTENT.code, PAGE, False, False)
        reading = judged(tag)
        assert (reading.state, reading.content, reading.previous) == ("genuine", LATER, CONTENT)

    async def test_a_small_tag_keeps_the_public_page_and_what_it_has_room_for(self, simulate) -> None:
        simulator = simulate("tags")
        written = await write(simulator, "empty213")
        assert written.left_out == ("code", "filling_company", "manufacturer")
        tag = await open_tag_reader(simulator.address).read(5)
        assert (tag.text, tag.page_url) == ("", PAGE)
        without = msgspec.structs.replace(CONTENT, code="", filling_company="", manufacturer="")
        assert judged(tag).content == without

    @pytest.mark.parametrize("name", ["empty213", "type4"])
    @pytest.mark.requirement("5.8.6-5b")
    async def test_a_tag_taken_away_at_every_write_loses_nothing(self, simulate, name: str) -> None:
        simulator = simulate("tags")
        await write(simulator, name)
        uid, reader, torn = simulator.tell(f"present {name}"), open_tag_reader(simulator.address), 0
        for writes in range(40):
            simulator.tell(f"present {name}")
            simulator.tell(f"tear {writes}")
            content = msgspec.structs.replace(LATER, gross_kg=20 + writes / 100)
            before = judged(await reader.read(5)).content
            try:
                await reader.write_entry(content, uid=uid, keys=KEYS, page_url=PAGE, timeout_s=5)
                break
            except TagTorn:
                torn += 1
            simulator.tell(f"present {name}")
            assert judged(await reader.read(5)).content == before
        assert torn >= 3
        simulator.tell(f"present {name}")
        assert judged(await reader.read(5)).content is not None

    async def test_another_tag_than_the_one_asked_for_stays_as_it_is(self, simulate) -> None:
        simulator = simulate("tags")
        simulator.tell("present empty216")
        before = simulator.tell("dump empty216")
        with pytest.raises(TagRefused, match="不是要写"):
            await open_tag_reader(simulator.address).write_entry(CONTENT, uid="04AABBCCDDEEFF", keys=KEYS, timeout_s=3)
        assert simulator.tell("dump empty216") == before

    @pytest.mark.parametrize("name", ["foreign", "empty215"])
    async def test_somebody_else_s_tag_is_replaced_only_on_demand(self, simulate, name: str) -> None:
        """A foreign message, or the entries of another company."""
        simulator = simulate("tags")
        if name == "empty215":
            await write(simulator, name, keys=STRANGER)
        with pytest.raises(TagRefused, match="其他单位"):
            await write(simulator, name, LATER)
        await write(simulator, name, LATER, replace_foreign=True)
        assert judged(await open_tag_reader(simulator.address).read(5)).content == LATER

    async def test_a_locked_tag_is_refused(self, simulate) -> None:
        with pytest.raises(TagRefused, match="锁定"):
            await write(simulate("tags"), "locked")

    async def test_a_cancelled_write_writes_nothing_later(self, simulate) -> None:
        simulator = simulate("tags")
        before = simulator.tell("dump empty215")
        with pytest.raises(TagAbsent):
            await open_tag_reader(simulator.address).write_entry(CONTENT, uid="04" * 7, keys=KEYS, timeout_s=0.3)
        simulator.tell("present empty215")
        assert simulator.tell("dump empty215") == before


class TestRead:
    async def test_an_empty_tag_and_a_foreign_one_are_told_apart(self, simulate) -> None:
        simulator = simulate("tags")
        reader = open_tag_reader(simulator.address)
        states = []
        for name in ("empty213", "foreign"):
            simulator.tell(f"present {name}")
            states.append(judged(await reader.read(5)).state)
        assert states == ["blank", "foreign"]

    async def test_a_copied_tag_is_found_by_its_uid(self, simulate) -> None:
        simulator = simulate("tags")
        original = (await write(simulator, "empty215")).tag.uid
        simulator.tell("copy empty215 empty")
        simulator.tell("present empty")
        tag = await open_tag_reader(simulator.address).read(5)
        assert tag.text == CONTENT.code
        assert judged(tag, bound=original).state == "copied"
