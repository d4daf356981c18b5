"""What a worker does with his thumb, in Chromium at a phone's size; its pictures are in test-results/."""

import asyncio
import io
import re
import sys
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from PIL import Image

from mobile_app.devices import Addresses
from mobile_app.hazards.work import report_hazard, report_works
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from mobile_app.shift.work import Probes, shift_check
from mobile_app.theme import LIGHT
from sync.documents.receipts import Receipt, ReceiptEntry
from tests.mobile_app import phones
from tests.mobile_app.browser import town
from tests.mobile_app.browser.conftest import OpenApp, Screen
from tests.mobile_app.browser.kept import open_task, records_on


async def until_green(screen: Screen, *, pixels: int) -> None:
    """Waits until that much of the map shows the colour of walked pipe."""
    walked = tuple(int(LIGHT.walked[i : i + 2], 16) for i in (1, 3, 5))
    seen = 0
    for _ in range(60):
        shot = await screen.page.screenshot(clip={"x": 0, "y": 160, "width": 390, "height": 360})
        image = Image.open(io.BytesIO(shot)).convert("RGB")
        seen = sum(number for number, colour in image.getcolors(image.width * image.height) or () if colour == walked)
        if seen >= pixels:
            return
        await asyncio.sleep(0.5)
    pytest.fail(f"only {seen} pixels of walked pipe")


