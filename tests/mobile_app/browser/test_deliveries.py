"""A driver's day with his thumb, in Chromium at a phone's size; its pictures are in test-results/."""

import re

import pytest

from device_bridge.codes import make_qr
from sync.sealed import open_sealed
from tests.factories.identity_cards import photographed, portrait_side
from tests.mobile_app import phones
from tests.mobile_app.browser import town
from tests.mobile_app.browser.conftest import OpenApp, Screen
from tests.mobile_app.browser.kept import open_task, records_on


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
    await screen.picture("6-exchange")
    await screen.tap("finish-exchange")
    await screen.picture("6-leak-test")
    await screen.tap("method-soap_water")
    await screen.give_picture("leak-photo", town.street_picture())
    await screen.picture("6-leak-test-done")
    await screen.tap("leak-tight")
    await screen.picture("6-signature")
    await screen.tap("kind-door_photo")
    await screen.give_picture("door-photo", town.street_picture())
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
        await screen.type("stamped", "SH0399999")
        await screen.picture("5-scan-typed")
        await screen.tap("scan-typed")
        await screen.sees("可配送")
        # A doubt, and no refusal.
        await screen.sees(re.compile("瓶上钢印 SH0399999，档案是 SH0321187"))
        await screen.picture("5b-scan-stamp-differs")


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
