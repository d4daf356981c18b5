"""One field shift across processes: server, two phones, their devices, a network that is cut, an app that is killed.

Played once; each test compares what the phones recorded with what PostGIS, the console and the regulator then show.
"""

import asyncio
import re
import shutil
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psycopg
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from psycopg import sql

from backend.cluster import Cluster
from backend.db import Database
from backend.settings import Settings
from qixun.demo.company import REGULATOR_FILE, found_company
from qixun.demo.office import Office
from qixun.demo.shift import ADMINISTRATOR, DISPATCHER, PASSWORD, Setting, Shift, Story

pytestmark = pytest.mark.timeout(420)


PICTURES = Path(__file__).parents[2] / "test-results"
_CHROMIUM = ("--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = shutil.which("chromium")
        assert chromium, "Chromium is missing: make test installs it"
        running = await playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM)
        yield running
        await running.close()


class Played(msgspec.Struct):
    """The story, the events that an open console heard meanwhile, and where to ask for the rest."""

    story: Story
    heard: list[str]
    server: str
    database_url: str
    data_dir: Path

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query, values).fetchall()

    async def get(self, path: str, **query: str) -> Any:
        async with Office(self.server, DISPATCHER, PASSWORD) as office:
            return await office.get(path, **query)

    async def dataset(self, name: str) -> list[dict[str, Any]]:
        client = msgspec.json.decode((self.data_dir / REGULATOR_FILE).read_bytes())
        async with aiohttp.ClientSession(self.server) as http:
            form = {"grant_type": "client_credentials", **client}
            async with http.post("/api/oauth/token", data=form) as answer:
                token = (await answer.json())["access_token"]
            found: list[dict[str, Any]] = []
            cursor, more = "", True
            while more:
                query = {"cursor": cursor, "limit": "2"}
                headers = {"Authorization": f"Bearer {token}"}
                async with http.get(f"/api/regulator/datasets/{name}", params=query, headers=headers) as answer:
                    page = await answer.json()
                found += page["items"]
                cursor, more = page["next_cursor"], page["has_more"]
            return found