class Gps:
    """A receiver of its own process, told where to be."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address

    async def tell(self, command: str) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{command}\n".encode())
        await self.process.stdin.drain()
        answer = await asyncio.wait_for(self.process.stdout.readline(), 5)
        assert answer.startswith(b"ok"), answer


@pytest.fixture
async def gps() -> AsyncIterator[Gps]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "device_bridge.simulators", "gps", "--port", "0", "--interval", "0.2"),
        *("--time-factor", "12"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    ready = await asyncio.wait_for(process.stdout.readline(), 20)
    yield Gps(process, msgspec.json.decode(ready.removeprefix(b"ready "))["address"])
    process.terminate()
    await process.wait()


class TestSignIn:
    async def test_a_wrong_password_says_so_and_lets_nobody_in(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.type("password", "not this one")
        await screen.tap("sign-in")
        await screen.sees("工号或密码不对")
        await screen.picture("0-wrong-password")
        assert await screen.hook("tab-today").count() == 0

    async def test_works_without_a_network_after_the_first_time(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.picture("0-sign-in")
        await screen.sign_in()
        await screen.sees("站前街片区")
        await screen.tap(f"agenda-{town.PATROL.id}")
        await screen.sees("站前街片区巡线")
        await screen.picture("1-today")

    async def test_a_phone_without_tasks_says_what_to_do(self, open_app: OpenApp) -> None:
        screen = await open_app(tasks=False)
        await screen.sign_in()
        await screen.sees("今天还没有任务")
        await screen.picture("1-today-empty")


class TestHazard:
    async def test_a_hazard_is_saved_in_four_taps_from_the_map(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.PATROL.id)
        await screen.hook("report-hazard").wait_for(state="attached", timeout=20_000)
        screen.taps, started = 0, time.monotonic()
        await screen.tap("report-hazard")
        await screen.give_picture("take-photo", town.street_picture())
        await screen.sees("照片 1 张")
        await screen.tap("hazard_type-ice")
        await screen.picture("3-hazard")
        await screen.tap("save-finding")
        await screen.sees("已存 · 上报隐患")
        took_s = time.monotonic() - started
        print(f"a hazard: {screen.taps} taps, {took_s:.1f} s with its picture")  # noqa: T201 - a measurement
        assert screen.taps <= 4
        [hazard] = records_on(screen.folder, "hazard.reported")
        assert hazard.hazard_type == "ice"
        assert hazard.source == "patrol"
        assert len(hazard.photos) == 1

    async def test_nothing_is_saved_without_its_type(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.PATROL.id)
        await screen.tap("report-hazard")
        await screen.sees("还差：隐患类型")
        assert records_on(screen.folder, "hazard.reported") == []


class TestPatrol:
    async def test_the_walked_pipe_turns_green_and_a_point_is_proved_by_position(
        self, open_app: OpenApp, gps: Gps
    ) -> None:
        lon, lat = town.PLANE.degrees(-200, 20)
        await gps.tell(f"teleport {lon} {lat}")
        screen = await open_app(devices=Addresses(gps=gps.address))
        await screen.sign_in()
        await open_task(screen, town.PATROL.id)
        await screen.tap("visit-next")
        await screen.tap("result-normal")
        await screen.picture("2-visit")
        await screen.tap("save-visit")
        await screen.hook("report-hazard").wait_for(state="attached")
        east = town.PLANE.degrees(0, 60)
        await gps.tell(f"goto {east[0]} {east[1]}")
        await until_green(screen, pixels=120)
        await screen.picture("2-patrol")
        [visit] = records_on(screen.folder, "checkpoint.visited")
        assert (visit.check_point_id, visit.proof, visit.result) == ("p1", "gps", "normal")

    async def test_a_point_out_of_reach_asks_for_reason_and_photo(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.PATROL.id)
        await screen.tap("visit-next")
        await screen.tap("result-unreachable")
        await screen.sees("还差原因")
        await screen.tap("reason-snow")
        await screen.sees("还差一张照片")
        await screen.give_picture("take-photo", town.street_picture())
        await screen.picture("2-unreachable")
        await screen.tap("save-visit")
        await screen.hook("report-hazard").wait_for(state="attached")
        [visit] = records_on(screen.folder, "checkpoint.visited")
        assert (visit.result, visit.reason) == ("unreachable", "snow")


async def came_back(phone: Phone) -> None:
    """A hazard and a shift check that the office refused, and works that the hub would not take."""
    photo = await take_photo(phone, town.street_picture(), source="camera")
    hazard = await report_hazard(phone, hazard_type="ice", photos=[photo], address="站前街 12 号", detail="冰柱")
    checked = await shift_check(phone, Probes(), started_anyway=True)
    works = await report_works(phone, machinery=["excavator"])
    store = phone.record_store()
    entries = [
        ReceiptEntry(
            record_id=record.id,
            rev=store.get(record.id).rev,  # type: ignore[union-attr]
            state="refused",
            code="dismissed",
            reason_zh="办公室核实后未采用。",
            action_zh="请联系办公室，记录已保存在本机。",
        )
        for record in (hazard, checked)
    ]
    store.take_receipt(
        Receipt(id="receipt:1", device_id=phones.DEVICE_ID, issued_at=phones.NOW, entries=tuple(entries))
    )
    store.park(works.id, "too_large", "这条记录超过服务器允许的大小，未能上传。", action_zh="处理后再传")


class TestRefused:
    async def test_each_record_that_came_back_offers_what_helps(self, open_app: OpenApp) -> None:
        screen = await open_app(before=came_back)
        await screen.sign_in()
        await screen.sees("离线 · 3 条退回")
        await screen.tap("tab-records")
        await screen.sees("打电话给办公室处理")
        await screen.picture("7-came-back")
        [hazard], [works] = records_on(screen.folder, "hazard.reported"), records_on(screen.folder, "works.reported")
        await screen.tap(f"retry-{works.record_number}")
        await screen.hook(f"retry-{works.record_number}").wait_for(state="detached")
        await screen.tap(f"correct-{hazard.record_number}")
        await screen.sees("更正隐患")
        await screen.tap("hazard_type-subsidence")
        await screen.picture("7-correction")
        await screen.tap("save-finding")
        await screen.sees("已存")
        await screen.tap("done")
        await screen.sees("已另存更正记录")
        [correction] = [r for r in records_on(screen.folder, "hazard.reported") if r.id != hazard.id]
        assert (correction.corrects, correction.hazard_type) == (hazard.id, "subsidence")
        assert (correction.photos, correction.address, correction.detail) == (hazard.photos, "站前街 12 号", "冰柱")


class TestWayOfARecord:
    async def test_it_is_searched_for_followed_and_counted_before_signing_out(self, open_app: OpenApp) -> None:
        screen = await open_app(before=came_back)
        await screen.sign_in()
        await screen.tap("tab-records")
        await screen.tap("search-records")
        await screen.type("search", "站前街 12 号")
        await screen.hook("filter-refused").wait_for(state="attached")
        [hazard] = records_on(screen.folder, "hazard.reported")
        await screen.tap(f"record-{hazard.record_number}")
        await screen.sees("照片 0 / 1 已到办公室")
        await screen.sees("办公室核实后未采用。")
        await screen.picture("7-way-of-a-record")
        await screen.tap("back")
        await screen.tap("unsent")
        await screen.sees(re.compile("办公室还没收到：3 条记录"))
        await screen.picture("7-sync")
        await screen.tap("back")
        await screen.tap("tab-me")
        await screen.tap("sign-out")
        await screen.hook("stays-hazard.reported").wait_for(state="attached")
        await screen.picture("7-leaving")
        await screen.tap("stay")
        await screen.tap("sign-out")
        await screen.tap("leave")
        await screen.hook("sign-in").wait_for(state="attached")
        assert len(records_on(screen.folder, "hazard.reported")) == 1


class TestRecordsAndLanguage:
    async def test_a_record_shows_as_saved_and_unsent_while_offline(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await screen.tap("start-task")  # the shift check comes first
        await screen.picture("8-shift-check")
        await screen.tap("start-anyway")
        await screen.tap("tab-records")
        await screen.sees("开工体检")
        await screen.sees("已存")
        await screen.picture("7-my-records")
        assert len(records_on(screen.folder, "shift.checked")) == 1

    async def test_english_is_a_switch_away_and_stays(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await screen.tap("tab-me")
        await screen.tap("open-settings")
        await screen.tap("language-en")
        await screen.sees("Devices")
        await screen.tap("theme-night")
        await screen.picture("9-settings-night")
        await screen.tap("back")
        await screen.sees("Sign out")
        kept = msgspec.json.decode((screen.folder / "preferences.json").read_bytes())
        assert (kept["language"], kept["theme"]) == ("en", "night")

    async def test_another_browser_is_another_phone(self, open_app: OpenApp) -> None:
        first = await open_app()
        await first.sign_in()
        second = await open_app()
        assert await second.hook("tab-today").count() == 0
        assert first.folder != second.folder
