"""Every page of a list and its file: under each filter the file holds what the page shows."""

import html
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from backend.db import Database
from backend.intake.databases import DatabaseFilter
from backend.intake.phones import PhoneFilter
from backend.tables import read_table, text_of
from tests.factories.cylinders import fall_silent
from tests.factories.filters import tried
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene
from web_console.pages import (
    audit,
    certificates,
    deliveries,
    delivery_lists,
    employees,
    fillings,
    hazards,
    inspections,
    people,
    stations,
    stock,
    vehicles,
)

# Page -> its filters, and the column of the file that tells its rows apart.
LISTS: dict[str, tuple[type[msgspec.Struct], int]] = {
    "/hazards": (hazards.Filter, 0),
    "/deliveries": (deliveries.Filter, 0),
    "/deliveries/deposits": (delivery_lists.Filter, 2),
    "/fillings": (fillings.Filter, 0),
    "/ledgers/staff": (employees.Filter, 4),
    "/ledgers/vehicles": (vehicles.Filter, 3),
    "/ledgers/certificates": (certificates.Filter, 5),
    "/ledgers/stations": (stations.Filter, 0),
    "/staff": (people.Filter, 0),
    "/devices": (PhoneFilter, 3),
    "/devices/databases": (DatabaseFilter, 3),
    "/audit": (audit.Filter, 3),
    "/cylinders/stock": (stock.StockFilter, 5),
    "/cylinders/lost": (stock.LostFilter, 0),
    "/cylinders/due": (inspections.DueForm, 2),
}
# Without filters, or with the page's own address instead of a part.
OTHERS = {"/alarms", "/cylinders", "/deliveries/missed", "/statistics"}


async def rows(visitor: Visitor, page: str, ending: str = "csv", **filters: str) -> list[list[str]]:
    answer = await visitor.get(f"{page}/export.{ending}", **filters)
    # A day to come has no stock: page and file refuse it alike.
    assert answer.status_code in {200, 422}, (page, filters, answer.text)
    return [[text_of(cell) for cell in row] for row in read_table(answer.content)] if answer.is_success else [[]]


@pytest.fixture(scope="module", autouse=True)
async def _a_lost_cylinder(town: Database, scene: Scene) -> None:
    async with town.sessions() as session, session.begin():
        await fall_silent(session, "35-018268")


class TestFiles:
    @pytest.mark.parametrize("page", [*LISTS, "/cylinders", "/deliveries/missed"])
    async def test_somebody_without_rights_may_not(self, stranger: Visitor, page: str) -> None:
        for ending in ("csv", "xlsx"):
            assert (await stranger.get(f"{page}/export.{ending}")).status_code == 403

    def test_no_export_is_left_out_here(self, console: AsyncTestClient[Litestar]) -> None:
        exports = {
            route.path.rpartition("/export.")[0]
            for route in console.app.routes
            if "/export." in route.path and not route.path.startswith("/api/")
        }
        assert exports == {*LISTS, *OTHERS}

    @pytest.mark.parametrize("page", LISTS)
    async def test_the_file_holds_what_the_page_shows_under_each_filter(self, admin: Visitor, page: str) -> None:
        filters, column = LISTS[page]
        _, *lines = await rows(admin, page)
        keys = {row[column] for row in lines}
        assert keys, f"nothing in {page} to be filtered"
        wrong: list[Any] = []
        for name, value in [*tried(filters), ("search", min(keys))]:
            given: dict[str, Any] = {name: value}
            text = html.unescape((await admin.get(f"{page}/found", part=True, view="list", **given)).text)
            shown = {key for key in keys if key in text}
            as_csv = [row[column] for row in (await rows(admin, page, **given))[1:]]
            as_xlsx = [row[column] for row in (await rows(admin, page, "xlsx", **given))[1:]]
            wrong += [(given, shown, as_csv, as_xlsx)] if {*as_csv} & keys != shown or as_xlsx != as_csv else []
        assert wrong == [], wrong

    async def test_cylinders_of_one_holder_alone(self, admin: Visitor) -> None:
        everything = await rows(admin, "/cylinders")
        some = await rows(admin, "/cylinders", holder="vehicle:nobody")
        assert len(everything) > len(some) == 1
        page = (await admin.get("/cylinders", holder="station:x")).text
        assert "/cylinders/export.xlsx?q=&holder=station%3Ax" in page.replace("&amp;", "&")

    async def test_a_filter_that_means_nothing_is_refused_with_words(self, admin: Visitor) -> None:
        answer = await admin.get("/hazards/export.csv", stage="?")
        assert answer.status_code == 422
