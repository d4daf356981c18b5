"""One scan button on simulated readers, each a process of its own; no network."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device_bridge.codes import make_qr
from device_bridge.errors import DeviceError
from device_bridge.tag_content import TagContent
from device_bridge.tag_reader import open_tag_reader
from mobile_app.deliveries.scans import scan
from mobile_app.devices import Addresses, save_addresses
from mobile_app.phone import Phone
from mobile_app.preferences import Preferences, keep_preferences
from mobile_app.scanning.state import Scanning
from mobile_app.state import AppState
from mobile_app.syncing import Syncing
from mobile_app.tags.reading import judge_tag, tag_keys
from sync.documents.cylinders import CylinderRefused, CylinderScan
from tests.device_bridge.conftest import Simulator, running
from tests.mobile_app.office import USER, Office
from tests.mobile_app.phones import NOWHERE, NUMBER, PASSWORD, UNIT_ID, cylinder, fill, lay_out, open_phone, put
from tests.mobile_app.tags.test_work import TAG_KEYS
from tests.sync.replication.hubs import HubProcess

NOBODY = "llrp://127.0.0.1:9"
TOKEN = "0123456789abcdef01234567"


@pytest.fixture
def tags() -> Iterator[Simulator]:
    with running("tags", "--tags", "SH0001") as simulator:
        yield simulator


@pytest.fixture
async def scanning(tmp_path: Path) -> AsyncIterator[Scanning]:
    lay_out(tmp_path)
    keep_preferences(tmp_path, Preferences(server_url=NOWHERE))
    app = await AppState.open(tmp_path)
    await app.phone.sign_in(NUMBER, PASSWORD)
    fill(app.phone)
    put(app.phone.stores.unit(UNIT_ID), [TAG_KEYS])
    yield Scanning(app, "delivery")
    await app.phone.close()


def bind(scanning: Scanning, code: str, uid: str, **fields: Any) -> None:
    put(scanning.app.phone.stores.unit(UNIT_ID), [cylinder(code, tag_uid=uid, **fields)])


async def patiently(work: Any) -> None:
    for _ in range(200):
        if work():
            return
        await asyncio.sleep(0.05)
    raise AssertionError


class TestListen:
    async def test_a_tag_is_judged_while_another_reader_is_gone(self, scanning: Scanning, tags: Simulator) -> None:
        uid = tags.tell("present SH0001")
        bind(scanning, "SH0001", uid)
        save_addresses(scanning.app.folder, Addresses(tags=tags.address, uhf=NOBODY))
        tags.tell("remove")
        listening = asyncio.create_task(scanning.listen())
        await patiently(lambda: scanning.faults)
        assert [fault.detail_zh for fault in scanning.faults] == ["没有找到读卡器"]
        assert scanning.listening == ("nfc",)
        tags.tell("present SH0001")
        assert await listening
        assert scanning.shown is not None
        assert (scanning.shown.allowed, scanning.shown.scan.code, scanning.shown.scan.method) == (True, "SH0001", "nfc")
        assert scanning.listening == ()

    async def test_a_picture_is_quicker_than_a_tag_that_is_not_there(self, scanning: Scanning, tags: Simulator) -> None:
        put(scanning.app.phone.stores.unit(UNIT_ID), [cylinder("SH0001", public_token=TOKEN)])
        save_addresses(scanning.app.folder, Addresses(tags=tags.address))
        listening = asyncio.create_task(scanning.listen())
        await patiently(lambda: scanning.listening)
        await scanning.scan_picture(make_qr(f"https://gas.example.cn/c/{TOKEN}"))
        assert await asyncio.wait_for(listening, 10)
        assert scanning.shown is not None
        assert (scanning.shown.scan.code, scanning.shown.scan.method, scanning.shown.allowed) == ("SH0001", "qr", True)

    async def test_no_reader_at_all_is_said_where_only_a_tag_is_wanted(self, scanning: Scanning) -> None:
        await scanning.scan_tag()
        assert scanning.app.problem is not None
        assert "读写器" in scanning.app.problem.zh


class TestTagVerdicts:
    async def written(self, scanning: Scanning, tags: Simulator) -> str:
        """SH0001's tag with an entry."""
        uid = tags.tell("present empty215")
        content = TagContent(code="SH0001", filled_on=date(2026, 11, 1), gross_kg=31.02, customer_name="演示-张用户")
        keys = await tag_keys(scanning.app.phone)
        for _ in range(5):  # on a busy machine nfcpy takes a late answer for a tag that has left
            with suppress(DeviceError):
                await open_tag_reader(tags.address).write_entry(content, uid=uid, keys=keys)
        bind(scanning, "SH0001", uid)
        save_addresses(scanning.app.folder, Addresses(tags=tags.address))
        return uid

    async def test_a_copied_tag_is_forbidden_and_recorded(self, scanning: Scanning, tags: Simulator) -> None:
        await self.written(scanning, tags)
        tags.tell("copy empty215 empty")
        tags.tell("present empty")
        await scanning.scan_tag()
        assert scanning.shown is not None
        assert "tag_copied" in scanning.shown.verdict.codes
        (refused,) = await scanning.app.phone.recorded(CylinderRefused)
        assert refused.scan.tag is not None
        assert refused.scan.tag.state == "copied"

    async def test_a_peeled_tag_is_found_by_the_stamped_number(self, scanning: Scanning, tags: Simulator) -> None:
        await self.written(scanning, tags)
        tag = await judge_tag(scanning.app.phone, await open_tag_reader(tags.address).read())
        found = await scan(
            scanning.app.phone, tag.code, "nfc", "delivery", tag_uid=tag.tag.uid, tag=tag, stamped="SH0002"
        )
        assert found.verdict.codes == ("tag_moved",)

    async def test_a_replaced_tag_is_void(self, scanning: Scanning, tags: Simulator) -> None:
        uid = await self.written(scanning, tags)
        bind(scanning, "SH0001", "04FFFFFFFFFFFF", former_tags=(uid,))
        await scanning.scan_tag()
        assert scanning.shown is not None
        assert scanning.shown.verdict.codes == ("tag_void",)

    @pytest.mark.requirement("5.8.7-3b")
    async def test_what_was_read_offline_stays_in_the_phone_across_a_restart(
        self, scanning: Scanning, tags: Simulator
    ) -> None:
        uid = await self.written(scanning, tags)
        bind(scanning, "SH0001", uid, scrapped=True)
        await scanning.scan_tag()
        await scanning.app.phone.close()
        again = await open_phone(scanning.app.folder)
        (refused,) = await again.recorded(CylinderRefused)
        said = refused.scan.tag
        assert said is not None
        assert (said.state, said.filled_on, said.gross_kg) == ("genuine", date(2026, 11, 1), 31.02)
        assert "演示-张用户" not in str(refused)
        await again.close()


class TestTransmission:
    @pytest.mark.requirement("5.8.7-2a")
    @pytest.mark.requirement("5.8.7-3a")
    async def test_what_was_scanned_without_a_network_is_kept_and_sent_when_there_is_one(self, tmp_path: Path) -> None:
        (tmp_path / "hub").mkdir()
        hub = HubProcess(tmp_path / "hub")
        hub.start()
        office = Office(hub)
        await office.start()
        phone = await Phone.open(tmp_path / "phone", office.url)
        try:
            await phone.sign_in(NUMBER, PASSWORD)
            fill(phone)
            await office.cut()
            found = await scan(phone, "SH0004", "nfc", "loading", tag_uid="04SH0004")
            assert not found.allowed
            assert (await phone.counts())["saved"] == 1
            await office.restore()
            syncing = Syncing(phone)
            await syncing.sync_now()
            await syncing.stop()
            (doc_id,) = (key for key in hub.revisions(USER) if key.startswith("cylinder.refused:"))
            sent = msgspec.convert(hub.ask("GET", f"{USER}/{doc_id}")["scan"], CylinderScan)
            assert (sent.code, sent.tag_uid) == ("SH0004", "04SH0004")
        finally:
            await phone.close()
            await office.stop()
            hub.kill()
