import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from mobile_app import syncing as syncing_module
from mobile_app.errors import ServerError
from mobile_app.hazards.work import report_hazard
from mobile_app.office_news import take_receipts
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from mobile_app.stores import is_downloading
from mobile_app.syncing import Syncing
from qixun.bench.link import slow_link
from sync.documents.patrol import PatrolStarted
from sync.documents.photos import ATTACHMENT_NAME, Photo
from sync.documents.receipts import Membership, MembershipUnit
from sync.errors import StoreError
from tests.mobile_app.office import MEDIA, UNIT, USER, Office
from tests.mobile_app.phones import (
    CYLINDERS,
    DEVICE_ID,
    NUMBER,
    PASSWORD,
    PATROL,
    SETTINGS,
    STAFF_ID,
    UNIT_ID,
    cylinder,
    jpeg,
    lay_out,
    open_phone,
)
from tests.sync.replication.hubs import HubProcess


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path_factory.mktemp("office"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def office(hub: HubProcess) -> AsyncIterator[Office]:
    found = Office(hub)
    await found.start()
    found.post(USER, PATROL)
    for document in (SETTINGS, *CYLINDERS):
        found.post(UNIT, document)
    yield found
    await found.stop()


@pytest.fixture
async def phone(office: Office, tmp_path: Path) -> AsyncIterator[Phone]:
    opened = await Phone.open(tmp_path, office.url)
    await opened.sign_in(NUMBER, PASSWORD)
    yield opened
    await opened.close()


@pytest.fixture
async def syncing(phone: Phone) -> AsyncIterator[Syncing]:
    made = Syncing(phone)
    yield made
    await made.stop()


async def until(syncing: Syncing, seconds: float = 10, **wanted: object) -> None:
    """Waits for the status to be so."""
    try:
        async with asyncio.timeout(seconds):
            while any(getattr(syncing.status, name) != value for name, value in wanted.items()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{wanted} was waited for, but it is {syncing.status}") from None


class TestFirstDownload:
    async def test_no_task_starts_before_the_unit_s_data_are_whole(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        office.roles = [f"device:{DEVICE_ID}"]
        phone.session.drop_token()
        await syncing.sync_now()
        assert [found.task.id for found in await phone.tasks()] == [PATROL.id]
        assert await phone.downloading() == {UNIT_ID}
        told: list[bool] = []
        phone.subscribe(lambda: told.append(is_downloading(phone.stores.unit(UNIT_ID))))
        office.roles.append(f"unit:{UNIT_ID}")
        phone.session.drop_token()
        await syncing.sync_now()
        assert await phone.downloading() == set()
        assert told[-1] is False
        assert (await phone.settings()).company_name == SETTINGS.company_name
        # Later data are no first download: the work goes on with what is here.
        office.post(UNIT, cylinder("SH0100"))
        office.roles = [f"device:{DEVICE_ID}"]
        phone.session.drop_token()
        await syncing.sync_now()
        assert await phone.downloading() == set()


class TestSignIn:
    async def test_a_wrong_password_is_the_servers_word_and_never_tried_offline(
        self, office: Office, tmp_path: Path
    ) -> None:
        lay_out(tmp_path, office.url)
        phone = await Phone.open(tmp_path, office.url)
        with pytest.raises(ServerError) as refused:
            await phone.sign_in(NUMBER, "wrong")
        assert (refused.value.code, refused.value.zh) == ("sign_in.wrong_password", "工号或密码不对")
        assert not phone.signed_in
        await phone.close()

    async def test_sets_the_trusted_clock(self, phone: Phone) -> None:
        assert phone.clock.now().clock == "server"

    async def test_after_the_first_time_the_network_is_not_needed(self, office: Office, phone: Phone) -> None:
        await phone.close()
        await office.cut()
        again = await open_phone(phone.data_dir, office.url)
        assert again.profile.staff.name == "演示-李巡检"
        assert again.device_id == phone.device_id
        await again.close()

    async def test_signing_out_without_a_network_keeps_the_way_back(self, office: Office, phone: Phone) -> None:
        await office.cut()
        await phone.sign_out()
        await office.restore()
        await phone.sign_in(NUMBER, PASSWORD)
        assert (await Syncing(phone).sync_now()).error_zh == ""


class TestSyncNow:
    async def test_brings_tasks_and_reference_data(self, phone: Phone, syncing: Syncing) -> None:
        await syncing.sync_now()
        assert [line.task.id for line in await phone.tasks()] == [PATROL.id]
        assert (await phone.settings()).company_name == "松河演示燃气有限公司"
        assert await phone.cylinder("SH0001") is not None

    async def test_sends_records_and_photos_and_says_what_the_office_has(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        await syncing.sync_now()
        photo = await take_photo(phone, jpeg())
        hazard = await report_hazard(phone, hazard_type="corrosion", photos=[photo])
        status = await syncing.sync_now()
        assert hazard.id in office.hub.ids(USER)
        assert photo.id in office.hub.ids(MEDIA)
        assert (status.state, status.waiting) == ("waiting", 3)
        office.receipt()
        status = await syncing.sync_now()
        assert (status.state, status.waiting) == ("accepted", 0)
        assert status.last_accepted_at is not None
        assert (await phone.records())[0].state == "accepted"

    async def test_a_refused_record_is_told_with_its_reason(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        await phone.record(PatrolStarted)
        await syncing.sync_now()
        office.receipt("refused", code="unit.foreign", reason_zh="不是本班组", action_zh="联系办公室")
        status = await syncing.sync_now()
        assert (status.state, status.refused) == ("refused", 1)
        assert (await phone.records(states=["refused"]))[0].reason_zh == "不是本班组"

    async def test_a_forged_receipt_is_not_believed(self, office: Office, phone: Phone, syncing: Syncing) -> None:
        await phone.record(PatrolStarted)
        await syncing.sync_now()
        office.receipt(forged=True)
        status = await syncing.sync_now()
        assert (status.state, status.waiting) == ("waiting", 1)

    async def test_without_a_network_it_says_so_and_keeps_everything(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        await syncing.sync_now()
        await office.cut()
        phone.session.drop_token()
        await phone.record(PatrolStarted)
        status = await syncing.sync_now()
        assert (status.state, status.waiting, status.error_zh) == ("offline", 1, "现在连不上服务器")

    async def test_an_expired_sign_in_is_never_shown_as_accepted(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        await phone.close()
        again = await Phone.open(phone.data_dir, "http://127.0.0.1:9")
        await again.sign_in(NUMBER, PASSWORD)
        again.session.server_url = office.url + "/"
        again.session._password = ""
        office.refresh_tokens.clear()
        status = await Syncing(again).sync_now()
        # The server did answer: this is no missing network.
        assert status.state == "waiting"
        assert "登录已过期" in status.error_zh
        await again.close()

    async def test_after_an_offline_sign_in_with_old_tokens_it_signs_in_by_itself(
        self, office: Office, phone: Phone
    ) -> None:
        await phone.close()
        await office.cut()
        again = await open_phone(phone.data_dir, office.url)
        await again.record(PatrolStarted)
        office.refresh_tokens.clear()
        await office.restore()
        status = await Syncing(again).sync_now()
        assert (status.state, status.error_zh) == ("waiting", "")
        await again.close()

    async def test_a_server_that_fails_does_not_cost_the_way_back(self, office: Office, phone: Phone) -> None:
        await phone.record(PatrolStarted)
        office.refresh_tokens.clear()
        phone.session.drop_token()
        office.failing = True
        assert (await Syncing(phone).sync_now()).state == "waiting"
        office.failing = False
        status = await Syncing(phone).sync_now()
        assert (status.state, status.error_zh) == ("waiting", "")
        assert (await phone.counts())["sent"] == 1


class TestFullDisk:
    """The phone's own files fail while the office's answers are taken; then there is room again."""

    @pytest.fixture
    def full(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        state = [False]

        def take(phone: Phone) -> bool:
            if state[0]:
                raise StoreError("The disk is full", error="disk_full")
            return take_receipts(phone)

        monkeypatch.setattr(syncing_module, "take_receipts", take)
        monkeypatch.setattr(syncing_module, "FILES_AGAIN_S", 0.05)
        return state

    async def test_a_pass_says_so_and_the_next_one_goes_on(
        self, office: Office, phone: Phone, syncing: Syncing, full: list[bool]
    ) -> None:
        await phone.record(PatrolStarted)
        await syncing.sync_now()
        office.receipt()
        full[0] = True
        status = await syncing.sync_now()
        assert "存储空间满了" in status.error_zh
        assert status.state != "accepted"
        full[0] = False
        status = await syncing.sync_now()
        assert (status.state, status.error_zh) == ("accepted", "")

    async def test_live_sending_outlives_it(
        self, office: Office, phone: Phone, syncing: Syncing, full: list[bool]
    ) -> None:
        syncing.start()
        await until(syncing, 30, state="accepted")
        await phone.record(PatrolStarted)
        await until(syncing, 30, state="waiting")
        full[0] = True
        office.receipt()
        await until(syncing, 30, error_zh="手机存储空间满了，这一步没有存上")
        full[0] = False
        await until(syncing, 30, state="accepted", error_zh="")


class TestMembership:
    def membership(self, version: int, *units: str) -> Membership:
        return Membership(
            id=f"membership:{STAFF_ID}",
            staff_id=STAFF_ID,
            version=version,
            issued_at=datetime.now(UTC),
            units=tuple(MembershipUnit(unit_id=unit, name=unit) for unit in units),
        )

    async def test_a_unit_that_refuses_keeps_its_data_on_the_phone(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        await syncing.sync_now()
        office.roles.pop()
        phone.session.drop_token()
        status = await syncing.sync_now()
        assert (await phone.settings()).version == 1
        assert status.state == "waiting"
        assert "数据保留在手机里" in status.error_zh

    async def test_a_signed_list_without_the_unit_drops_its_data_and_nothing_else(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        await syncing.sync_now()
        record = await phone.record(PatrolStarted)
        office.units = []
        office.post(USER, self.membership(2))
        await syncing.sync_now()
        assert phone.stores.unit_ids() == []
        assert await phone.cylinder("SH0001") is None
        assert await phone.read(record.id) is not None

    async def test_a_forged_list_drops_nothing(self, office: Office, phone: Phone, syncing: Syncing) -> None:
        await syncing.sync_now()
        office.post(USER, self.membership(3), forged=True)
        await syncing.sync_now()
        assert phone.stores.unit_ids() == [UNIT_ID]

    async def test_a_list_with_the_unit_keeps_it(self, office: Office, phone: Phone, syncing: Syncing) -> None:
        office.post(USER, self.membership(2, UNIT_ID))
        await syncing.sync_now()
        assert (await phone.settings()).version == 1


class TestLive:
    async def test_records_leave_and_receipts_come_by_themselves(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        syncing.start()
        await until(syncing, state="accepted")
        photo = await take_photo(phone, jpeg())
        await report_hazard(phone, hazard_type="corrosion", photos=[photo])
        await until(syncing, state="waiting", waiting=3)
        office.receipt()
        await until(syncing, state="accepted", waiting=0)

    async def test_what_was_recorded_offline_is_at_the_hub_within_seconds_of_the_network(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        syncing.start()
        await until(syncing, state="accepted")
        await office.cut()
        records = [await phone.record(PatrolStarted) for _ in range(5)]
        await until(syncing, state="offline", waiting=5)
        await office.restore()
        began = asyncio.get_running_loop().time()
        await until(syncing, state="waiting", waiting=5, error_zh="")
        assert asyncio.get_running_loop().time() - began < 3
        assert {record.id for record in records} <= set(office.hub.ids(USER))

    async def test_starts_without_a_network_and_goes_on_when_it_comes(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        await office.cut()
        phone.session.drop_token()
        await phone.record(PatrolStarted)
        syncing.start()
        await until(syncing, state="offline", waiting=1)
        await office.restore()
        await until(syncing, state="waiting", waiting=1, error_zh="")

    @pytest.mark.parametrize("noticed", ["woken", "in time"])
    async def test_photos_that_a_restored_hub_has_lost_are_sent_again(
        self, office: Office, phone: Phone, syncing: Syncing, monkeypatch: pytest.MonkeyPatch, noticed: str
    ) -> None:
        monkeypatch.setattr("mobile_app.syncing.PHOTOS_EVERY_S", 0.05)
        monkeypatch.setattr("mobile_app.syncing.PHOTOS_RECHECK_S", 600.0 if noticed == "woken" else 0.2)
        syncing.start()
        await until(syncing, state="accepted")
        photo = await take_photo(phone, jpeg())
        await report_hazard(phone, hazard_type="corrosion", photos=[photo])
        await until(syncing, state="waiting", waiting=3)
        sent = office.hub.ids(MEDIA)
        assert len(sent) == 2
        office.hub.ask("DELETE", MEDIA)
        office.hub.create(MEDIA, f"device:{DEVICE_ID}")
        async with asyncio.timeout(30):
            while office.hub.ids(MEDIA) != sent:
                if noticed == "woken":
                    syncing.wake()
                await asyncio.sleep(0.1)

    async def test_the_office_hears_of_the_device(self, office: Office, phone: Phone, syncing: Syncing) -> None:
        syncing.start()
        await until(syncing, state="accepted")
        async with asyncio.timeout(5):
            while not office.statuses:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert office.statuses[0]["storage_free_bytes"] > 0
        assert office.statuses[0]["app_version"]
        assert office.statuses[0]["oldest_waiting_at"] is None

    async def test_the_office_hears_how_long_the_oldest_record_waits(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        """It goes out and is not answered: nobody takes it here."""
        before = datetime.now(UTC)
        await phone.record(PatrolStarted)
        syncing.start()
        await until(syncing, state="waiting", waiting=1)
        async with asyncio.timeout(30):
            while not office.statuses:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        told = {name: datetime.fromisoformat(office.statuses[0][name]) for name in ("oldest_waiting_at", "clock_at")}
        waited = told["clock_at"] - told["oldest_waiting_at"]
        assert timedelta(0) <= waited <= datetime.now(UTC) - before + timedelta(seconds=1)

    async def test_a_new_quarter_is_replicated_while_it_runs(
        self, office: Office, phone: Phone, syncing: Syncing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mobile_app.syncing.PLAN_EVERY_S", 0.2)
        await phone.record(PatrolStarted)
        syncing.start()
        await until(syncing, state="waiting", waiting=1)
        phone.clock.take_server(datetime.now(UTC) + timedelta(days=92))
        later = await phone.record(PatrolStarted)
        name = phone.record_store().path.stem
        assert name != USER
        office.hub.create(name, f"device:{phone.device_id}")
        office.roles.append(f"device:{phone.device_id}")
        syncing.wake()
        async with asyncio.timeout(10):
            while later.id not in office.hub.ids(name):
                await asyncio.sleep(0.1)
                syncing.wake()


class TestSlowLink:
    """A tenth of a shift's photos over 1 Mbit/s that breaks; `qixun bench sync` does it in full."""

    async def test_records_go_ahead_of_photos_and_little_is_sent_twice(
        self, office: Office, phone: Phone, syncing: Syncing
    ) -> None:
        for _ in range(20):
            await phone.record(PatrolStarted)
        photos = [random.Random(number).randbytes(30_000) for number in range(16)]
        for data in photos:
            await asyncio.to_thread(add_photo, phone, data)
        async with slow_link(office.network.port, bits_per_s=1_000_000, reset_every_s=2) as link:
            phone.session.profile = msgspec.structs.replace(
                phone.profile, hub_url=f"http://127.0.0.1:{link.port}/sync/"
            )
            syncing.start()
            async with asyncio.timeout(60):
                while len(arrived := office.hub.ids(MEDIA)) < len(photos):
                    assert not arrived or len(office.hub.ids(USER)) > 20  # the records, and the office's task
                    await asyncio.sleep(0.1)
            await until(syncing, 30, state="waiting", waiting=36)
            await syncing.stop()
            carried = await link.close()
        assert sorted(arrived) == sorted(f"photo:{hashlib.sha256(data).hexdigest()}" for data in photos)
        assert carried.resets
        # However slow the machine makes it: a reset costs one photo at most.
        assert carried.up_bytes <= 1.1 * (sum(map(len, photos)) + carried.resets * len(photos[0]))


def add_photo(phone: Phone, data: bytes) -> None:
    """A picture of these very bytes."""
    sha256 = hashlib.sha256(data).hexdigest()

    def make(number: int) -> Photo:
        return Photo(
            id=f"photo:{sha256}",
            schema_version=1,
            record_number=number,
            recorded=phone.clock.now(),
            staff_id=STAFF_ID,
            unit_id=UNIT_ID,
            device_id=phone.device_id,
            sha256=sha256,
            length_bytes=len(data),
            width=1,
            height=1,
            role="original",
            source="camera",
            record_id="hazard.reported:1",
        )

    phone.photo_store().append(make, attachments={ATTACHMENT_NAME: ("image/jpeg", data)})
