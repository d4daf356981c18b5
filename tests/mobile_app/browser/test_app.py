"""What a worker does with his thumb, in Chromium at a phone's size; its pictures are in test-results/."""

import asyncio
import io
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from device_bridge.codes import make_qr
from mobile_app.devices import Addresses
from mobile_app.hazards.work import report_hazard, report_works
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from mobile_app.shift.work import Probes, shift_check
from mobile_app.store_keys import FILE_NAME, parse_key
from mobile_app.theme import LIGHT
from sync.databases import media_database, user_database
from sync.documents import FieldRecord, decode_record
from sync.documents.receipts import Receipt, ReceiptEntry
from sync.sealed import open_sealed
from sync.store.records import RecordStore
from tests.factories.identity_cards import photographed, portrait_side
from tests.mobile_app import phones
from tests.mobile_app.browser import town
from tests.mobile_app.browser.conftest import OpenApp, Screen


@contextmanager
def file_on(folder: Path, database: str) -> Iterator[RecordStore]:
    """The phone's file, whatever the screen says."""
    key = parse_key((folder / FILE_NAME).read_text())
    store = RecordStore.open(folder / "stores" / phones.STAFF_ID / f"{database}.sqlite", seal=key)
    try:
        yield store
    finally:
        store.close()


def records_on(folder: Path, tag: str) -> list[FieldRecord]:
    with file_on(folder, user_database(phones.STAFF_ID, phones.NOW)) as store:
        return [decode_record(d.id, d.body) for d in store.list(start=f"{tag}:", end=f"{tag}:\uffff")]


def files_of(folder: Path, tag: str) -> list[tuple[Any, dict[str, bytes]]]:
    """Photos or recordings, each with its attachments."""
    with file_on(folder, media_database(phones.STAFF_ID, phones.NOW)) as store:
        found = store.list(start=f"{tag}:", end=f"{tag}:\uffff")
        return [
            (decode_record(d.id, d.body), {name: store.attachment(a.digest) for name, a in d.attachments.items()})
            for d in found
        ]


async def open_task(screen: Screen, task_id: str) -> None:
    await screen.tap(f"agenda-{task_id}")
    await screen.tap("start-task")


async def deliver(screen: Screen) -> None:
    """From the customer's door to the saved delivery: one full cylinder for one empty, a deposit and its payment."""
    await screen.tap("confirm-customer")
    for item in ("upright", "room", "distance", "hose", "regulator", "flame"):
        await screen.tap(f"{item}-pass")
    await screen.tap("finish-check")
    await screen.tap("scan-full")
    await screen.give_picture("scan-picture", make_qr("SH0321187"))
    await screen.tap("keep")
    await screen.tap("scan-empty")
    await screen.give_picture("scan-picture", make_qr("SH0314402"))
    await screen.picture("6-empty-taken-back")
    await screen.tap("keep")
    await screen.tap("finish-exchange")
    await screen.tap("method-soap_water")
    await screen.give_picture("leak-photo", town.street_picture())
    await screen.tap("leak-tight")
    await screen.tap("kind-text_code")
    await screen.type("text-code", "4821")
    await screen.picture("6-sign")
    await screen.tap("sign")
    await screen.tap("open-slip")
    await screen.sees("还差押金单号")
    await screen.type("number", "YJ-0007")
    await screen.type("yuan", "130")
    await screen.picture("6-deposit-slip")
    await screen.tap("add-slip")
    await screen.tap("payment-cash")
    await screen.type("amount", "118")
    await screen.picture("6-pay")
    await screen.tap("complete")
    await screen.sees("已送达，已存")


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


