"""Binding and writing with a simulated tag as a process of its own, and no network."""

import asyncio
import base64
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from device_bridge.errors import TagAbsent, TagRefused, TagTorn
from device_bridge.tag_reader import TagReader, open_tag_reader
from mobile_app.deliveries.scans import scan
from mobile_app.devices import Addresses, save_addresses
from mobile_app.errors import FieldError, NotReady
from mobile_app.phone import Phone
from mobile_app.tags.reading import TagRead, judge_tag
from mobile_app.tags.work import (
    bind_tag,
    finish,
    give_up,
    refresh_after_delivery,
    refresh_after_filling,
    unfinished,
)
from sync.documents.cylinders import CylinderScan
from sync.documents.reference import TagKeys, TagSecret
from sync.documents.tags import TagBound, TagWritten
from tests.device_bridge.conftest import Simulator, running
from tests.mobile_app.phones import UNIT_ID, cylinder, fill, lay_out, open_phone, put

SECRET, OLD_SECRET = (base64.b64encode(letter * 16).decode() for letter in (b"k", b"o"))
TAG_KEYS = TagKeys(
    id="reference.tag_keys:company",
    keys=(TagSecret(secret=SECRET), TagSecret(secret=OLD_SECRET, retired=True)),
    public_url="https://gas.example.cn/c/",
)
UNTAGGED = cylinder(
    "SH0009",
    tag_uid="",
    manufacturer="松河演示钢瓶制造有限公司",
    factory_number="20210317",
    made_on=date(2021, 3, 1),
    public_token="0123456789abcdef01234567",
)
SCAN = CylinderScan(code="SH0009", method="qr", cylinder_id="sh0009")


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    lay_out(tmp_path)
    opened = await open_phone(tmp_path)
    fill(opened)
    put(opened.stores.unit(UNIT_ID), [TAG_KEYS, UNTAGGED])
    yield opened
    await opened.close()


@pytest.fixture
def tags() -> Iterator[Simulator]:
    with running("tags") as simulator:
        yield simulator


@pytest.fixture
def reader(tags: Simulator) -> TagReader:
    return open_tag_reader(tags.address)


async def bind(phone: Phone, reader: TagReader, target=UNTAGGED, scan: CylinderScan = SCAN, **rest):
    return await bind_tag(phone, reader, "nfc", target, scan, **rest)


async def near(phone: Phone, reader: TagReader) -> TagRead:
    return await judge_tag(phone, await reader.read(5))


