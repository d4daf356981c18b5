"""充装记录 and 拒充 at the console."""

import io
import re

import pytest
from python_calamine import CalamineWorkbook

from tests.factories.certificates import in_days
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene


async def first(visitor: Visitor, path: str) -> str:
    """The address of the first line of a list."""
    rows = (await visitor.get(path, part=True)).text
    found = re.search(r'hx-get="(/fillings/[^"]+)" hx-target="#dialog"', rows)
    assert found is not None, rows
    return found.group(1)


class TestWhoMay:
    async def test_another_company_sees_nothing(self, neighbour: Visitor, admin: Visitor):
        assert "35-018266" not in (await neighbour.get("/fillings/found", part=True)).text
        assert (await neighbour.get(await first(admin, "/fillings/found"), part=True)).status_code == 404
        assert (await neighbour.get(await first(admin, "/fillings/refusals"), part=True)).status_code == 404

    async def test_who_has_no_right_to_it_settles_nothing(self, stranger: Visitor, admin: Visitor):
        address = await first(admin, "/fillings/refusals")
        assert (await stranger.get(address, part=True)).status_code == 403
        assert (await stranger.post(address, {"action": "owner"})).status_code == 403
        assert "待处理" in (await admin.get("/fillings/refusals", part=True)).text


class TestFillings:
    async def test_they_are_found_by_day_code_and_state(self, dispatcher: Visitor):
        today = in_days(0).isoformat()
        found = (await dispatcher.get("/fillings/found", part=True, since=today, search="35-018266")).text
        assert "35-018266" in found
        assert "118-018270" not in found
        assert "没有符合条件" in (await dispatcher.get("/fillings/found", part=True, until="2020-01-01")).text
        assert "没有符合条件" in (await dispatcher.get("/fillings/found", part=True, state="withdrawn")).text

    async def test_one_opened_shows_what_the_standard_lists(self, dispatcher: Visitor):
        opened = (await dispatcher.get(await first(dispatcher, "/fillings/found"), part=True)).text
        for word in (
            "充装单位",
            "检验单位",
            "充装枪号",
            "瓶身总重",
            "充装净含量",
            "充装介质",
            "末次充装日期",
            "14.50 kg",
        ):
            assert word in opened
        assert re.search(r"充装日期</dt><dd>\d{8}<", opened)

    async def test_both_files_hold_what_the_list_shows(self, dispatcher: Visitor):
        csv = (await dispatcher.get("/fillings/export.csv", search="35-018266")).content.decode("utf-8-sig")
        book = (await dispatcher.get("/fillings/export.xlsx", search="35-018266")).content
        rows = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()
        assert csv.splitlines()[0].startswith("气瓶条码,充装单位,")
        assert len(csv.splitlines()) == len(rows)
        assert rows[1][0] == "35-018266"

    async def test_one_withdrawn_is_found_as_such(self, admin: Visitor):
        address = await first(admin, "/fillings/found?search=118-018270")
        assert (await admin.post(f"{address}/withdraw", {"reason": "录错了瓶号"})).status_code == 204
        assert "录错了瓶号" in (await admin.get(address, part=True)).text
        assert address in (await admin.get("/fillings/found", part=True, state="withdrawn")).text


class TestRefusals:
    @pytest.mark.requirement("5.8.8-2c")
    async def test_one_waits_until_it_is_said_what_was_done(self, admin: Visitor, scene: Scene):
        rows = (await admin.get("/fillings/refusals", part=True)).text
        assert "检验逾期" in rows
        address = await first(admin, "/fillings/refusals?handled=false")
        assert "请检查填写的内容" in (await admin.post(address, {"handling": "x"})).text
        answer = await admin.post(address, {"action": "inspection", "handling": "送松河检验站"})
        assert answer.status_code == 204
        opened = (await admin.get(address, part=True)).text
        assert "送检验机构" in opened
        assert "送松河检验站" in opened
        assert f'"{address}"' not in (await admin.get("/fillings/refusals", part=True, handled="false")).text


class TestCylinder:
    async def test_its_page_tells_the_last_filling(self, dispatcher: Visitor):
        page = (await dispatcher.get("/cylinders", q="35-018266")).text
        assert re.search(r"末次充装</dt><dd class=\"\">\d{4}-\d{2}-\d{2} · 松河演示燃气有限公司 · 14.50 kg", page)
