from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mobile_app.hazards.work import report_hazard, report_works
from mobile_app.office_news import take_receipts
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from mobile_app.records.work import Finder
from mobile_app.words import Words
from sync.documents.patrol import PatrolStarted
from sync.documents.receipts import Receipt, ReceiptEntry
from tests.mobile_app import phones
from tests.mobile_app.browser.town import LISTS
from tests.mobile_app.phones import DEVICE_ID, PATROL, UNIT_ID, jpeg, lay_out, open_phone, put


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    lay_out(tmp_path)
    opened = await open_phone(tmp_path)
    phones.fill(opened)
    put(
        opened.stores.unit(UNIT_ID),
        [
            phones.ChoiceList(
                id="reference.list:hazard_type", name="hazard_type", version=1, entries=LISTS["hazard_type"]
            )
        ],
    )
    yield opened
    await opened.close()


@pytest.fixture
def finder(phone: Phone) -> Finder:
    return Finder(phone, Words("zh"))


async def found(finder: Finder, words: str, *, limit: int = 50) -> list[int]:
    listed, _ = await finder.find(words, states=None, limit=limit)
    return [each.line.number for each in listed]


class TestFind:
    async def test_by_what_a_worker_calls_it(self, phone: Phone, finder: Finder) -> None:
        await report_hazard(phone, hazard_type="ice", address="站前街 12 号东侧")
        await report_works(phone, machinery=["excavator"], contractor="演示-顶管队")
        await phone.record(PatrolStarted, task_id=PATROL.id)
        assert await found(finder, "结冰") == [1]
        assert await found(finder, "站前街 隐患") == [1]
        assert await found(finder, "Icy") == [1]
        assert await found(finder, "顶管队") == [2]
        assert await found(finder, "#3") == [3]
        assert await found(finder, "站前片区") == [3]
        assert await found(finder, "没有的词") == []

    async def test_nobody_is_found_by_the_programs_own_ids(self, phone: Phone, finder: Finder) -> None:
        await report_hazard(phone, hazard_type="ice")
        assert await found(finder, DEVICE_ID) == []

    async def test_an_old_one_is_found_behind_many(
        self, phone: Phone, finder: Finder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mobile_app.records.work.SEARCHED_AT_ONCE", 3)
        await report_hazard(phone, hazard_type="ice", address="江沿路")
        for _ in range(7):
            await phone.record(PatrolStarted)
        assert await found(finder, "江沿路") == [1]

    async def test_more_are_told_of_and_come_when_asked_for(self, phone: Phone, finder: Finder) -> None:
        for _ in range(4):
            await phone.record(PatrolStarted)
        listed, more = await finder.find("", states=None, limit=3)
        assert ([each.line.number for each in listed], more) == ([4, 3, 2], True)
        listed, more = await finder.find("", states=None, limit=6)
        assert ([each.line.number for each in listed], more) == ([4, 3, 2, 1], False)

    async def test_says_what_each_is_about(self, phone: Phone, finder: Finder) -> None:
        await report_hazard(phone, hazard_type="ice", address="站前街 12 号")
        [listed], _ = await finder.find("", states=None, limit=3)
        assert listed.about == "调压箱结冰 · 站前街 12 号"


class TestPath:
    async def test_shows_when_it_was_saved_sent_and_taken_and_how_many_photos_have_arrived(
        self, phone: Phone, finder: Finder
    ) -> None:
        pictures = [await take_photo(phone, jpeg(shade)) for shade in (10, 90, 200)]
        hazard = await report_hazard(phone, hazard_type="ice", photos=pictures)
        path = await finder.path(hazard.id)
        assert path is not None
        assert [file.state for file in path.files] == ["saved"] * 3
        assert (path.line.saved_at is not None, path.line.sent_at) == (True, None)

        store, files = phone.record_store(), phone.photo_store()
        store.mark_sent([hazard.id])
        files.mark_sent([pictures[0].id, pictures[1].id])
        document, photo = store.get(hazard.id), files.get(pictures[0].id)
        assert document
        assert photo
        issued = datetime.now(UTC) + timedelta(seconds=1)
        entries = (
            ReceiptEntry(record_id=hazard.id, rev=document.rev, state="accepted", photos_arrived=1),
            ReceiptEntry(record_id=photo.id, rev=photo.rev, state="accepted"),
        )
        put(store, [Receipt(id="receipt:1", device_id=phone.device_id, issued_at=issued, entries=entries)])
        take_receipts(phone)
        path = await finder.path(hazard.id)
        assert path is not None
        assert (path.line.state, path.line.photos_arrived) == ("accepted", 1)
        assert path.line.sent_at is not None
        assert path.line.answered_at == issued
        assert [file.state for file in path.files] == ["accepted", "sent", "saved"]

    async def test_one_that_was_corrected_names_the_correction(self, phone: Phone, finder: Finder) -> None:
        hazard = await report_hazard(phone, hazard_type="ice")
        phone.record_store().park(hazard.id, "unit.foreign", "不是本班组")
        correction = await report_hazard(phone, hazard_type="ice", corrects=hazard.id)
        path = await finder.path(hazard.id)
        assert path is not None
        assert path.correction == correction.id


class TestLoss:
    async def test_counts_by_type_what_the_office_does_not_have(self, phone: Phone) -> None:
        await phone.record(PatrolStarted)
        sent = await phone.record(PatrolStarted)
        phone.record_store().mark_sent([sent.id])
        await report_hazard(phone, hazard_type="ice", photos=[await take_photo(phone, jpeg())])
        await take_photo(phone, jpeg(7))
        await phone.save_draft("delivery/1", b"{}")
        loss = await phone.what_would_be_lost()
        assert loss.unsent == {"patrol.started": 2, "hazard.reported": 1}
        assert (loss.photos, loss.drafts, loss.pictures) == (2, 1, 1)

    async def test_signing_out_loses_none_of_it_and_shows_it_to_nobody_else(self, phone: Phone) -> None:
        record = await phone.record(PatrolStarted)
        await phone.save_draft("delivery/1", b"{}")
        before = await phone.what_would_be_lost()
        await phone.sign_out()
        [path] = (phone.data_dir / "stores").glob("*/user_*.sqlite")
        assert b"boot_id" not in path.read_bytes()
        await phone.sign_in(phones.NUMBER, phones.PASSWORD)
        assert await phone.what_would_be_lost() == before
        assert await phone.read(record.id) == record
