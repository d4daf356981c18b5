"""Every list, map and export of the business: shut to who has no right, open and scoped to who has."""

from datetime import UTC, datetime
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported
from sync.documents.patrol import PatrolStarted
from tests.factories.accounts import Company, bearer, make_company, make_staff
from tests.factories.deliveries import checked, completed, make_cylinder, make_order, make_station, missed
from tests.factories.network import make_area, make_pipe
from tests.factories.patrol import Street, chunk, make_plan
from tests.factories.taken import HERE, record, take

# Address -> how many things the company's day below puts there.
PAGES = {
    "/api/patrol/tasks": 1,
    "/api/patrol/patrols": 1,
    "/api/hazards": 1,
    "/api/leaks": 1,
    "/api/works": 1,
    "/api/customers/": 1,
    "/api/cylinders/": 1,
    "/api/deliveries/orders": 1,
    "/api/deliveries/": 1,
    "/api/deliveries/failed-visits": 1,
}
PLAIN = {"/api/patrol/plans": 1, "/api/positions/?hours=168": 1}
MAPS = {
    "/api/patrol/tracks.geojson?since=2026-01-01T00:00:00Z": 1,
    "/api/hazards.geojson": 1,
}
EXPORTS = [
    "/api/patrol/tasks.csv",
    "/api/hazards.csv",
    "/api/customers/export.csv",
    "/api/cylinders/export.csv",
    "/api/deliveries/orders.csv",
]
OTHERS = ["/api/patrol/rates", "/api/hazards/board", "/api/customers/registration", "/api/deliveries/often-missed"]


async def a_day(session: AsyncSession) -> Company:
    """One of everything."""
    station = await make_station(session)
    company, worker = station.company, station.driver
    area = await make_area(session, company.unit)
    pipe = await make_pipe(session, company.unit, area=area)
    street = Street(company, area, worker, station.dispatcher, pipe.id)
    await make_plan(session, street)
    await make_cylinder(session, station, "35-1")
    order = (await make_order(session, station)).order
    started = record(PatrolStarted, worker, position=HERE)
    check = checked(station, order.id)
    for each in (
        started,
        chunk(street, started.id),
        record(HazardReported, worker, hazard_type="other", position=HERE),
        record(LeakSuspected, worker, reading_ppm=900, instrument_id="a", alarm_limit_ppm=500),
        record(ThirdPartyWorksReported, worker),
        missed(station, order.id),
        check,
        completed(station, order.id, "35-1", check_id=check.id),
    ):
        await take(session, company, worker, each, at=datetime.now(UTC))
    return company


class TestLists:
    @pytest.mark.parametrize("url", [*PAGES, *PLAIN, *MAPS, *EXPORTS, *OTHERS])
    async def test_somebody_without_rights_may_not(
        self, client: AsyncTestClient[Any], session: AsyncSession, url: str
    ) -> None:
        worker = await make_staff(session, await make_company(session), roles=["inspector"])
        assert (await client.get(url)).status_code == 401
        answer = await client.get(url, headers=bearer(client, worker))
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")

    async def test_the_companys_own_people_see_what_is_theirs_and_nobody_elses(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await a_day(session)
        ours = bearer(client, await make_staff(session, company, roles=["company_admin"]))
        theirs = bearer(client, await make_staff(session, await make_company(session), roles=["company_admin"]))
        for url, count in PAGES.items():
            seen = [(await client.get(url, headers=headers)).json()["total"] for headers in (ours, theirs)]
            assert seen == [count, 0], url
        for url, count in PLAIN.items():
            seen = [len((await client.get(url, headers=headers)).json()) for headers in (ours, theirs)]
            assert seen == [count, 0], url
        for url, count in MAPS.items():
            seen = [len((await client.get(url, headers=headers)).json()["features"]) for headers in (ours, theirs)]
            assert seen == [count, 0], url

    async def test_exports_and_figures_are_answered(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        company = await a_day(session)
        headers = bearer(client, await make_staff(session, company, roles=["company_admin"]))
        for url in EXPORTS:
            answer = await client.get(url, headers=headers)
            assert (answer.status_code, len(answer.text.splitlines())) == (200, 2), url
        for url in OTHERS:
            assert (await client.get(url, headers=headers)).status_code == 200, url

    async def test_somebody_of_one_unit_sees_nothing_of_the_next(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await a_day(session)
        neighbour = await make_staff(session, company, roles=["dispatcher"], on=company.other_unit)
        headers = bearer(client, neighbour)
        for url in PAGES:
            assert (await client.get(url, headers=headers)).json()["total"] == 0, url
