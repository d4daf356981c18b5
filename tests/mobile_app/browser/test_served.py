"""The app as `qixun serve` offers it under `/m/`, with receiver, detector and tag reader as processes: what Li and
Wang see of a real town's network, of their own places and of gas.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
import psycopg
import pytest
from playwright.async_api import Browser, BrowserContext
from psycopg import sql

from backend.cluster import Cluster
from backend.db import Database
from backend.settings import Settings
from qixun.demo.company import found_company
from qixun.demo.shift import DISPATCHER, DRIVER, INSPECTOR, PASSWORD
from tests.device_bridge.conftest import Simulator, running
from tests.mobile_app.browser.conftest import Screen, note_other_hosts, opened, phone_sized
from tests.mobile_app.browser.served import AREA, Planned, plan_the_day, serving

pytestmark = pytest.mark.timeout(300)
TAGGED = "SH35-0091"


class Devices:
    """Li's receiver and detector, Wang's tag reader; one server reads them for every browser."""

    def __init__(self, gps: Simulator, detector: Simulator, tags: Simulator) -> None:
        self.gps, self.detector, self.tags = gps, detector, tags
        self.environ = {
            "QIXUN_GPS": gps.address,
            "QIXUN_DETECTOR": detector.address,
            "QIXUN_TAGS": tags.address,
            "DBUS_SYSTEM_BUS_ADDRESS": detector.told["bus"],
        }


@pytest.fixture(scope="module")
def devices() -> Iterator[Devices]:
    with (
        running("gps", "--port", "0", "--interval", "0.25", "--time-factor", "8") as gps,
        running("detector", "--interval", "0.25") as detector,
        running("tags", "--tags", TAGGED) as tags,
    ):
        yield Devices(gps, detector, tags)


class Town(msgspec.Struct, frozen=True):
    app: str
    planned: Planned
    devices: Devices


@pytest.fixture(scope="module")
async def songhe(
    cluster: Cluster, template: str, devices: Devices, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    name = "phone_app"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(make.format(sql.Identifier(name), sql.Identifier(template)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(database_url=cluster.url(name), data_dir=tmp_path_factory.mktemp("served"), port=port)
    database = Database(settings)
    await found_company(database, settings)
    await database.close()
    async with serving(settings, devices.environ) as server:
        yield Town(f"{server}/m/", await plan_the_day(server), devices)
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def asked_elsewhere() -> list[str]:
    """What the app asked of any host but its own, in all tests before."""
    return []


@pytest.fixture
async def phone(browser: Browser, asked_elsewhere: list[str]) -> AsyncIterator[BrowserContext]:
    context = await phone_sized(browser, permissions=["camera", "microphone"])
    await note_other_hosts(context, asked_elsewhere)
    yield context
    await context.close()


async def sign_in(phone: BrowserContext, town: Town, number: str) -> Screen:
    page = await phone.new_page()
    await opened(page, town.app)
    screen = Screen(page)
    await screen.type("staff-number", number)
    await screen.type("password", PASSWORD)
    await screen.tap("sign-in")
    await screen.hook("tab-today").wait_for(state="attached", timeout=60_000)
    return screen


async def until_figure(screen: Screen, label: str, good: Callable[[float], bool]) -> float:
    """The figure on the strip, once it is so."""
    said = ""
    for _ in range(200):
        said = await screen.figure(label)
        found = re.search(r"[\d,.]+", said)
        if found and good(value := float(found[0].replace(",", ""))):
            return value
        await asyncio.sleep(0.3)
    await screen.picture("failed")
    pytest.fail(f"{label}: {said!r}")


class TestInspector:
    async def test_sees_his_patrol_walks_it_and_is_warned_of_gas(self, phone: BrowserContext, songhe: Town) -> None:
        gps, detector, route = songhe.devices.gps, songhe.devices.detector, songhe.planned.route
        gps.tell(f"teleport {route[0][0]} {route[0][1]}")
        detector.tell("ppm 4")
        screen = await sign_in(phone, songhe, INSPECTOR)
        await screen.sees(AREA, within_s=60)
        await screen.tap_words(AREA)
        await screen.picture("10-served-today")
        # It says 正在下载… until all that the walk needs has come, and then this.
        await screen.sees("开始", within_s=60)
        await screen.tap("start-task")
        await screen.hook("report-hazard").wait_for(state="attached", timeout=60_000)
        await until_figure(screen, "甲烷 · 正常", lambda ppm: ppm == 4)
        before = await until_figure(screen, "覆盖", lambda share: share >= 0)
        gps.tell(f"route {msgspec.json.encode(route).decode()} 1.4")
        await until_figure(screen, "覆盖", lambda share: share > before + 5)
        await screen.picture("11-served-patrol")

        detector.tell("off")
        await screen.sees(re.compile("检漏仪断开"))
        await screen.picture("12-served-detector-gone")
        detector.tell("on")
        await until_figure(screen, "甲烷 · 正常", lambda ppm: ppm == 4)
        assert await screen.page.get_by_text("检漏仪断开").count() == 0

        detector.tell("ppm 3200")
        await screen.sees("疑似泄漏")
        await screen.picture("13-served-leak")
        await screen.tap("save-leak")
        detector.tell("ppm 4")
        await screen.tap("back")

        await screen.tap("report-hazard")
        await screen.hook("shutter").wait_for(state="attached", timeout=60_000)
        await screen.tap("hazard_type-encroachment")
        await screen.tap("voice-record")
        await screen.sees(re.compile("说完了，停 0:0[2-9]"), within_s=30)
        await screen.tap("voice-stop")
        await screen.hook("voice-play").wait_for(state="attached", timeout=30_000)
        await screen.tap("save-finding")
        await screen.tap("done")
        await screen.tap("back")
        await screen.sees("全部已收", within_s=60)
        await screen.picture("14-served-accepted")
        assert await heard_in_the_office(phone, songhe) > 1


async def heard_in_the_office(phone: BrowserContext, town: Town) -> float:
    """Plays what was said about the hazard on its page in the console; how long it is, in seconds."""
    office = town.app.removesuffix("/m/")
    page = await phone.new_page()
    page.set_default_timeout(30_000)
    await page.goto(f"{office}/sign-in?next=/hazards")
    await page.fill("[name=staff_number]", DISPATCHER)
    await page.fill("[name=password]", PASSWORD)
    await page.click("button.primary")
    await page.wait_for_url("**/hazards")
    found = (await (await page.request.get(f"{office}/api/hazards?hazard_type=encroachment")).json())["items"]
    await page.goto(f"{office}/hazards?open={found[0]['id']}")
    audio = page.locator("audio")
    await audio.evaluate("element => { element.muted = true; return element.play(); }")
    await page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
    duration_s = float(await audio.evaluate("element => element.duration"))
    await page.close()
    return duration_s


class TestDriver:
    async def test_a_scrapped_cylinder_is_refused_by_its_tag_full_screen(
        self, phone: BrowserContext, songhe: Town
    ) -> None:
        screen = await sign_in(phone, songhe, DRIVER)
        await screen.sees("林场小区", within_s=60)
        await screen.picture("15-served-driver")
        await screen.tap("tab-scan")
        songhe.devices.tags.tell(f"present {TAGGED}")
        await screen.tap("scan-tag")
        await screen.sees("禁止配送", within_s=60)
        await screen.picture("16-served-tag")


def test_the_app_asks_no_other_host_for_anything(asked_elsewhere: list[str]) -> None:
    """Of all that was drawn in the tests before: program, fonts, map."""
    assert asked_elsewhere == []
