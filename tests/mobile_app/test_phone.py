from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mobile_app.errors import FieldError, SignInError
from mobile_app.phone import Phone
from sync.documents.hazards import HazardReported
from sync.documents.patrol import PatrolStarted
from sync.documents.tasks import PatrolTask
from tests.mobile_app.phones import (
    DEVICE_ID,
    NOWHERE,
    NUMBER,
    PASSWORD,
    PATROL,
    STAFF_ID,
    UNIT_ID,
    fix_at,
    lay_out,
    open_phone,
    put,
    signed,
)


class TestSignIn:
    async def test_the_first_time_without_a_network_is_refused(self, tmp_path: Path) -> None:
        phone = await Phone.open(tmp_path, NOWHERE)
        with pytest.raises(SignInError) as refused:
            await phone.sign_in(NUMBER, PASSWORD)
        assert refused.value.code == "sign_in.first_time_offline"
        await phone.close()

    async def test_a_wrong_password_is_refused_offline_too(self, tmp_path: Path) -> None:
        lay_out(tmp_path)
        phone = await Phone.open(tmp_path, NOWHERE)
        with pytest.raises(SignInError) as refused:
            await phone.sign_in(NUMBER, "wrong")
        assert refused.value.code == "sign_in.wrong_password"
        assert not phone.signed_in
        await phone.close()

    @pytest.mark.parametrize(
        "address", ["", "http://", "http://[", "no.such.host.invalid", "http://no.such.host.invalid"]
    )
    async def test_an_address_where_no_server_is_hinders_no_later_sign_in(self, tmp_path: Path, address: str) -> None:
        lay_out(tmp_path)
        phone = await open_phone(tmp_path, address)
        assert phone.signed_in
        await phone.close()

    async def test_later_times_need_no_network(self, tmp_path: Path) -> None:
        lay_out(tmp_path)
        phone = await open_phone(tmp_path)
        assert (phone.device_id, phone.profile.staff.name) == (DEVICE_ID, "演示-李巡检")
        await phone.close()

    async def test_nothing_can_be_recorded_after_signing_out(self, phone: Phone) -> None:
        await phone.sign_out()
        with pytest.raises(SignInError):
            await phone.record(PatrolStarted)

    async def test_signing_out_loses_nothing(self, phone: Phone) -> None:
        await phone.record(HazardReported, hazard_type="corrosion")
        await phone.sign_out()
        await phone.sign_in(NUMBER, PASSWORD)
        assert (await phone.counts())["saved"] == 1


class TestRecord:
    async def test_carries_who_where_when_and_its_number(self, phone: Phone) -> None:
        phone.take_fix(fix_at(0, 0, datetime.now(UTC)))
        first = await phone.record(HazardReported, hazard_type="corrosion", task_id=PATROL.id)
        second = await phone.record(HazardReported, hazard_type="other")
        assert (first.record_number, second.record_number) == (1, 2)
        assert (first.staff_id, first.device_id, first.unit_id) == (STAFF_ID, DEVICE_ID, UNIT_ID)
        assert first.position is not None
        assert (first.position.source, first.position.datum) == ("gnss", "WGS-84")
        assert first.recorded.clock == "gnss"
        assert await phone.read(first.id) == first

    async def test_is_there_after_the_app_was_closed(self, phone: Phone) -> None:
        kept = await phone.record(HazardReported, hazard_type="corrosion")
        await phone.close()
        again = await open_phone(phone.data_dir)
        assert [line.id for line in await again.records()] == [kept.id]
        await again.close()

    async def test_a_field_out_of_bounds_is_named_and_takes_no_number(self, phone: Phone) -> None:
        with pytest.raises(FieldError) as refused:
            await phone.record(HazardReported, hazard_type="")
        assert "隐患类型" in refused.value.zh
        assert (await phone.record(HazardReported, hazard_type="other")).record_number == 1

    async def test_old_positions_are_not_carried(self, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
        phone.take_fix(fix_at(0, 0, datetime.now(UTC)))
        monkeypatch.setattr("mobile_app.phone.POSITION_FRESH_S", -1)
        assert (await phone.record(PatrolStarted)).position is None

    async def test_tells_who_listens(self, phone: Phone) -> None:
        heard: list[int] = []
        stop = phone.subscribe(lambda: heard.append(1))
        await phone.record(PatrolStarted)
        stop()
        await phone.record(PatrolStarted)
        assert heard == [1]

    async def test_what_only_this_phone_holds_is_told(self, phone: Phone) -> None:
        assert (await phone.what_would_be_lost()).nothing
        await phone.record(PatrolStarted)
        await phone.save_draft("hazard", b"{}")
        loss = await phone.what_would_be_lost()
        assert (loss.records, loss.photos, loss.drafts) == (1, 0, 1)


class TestTasks:
    async def test_shows_open_tasks_first(self, phone: Phone) -> None:
        done = msgspec.structs.replace(PATROL, id="task.patrol:0", status="done", due_at=PATROL.start_at)
        put(phone.record_store(), [done])
        assert [line.task.id for line in await phone.tasks()] == ["task.delivery:1", "task.patrol:1", "task.patrol:0"]

    async def test_a_forged_task_is_not_believed(self, phone: Phone) -> None:
        forged = msgspec.structs.replace(PATROL, id="task.patrol:forged")
        doc_id, body = signed(forged, ec.generate_private_key(ec.SECP256R1()))
        phone.record_store().put(doc_id, body)
        assert doc_id not in [line.task.id for line in await phone.tasks()]

    async def test_a_colleagues_task_is_not_shown(self, phone: Phone) -> None:
        put(phone.record_store(), [msgspec.structs.replace(PATROL, id="task.patrol:wang", staff_id="wang")])
        assert "task.patrol:wang" not in [line.task.id for line in await phone.tasks()]

    async def test_a_task_begun_here_is_running_before_the_office_knows(self, phone: Phone) -> None:
        await phone.record(PatrolStarted, task_id=PATROL.id)
        found = await phone.task(PATROL.id)
        assert found is not None
        assert (found.local, isinstance(found.task, PatrolTask)) == ("running", True)


class TestReference:
    async def test_a_cylinder_is_found_by_its_code_and_by_its_tag(self, phone: Phone) -> None:
        by_code, by_tag = await phone.cylinder("sh0001"), await phone.cylinder("04SH0001")
        assert by_code is not None
        assert by_code == by_tag

    async def test_news_of_the_office_are_seen_at_once(self, phone: Phone) -> None:
        settings = await phone.settings()
        put(phone.stores.unit(UNIT_ID), [msgspec.structs.replace(settings, version=2, leak_alarm_ppm=300)])
        assert (await phone.settings()).leak_alarm_ppm == 300

    async def test_pipes_come_by_their_id_with_or_without_type(self, phone: Phone) -> None:
        assert set(await phone.pipes(["main", "reference.pipe:side", "gone"])) == {"main", "side"}


class TestQuarters:
    async def test_a_new_quarter_goes_on_counting(self, phone: Phone) -> None:
        await phone.record(PatrolStarted)
        await phone.record(PatrolStarted)
        phone.clock.take_server(datetime.now(UTC) + timedelta(days=92))
        third = await phone.record(PatrolStarted)
        assert third.record_number == 3
        assert len(phone.stores.all_own("user")) == 2
        assert [line.number for line in await phone.records()] == [3, 2, 1]

    async def test_a_clock_that_is_years_off_opens_no_new_quarter(self, phone: Phone) -> None:
        phone.clock.take_server(datetime(2031, 5, 1, tzinfo=UTC))
        await phone.record(PatrolStarted)
        assert len(phone.stores.all_own("user")) == 1
