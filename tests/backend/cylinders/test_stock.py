"""Stock of stations and vehicles: each day balances, and late records put it right."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.cylinders.models import Cylinder, StockBalance, StockRecount
from backend.cylinders.schemas import StockLine
from backend.errors import AppError
from sync.databases import BEIJING
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.cylinders import arrive, moved
from tests.factories.deliveries import Station, cylinder_in, make_cylinder, make_station
from tests.factories.taken import office

TODAY = datetime.now(UTC).astimezone(BEIJING).date()


def on(days_ago: int, hour: int = 12) -> datetime:
    """Noon of that day in Beijing; of today, its first minute."""
    if not days_ago:
        return datetime.combine(TODAY, time(0, 0, 30), BEIJING)
    return datetime.combine(TODAY - timedelta(days=days_ago), time(hour), BEIJING)


async def make_old_cylinder(session: AsyncSession, station: Station, code: str, **fields: Any) -> str:
    """Entered a week ago."""
    made = (await make_cylinder(session, station, code, **fields)).cylinder.id
    row = await session.get_one(Cylinder, made)
    row.registered_at = on(7)
    await session.flush()
    await cylinders.refold(session, [made])
    return made


async def balance(session: AsyncSession) -> None:
    while await cylinders.balance_stock(session):
        pass


async def lines(session: AsyncSession, station: Station, **asked: Any) -> dict[str, tuple[int, int, int, int]]:
    """Of one size: opening, in, out, closing, by kind of holder."""
    found = await cylinders.list_stock(session, station.caller, **asked)
    assert all(isinstance(line, StockLine) for line in found)
    return {line.holder_kind: (line.opening, line.arrived, line.departed, line.closing) for line in found}


class TestAccess:
    @pytest.mark.parametrize("path", ["/api/stock", "/api/stock/export.csv", "/api/cylinders/lost"])
    async def test_a_driver_may_not(self, client: AsyncTestClient[Any], session: AsyncSession, path: str) -> None:
        station = await make_station(session)
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=bearer(client, station.driver))).status_code == 403

    async def test_another_companys_stock_is_not_seen(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        other = await make_company(session)
        stranger = office(other, await make_staff(session, other))
        assert len(await cylinders.list_stock(session, station.caller)) == 1
        assert await cylinders.list_stock(session, stranger) == []
        assert (await cylinders.list_lost(session, stranger)).total == 0
        key = station.company.unit.id
        assert await cylinders.list_balances(session, stranger, "station", key, since=on(9).date(), until=TODAY) == []


class TestToday:
    async def test_it_is_counted_up_to_now_and_equals_what_stands_there(self, session: AsyncSession) -> None:
        station = await make_station(session)
        for code in ("35-1", "35-2", "35-3"):
            await make_old_cylinder(session, station, code)
        await arrive(session, moved(station, "loaded", "35-1", on(0)))
        await arrive(session, moved(station, "loaded", "35-2", on(2)))
        expected = {"station": (2, 0, 1, 1), "vehicle": (1, 1, 0, 2)}
        assert await lines(session, station) == expected
        await balance(session)
        assert await lines(session, station) == expected
        standing = select(Cylinder.holder_kind, func.count()).group_by(Cylinder.holder_kind)
        assert dict((await session.execute(standing)).all()) == {"station": 1, "vehicle": 2}  # type: ignore[arg-type]

    async def test_a_vehicle_is_shown_with_its_driver_and_its_newest_plate(self, session: AsyncSession) -> None:
        station = await make_station(session)
        for code in ("35-1", "35-2"):
            await make_old_cylinder(session, station, code)
        await arrive(session, moved(station, "loaded", "35-1", on(1), vehicle="吉·演示02"))
        await arrive(session, moved(station, "loaded", "35-2", on(3), vehicle="吉·演示01"))
        (line,) = await cylinders.list_stock(session, station.caller, holder_kind="vehicle")
        assert (line.holder_name, line.plate, line.organisation_id) == (
            "演示-王送气",
            "吉·演示02",
            station.company.unit.id,
        )

    async def test_sizes_are_apart_and_can_be_asked_for(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        await make_cylinder(session, station, "118-1", specification="YSP118")
        found = await cylinders.list_stock(session, station.caller)
        assert [(line.specification, line.closing) for line in found] == [("YSP118", 1), ("YSP35.5", 1)]
        assert len(await cylinders.list_stock(session, station.caller, specification="YSP118")) == 1

    async def test_a_day_to_come_is_refused(self, session: AsyncSession) -> None:
        station = await make_station(session)
        with pytest.raises(AppError) as refused:
            await cylinders.list_stock(session, station.caller, day=TODAY + timedelta(days=1))
        assert refused.value.code == "stock.future"


class TestBalance:
    async def days(self, session: AsyncSession, station: Station) -> list[tuple[date, int, int, int, int]]:
        key = station.company.unit.id
        found = await cylinders.list_balances(session, station.caller, "station", key, since=on(8).date(), until=TODAY)
        return [(line.day, line.opening, line.arrived, line.departed, line.closing) for line in reversed(found)]

    async def test_each_day_opens_with_what_the_day_before_closed_with(self, session: AsyncSession) -> None:
        station = await make_station(session)
        for code in ("35-1", "35-2"):
            await make_old_cylinder(session, station, code)
        await arrive(session, moved(station, "loaded", "35-1", on(5)), moved(station, "loaded", "35-2", on(4)))
        await arrive(session, moved(station, "delivered", "35-1", on(5, 14)), moved(station, "stored", "35-2", on(2)))
        await balance(session)
        assert await self.days(session, station) == [
            (on(7).date(), 0, 2, 0, 2),
            (on(6).date(), 2, 0, 0, 2),
            (on(5).date(), 2, 0, 1, 1),
            (on(4).date(), 1, 0, 1, 0),
            (on(2).date(), 0, 1, 0, 1),
            (on(1).date(), 1, 0, 0, 1),
        ]

    async def test_a_late_record_puts_the_days_since_right(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_old_cylinder(session, station, "35-1")
        await balance(session)
        before = await self.days(session, station)
        assert [day[4] for day in before] == [1] * 7
        await arrive(session, moved(station, "loaded", "35-1", on(3)))
        assert await session.scalar(select(func.count(StockRecount.id))) > 0
        await balance(session)
        after = await self.days(session, station)
        assert after[:4] == before[:4]
        assert after[4:] == [(on(3).date(), 1, 0, 1, 0)]
        assert await session.scalar(select(func.count(StockRecount.id))) == 0

    async def test_a_record_from_before_everything_else_makes_earlier_days(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_old_cylinder(session, station, "35-1")
        await balance(session)
        await arrive(session, moved(station, "filled", "35-1", on(8)))
        await balance(session)
        assert (await self.days(session, station))[0] == (on(8).date(), 0, 1, 0, 1)

    async def test_a_size_that_was_entered_wrongly_is_put_right_in_the_past_too(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_old_cylinder(session, station, "35-1")
        await balance(session)
        right = cylinder_in(station, "35-1", specification="YSP12")
        await cylinders.change_cylinder(session, station.caller, made, right)
        await balance(session)
        sizes = await session.scalars(select(StockBalance.specification).distinct())
        assert list(sizes) == ["YSP12"]

    async def test_balancing_twice_changes_nothing(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_old_cylinder(session, station, "35-1")
        await balance(session)
        assert await cylinders.balance_stock(session) == 0


class TestExport:
    async def test_a_keeper_takes_the_stock_to_a_spreadsheet(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        headers = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        answer = await client.get("/api/stock/export.csv", headers=headers)
        head, line = answer.content.decode("utf-8-sig").splitlines()
        assert head == "日期,类别,单位,站点或送气员,车牌,规格,期初,入,出,期末"
        assert line.endswith("YSP35.5,0,1,0,1")
