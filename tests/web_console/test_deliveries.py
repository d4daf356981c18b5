"""Orders, customers and cylinders through the pages."""

import json
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest

from backend.db import Database
from backend.tables import read_table
from tests.factories.customers import add_reading
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene
from tests.web_console.town import crossing
from web_console.rendering import BEIJING


class TestOrders:
    async def test_opened_one_shows_check_exchange_and_signature(self, dispatcher: Visitor, scene: Scene):
        opened = (await dispatcher.get(f"/deliveries/{scene.order_id}", part=True)).text
        for word in ("35-018266", "随瓶安检", "合格，可供气", "手写签名", "120.00"):
            assert word in opened

    async def test_planned_for_a_customer_goes_to_the_driver(self, dispatcher: Visitor, scene: Scene):
        now = datetime.now(BEIJING)
        choices = (await dispatcher.get("/deliveries/new/customers", part=True, q="演示-郑户")).text
        customer = choices.partition('name="customer_id" value="')[2].partition('"')[0]
        form = {
            "customer_id": customer,
            "station_id": scene.wang.unit_id,
            "staff_id": scene.wang.staff.id,
            "specification": ["YSP35.5", ""],
            "quantity": ["2", ""],
            "start_at": now.strftime("%Y-%m-%dT%H:%M"),
            "due_at": (now + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M"),
        }
        answer = await dispatcher.post("/deliveries", form)
        assert answer.status_code == 204
        said = json.loads(answer.headers["hx-trigger"])["toast"]["text"]
        assert "演示-王送气" in said

    async def test_end_before_start_is_told(self, dispatcher: Visitor, scene: Scene):
        form = {
            "customer_id": scene.incomplete_id,
            "station_id": scene.wang.unit_id,
            "staff_id": scene.wang.staff.id,
            "specification": "YSP35.5",
            "quantity": "1",
            "start_at": "2026-11-23T10:00",
            "due_at": "2026-11-23T09:00",
        }
        answer = await dispatcher.post("/deliveries", form)
        assert answer.status_code == 422
        assert "截止时间应晚于开始时间" in answer.text

    async def test_opened_one_shows_the_contract_and_where_it_was_delivered(self, dispatcher: Visitor, scene: Scene):
        opened = (await dispatcher.get(f"/deliveries/{scene.order_id}", part=True)).text
        assert "配送位置" in opened
        assert "126." in opened
        assert "供用气合同" in opened

    async def test_a_record_is_voided_with_its_reason(self, admin: Visitor, scene: Scene):
        page = (await admin.get("/api/deliveries/")).json()
        record = next(d for d in page["items"] if d["delivered"][0]["code"] == "99-000001")
        path = f"/deliveries/records/{record['id']}/void"
        assert (await admin.post(path, {"reason": ""})).status_code == 422
        assert (await admin.post(path, {"reason": "误录"})).status_code == 204
        assert (await admin.post(path, {"reason": "误录"})).status_code == 409

    async def test_a_neighbour_voids_nothing(self, neighbour: Visitor, admin: Visitor):
        record = (await admin.get("/api/deliveries/")).json()["items"][0]["id"]
        assert (await neighbour.post(f"/deliveries/records/{record}/void", {"reason": "x"})).status_code == 404

    async def test_the_filtered_list_goes_into_a_workbook(self, dispatcher: Visitor, scene: Scene):
        answer = await dispatcher.get("/deliveries/export.xlsx", staff_id=scene.wang.staff.id)
        rows = read_table(answer.content)
        assert rows[0][0] == "配送单号"
        assert len(rows) >= 4
        none = await dispatcher.get("/deliveries/export.xlsx", staff_id="nobody")
        assert len(read_table(none.content)) < 3


class TestBesideTheOrders:
    async def test_a_day_shows_each_drivers_orders(self, dispatcher: Visitor):
        page = (await dispatcher.get("/deliveries/day")).text
        assert "演示-王送气" in page
        assert "林场小区3号楼" in page
        assert "这天没有配送单" in (await dispatcher.get("/deliveries/day", day="2020-01-01")).text

    async def test_deposit_slips_and_what_is_held_of_each_customer(self, dispatcher: Visitor, neighbour: Visitor):
        page = (await dispatcher.get("/deliveries/deposits/found", part=True)).text
        for word in ("YJ-0007", "收取", "YSP118 × 1", "300.00"):
            assert word in page
        assert "YJ-0007" not in (await neighbour.get("/deliveries/deposits/found", part=True)).text
        rows = read_table((await dispatcher.get("/deliveries/deposits/export.xlsx")).content)
        assert (rows[1][2], rows[1][8]) == ("YJ-0007", 300)

    async def test_who_was_missed_twice_is_on_the_communitys_list(self, dispatcher: Visitor, neighbour: Visitor):
        page = (await dispatcher.get("/deliveries/missed")).text
        assert "演示-钟户" in page
        assert "演示-钟户" not in (await neighbour.get("/deliveries/missed")).text
        rows = read_table((await dispatcher.get("/deliveries/missed/export.xlsx")).content)
        assert ("演示-钟户", 2) in {(row[2], row[4]) for row in rows[1:]}

    async def test_what_did_not_come_back_is_called_out(self, dispatcher: Visitor, neighbour: Visitor):
        page = (await dispatcher.get("/deliveries/returns/found", part=True)).text
        assert "少 1 只" in page
        assert "35-018268" in page
        assert "35-018268" not in (await neighbour.get("/deliveries/returns/found", part=True)).text


class TestVehicles:
    @pytest.mark.requirement("E5.8.3-2")
    async def test_the_ledger_shows_owner_user_code_plate_and_area(self, dispatcher: Visitor, neighbour: Visitor):
        page = (await dispatcher.get("/ledgers/vehicles/found", part=True)).text
        for word in ("CL-001", "吉·演示01", "东门供应站", "演示-王送气"):
            assert word in page
        assert "CL-001" not in (await neighbour.get("/ledgers/vehicles/found", part=True)).text
        assert read_table((await dispatcher.get("/ledgers/vehicles/export.xlsx")).content)[1][3] == "CL-001"

    async def test_opened_one_shows_what_is_on_it(self, dispatcher: Visitor, neighbour: Visitor, scene: Scene):
        path = f"/ledgers/vehicles/{scene.vehicle_id}"
        page = (await dispatcher.get(path, part=True)).text
        assert "装载清单" in page
        assert "35-018268" in page
        assert (await neighbour.get(path, part=True)).status_code == 404
        assert (await neighbour.get(f"{path}/photo")).status_code == 404

    async def test_saved_with_its_photo_it_is_shown(self, dispatcher: Visitor, scene: Scene):
        form = {"organisation_id": scene.wang.unit_id, "code": "CL-002", "plate": "吉·演示02"}
        answer = await dispatcher.post("/ledgers/vehicles", form)
        assert answer.status_code == 200
        assert "吉·演示02" in answer.text
        again = await dispatcher.post("/ledgers/vehicles", form | {"code": "CL-003"})
        assert again.status_code == 409
        assert "车牌号码已登记" in again.text

    @pytest.mark.requirement("E5.8.3-8")
    async def test_the_map_shows_where_it_was_seen_last(self, dispatcher: Visitor, neighbour: Visitor):
        found = (await dispatcher.get("/map/vehicles.geojson")).json()["features"]
        points = [f for f in found if f["geometry"]["type"] == "Point"]
        assert [f["properties"]["title"] for f in points] == ["吉·演示01"]
        assert points[0]["geometry"]["coordinates"] == pytest.approx(crossing(7, 5), abs=1e-6)
        assert (await neighbour.get("/map/vehicles.geojson")).json()["features"] == []


class TestCustomers:
    async def test_incomplete_one_is_marked_until_filled_in(self, dispatcher: Visitor, scene: Scene):
        page = f"/customers/{scene.incomplete_id}"
        before = (await dispatcher.get(page, part=True)).text
        assert "缺 姓名、联系电话、身份证号" in before
        form = {
            "organisation_id": scene.wang.unit_id,
            "code": "KH-0003",
            "name": "演示-补全",
            "category": "residential",
            "road": "林场小区3号楼",
            "house": "5号",
            "phone": "100-0000-1033",
            "identity_number": "220100188501010017",
        }
        assert (await dispatcher.post(page, form)).status_code == 204
        after = (await dispatcher.get(page, part=True)).text
        assert "档案齐全" in after
        assert "220100188501010017" not in after

    @pytest.mark.requirement("5.8.3-05")
    async def test_papers_are_reviewed_apart_from_being_done(
        self, dispatcher: Visitor, neighbour: Visitor, scene: Scene
    ):
        listed = (await dispatcher.get("/api/customers/", search="KH-0001")).json()["items"]
        path = f"/customers/{listed[0]['id']}"
        before = (await dispatcher.get(path, part=True)).text
        assert "待审核" in before
        assert "HT-2026-0007" in before
        assert f"/deliveries?order={quote(scene.order_id, safe='')}" in before
        form = {"act": "review", "done_on": "2026-11-23"}
        assert (await neighbour.post(f"{path}/papers/agreement", form)).status_code == 404
        assert (await dispatcher.post(f"{path}/papers/poem", form)).status_code == 404
        assert (await dispatcher.post(f"{path}/papers/fittings", form | {"done_on": ""})).status_code == 422
        after = await dispatcher.post(f"{path}/papers/agreement", form)
        assert after.status_code == 200
        assert "已审核" in after.text

    async def test_what_the_office_read_on_a_card_is_compared_by_who_may_and_written_down(
        self, dispatcher: Visitor, neighbour: Visitor, admin: Visitor, town: Database
    ):
        listed = (await dispatcher.get("/api/customers/", search="KH-0002")).json()["items"]
        path = f"/customers/{listed[0]['id']}"
        async with town.sessions() as session, session.begin():
            await add_reading(session, listed[0]["id"], read="22010018900305058X")
        shown = (await dispatcher.get(path, part=True)).text
        assert "与登记不一致" in shown
        assert "22010018900305058X" not in shown
        assert (await neighbour.get(f"{path}/cards", part=True)).status_code == 404
        both = (await dispatcher.get(f"{path}/cards", part=True)).text
        assert "22010018900305058X" in both
        assert "220100188501010017" in both
        assert "查看证件号码" in (await admin.get("/audit/found", part=True)).text

    async def test_wrong_check_digit_is_told(self, dispatcher: Visitor, scene: Scene):
        form = {"organisation_id": scene.wang.unit_id, "code": "KH-9", "identity_number": "220100188501010018"}
        answer = await dispatcher.post("/customers", form)
        assert answer.status_code == 422
        assert "校验位不对" in answer.text


class TestCylinders:
    async def test_overdue_one_is_forbidden_with_the_reason(self, dispatcher: Visitor):
        page = (await dispatcher.get("/cylinders", q="35-018264")).text
        assert "禁止配送" in page
        assert "检验已过期 1 天" in page

    async def test_chain_ends_with_who_holds_it(self, dispatcher: Visitor):
        page = (await dispatcher.get("/cylinders", q="35-018266")).text
        assert "可配送" in page
        assert "在客户处" in page
        assert page.index("送达") < page.index("装车")

    async def test_unchecked_box_is_saved_as_no(self, admin: Visitor, scene: Scene):
        form = {
            "organisation_id": scene.wang.unit_id,
            "code": "35-990001",
            "specification": "YSP35.5",
            "owned": ["false"],
            "scrapped": ["false"],
        }
        answer = await admin.post("/cylinders", form)
        assert answer.status_code == 204
        assert "非自有" in (await admin.get("/cylinders", q="35-990001")).text
