"""Orders, customers and cylinders through the pages."""

import json
from datetime import datetime, timedelta

from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene
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
