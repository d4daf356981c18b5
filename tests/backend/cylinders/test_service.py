"""The archive: who may edit it, and what phones are told."""

from datetime import date
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.errors import AppError
from backend.intake.models import Conflict, OutboxDocument
from sync.databases import unit_database
from sync.documents import decode_backend
from sync.documents.cylinders import CylindersLoaded
from tests.factories.accounts import bearer, make_staff
from tests.factories.cylinders import arrive, moved
from tests.factories.deliveries import cylinder_in, loaded, make_cylinder, make_station, scan
from tests.factories.taken import MORNING, record, take


class TestCreate:
    async def test_a_dispatcher_may_not(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        body = msgspec.to_builtins(cylinder_in(station, "35-1"))
        answer = await client.post("/api/cylinders/", headers=bearer(client, station.dispatcher), json=body)
        assert answer.status_code == 403

    async def test_the_stations_phones_get_what_a_verdict_needs(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        keeper = await make_staff(session, station.company, roles=["station_keeper"])
        body = msgspec.to_builtins(cylinder_in(station, "35-1", tag_uid="04:5e:a1", storage_position="A-3"))
        made = await client.post("/api/cylinders/", headers=bearer(client, keeper), json=body)
        assert made.status_code == 201, made.text
        row = await session.get_one(
            OutboxDocument,
            (unit_database(station.company.unit.id), f"reference.cylinder:{made.json()['cylinder']['id']}"),
        )
        assert row.body is not None
        assert b"A-3" not in row.body
        assert decode_backend(row.doc_id, row.body).tag_uid == "04:5E:A1"  # type: ignore[union-attr]

    async def test_a_second_one_of_the_same_code_is_refused(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        with pytest.raises(AppError) as refused:
            await make_cylinder(session, station, "35-1")
        assert refused.value.code == "cylinder.code_taken"

    async def test_a_service_that_ends_before_it_was_made_is_refused(self, session: AsyncSession) -> None:
        station = await make_station(session)
        with pytest.raises(AppError) as refused:
            await make_cylinder(session, station, "35-1", service_ends_on=date(2018, 1, 1))
        assert refused.value.code == "cylinder.service_ends"


class TestPosting:
    async def version(self, session: AsyncSession) -> int | None:
        query = select(OutboxDocument.version).where(OutboxDocument.doc_id.startswith("reference.cylinder:"))
        return await session.scalar(query)

    async def test_it_is_written_again_only_when_a_verdict_could_change(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        before = await self.version(session)
        moved = cylinder_in(station, "35-1", storage_position="B-1")
        await cylinders.change_cylinder(session, station.caller, made.cylinder.id, moved)
        assert await self.version(session) == before
        torn = cylinder_in(station, "35-1", tag_torn=True)
        await cylinders.change_cylinder(session, station.caller, made.cylinder.id, torn)
        assert await self.version(session) != before


class TestList:
    async def test_it_is_found_by_stamp_by_tag_and_by_state(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-018264", tag_uid="04:5E:A1")
        await make_cylinder(session, station, "35-018266", next_inspection_on=date(2020, 1, 1))

        async def codes(**filters: Any) -> list[str]:
            return [line.code for line in (await cylinders.list_cylinders(session, station.caller, **filters)).items]

        assert await codes(search="018264") == ["35-018264"]
        assert await codes(search="04 5e a1") == ["35-018264"]
        assert await codes(state="overdue") == ["35-018266"]
        assert await codes(state="normal") == ["35-018264"]


class TestDelete:
    async def test_a_dispatcher_may_not(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        url = f"/api/cylinders/{made.cylinder.id}"
        assert (await client.delete(url, headers=bearer(client, station.dispatcher))).status_code == 403

    async def test_one_that_was_entered_by_mistake_goes_from_the_phones_too(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        keeper = await make_staff(session, station.company, roles=["station_keeper"])
        url = f"/api/cylinders/{made.cylinder.id}"
        assert (await client.delete(url, headers=bearer(client, keeper))).status_code == 204
        assert (await client.get(url, headers=bearer(client, keeper))).status_code == 404
        key = (unit_database(station.company.unit.id), f"reference.cylinder:{made.cylinder.id}")
        row = await session.get_one(OutboxDocument, key, populate_existing=True)
        assert row.body is None

    async def test_one_of_which_something_was_recorded_is_kept(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        await arrive(session, moved(station, "loaded", "35-1", MORNING))
        with pytest.raises(AppError) as refused:
            await cylinders.delete_cylinder(session, station.caller, made.cylinder.id)
        assert (refused.value.code, refused.value.status_code) == ("cylinder.recorded", 409)


class TestStamps:
    async def conflicts(self, session: AsyncSession) -> list[Conflict]:
        found = select(Conflict).where(Conflict.kind == "cylinder.stamp_differs", Conflict.state == "open")
        return list(await session.scalars(found))

    async def test_another_number_on_the_cylinder_is_put_before_the_office_with_both_and_the_photo(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        told = scan("35-1", "typed", stamped="35-7", photo="photo:abc")
        found = record(
            CylindersLoaded, station.driver, station_id=station.company.unit.id, vehicle="吉·演示01", cylinders=(told,)
        )
        for _ in range(2):
            assert await take(session, station.company, station.driver, found) is None
        (conflict,) = await self.conflicts(session)
        assert conflict.facts == {
            "cylinder_id": made.cylinder.id,
            "code": "35-1",
            "stamped": "35-7",
            "photo": "photo:abc",
        }
        assert found.id in conflict.record_ids
        shown = await cylinders.find_cylinder(session, station.caller, made.cylinder.id)
        assert [move.kind for move in shown.chain] == ["loaded"]
        # Settled by a correction: the record that said so does not count any more.
        await cylinders.drop_movements(session, [found.id])
        assert await self.conflicts(session) == []

    async def test_the_same_number_written_otherwise_is_no_doubt_and_one_of_before_the_archive_is(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        for stamped in ("35 1", "35-8"):
            found = loaded(station, "35-1")
            found = msgspec.structs.replace(found, cylinders=(scan("35-1", "typed", stamped=stamped),))
            await take(session, station.company, station.driver, found)
        assert await self.conflicts(session) == []
        await make_cylinder(session, station, "35-1")
        assert [each.facts["stamped"] for each in await self.conflicts(session)] == ["35-8"]


class TestScrapped:
    async def test_a_record_of_scrapping_reaches_the_phones_and_no_form_takes_it_back(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        await arrive(session, moved(station, "scrapped", "35-1", MORNING))
        key = (unit_database(station.company.unit.id), f"reference.cylinder:{made.cylinder.id}")
        row = await session.get_one(OutboxDocument, key, populate_existing=True)
        assert row.body is not None
        assert decode_backend(row.doc_id, row.body).scrapped is True  # type: ignore[union-attr]
        with pytest.raises(AppError) as refused:
            await cylinders.change_cylinder(session, station.caller, made.cylinder.id, cylinder_in(station, "35-1"))
        assert refused.value.code == "cylinder.scrapped"