class TestScanning:
    async def test_an_overdue_cylinder_is_refused_full_screen_with_the_reason(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await screen.tap("tab-scan")
        await screen.give_picture("scan-picture", make_qr("SH0314402"), "label.png")
        await screen.sees("禁止配送")
        await screen.sees("检验已过期 43 天")
        await screen.picture("5-scan-forbidden")
        assert await screen.hook("keep").count() == 0
        [refused] = records_on(screen.folder, "cylinder.refused")
        assert refused.reasons == ("inspection_overdue",)

    async def test_a_good_one_is_loaded(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await screen.tap("tab-scan")
        await screen.give_picture("scan-picture", make_qr("SH0321187"), "label.png")
        await screen.sees("可配送")
        await screen.picture("5b-scan-allowed")
        await screen.tap("keep")
        await screen.tap("load")
        await screen.hook("kept-SH0321187").wait_for(state="detached")
        [loaded] = records_on(screen.folder, "cylinders.loaded")
        assert [scan.code for scan in loaded.cylinders] == ["SH0321187"]

    async def test_a_typed_number_waits_for_the_photo_of_the_stamp(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await screen.tap("tab-scan")
        await screen.type("typed-code", "SH0321187")
        await screen.sees("输号并拍钢印后，才能查")
        await screen.give_picture("stamp-photo", town.street_picture())
        await screen.sees("查这只瓶")
        await screen.tap("scan-typed")
        await screen.sees("可配送")


class TestDelivery:
    @pytest.mark.requirement("5.8.3-07")
    async def test_an_incomplete_customer_cannot_be_delivered_to(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.INCOMPLETE.id)
        await screen.sees("客户信息不全，不能配送")
        await screen.picture("6-delivery-blocked")
        assert await screen.hook("confirm-customer").count() == 0

    async def test_a_failed_item_stops_the_supply_and_opens_a_hazard(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.DELIVERY.id)
        await screen.tap("confirm-customer")
        for item in ("upright", "room"):
            await screen.tap(f"{item}-pass")
        await screen.type("distance-value", "0.8")
        await screen.picture("6-delivery-measured")
        await screen.tap("distance-pass")
        await screen.hook("hose-pass").wait_for(state="attached")
        await screen.picture("6-delivery-check")
        await screen.give_picture("hose-fail", town.street_picture())
        for item in ("regulator", "flame"):
            await screen.tap(f"{item}-pass")
        await screen.tap("finish-check")
        await screen.sees("隐患已存")
        await screen.picture("6-delivery-stopped")
        [checked] = records_on(screen.folder, "delivery.checked")
        assert not checked.passed
        assert {item.item: item.value for item in checked.items}["distance"] == 0.8
        [hazard] = records_on(screen.folder, "hazard.reported")
        assert hazard.customer_id == "c1"

    async def test_nobody_home_is_recorded_with_the_door(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.DELIVERY.id)
        await screen.tap("visit-failed")
        await screen.tap("outcome-not_home")
        await screen.sees("还差门口照片")
        await screen.give_picture("take-photo", town.street_picture())
        await screen.tap("notice_posted-yes")
        await screen.sees("还差通知照片")
        await screen.give_picture("notice-photo", town.street_picture(shade="#C3CBD4"))
        await screen.type("next_appointment", "2030-01-15")
        await screen.picture("6-not-home")
        await screen.tap("save-failed")
        await screen.hook("tab-today").wait_for(state="attached")
        [failed] = records_on(screen.folder, "visit.failed")
        assert (failed.outcome, f"{failed.next_appointment}") == ("not_home", "2030-01-15")
        assert failed.photos == (failed.door_photo, failed.notice_photo)

    async def test_a_refused_check_needs_its_reason_the_notice_and_a_witness(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.DELIVERY.id)
        await screen.tap("visit-failed")
        await screen.tap("outcome-refused")
        await screen.sees("还差拒检原因")
        await screen.type("reason", "家里没人做主")
        await screen.sees("先送达告知书")
        await screen.tap("notice_handed_over-yes")
        await screen.sees("还差见证人或照片")
        await screen.type("witness", "演示-楼长")
        await screen.picture("6-refused")
        await screen.tap("save-failed")
        await screen.hook("tab-today").wait_for(state="attached")
        [failed] = records_on(screen.folder, "visit.failed")
        assert (failed.outcome, failed.notice_handed_over, failed.witness) == ("refused", True, "")
        assert open_sealed(phones.OFFICE_KEY, failed.sealed, failed.id).decode() == "演示-楼长"

    @pytest.mark.requirement("5.8.3-07")
    async def test_what_is_missing_is_completed_at_the_door_and_the_delivery_goes_on(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.INCOMPLETE.id)
        await screen.tap("complete-customer")
        await screen.sees("补全客户信息")
        await screen.type("phone", "100-0000-0777")
        await screen.type("identity_number", "220100188501010018")
        await screen.sees("身份证号校验位不对，请核对。")
        await screen.picture("6-register-wrong-number")
        await screen.give_picture("card-photo", town.street_picture())
        await screen.sees(re.compile("照片里没有找到身份证"))
        card = photographed(portrait_side(name="演示-钱用户"), degrees=3)
        await screen.give_picture("card-photo", card)
        await screen.sees("证件上读到")
        # What he typed stays until he takes the card's.
        await screen.sees("号码不对，请核对")
        await screen.picture("6-register-scanned")
        await screen.tap("take-identity_number")
        await screen.sees("保存，继续配送")
        await screen.picture("6-register")
        await screen.tap("save-customer")
        await screen.sees("是这一户，开始安检")
        await screen.picture("6-registered")
        [completed] = records_on(screen.folder, "customer.completed")
        assert completed.given == ("identity_number", "phone")
        assert completed.identity_entry == "scanned"
        assert b"220100188501010017" in open_sealed(phones.OFFICE_KEY, completed.sealed, completed.id)

    @pytest.mark.requirement("5.8.3-04")
    async def test_the_contract_is_photographed_beside_the_delivery(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await open_task(screen, town.DELIVERY.id)
        await screen.tap("open-contract")
        await screen.sees("还差合同照片")
        await screen.give_picture("contract-photo", town.street_picture())
        await screen.type("contract-number", "HT-2026-0007")
        await screen.picture("6-contract")
        await screen.tap("save-contract")
        await screen.sees("已在门口补全")
        [paper] = records_on(screen.folder, "customer.paper_done")
        assert (paper.kind, paper.number, paper.task_id) == ("agreement", "HT-2026-0007", town.DELIVERY.id)

    async def test_from_loading_to_the_empties_back_at_the_station(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.sign_in()
        await screen.tap("tab-scan")
        await screen.give_picture("scan-picture", make_qr("SH0118007"))
        await screen.sees("装错了？")
        await screen.picture("6-loading-wrong")
        await screen.tap("put-back")
        await screen.give_picture("scan-picture", make_qr("SH0321187"))
        await screen.tap("keep")
        await screen.tap("load")
        await screen.hook("open-return").wait_for(state="attached")
        await screen.picture("6-loaded")
        await screen.tap("tab-today")
        await open_task(screen, town.DELIVERY.id)
        await screen.picture("6-customer")
        await deliver(screen)
        [done] = records_on(screen.folder, "delivery.completed")
        assert [(s.kind, s.number, s.amount_fen) for s in done.deposits] == [("taken", "YJ-0007", 13_000)]
        assert done.signature.receiver == ""
        await screen.tap("home")
        await screen.tap("tab-scan")
        await screen.tap("open-return")
        await screen.sees("还差 1 只，扫到或写原因")
        await screen.picture("6-return-missing")
        await screen.tap("scan-return")
        await screen.give_picture("scan-picture", make_qr("SH0314402"))
        await screen.sees(re.compile("检验已过期"))
        await screen.picture("6-return-scanned")
        await screen.tap("keep")
        await screen.sees("数量相符，入库")
        await screen.picture("6-return")
        await screen.tap("store")
        await screen.hook("tab-today").wait_for(state="attached")
        [stored] = records_on(screen.folder, "cylinders.stored")
        assert [(each.scan.code, each.full) for each in stored.cylinders] == [("SH0314402", False)]
        assert stored.missing == ()


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
