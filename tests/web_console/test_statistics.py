"""Page F: figures and charts of a time and a unit, as workbooks too; and how far registration has come."""

import re
from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook

from backend.accounts.service.authentication import COOKIE
from backend.customers import service as customers
from backend.db import Database
from backend.filling import service as filling
from tests.factories.certificates import in_days
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene

VIEWS = ["operation", "units", "registration"]


class TestWhoMay:
    @pytest.mark.parametrize("path", ["/statistics", "/statistics/export.xlsx"])
    async def test_stranger_sees_no_figures(self, stranger: Visitor, path: str):
        assert (await stranger.get(path)).status_code == 403

    @pytest.mark.parametrize("view", VIEWS)
    async def test_another_company_counts_none_of_it(self, neighbour: Visitor, scene: Scene, view: str):
        text = (await neighbour.get("/statistics", view=view)).text
        assert "东门供应站" not in text
        refused = await neighbour.get("/statistics", organisation_id=scene.company.unit.id)
        assert refused.status_code == 404


async def filled_this_month(town: Database, scene: Scene) -> int:
    """As the list of fillings counts them: other tests of this town withdraw some."""
    today = in_days(0)
    async with town.sessions() as session:
        page = await filling.list_fillings(session, scene.caller, since=today.replace(day=1), until=today, limit=1)
    return page.total


class TestOperation:
    async def test_charts_and_figures_are_drawn_on_the_server(self, admin: Visitor, town: Database, scene: Scene):
        text = (await admin.get("/statistics")).text
        assert text.count('<svg class="chart"') == 3
        filled = await filled_this_month(town, scene)
        assert filled
        assert re.search(rf"<dt>充装</dt><dd>{filled:,}<small>瓶", text)
        assert "林场小区3号楼" in text
        assert "90 分钟内送达" in text
        assert "松河巡线一队" in text

    async def test_bars_add_up_to_the_figure(self, admin: Visitor, town: Database, scene: Scene):
        text = (await admin.get("/statistics")).text
        chart = text[text.index('aria-label="充装"') : text.index('aria-label="下单到送达"')]
        named = re.findall(r"(?:YSP35\.5|YSP118) (\d+)", " ".join(re.findall(r"<title>(.*?)</title>", chart)))
        assert sum(map(int, named)) == await filled_this_month(town, scene)

    @pytest.mark.parametrize(
        "parameters",
        [{"span": "day"}, {"span": "year"}, {"span": "month", "month": "2026-02"}, {"specification": "YSP118"}],
    )
    async def test_another_time_or_size_is_shown(self, admin: Visitor, parameters: dict[str, str]):
        answer = await admin.get("/statistics", **parameters)
        assert answer.status_code == 200

    async def test_empty_time_says_what_to_do(self, admin: Visitor):
        text = (await admin.get("/statistics", span="day", day="2001-01-01")).text
        assert "这段时间没有充装记录" in text
        assert "这段时间没有到访" in text

    @pytest.mark.parametrize("parameters", [{"span": "century"}, {"day": "never"}, {"month": "2026-13"}])
    async def test_time_that_is_none_shows_this_month(self, admin: Visitor, parameters: dict[str, str]):
        answer = await admin.get("/statistics", **parameters)
        assert answer.status_code == 200
        assert f'value="{in_days(0):%Y-%m}"' in answer.text


class TestRegistration:
    async def test_shares_of_the_four_papers_are_shown(self, admin: Visitor, town: Database, scene: Scene):
        text = (await admin.get("/statistics", view="registration")).text
        assert all(word in text for word in ("入户安检", "协议签订", "安全告示", "配件置换", "实名登记", "已审核"))
        async with town.sessions() as session:
            ledger = await customers.registration(session, scene.caller)
        assert f"<dt>总用户</dt><dd>{ledger.customers}<small>" in text
        share = 100 * ledger.named / ledger.customers
        assert f"<dt>实名登记</dt><dd>{ledger.named}<small>户 · {share:.1f} %" in text


class TestExport:
    @pytest.mark.parametrize(("view", "head"), [("operation", "日期"), ("units", "单位"), ("registration", "单位")])
    async def test_what_is_shown_goes_into_a_workbook(self, admin: Visitor, view: str, head: str):
        answer = await admin.get("/statistics/export.xlsx", view=view)
        assert answer.status_code == 200
        sheet = CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()
        assert sheet[0][0] == head
        assert len(sheet) > 1


class TestEnglish:
    @pytest.mark.parametrize("view", VIEWS)
    async def test_page_holds_no_chinese_of_its_own(self, admin: Visitor, scene: Scene, view: str):
        headers = {"Cookie": f"{COOKIE}={admin.cookie}; qixun_language=en"}
        text = (await admin.client.get("/statistics", headers=headers, params={"view": view})).text
        main = text[text.index('id="main"') : text.index("</main>")]
        for name in (scene.company.company.name, scene.company.unit.name, "东门供应站", "林场小区3号楼", "林场小区3…"):
            main = main.replace(name, "")
        assert re.findall(r"[一-鿿]+", main) == []
