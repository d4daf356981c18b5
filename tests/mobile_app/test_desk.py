"""The app's state without a screen: what a restart finds, what a gas alarm does, what a form refuses."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from device_bridge.models import GasReading
from mobile_app.components.forms import number_in, read_values
from mobile_app.desk import Desk
from mobile_app.hazards.state import FindingForm
from mobile_app.preferences import Preferences, keep_preferences
from mobile_app.state import AppState
from mobile_app.stores import note_download
from sync.documents.forms import form_of
from sync.documents.hazards import LeakSuspected, ThirdPartyWorksReported
from sync.documents.reference import InspectionReminder
from tests.mobile_app import phones
from tests.mobile_app.browser import town


async def desk_on(folder: Path) -> Desk:
    desk = Desk(await AppState.open(folder))
    await desk.sign_in(phones.NUMBER, phones.PASSWORD)
    return desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Li has signed in without a network."""
    await town.lay_out(tmp_path)
    keep_preferences(
        tmp_path, Preferences(server_url=phones.NOWHERE)
    )  # not a server that happens to run on this machine
    opened = await desk_on(tmp_path)
    yield opened
    await opened.sign_out()
    await opened.app.phone.close()


def gas(ppm: float) -> GasReading:
    return GasReading(value_ppm=ppm, raw_unit="ppm", at_monotonic_s=time.monotonic(), instrument_id="LD01-0001")


class TestInspectionsDue:
    @pytest.mark.requirement("5.8.8-3a")
    async def test_the_station_reads_what_is_to_be_inspected_until_nothing_is(self, desk: Desk) -> None:
        assert desk.today.inspections_due() == ""
        told = InspectionReminder(
            id="reference.inspection_reminder:station",
            day=phones.TODAY,
            overdue=2,
            due=((7, 1), (30, 0), (60, 9)),
            codes=("SH0001",),
        )
        store = desk.app.phone.stores.unit(phones.UNIT_ID)
        phones.put(store, [told])
        await desk.app.reload()
        assert desk.today.inspections_due() == "气瓶待检：过期 2 只，7 天内 1 只，60 天内 9 只"
        phones.put(store, [msgspec.structs.replace(told, overdue=0, due=((7, 0), (30, 0), (60, 0)), codes=())])
        await desk.app.reload()
        assert desk.today.inspections_due() == ""


class TestReady:
    async def test_a_task_starts_once_the_unit_s_data_are_whole_and_by_itself(self, desk: Desk) -> None:
        (line,) = [line for line in desk.today.lines() if line.key == town.PATROL.id]
        assert desk.today.ready(line)
        note_download(store := desk.app.phone.stores.unit(phones.UNIT_ID), whole=False)
        await desk.app.reload()
        assert desk.today.ready(line)  # it was here before: that is no first download
        store.set_meta("downloading", "1")
        await desk.app.reload()
        assert not desk.today.ready(line)
        note_download(store, whole=True)
        await desk.app.reload()
        assert desk.today.ready(line)
        desk.app.settings = None
        assert not desk.today.ready(line)


class TestDesk:
    async def test_a_running_patrol_is_there_again_after_a_restart(self, desk: Desk) -> None:
        assert await desk.start(town.PATROL) == "/patrol"
        again = await desk_on(desk.app.folder)
        assert again.patrol is not None
        assert again.patrol.patrol.task.id == town.PATROL.id
        await again.sign_out()
        await again.app.phone.close()

    async def test_a_reading_over_the_emergency_limit_is_saved_before_anybody_touches(self, desk: Desk) -> None:
        await desk.start(town.PATROL)
        assert desk.patrol is not None
        await desk.patrol.take_reading(gas(12_600))
        assert desk.patrol.alarm is not None
        assert desk.patrol.alarm.proposal.emergency
        [saved] = await desk.app.phone.recorded(LeakSuspected)
        assert saved.reading_ppm == 12_600

    async def test_a_reading_over_the_alarm_limit_waits_for_the_worker(self, desk: Desk) -> None:
        await desk.start(town.PATROL)
        assert desk.patrol is not None
        await desk.patrol.take_reading(gas(800))
        assert desk.patrol.alarm is not None
        assert await desk.app.phone.recorded(LeakSuspected) == []
        await desk.patrol.alarm.save()
        assert len(await desk.app.phone.recorded(LeakSuspected)) == 1

    async def test_a_fault_of_the_program_leaves_the_worker_a_sentence(self, desk: Desk) -> None:
        async def broken() -> None:
            raise ZeroDivisionError

        assert await desk.app.attempt(broken()) is None
        assert desk.app.problem is not None
        assert "没有丢" in desk.app.problem.action_zh


class TestForms:
    async def test_works_are_reported_with_what_was_chosen(self, desk: Desk) -> None:
        form = FindingForm(desk.app, "works")
        await form.prepare()
        form.change("machinery", ("excavator",))
        form.change("distance_to_pipe_m", "3,5")
        assert await form.save()
        [works] = await desk.app.phone.recorded(ThirdPartyWorksReported)
        assert (works.machinery, works.distance_to_pipe_m) == (("excavator",), 3.5)

    async def test_a_number_that_is_none_is_refused_by_its_name(self, desk: Desk) -> None:
        form = FindingForm(desk.app, "works")
        form.change("distance_to_pipe_m", "很近")
        assert not await form.save()
        assert desk.app.problem is not None
        assert "与管距离" in desk.app.problem.zh

    def test_what_is_empty_is_left_out(self) -> None:
        read = read_values(form_of(ThirdPartyWorksReported), {"contractor": " ", "distance_to_pipe_m": ""})
        assert read == {}

    @pytest.mark.parametrize(("typed", "number"), [("0.", 0.0), ("1，5", 1.5), ("-", None), ("", None)])
    def test_numbers_are_read_as_people_type_them(self, typed: str, number: float | None) -> None:
        assert number_in(typed) == number
