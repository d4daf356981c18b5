"""Every list, map and export of the business: shut to who has no right, open and scoped to who has."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.rules import ROLES
from backend.cylinders import service as cylinders
from backend.inspections import service as inspections
from backend.inspections.schemas import BatchIn, ResultIn
from backend.lists import Columns, write_table
from backend.tables import read_table, text_of
from sync.databases import beijing_today
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported
from sync.documents.patrol import PatrolStarted
from tests.factories.accounts import Company, bearer, make_company, make_staff
from tests.factories.cylinders import fall_silent
from tests.factories.deliveries import checked, completed, make_cylinder, make_order, make_station, missed
from tests.factories.filters import tried
from tests.factories.network import make_area, make_pipe
from tests.factories.patrol import Street, chunk, make_plan
from tests.factories.taken import HERE, record, take
from tests.web_console.alarms import send_alarms
from tests.web_console.scene import Scene, make_scene

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
    @pytest.mark.parametrize("url", [*PAGES, *PLAIN, *MAPS, *OTHERS])
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

    async def test_figures_are_answered(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        company = await a_day(session)
        headers = bearer(client, await make_staff(session, company, roles=["company_admin"]))
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


class Listed(msgspec.Struct):
    """One list: its own address, then those of its files."""

    filters: type[msgspec.Struct]
    addresses: list[str]


def lists_of(app: Litestar) -> list[Listed]:
    found: dict[Any, Listed] = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if filters := handler.opt.get("filters"):
                found.setdefault(filters, Listed(filters, [])).addresses.append(route.path)
    for each in found.values():
        each.addresses.sort(key=lambda address: (address.endswith((".csv", ".xlsx")), address))
    return list(found.values())


class Office(msgspec.Struct):
    """Somebody with every right of the scene's company."""

    client: Any
    headers: dict[str, str]

    async def asked(self, address: str, **filters: str) -> Any:
        return await self.client.get(address, headers=self.headers, params=filters)

    async def lines(self, address: str, **filters: str) -> list[dict[str, Any]]:
        answer = await self.asked(address, limit="500", **filters)
        body = answer.json()
        # A line within a line (what is due, and when) is looked at as one; what is refused is a line of its own.
        listed = body.get("items", [body]) if isinstance(body, dict) else body
        return [each | each.get("line", {}) for each in listed]

    async def rows(self, address: str, **filters: str) -> list[list[str]]:
        answer = await self.asked(address, **filters)
        table = read_table(answer.content) if answer.status_code == 200 else [[], [answer.json()["code"]] * 20]
        return [[text_of(cell) for cell in row] for row in table]


def key_of(lines: list[dict[str, Any]], rows: list[list[str]]) -> tuple[str, int]:
    """The field of the list and the column of its file that say the same, and tell the lines apart best."""
    pairs = [
        (name, column)
        for name in lines[0]
        for column in range(len(rows[0]))
        if [line[name] for line in lines] == [row[column] for row in rows[1:]]
    ]
    assert pairs, (lines[0], rows[:2])
    return max(pairs, key=lambda pair: len({str(line[pair[0]]) for line in lines}))


async def fill_up(session: AsyncSession, office: Office, scene: Scene) -> None:
    """What the scene has none of: a lost cylinder, a sheet of inspections, a scan in a market, an application,
    alarms.
    """
    await send_alarms(session, scene)
    await fall_silent(session, "35-018268")
    code = "35-018264"
    listed = await cylinders.list_cylinders(session, scene.caller, search=code)
    sent = BatchIn(
        organisation_id=listed.items[0].organisation_id,
        inspection_body="检验站",
        sent_on=beijing_today(),
        codes=(code,),
    )
    batch = (await inspections.send_batch(session, scene.caller, sent)).batch
    back = ResultIn(code=code, result="passed", inspected_on=beijing_today())
    await inspections.record_results(session, scene.caller, batch.id, [back])
    application = {"holder_kind": "company", "holder_id": scene.company.company.id, "kind": "gas_business"}
    for address, body in (("/api/market-scans", {"read": "XX-9"}), ("/api/licences", application)):
        answer = await office.client.post(address, headers=office.headers, json=body)
        assert answer.status_code == 201, answer.text


class TestFiles:
    """The list as CSV and XLSX."""

    async def test_who_may_not_see_a_list_may_not_export_it(
        self, client: AsyncTestClient[Litestar], session: AsyncSession
    ) -> None:
        nobody = bearer(client, await make_staff(session, await make_company(session), roles=["inspector"]))
        lists = lists_of(client.app)
        assert len(lists) >= 24
        for each in lists:
            assert [address.rpartition(".")[2] for address in each.addresses[1:]] == ["csv", "xlsx"]
            for address in each.addresses:
                assert (await client.get(address)).status_code == 401, address
                assert (await client.get(address, headers=nobody)).status_code == 403, address

    async def test_an_export_holds_what_the_list_shows_under_each_filter(
        self, client: AsyncTestClient[Litestar], session: AsyncSession, tmp_path: Path
    ) -> None:
        scene = await make_scene(session, tmp_path)
        office = Office(client, bearer(client, await make_staff(session, scene.company, roles=list(ROLES))))
        await fill_up(session, office, scene)
        wrong: list[Any] = []
        for each in lists_of(client.app):
            shown, *files = each.addresses
            lines = await office.lines(shown)
            if not lines:
                wrong += [(shown, "", "is empty")]
                continue
            field, column = key_of(lines, await office.rows(files[0]))
            narrowed = set()
            for name, value in tried(each.filters, lines):
                found = [str(line.get(field, line.get("code"))) for line in await office.lines(shown, **{name: value})]
                narrowed |= {name} if len(found) != len(lines) else set()
                for address in files:
                    rows = await office.rows(address, **{name: value})
                    wrong += [(address, name, value)] if [row[column] for row in rows[1:]] != found else []
            wrong += [(shown, name, "does nothing") for name in {*each.filters.__struct_fields__} - narrowed]
        assert wrong == [], wrong

    @pytest.mark.parametrize("asked", ["?within=-1", "?within=x", "/export.csv?within=5000", "/export.xlsx?stage=z"])
    async def test_a_filter_out_of_its_bounds_is_refused(
        self, client: AsyncTestClient[Litestar], session: AsyncSession, asked: str
    ) -> None:
        own = bearer(client, await make_staff(session, await make_company(session), roles=["company_admin"]))
        assert (await client.get(f"/api/cylinders/due{asked}", headers=own)).status_code == 400

    @pytest.mark.parametrize("as_csv", [True, False])
    def test_a_file_that_is_cut_off_says_so_in_its_last_row(self, *, as_csv: bool) -> None:
        columns: Columns = [("编号", "filters"), ("数", lambda one: len(one.addresses))]
        content = write_table(columns, [Listed(Listed, ["a", "b"])], 61_234, as_csv=as_csv)
        head, _, last = read_table(content)
        assert list(head) == ["编号", "数"]
        assert "61,234" in text_of(last[0])
        whole = write_table(columns, [Listed(Listed, ["a", "b"])], 1, as_csv=as_csv)
        assert len(read_table(whole)) == 2