@pytest.fixture(scope="module")
async def played(cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Played]:
    data_dir = tmp_path_factory.mktemp("shift")
    name = "shift"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(make.format(sql.Identifier(name), sql.Identifier(template)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(database_url=cluster.url(name), data_dir=data_dir, port=port)
    database = Database(settings)
    await found_company(database, settings)
    await database.close()
    server = await _serve(settings)
    heard: list[str] = []
    url = f"http://127.0.0.1:{port}"
    listening = asyncio.create_task(_listen(url, heard))
    try:
        setting = Setting(
            server=url, host="127.0.0.1", port=port, folder=data_dir / "phones", area="站前街片区", time_factor=12
        )
        story = await Shift(setting, lambda _zh, _en: None).play()
        yield Played(story, heard, url, settings.database_url, data_dir)
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        server.terminate()
        await asyncio.wait_for(server.wait(), 30)
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def _serve(settings: Settings) -> asyncio.subprocess.Process:
    environ = {
        "QIXUN_DATABASE_URL": settings.database_url,
        "QIXUN_DATA_DIR": str(settings.data_dir),
        "QIXUN_PORT": str(settings.port),
    }
    with (settings.data_dir / "server.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "qixun.cli", "serve"),
            env={"PATH": "/usr/bin:/bin", **environ},
            stdout=log,
            stderr=log,
        )
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        while True:
            assert server.returncode is None, (settings.data_dir / "server.log").read_text()
            with suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{settings.port}/readyz") as answer:
                    if answer.ok:
                        return server
            await asyncio.sleep(0.1)


async def _console(server: str) -> aiohttp.ClientSession:
    """A browser's session of the dispatcher, signed in by the form."""
    http = aiohttp.ClientSession(server, cookie_jar=aiohttp.CookieJar(unsafe=True))
    async with http.get("/sign-in") as page:
        fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', await page.text()))
    form = fields | {"staff_number": DISPATCHER, "password": PASSWORD}
    async with http.post("/sign-in", data=form) as answer:
        assert answer.ok, await answer.text()
    return http


async def _listen(server: str, heard: list[str]) -> None:
    async with await _console(server) as http, http.get("/events", timeout=aiohttp.ClientTimeout(total=400)) as feed:
        async for line in feed.content:
            heard += [name.decode().strip() for name in re.findall(rb"^event:(.*)", line)]


async def _map_is_drawn(tab: Page) -> None:
    """For the picture; a page without a map is drawn already."""
    if await tab.locator("#map").count():
        await tab.locator("#map[data-ready]").wait_for()
        async with asyncio.timeout(20):
            while not await tab.evaluate("qixunMap.loaded()"):  # noqa: ASYNC110 - the page is asked
                await asyncio.sleep(0.2)


def _ids(story: Story, *tags: str) -> list[str]:
    records = [record["id"] for records in story.records.values() for record in records]
    return sorted(i for i in records if not tags or i.partition(":")[0] in tags)


class TestNothingLost:
    def test_every_record_of_both_phones_is_in_postgis_exactly_once(self, played: Played) -> None:
        taken = Counter(row[0] for row in played.rows("SELECT id FROM facts WHERE tag <> 'photo'"))
        assert taken == Counter(_ids(played.story))
        assert len(taken) > 15

    def test_record_numbers_have_no_gap(self, played: Played) -> None:
        for device in played.story.devices.values():
            for kind in ("user", "media"):
                rows = played.rows(
                    "SELECT record_number FROM facts WHERE device_id = %s AND database LIKE %s ORDER BY 1",
                    device,
                    f"{kind}\\_%",
                )
                assert [row[0] for row in rows] == list(range(1, len(rows) + 1))

    def test_every_record_has_its_receipt_on_the_phone(self, played: Played) -> None:
        for records in played.story.records.values():
            assert {record["state"] for record in records} == {"accepted"}

    def test_nothing_waits_for_the_offices_review(self, played: Played) -> None:
        assert played.rows("SELECT code, doc_id FROM quarantine") == []
        assert played.rows("SELECT kind FROM conflicts WHERE state = 'open'") == []

    def test_every_photo_that_a_record_names_has_arrived(self, played: Played) -> None:
        missing = played.rows("SELECT fact_id, photo_id FROM fact_photos WHERE photo_id NOT IN (SELECT id FROM photos)")
        assert missing == []
        assert played.rows("SELECT count(*) FROM photos")[0][0] >= 15


class TestKilledApp:
    def test_no_saved_record_was_lost_by_the_kill(self, played: Played) -> None:
        assert played.story.said["lost_by_kill"] == []

    def test_the_same_patrol_goes_on(self, played: Played) -> None:
        assert played.story.said["resumed"] == played.story.patrol_id
        assert played.rows("SELECT count(*) FROM facts WHERE tag = 'patrol.started'") == [(1,)]

    def test_the_walked_share_is_kept(self, played: Played) -> None:
        assert played.story.coverage_before_kill > 20
        assert played.story.coverage_after_kill >= played.story.coverage_before_kill - 8


class TestPatrol:
    async def test_the_office_counts_what_the_phone_counted(self, played: Played) -> None:
        task = (await played.get(f"/api/patrol/tasks/{played.story.task_id}"))["task"]
        assert task["state"] == "done"
        assert task["coverage_percent"] == pytest.approx(played.story.coverage, abs=0.2)
        assert task["coverage_percent"] > 90

    async def test_three_check_points_are_proved_and_one_is_out_of_reach_with_its_photo(self, played: Played) -> None:
        visits = await played.get("/api/patrol/visits", patrol_id=played.story.patrol_id)
        assert sorted(visit["proof"] for visit in visits) == ["gps", "nfc", "none", "qr"]
        unreachable = next(visit for visit in visits if visit["result"] == "unreachable")
        assert (unreachable["reason"], len(unreachable["photos"])) == ("snow", 1)

    def test_a_detector_that_vanished_was_said_in_words_and_the_record_went_on(self, played: Played) -> None:
        assert "检漏仪" in played.story.said["detector"] or "断开" in played.story.said["detector"]

    async def test_the_reading_over_the_limit_is_a_suspected_leak_with_position_and_instrument(
        self, played: Played
    ) -> None:
        leaks = (await played.get("/api/leaks"))["items"]
        assert [(leak["reading_ppm"], leak["instrument_id"]) for leak in leaks] == [(3200.0, "LD01-0001")]
        assert leaks[0]["lon"] == pytest.approx(126.35, abs=0.05)

    async def test_the_hazard_is_on_the_board_with_two_photos_that_can_be_seen(self, played: Played) -> None:
        hazards = (await played.get("/api/hazards"))["items"]
        (hazard,) = [h for h in hazards if h["hazard_type"] == "marker_post"]
        assert hazard["stage"] == "pending_review"
        photos = played.rows("SELECT photo_id FROM fact_photos WHERE fact_id = %s", hazard["id"])
        assert len(photos) == 2
        async with await _console(played.server) as http:
            for (photo,) in photos:
                async with http.get(f"/api/photos/{photo}") as answer:
                    assert (answer.status, answer.content_type) == (200, "image/jpeg")


class TestDelivery:
    def test_an_overdue_and_a_scrapped_cylinder_are_refused_offline_with_the_reason(self, played: Played) -> None:
        said = played.story.said
        assert (said["overdue"]["allowed"], said["overdue"]["reasons"]) == (False, ["inspection_overdue"])
        assert (said["scrapped"]["allowed"], said["scrapped"]["reasons"]) == (False, ["scrapped"])

    @pytest.mark.requirement("5.8.3-07")
    def test_a_delivery_to_an_incomplete_customer_cannot_be_entered(self, played: Played) -> None:
        assert played.story.said["incomplete"] == "delivery.customer_incomplete"
        order = played.story.orders["incomplete"]
        assert played.rows("SELECT count(*) FROM deliveries WHERE task_id = %s", order) == [(0,)]

    async def test_the_order_is_done_with_its_cylinders_signature_and_payment(self, played: Played) -> None:
        order = await played.get(f"/api/deliveries/orders/{played.story.orders['complete']}")
        assert order["order"]["state"] == "done"
        (delivery,) = order["deliveries"]
        assert [c["code"] for c in delivery["delivered"]] == ["SH35-0001", "SH35-0002"]
        assert [c["scan"]["code"] for c in delivery["returned"]] == ["SH35-0050"]
        # The phone sealed the receiver's name for the office: neither fact nor hub holds it.
        assert delivery["receiver"] == "演示-赵用户"
        body = played.rows("SELECT body FROM facts WHERE id = %s", delivery["id"])[0][0]
        assert "演示-赵用户".encode() not in bytes(body)
        assert delivery["payment"]["amount_fen"] == 24_000

    async def test_nobody_home_is_on_the_order_with_the_next_appointment(self, played: Played) -> None:
        order = await played.get(f"/api/deliveries/orders/{played.story.orders['not_home']}")
        (visit,) = order["visits"]
        assert (visit["outcome"], len(visit["photos"])) == ("not_home", 2)
        assert visit["next_appointment"]

    async def test_each_cylinder_is_where_the_driver_left_it(self, played: Played) -> None:
        found = await played.get("/api/cylinders", search="SH35-000")
        holders = {c["code"]: c["holder_kind"] for c in found["items"]}
        assert holders["SH35-0001"] == holders["SH35-0002"] == "customer"
        assert holders["SH35-0004"] == "station"
        assert played.story.said["stored"]["missing"] == []
        (vehicle,) = (await played.get("/api/vehicles"))["items"]
        assert (vehicle["plate"], vehicle["driver_name"], vehicle["on_board"]) == ("吉·演示01", "演示-王送气", 0)
        assert vehicle["seen"] is not None
        assert holders["SH35-0003"] == "station"


class TestOffice:
    def test_an_open_console_heard_of_it_without_reloading(self, played: Played) -> None:
        assert played.heard

    @pytest.mark.parametrize(
        ("page", "words"),
        [
            ("/", "疑似泄漏"),
            ("/hazards", "标志桩"),
            ("/tasks", "演示-李巡检"),
            ("/deliveries", "演示-王送气"),
            ("/devices", "演示-李巡检"),
        ],
    )
    async def test_the_console_shows(self, played: Played, browser: Browser, page: str, words: str) -> None:
        context = await browser.new_context(
            viewport={"width": 1440, "height": 900}, locale="zh-CN", reduced_motion="reduce"
        )
        try:
            tab = await context.new_page()
            await tab.goto(f"{played.server}/sign-in?next={page}")
            await tab.locator("[name=staff_number]").fill(DISPATCHER if page != "/devices" else ADMINISTRATOR)
            await tab.locator("[name=password]").fill(PASSWORD)
            await tab.keyboard.press("Enter")
            await expect(tab.get_by_text(words).filter(visible=True).first).to_be_visible(timeout=15_000)
            await _map_is_drawn(tab)
            PICTURES.mkdir(exist_ok=True)
            await tab.screenshot(path=PICTURES / f"shift-console-{page.strip('/') or 'map'}.png")
        finally:
            await context.close()


class TestRegulator:
    @pytest.mark.requirement("T2-08")
    async def test_patrol_records(self, played: Played) -> None:
        items = [item for item in await played.dataset("T2-08") if not item["deleted"]]
        assert [item["id"] for item in items].count(played.story.patrol_id) == 1

    @pytest.mark.requirement("T2-11")
    async def test_delivery_records(self, played: Played) -> None:
        ids = [item["id"] for item in await played.dataset("T2-11")]
        assert sorted(i for i in ids if i.startswith("delivery.completed:")) == _ids(played.story, "delivery.completed")

    @pytest.mark.requirement("T2-14")
    async def test_hazard_records(self, played: Played) -> None:
        ids = {item["id"] for item in await played.dataset("T2-14")}
        assert ids >= set(_ids(played.story, "hazard.reported"))
