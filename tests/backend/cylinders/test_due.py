"""Which cylinders are due, and that office and phones are reminded of each once at each stage."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.cylinders.schemas import DueFilters, ScrapIn
from backend.inspections import service as inspections
from backend.inspections.schemas import BatchIn
from backend.intake.models import OutboxDocument
from backend.tables import read_table
from sync.databases import BEIJING, unit_database
from sync.documents import decode_backend
from sync.documents.reference import InspectionReminder
from tests.factories.accounts import bearer, make_staff
from tests.factories.deliveries import Station, cylinder_in, make_cylinder, make_station

TODAY = datetime.now(BEIJING).date()


async def _due_in(session: AsyncSession, station: Station, code: str, days: int, **fields: Any) -> str:
    due = {"next_inspection_on": TODAY + timedelta(days=days)}
    return (await make_cylinder(session, station, code, **(due | fields))).cylinder.id


async def _told(session: AsyncSession, station: Station) -> list[tuple[str, int]]:
    return sorted((each.stage, each.count) for each in await cylinders.list_reminders(session, station.caller))


class TestDueList:
    async def test_another_company_sees_none_of_it(self, session: AsyncSession) -> None:
        station, other = await make_station(session), await make_station(session)
        await _due_in(session, station, "35-1", -3)
        assert (await cylinders.list_due(session, other.caller, DueFilters())).total == 0
        wanted = DueFilters(organisation_id=station.company.unit.id)
        assert (await cylinders.list_due(session, other.caller, wanted)).total == 0

    @pytest.mark.requirement("5.8.8-3a")
    async def test_what_is_due_is_judged_by_itself_the_most_urgent_first(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        """By the inspection or the end of service, whichever is first; nothing was marked by anybody."""
        station = await make_station(session)
        await _due_in(session, station, "LATER", 61)
        await _due_in(session, station, "SOON", 5)
        await _due_in(session, station, "OVER", -9)
        await _due_in(session, station, "ENDS", 900, service_ends_on=TODAY + timedelta(days=20))
        await _due_in(session, station, "TODAY", 0)
        await _due_in(session, station, "DEAD", -9, scrapped=True)
        keeper = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        found = (await client.get("/api/cylinders/due", headers=keeper)).json()
        assert [(each["line"]["code"], each["days_left"]) for each in found["items"]] == [
            ("OVER", -9),
            ("TODAY", 0),
            ("SOON", 5),
            ("ENDS", 20),
        ]
        assert found["items"][0]["line"]["state"] == "overdue"
        counts = (await client.get("/api/cylinders/due/counts", headers=keeper)).json()
        assert [(each["stage"], each["count"]) for each in counts] == [("overdue", 1), ("7", 2), ("30", 1), ("60", 0)]
        only = (await client.get("/api/cylinders/due?stage=overdue", headers=keeper)).json()
        assert [each["line"]["code"] for each in only["items"]] == ["OVER"]
        week = (await client.get("/api/cylinders/due?within=7&stage=ahead", headers=keeper)).json()
        assert [each["line"]["code"] for each in week["items"]] == ["TODAY", "SOON"]

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    async def test_it_goes_out_as_a_file(self, client: AsyncTestClient[Any], session: AsyncSession, kind: str) -> None:
        station = await make_station(session)
        await _due_in(session, station, "SOON", 5)
        await _due_in(session, station, "LARGE", 5, specification="YSP118")
        keeper = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        answer = await client.get(f"/api/cylinders/due/export.{kind}?specification=YSP35.5", headers=keeper)
        rows = read_table(answer.content)
        assert list(rows[0][:3]) == ["应检日期", "剩余天数", "气瓶编号"]
        assert [row[2] for row in rows[1:]] == ["SOON"]


class TestRemind:
    @pytest.mark.requirement("5.8.8-3a")
    async def test_each_is_told_once_at_each_stage_whatever_runs_again(self, session: AsyncSession) -> None:
        station = await make_station(session)
        company_id = station.company.company.id
        await _due_in(session, station, "A", 70)
        told = []
        for days in (0, 11, 11, 20, 41, 41, 64, 71, 72, 90):
            await cylinders.remind(session, company_id, TODAY + timedelta(days=days))
            told.append(len(await cylinders.list_reminders(session, station.caller)))
        assert told == [0, 1, 1, 1, 2, 2, 3, 4, 4, 4]
        assert await _told(session, station) == [("30", 1), ("60", 1), ("7", 1), ("overdue", 1)]

    async def test_one_that_was_entered_late_is_told_at_the_stage_it_is_in(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _due_in(session, station, "A", 3)
        await _due_in(session, station, "B", -300)
        assert await cylinders.remind_all(session) == 2
        assert await _told(session, station) == [("7", 1), ("overdue", 1)]

    async def test_after_its_inspection_it_is_told_again_when_the_next_one_comes(self, session: AsyncSession) -> None:
        station = await make_station(session)
        key = await _due_in(session, station, "A", 3)
        await cylinders.remind_all(session)
        later = TODAY + timedelta(days=365)
        shown = await cylinders.find_cylinder(session, station.caller, key)
        assert shown.cylinder.next_inspection_on is not None
        given = {"next_inspection_on": later, "service_ends_on": date(2099, 1, 1)}
        await cylinders.change_cylinder(session, station.caller, key, cylinder_in(station, "A", **given))
        assert await cylinders.remind(session, station.company.company.id, later - timedelta(days=5)) == 1

    async def test_nobody_is_reminded_of_what_is_scrapped_or_out_for_inspection(self, session: AsyncSession) -> None:
        station = await make_station(session)
        dead = await _due_in(session, station, "DEAD", 3)
        await cylinders.scrap_cylinder(session, station.caller, dead, ScrapIn(reason="damaged", scrapped_on=TODAY))
        await _due_in(session, station, "OUT", 3)
        sent = BatchIn(organisation_id=station.company.unit.id, inspection_body="站", sent_on=TODAY, codes=("OUT",))
        await inspections.send_batch(session, station.caller, sent)
        assert await cylinders.remind_all(session) == 0

    @pytest.mark.requirement("5.8.8-3a")
    async def test_the_stations_phones_hear_of_it(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _due_in(session, station, "SOON", 5)
        await _due_in(session, station, "OVER", -5)
        await cylinders.remind_all(session)
        key = (unit_database(station.company.unit.id), "reference.inspection_reminder:station")
        row = await session.get_one(OutboxDocument, key)
        assert row.body is not None
        told = decode_backend(row.doc_id, row.body)
        assert isinstance(told, InspectionReminder)
        assert (told.overdue, told.due, told.codes) == (1, ((7, 1), (30, 0), (60, 0)), ("OVER", "SOON"))

    async def test_it_leaves_the_things_to_do_when_somebody_has_seen_it(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        await _due_in(session, station, "A", 3)
        await cylinders.remind_all(session)
        (reminder,) = await cylinders.list_reminders(session, station.caller)
        path = f"/api/cylinders/reminders/{reminder.id}/seen"
        other = await make_staff(session, (await make_station(session)).company, roles=["station_keeper"])
        assert (await client.post(path, headers=bearer(client, other))).status_code == 404
        assert (await client.post(path, headers=bearer(client, station.dispatcher))).status_code == 403
        keeper = await make_staff(session, station.company, roles=["station_keeper"])
        assert (await client.post(path, headers=bearer(client, keeper))).status_code == 204
        assert await cylinders.list_reminders(session, station.caller) == []
