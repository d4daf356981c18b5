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
from backend.intake.models import OutboxDocument
from sync.databases import unit_database
from sync.documents import decode_backend
from tests.factories.accounts import bearer, make_staff
from tests.factories.deliveries import cylinder_in, make_cylinder, make_station


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
