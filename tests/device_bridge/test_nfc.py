import asyncio
import time

import ndef
import pytest

from device_bridge.errors import (
    AddressInvalid,
    DeviceGarbled,
    DeviceMissing,
    TagAbsent,
    TagRefused,
    TagTorn,
)
from device_bridge.models import Tag
from device_bridge.nfc import code_records
from device_bridge.tag_reader import open_tag_reader


@pytest.fixture
def reader(tags):
    yield open_tag_reader(tags.address)
    tags.tell("remove")


class TestRead:
    async def test_a_cylinder_s_tag_gives_its_code(self, tags, reader):
        uid = tags.tell("present YSP35.5-0001")
        assert await reader.read(3) == Tag(uid=uid, kind="NXP NTAG215", text="YSP35.5-0001", empty=False, foreign=False)

    async def test_a_code_may_be_chinese(self, tags, reader):
        tags.tell("present 气瓶-0002")
        assert (await reader.read(3)).text == "气瓶-0002"

    async def test_a_tag_that_comes_late_is_still_read(self, tags, reader):
        reading = asyncio.create_task(reader.read(5))
        await asyncio.sleep(0.5)
        tags.tell("present YSP35.5-0001")
        assert (await reading).text == "YSP35.5-0001"

    async def test_an_empty_tag_says_so(self, tags, reader):
        tags.tell("present empty")
        tag = await reader.read(3)
        assert (tag.text, tag.empty, tag.foreign) == ("", True, False)

    async def test_somebody_else_s_tag_says_so(self, tags, reader):
        tags.tell("present foreign")
        tag = await reader.read(3)
        assert (tag.text, tag.empty, tag.foreign) == ("", False, True)

    async def test_damaged_content_is_told_from_an_empty_tag(self, tags, reader):
        tags.tell("present broken")
        with pytest.raises(DeviceGarbled) as caught:
            await reader.read(3)
        assert "标签内容损坏" in str(caught.value)

    async def test_no_tag_ends_in_time_with_another_way_to_go_on(self, tags, reader):
        began = time.monotonic()
        with pytest.raises(TagAbsent) as caught:
            await reader.read(0.5)
        assert time.monotonic() - began < 0.8
        assert "钢印号" in caught.value.what_to_do_zh

    @pytest.mark.parametrize("reads", [0, 1, 2])
    async def test_a_tag_taken_away_while_it_is_read_is_never_half_believed(self, tags, reader, reads: int):
        tags.tell("present YSP35.5-0001")
        tags.tell(f"tear {reads} read")
        began = time.monotonic()
        with pytest.raises((TagTorn, TagAbsent)):
            await reader.read(1)
        assert time.monotonic() - began < 3.5

    async def test_one_tag_after_the_other(self, tags, reader):
        codes = []
        for name in ("YSP35.5-0001", "气瓶-0002", "YSP35.5-0001"):
            tags.tell(f"present {name}")
            codes.append((await reader.read(3)).text)
        assert codes == ["YSP35.5-0001", "气瓶-0002", "YSP35.5-0001"]

    async def test_a_cancelled_read_frees_the_reader(self, tags, reader):
        reading = asyncio.create_task(reader.read(30))
        await asyncio.sleep(0.3)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        tags.tell("present YSP35.5-0001")
        assert (await reader.read(3)).text == "YSP35.5-0001"

    async def test_no_reader(self):
        with pytest.raises(DeviceMissing) as caught:
            await open_tag_reader("tty:NOTHERE:pn532").read(1)
        assert "读卡器" in caught.value.detail_zh


class TestWrite:
    async def test_what_is_written_is_read_back_by_the_next(self, simulate):
        tags = simulate("tags")
        reader = open_tag_reader(tags.address)
        uid = tags.tell("present empty")
        written = await reader.write("阀门井-017", page_url="https://gas.example.cn/c/017", timeout_s=3)
        assert (written.uid, written.text, written.empty) == (uid, "阀门井-017", False)
        assert await open_tag_reader(tags.address).read(3) == written

    async def test_a_tag_torn_away_tells_the_worker_to_repeat_and_can_be_repaired(self, simulate):
        tags = simulate("tags", "--tags", "OLD-1")
        reader = open_tag_reader(tags.address)
        outcomes = []
        for writes in range(4):
            tags.tell("present OLD-1")
            tags.tell(f"tear {writes}")
            with pytest.raises(TagTorn) as caught:
                await reader.write("NEW-000001", timeout_s=3)
            outcomes.append(caught.value.what_to_do_zh)
            tags.tell("present OLD-1")
            assert (await reader.read(3)).text in {"", "OLD-1"}
        assert all("再次贴近" in outcome for outcome in outcomes)
        assert (await reader.write("NEW-000001", timeout_s=3)).text == "NEW-000001"

    async def test_a_locked_tag_is_refused(self, tags, reader):
        tags.tell("present locked")
        with pytest.raises(TagRefused, match="锁定"):
            await reader.write("X-1", timeout_s=3)

    async def test_somebody_else_s_tag_is_replaced_only_on_demand(self, simulate):
        tags = simulate("tags")
        reader = open_tag_reader(tags.address)
        tags.tell("present foreign")
        with pytest.raises(TagRefused, match="其他单位"):
            await reader.write("X-1", timeout_s=3)
        assert (await reader.read(3)).foreign
        assert (await reader.write("X-1", replace_foreign=True, timeout_s=3)).text == "X-1"

    async def test_another_tag_than_the_one_asked_for_stays_as_it_is(self, tags, reader):
        tags.tell("present YSP35.5-0001")
        with pytest.raises(TagRefused, match="不是要写"):
            await reader.write("X-1", uid="04AABBCCDDEEFF", timeout_s=3)
        assert (await reader.read(3)).text == "YSP35.5-0001"

    @pytest.mark.parametrize("code", ["", "气" * 22])
    async def test_no_code_and_a_code_too_long_are_refused(self, reader, code: str):
        with pytest.raises(TagRefused):
            await reader.write(code, timeout_s=1)


class TestCodeRecords:
    def test_the_bytes_on_a_tag_stay_the_same_from_version_to_version(self):
        octets = b"".join(ndef.message_encoder(code_records("A1", "https://g.cn/A1")))
        assert octets.hex() == "940a02716978756e3a636f646541315101085504672e636e2f4131"


class TestOpenTagReader:
    @pytest.mark.parametrize("address", ["", "udp", "tty", "http://127.0.0.1", "bluetooth:1"])
    def test_an_address_that_means_nothing_is_refused(self, address: str):
        with pytest.raises(AddressInvalid, match="udp:127"):
            open_tag_reader(address)
