"""场站报警 at the console."""

import io
import re

import pytest
from python_calamine import CalamineWorkbook

from backend.db import Database
from tests.web_console.alarms import send_alarms, send_readings
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene


@pytest.fixture(scope="module")
async def alarm(town: Database, scene: Scene) -> str:
    async with town.sessions() as session, session.begin():
        await send_readings(session, scene)
        return await send_alarms(session, scene)


class TestWhoMay:
    async def test_another_company_sees_nothing(self, neighbour: Visitor, alarm: str, scene: Scene):
        assert "储罐" not in (await neighbour.get("/alarms/found", part=True)).text
        assert "储罐" not in (await neighbour.get("/alarms/stations", part=True)).text
        assert (await neighbour.get(f"/alarms/{alarm}", part=True)).status_code == 404
        assert (await neighbour.get(f"/alarms/stations/{scene.station_id}", part=True)).status_code == 404
        assert (await neighbour.post(f"/alarms/{alarm}/acknowledge", {"action": "x"})).status_code == 404

    async def test_who_has_no_right_to_it_settles_nothing(self, stranger: Visitor, alarm: str):
        assert (await stranger.get(f"/alarms/{alarm}", part=True)).status_code == 403
        assert (await stranger.post(f"/alarms/{alarm}/acknowledge", {"action": "x"})).status_code == 403


class TestReadings:
    async def test_every_state_is_said_and_none_is_called_normal_that_is_not(self, dispatcher: Visitor, alarm: str):
        page = (await dispatcher.get("/alarms/stations", part=True)).text
        for word in ("正常", "超限", "超低限", "失联", "数据异常", "1.72", "未知"):
            assert word in page
        assert page.count("正常") == 2

    async def test_they_stand_on_the_stations_own_page(self, dispatcher: Visitor, alarm: str, scene: Scene):
        page = (await dispatcher.get(f"/ledgers/stations/{scene.station_id}", part=True)).text
        address = f"/alarms/stations/{scene.station_id}"
        assert f'hx-get="{address}"' in page
        assert "1# 储罐压力" in (await dispatcher.get(address, part=True)).text


class TestScope:
    @pytest.mark.requirement("5.8.1")
    @pytest.mark.parametrize(
        ("path", "word"),
        [
            ("/ledgers/stations/found", "松河液化气储配站"),
            ("/alarms/stations", "1# 储罐压力"),
            ("/deliveries/found", "演示-王送气"),
            ("/ledgers/staff/found", "演示-王送气"),
        ],
    )
    async def test_information_monitoring_deliveries_and_staff_are_looked_after(
        self, admin: Visitor, alarm: str, path: str, word: str
    ):
        assert word in (await admin.get(path, part=True)).text


class TestAlarms:
    async def test_a_serious_one_is_first_among_what_waits_for_the_office(self, dispatcher: Visitor, alarm: str):
        todo = (await dispatcher.get("/overview/todo", part=True)).text
        assert todo.index("1# 储罐压力 超限 1.72 MPa") < todo.index("今日内") < todo.index("灌装间可燃气体 超低限")
        assert 'id="count-alarms"' in (await dispatcher.get("/parts/state", part=True)).text

    async def test_filters_and_the_same_as_a_file(self, dispatcher: Visitor, alarm: str):
        standing = (await dispatcher.get("/alarms/found", part=True, state="open")).text
        assert "储罐压力" in standing
        assert "灌装间" not in standing
        assert "没有符合条件" in (await dispatcher.get("/alarms/found", part=True, until="2020-01-01")).text
        book = (await dispatcher.get("/alarms/export.xlsx", kind="gas")).content
        heads, *rows = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()
        assert {row[heads.index("测点")] for row in rows} == {"灌装间可燃气体"}
        assert {row[heads.index("报警原因")] for row in rows} == {"超低限"}

    async def test_who_deals_with_it_says_what_was_done(self, admin: Visitor, alarm: str):
        assert "消防泵已运行" in (await admin.get(f"/alarms/{alarm}", part=True)).text
        assert (await admin.post(f"/alarms/{alarm}/acknowledge", {"action": ""})).status_code == 422
        done = await admin.post(f"/alarms/{alarm}/acknowledge", {"action": "钱站长已到现场，关进液阀"})
        assert done.status_code == 204
        opened = (await admin.get(f"/alarms/{alarm}", part=True)).text
        assert "钱站长已到现场" in opened
        assert "登记处理" not in opened
        todo = (await admin.get("/overview/todo", part=True)).text
        assert todo.index("今日内") < todo.index("1# 储罐压力 超限 1.72 MPa")


class TestCustomersAlarm:
    @pytest.mark.requirement("E5.8.3-7")
    async def test_it_is_on_the_customers_record_and_who_lacks_one_is_listed(self, admin: Visitor, stranger: Visitor):
        rows = (await admin.get("/customers/found", part=True)).text
        address = re.findall(r'hx-get="(/customers/[0-9a-f]+)"', rows)[0]
        given = {"state": "fitted", "number": "BJ-0007", "checked_on": "2026-11-20"}
        assert (await stranger.post(f"{address}/gas-alarm", given)).status_code == 403
        assert (await admin.post(f"{address}/gas-alarm", {"state": "lost"})).status_code == 422
        after = (await admin.post(f"{address}/gas-alarm", given)).text
        assert 'value="BJ-0007"' in after
        assert 'value="2026-11-20"' in after
        lacking = (await admin.get("/customers/found", part=True, lacks_alarm="true")).text
        assert f'"{address}"' not in lacking
