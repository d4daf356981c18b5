"""Gas alarms at customers': on record, asked for at each delivery, and who lacks one."""

import itertools
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.customers import service as customers
from backend.customers.schemas import GasAlarmIn
from sync.documents.deliveries import DeliveryCheckItem
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.deliveries import Station, checked, make_station
from tests.factories.taken import MORNING, take

Client = AsyncTestClient[Any]
HOUR = timedelta(hours=1)


async def look(session: AsyncSession, station: Station, result: Any, hours: int) -> None:
    """A driver answers the check's question for the alarm."""
    item = DeliveryCheckItem(item="alarm", result=result)
    made = msgspec.structs.replace(checked(station, "task.delivery:x"), items=(item,))
    await take(session, station.company, station.driver, made, at=MORNING + hours * HOUR)


async def lacking(client: Client, headers: dict[str, str]) -> int:
    found = await client.get("/api/customers?lacks_alarm=true", headers=headers)
    return int(found.json()["total"])


class TestWhoMay:
    async def test_nobody_without_the_right(self, client: Client, session: AsyncSession) -> None:
        station = await make_station(session)
        url = f"/api/customers/{station.customer_id}/gas-alarm"
        headers = bearer(client, station.driver)
        assert (await client.get(url, headers=headers)).status_code == 403
        assert (await client.put(url, headers=headers, json={"state": "fitted"})).status_code == 403
        stranger = bearer(client, await make_staff(session, await make_company(session), roles=["company_admin"]))
        assert (await client.get(url, headers=stranger)).status_code == 404
        assert (await client.put(url, headers=stranger, json={"state": "fitted"})).status_code == 404


@pytest.mark.requirement("E5.8.3-7")
class TestLacking:
    async def test_a_restaurant_without_one_is_listed_until_one_is_on_record(
        self, client: Client, session: AsyncSession
    ) -> None:
        station = await make_station(session, category="catering")
        headers = bearer(client, await make_staff(session, station.company, roles=["company_admin"]))
        assert await lacking(client, headers) == 1
        url = f"/api/customers/{station.customer_id}/gas-alarm"
        given = {"state": "fitted", "number": "BJ-0007", "checked_on": "2026-11-20"}
        done = await client.put(url, headers=headers, json=given)
        assert (done.status_code, done.json()) == (200, given | {"record_id": ""})
        assert await lacking(client, headers) == 0
        query = select(AuditEntry).where(AuditEntry.action == "customer.gas_alarm")
        assert (await session.scalars(query)).one().facts["number"] == "BJ-0007"
        await client.put(url, headers=headers, json=given | {"state": "missing"})
        assert await lacking(client, headers) == 1

    async def test_a_household_needs_none(self, client: Client, session: AsyncSession) -> None:
        station = await make_station(session, category="residential")
        headers = bearer(client, await make_staff(session, station.company, roles=["company_admin"]))
        assert await lacking(client, headers) == 0


class TestChecks:
    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    async def test_the_newest_look_counts_whatever_came_last(
        self, session: AsyncSession, order: tuple[int, ...]
    ) -> None:
        station = await make_station(session, category="catering")
        looks = [("fail", 1), ("pass", 30), ("not_applicable", 60)]
        for number in order:
            await look(session, station, *looks[number])
        found = await customers.find_gas_alarm(session, station.caller, station.customer_id)
        assert (found.state, found.checked_on) == ("fitted", date(2026, 11, 24))
        assert found.record_id.startswith("delivery.checked:")

    async def test_the_number_stays_the_offices(self, session: AsyncSession) -> None:
        station = await make_station(session, category="catering")
        given = GasAlarmIn(state="fitted", number="BJ-0007")
        await customers.set_gas_alarm(session, station.caller, station.customer_id, given)
        await look(session, station, "fail", 24 * 30)
        found = await customers.find_gas_alarm(session, station.caller, station.customer_id)
        assert (found.state, found.number) == ("missing", "BJ-0007")

    async def test_an_older_look_that_comes_late_changes_nothing(self, session: AsyncSession) -> None:
        station = await make_station(session, category="catering")
        await customers.set_gas_alarm(session, station.caller, station.customer_id, GasAlarmIn(state="fitted"))
        await look(session, station, "fail", -24 * 30)
        assert (await customers.find_gas_alarm(session, station.caller, station.customer_id)).state == "fitted"