class TestBindTag:
    @pytest.mark.requirement("E5.8.6-1")
    @pytest.mark.requirement("5.8.7-3a")
    async def test_the_tag_says_what_the_archive_says_and_the_binding_is_recorded_offline(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        uid = tags.tell("present empty215")
        await bind(phone, reader)
        found = await near(phone, reader)
        content = found.reading.content
        assert content is not None
        assert (content.manufacturer, content.factory_number, content.made_on, content.next_inspection_on) == (
            UNTAGGED.manufacturer,
            UNTAGGED.factory_number,
            UNTAGGED.made_on,
            UNTAGGED.next_inspection_on,
        )
        assert found.tag.page_url == "https://gas.example.cn/c/0123456789abcdef01234567"
        (bound,) = await phone.recorded(TagBound)
        assert (bound.tag_uid, bound.scan.cylinder_id, bound.kind) == (uid, "sh0009", "nfc")
        (written,) = await phone.recorded(TagWritten)
        assert (written.outcome, written.occasion, written.sequence) == ("written", "bound", 1)
        assert await unfinished(phone) == []

    async def test_what_is_bound_here_counts_on_this_phone_at_once(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        old = "04AABBCCDDEE01"
        put(phone.stores.unit(UNIT_ID), [msgspec.structs.replace(UNTAGGED, tag_uid=old)])
        uid = tags.tell("present empty215")
        await bind(phone, reader, replaces=old, reason="peeled")
        assert (await scan(phone, "", "nfc", "delivery", tag_uid=uid)).scan.cylinder_id == "sh0009"
        for code in ("SH0009", ""):
            assert (await scan(phone, code, "nfc", "delivery", tag_uid=uid)).allowed
            assert (await scan(phone, code, "nfc", "delivery", tag_uid=old)).verdict.codes == ("tag_void",)
        put(phone.stores.unit(UNIT_ID), [msgspec.structs.replace(UNTAGGED, tag_uid=old, scrapped=True)])
        assert (await scan(phone, "", "nfc", "delivery", tag_uid=uid)).verdict.codes == ("scrapped",)

    async def test_once_the_archive_knows_the_tag_its_word_counts(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        uid = tags.tell("present empty215")
        await bind(phone, reader)
        later = msgspec.structs.replace(UNTAGGED, tag_uid="04AABBCCDDEE02", former_tags=(uid,))
        put(phone.stores.unit(UNIT_ID), [later])
        assert (await scan(phone, "", "nfc", "delivery", tag_uid=uid)).verdict.codes == ("tag_void",)
        assert (await scan(phone, "", "nfc", "delivery", tag_uid="04AABBCCDDEE02")).allowed

    async def test_a_binding_that_the_office_refused_does_not_count(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        uid = tags.tell("present empty215")
        await bind(phone, reader)
        (bound,) = await phone.recorded(TagBound)
        phone.record_store().park(bound.id, "record.not_yours", "不是您的气瓶")
        assert (await scan(phone, "", "nfc", "delivery", tag_uid=uid)).verdict.codes == ("unknown_cylinder",)

    async def test_a_tag_that_leaves_too_early_is_bound_and_can_be_finished(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        tags.tell("present empty215")
        tags.tell("tear 12")
        with pytest.raises(TagTorn):
            await bind(phone, reader)
        (begun,) = await unfinished(phone)
        assert begun.scan.code == "SH0009"
        assert len(await phone.recorded(TagBound)) == 1
        assert await phone.recorded(TagWritten) == []
        tags.tell("present empty215")
        await finish(phone, reader, begun)
        assert (await near(phone, reader)).reading.state == "genuine"
        assert [w.outcome for w in await phone.recorded(TagWritten)] == ["written"]
        assert await unfinished(phone) == []

    async def test_binding_again_after_a_tear_is_one_binding(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        tags.tell("present empty215")
        tags.tell("tear 3")
        with pytest.raises(TagTorn):
            await bind(phone, reader)
        tags.tell("present empty215")
        await bind(phone, reader)
        assert (len(await phone.recorded(TagBound)), len(await phone.recorded(TagWritten))) == (1, 1)

    @pytest.mark.parametrize("kill_before", [0, 1, 9, -1])
    async def test_killed_at_any_moment_the_app_knows_what_was_begun_and_finishes_it(
        self, phone: Phone, tags: Simulator, reader: TagReader, tmp_path: Path, kill_before: int
    ) -> None:
        await phone.close()
        uid = tags.tell("present empty215")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.mobile_app.tags.killed_binding", str(tmp_path), tags.address, str(kill_before)
        )
        assert await process.wait() == -signal.SIGKILL
        again = await open_phone(tmp_path)
        (begun,) = await unfinished(again)
        assert (begun.tag_uid, begun.scan.code, begun.content.manufacturer) == (uid, "SH0009", UNTAGGED.manufacturer)
        assert [b.tag_uid for b in await again.recorded(TagBound)] == [uid]
        tags.tell("present empty215")
        await finish(again, reader, begun)
        assert (await near(again, reader)).reading.sequence == 1
        assert [w.outcome for w in await again.recorded(TagWritten)] == ["written"]
        assert await unfinished(again) == []
        await again.close()

    async def test_what_cannot_be_finished_is_told_to_the_office(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        tags.tell("present empty215")
        tags.tell("tear 5")
        with pytest.raises(TagTorn):
            await bind(phone, reader)
        (begun,) = await unfinished(phone)
        await give_up(phone, begun)
        assert [(w.outcome, w.sequence) for w in await phone.recorded(TagWritten)] == [("not_written", 0)]
        assert await unfinished(phone) == []

    @pytest.mark.requirement("5.8.6-4b")
    async def test_a_peeled_tag_is_bound_to_no_other_cylinder(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        """Known from the archive, from what this phone recorded a moment ago, or from the tag itself."""
        uid = tags.tell("present empty215")
        await bind(phone, reader)
        other = cylinder("SH0010", tag_uid="")
        put(phone.stores.unit(UNIT_ID), [other])
        there = CylinderScan(code="SH0010", method="qr", cylinder_id="sh0010")
        with pytest.raises(FieldError, match="SH0009") as refused:
            await bind(phone, reader, other, there)
        assert refused.value.code == "tags.bound_elsewhere"
        tags.tell("present empty216")
        put(phone.stores.unit(UNIT_ID), [cylinder("SH0011", tag_uid=tags.told["tags"]["empty216"])])
        with pytest.raises(FieldError, match="SH0011"):
            await bind(phone, reader, other, there)
        assert [b.tag_uid for b in await phone.recorded(TagBound)] == [uid]

    async def test_a_former_tag_a_copy_and_a_scrapped_cylinder_are_refused(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        uid = tags.tell("present empty215")
        codes = []
        for target in (
            cylinder("SH0009", tag_uid="", former_tags=(uid,)),
            cylinder("SH0009", tag_uid="", scrapped=True),
        ):
            put(phone.stores.unit(UNIT_ID), [target])
            with pytest.raises(FieldError) as refused:
                await bind(phone, reader)  # as it was when it was chosen: what has come since counts
            codes.append(refused.value.code)
        put(phone.stores.unit(UNIT_ID), [UNTAGGED])
        await bind(phone, reader)
        tags.tell("copy empty215 empty")
        tags.tell("present empty")
        put(phone.stores.unit(UNIT_ID), [bound := msgspec.structs.replace(UNTAGGED, tag_uid=uid)])
        with pytest.raises(FieldError) as refused:
            await bind(phone, reader, bound, replaces=uid, reason="lost")
        assert [*codes, refused.value.code] == ["tags.former", "tags.scrapped", "tags.copied"]

    @pytest.mark.requirement("E5.8.6-3", "5.8.6-4b")
    async def test_no_tag_of_a_scrapped_cylinder_is_ever_used_again_on_this_phone(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        """The one that it carried and the one before, without a network."""
        uid = tags.tell("present empty215")
        for dead in ({"tag_uid": uid}, {"tag_uid": "04DEAD", "former_tags": (uid,)}):
            put(phone.stores.unit(UNIT_ID), [cylinder("SH0004", scrapped=True, **dead)])
            with pytest.raises(FieldError) as refused:
                await bind(phone, reader)
            assert refused.value.code == "tags.bound_elsewhere"
            for purpose in ("loading", "delivery"):
                found = await scan(phone, "", "nfc", purpose, tag_uid=uid)
                assert not found.allowed
                assert "scrapped" in found.verdict.codes
        assert await phone.recorded(TagBound) == []

    async def test_a_tag_is_replaced_only_with_a_reason(self, phone: Phone, tags: Simulator, reader: TagReader) -> None:
        tags.tell("present empty215")
        had = cylinder("SH0001")
        scan = CylinderScan(code="SH0001", method="qr", cylinder_id="sh0001")
        for rest, code in (({}, "tags.has_one"), ({"replaces": had.tag_uid}, "tags.no_reason")):
            with pytest.raises(FieldError) as refused:
                await bind(phone, reader, had, scan, **rest)
            assert refused.value.code == code
        await bind(phone, reader, had, scan, replaces=had.tag_uid, reason="peeled")
        (bound,) = await phone.recorded(TagBound)
        assert (bound.replaces, bound.reason) == (had.tag_uid, "peeled")

    async def test_somebody_else_s_tag_is_replaced_only_on_demand(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        tags.tell("present foreign")
        with pytest.raises(FieldError, match="其他单位"):
            await bind(phone, reader)
        assert await phone.recorded(TagBound) == []
        await bind(phone, reader, replace_foreign=True)
        assert (await near(phone, reader)).reading.state == "genuine"

    async def test_a_locked_tag_says_so(self, phone: Phone, tags: Simulator, reader: TagReader) -> None:
        tags.tell("present locked")
        with pytest.raises(TagRefused, match="锁定"):
            await bind(phone, reader)

    async def test_no_tag_records_nothing(self, phone: Phone, reader: TagReader) -> None:
        with pytest.raises(TagAbsent):
            await bind(phone, reader)
        assert (await phone.counts())["saved"] == 0

    async def test_keys_that_the_office_did_not_sign_are_not_used(self, phone: Phone, reader: TagReader) -> None:
        store = phone.stores.unit(UNIT_ID)
        held = store.get(TAG_KEYS.id)
        forged = msgspec.json.decode(held.body)
        forged["keys"] = [{"secret": OLD_SECRET}]
        store.put(TAG_KEYS.id, msgspec.json.encode(forged), rev=held.rev)
        with pytest.raises(NotReady):
            await bind(phone, reader)


class TestRefresh:
    async def scanned(self, phone: Phone, tags: Simulator, reader: TagReader) -> CylinderScan:
        """A bound tag that was just read."""
        uid = tags.tell("present empty215")
        await bind(phone, reader)
        put(phone.stores.unit(UNIT_ID), [msgspec.structs.replace(UNTAGGED, tag_uid=uid)])
        save_addresses(phone.data_dir, Addresses(tags=tags.address))
        return CylinderScan(code="SH0009", method="nfc", cylinder_id="sh0009", tag_uid=uid)

    @pytest.mark.requirement("E5.8.6-2")
    @pytest.mark.requirement("5.8.6-5a")
    async def test_after_filling_and_delivery_the_tag_says_so(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        scan = await self.scanned(phone, tags, reader)
        filled = {"filling_company": "松河演示燃气有限公司", "gross_kg": 31.02, "filled_on": date(2026, 11, 1)}
        assert (await refresh_after_filling(phone, scan, **filled)).outcome == "written"
        delivered = {"customer_name": "演示-张用户", "address": "站前街 1 号", "delivered_on": date(2026, 11, 2)}
        assert (await refresh_after_delivery(phone, scan, **delivered)).outcome == "written"
        content = (await near(phone, reader)).reading.content
        assert {name: getattr(content, name) for name in filled | delivered} == filled | delivered
        assert content.manufacturer == UNTAGGED.manufacturer
        again = filled | {"filled_on": date(2026, 11, 20)}
        await refresh_after_filling(phone, scan, **again)
        reading = (await near(phone, reader)).reading
        assert (reading.content.filled_on, reading.content.customer_name) == (date(2026, 11, 20), "")
        assert reading.previous.customer_name == "演示-张用户"
        assert [w.occasion for w in await phone.recorded(TagWritten)] == ["bound", "filled", "delivered", "filled"]

    async def test_the_customer_is_in_no_record_of_the_tag(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        scan = await self.scanned(phone, tags, reader)
        await refresh_after_delivery(
            phone, scan, customer_name="演示-张用户", address="站前街 1 号", delivered_on=date(2026, 11, 2)
        )
        assert "演示-张用户" not in str(await phone.recorded(TagWritten))

    async def test_a_tag_taken_away_keeps_what_it_said_and_is_in_the_journal(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        scan = await self.scanned(phone, tags, reader)
        tags.tell("tear 6")
        use = {"filling_company": "松河", "gross_kg": 31.0, "filled_on": date(2026, 11, 1)}
        found = await refresh_after_filling(phone, scan, **use)
        assert (found.outcome, "上一条内容" in found.error.what_to_do_zh) == ("unfinished", True)
        tags.tell("present empty215")
        assert (await near(phone, reader)).reading.content.filled_on is None
        (begun,) = await unfinished(phone)
        await finish(phone, reader, begun)
        assert (await near(phone, reader)).reading.content.filled_on == date(2026, 11, 1)

    async def test_no_tag_or_another_one_at_hand_changes_nothing(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        scan = await self.scanned(phone, tags, reader)
        use = {"filling_company": "松河", "gross_kg": 31.0, "filled_on": date(2026, 11, 1)}
        tags.tell("present empty216")
        assert (await refresh_after_filling(phone, scan, **use)).outcome == "no_writer"
        by_qr = msgspec.structs.replace(scan, method="qr", tag_uid="")
        assert (await refresh_after_filling(phone, by_qr, **use)).outcome == "no_writer"
        assert await unfinished(phone) == []
        assert len(await phone.recorded(TagWritten)) == 1

    async def test_a_tag_under_a_lost_phone_s_key_is_written_anew_without_what_that_key_vouched_for(
        self, phone: Phone, tags: Simulator, reader: TagReader
    ) -> None:
        store = phone.stores.unit(UNIT_ID)
        put(store, [msgspec.structs.replace(TAG_KEYS, keys=(TagSecret(secret=OLD_SECRET),))])
        scan = await self.scanned(phone, tags, reader)
        await refresh_after_filling(phone, scan, filling_company="假", gross_kg=99.0, filled_on=date(2026, 1, 1))
        put(store, [TAG_KEYS])
        assert (await near(phone, reader)).reading.state == "retired"
        await refresh_after_delivery(phone, scan, customer_name="张", address="", delivered_on=date(2026, 11, 2))
        reading = (await near(phone, reader)).reading
        assert (reading.state, reading.content.gross_kg, reading.content.filling_company) == ("genuine", None, "")
