"""Cylinders of which nothing was heard, and those that stay at customers' too long."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from litestar.testing import AsyncTestClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.cylinders.models import Cylinder
from backend.reference import service as reference
from tests.factories.accounts import bearer, make_staff
from tests.factories.cylinders import arrive, moved
from tests.factories.deliveries import Station, make_cylinder, make_station

NOW = datetime.now(UTC)


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days, hours=1)


async def make_old_cylinder(session: AsyncSession, station: Station, code: str) -> None:
    made = (await make_cylinder(session, station, code)).cylinder.id
    await session.execute(update(Cylinder).where(Cylinder.id == made).values(registered_at=ago(300)))
    await cylinders.refold(session, [made])


async def lost(session: AsyncSession, station: Station, **asked: Any) -> list[tuple[str, str]]:
    page = await cylinders.list_lost(session, station.caller, **asked)
    assert page.total == len(page.items)
    return [(line.code, line.reason) for line in page.items]


class TestLost:
    async def test_silence_and_staying_too_long_are_told_apart_longest_first(self, session: AsyncSession) -> None:
        station = await make_station(session)
        for code in ("35-1", "35-2", "35-3", "35-4"):
            await make_old_cylinder(session, station, code)
        await arrive(session, moved(station, "loaded", "35-2", ago(70)), moved(station, "delivered", "35-2", ago(70)))
        await arrive(session, moved(station, "loaded", "35-3", ago(20)), moved(station, "delivered", "35-3", ago(19)))
        await arrive(session, moved(station, "stored", "35-4", ago(91)))
        assert await lost(session, station) == [("35-1", "silent"), ("35-4", "silent"), ("35-2", "outstanding")]
        assert await lost(session, station, reason="outstanding") == [("35-2", "outstanding")]
        assert await lost(session, station, reason="silent", specification="YSP12") == []

    async def test_a_refused_scan_is_heard_too(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_old_cylinder(session, station, "35-1")
        await arrive(session, moved(station, "refused", "35-1", ago(3)))
        assert await lost(session, station) == []

    async def test_a_scrapped_one_is_not_looked_for(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_old_cylinder(session, station, "35-1")
        await arrive(session, moved(station, "scrapped", "35-1", ago(200)))
        assert await lost(session, station) == []

    async def test_the_company_says_how_long_is_too_long(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_old_cylinder(session, station, "35-1")
        await arrive(session, moved(station, "stored", "35-1", ago(20)))
        assert await lost(session, station) == []
        before = (await reference.find_settings(session, station.company.company.id)).fields
        fields = msgspec.structs.replace(before, cylinder_silent_days=15)
        await reference.change_settings(session, station.caller, station.company.company.id, fields)
        assert await lost(session, station) == [("35-1", "silent")]

    async def test_the_list_goes_to_a_spreadsheet(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        await make_old_cylinder(session, station, "35-1")
        headers = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        answer = await client.get("/api/cylinders/lost.csv", headers=headers)
        assert "35-1,YSP35.5" in answer.content.decode("utf-8-sig")
        assert (await client.get("/api/cylinders/lost", headers=headers)).json()["total"] == 1
