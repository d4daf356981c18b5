"""The import page, what is due, sheets and the forms of a cylinder's end, in a browser."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.cylinders.importing import import_cylinders
from backend.db import Database
from backend.inspections import service as inspections
from backend.inspections.schemas import BatchIn, ResultIn
from backend.tables import write_xlsx
from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene
from web_console.rendering import BEIJING

TODAY = datetime.now(BEIJING).date()
HEADS = ["气瓶编号", "规格", "制造单位", "制造年月", "下次检验日期", "库位"]


async def _prepared(session: AsyncSession, scene: Scene) -> None:
    assert scene.wang is not None
    unit_id = scene.wang.unit_id
    rows = [
        [f"JY-{n:04d}", "YSP35.5", "演示钢瓶厂", "2022-05", TODAY + timedelta(days=3 * n - 20), f"A-{n}"]
        for n in range(30)
    ]
    await import_cylinders(session, scene.caller, write_xlsx(HEADS, rows), organisation_id=unit_id)
    await cylinders.remind_all(session)
    given = BatchIn(
        organisation_id=unit_id,
        inspection_body="松河县气瓶检验站",
        sent_on=TODAY,
        codes=tuple(f"JY-{n:04d}" for n in range(8)),
    )
    batch = await inspections.send_batch(session, scene.caller, given)
    results = [
        ResultIn(code="JY-0000", result="passed", inspected_on=TODAY, report_number="JL-2026-118"),
        ResultIn(code="JY-0001", result="failed", inspected_on=TODAY, note="壁厚不足"),
    ]
    await inspections.record_results(session, scene.caller, batch.batch.id, results)


@pytest.fixture(scope="session")
async def prepared(town: Database, scene: Scene) -> None:
    async with town.sessions() as session, session.begin():
        await _prepared(session, scene)


class TestPictures:
    async def test_a_register_is_tried_and_then_imported(self, sign_in: SignIn, scene: Scene, prepared: None):
        screen = await sign_in(scene.admin)
        await screen.open("/cylinders/import")
        rows = [["BR-1", "YSP35.5", "厂", "2022-05", "", "A-1"], ["BR-2", "YSP99", "厂", "去年", "", "A-1"]]
        file = {"name": "台账.xlsx", "mimeType": "application/octet-stream", "buffer": write_xlsx(HEADS, rows)}
        await screen.page.locator("input[type=file]").set_input_files(file)
        await screen.page.get_by_role("button", name="试导入").click()
        await screen.page.get_by_text("没有这个规格：YSP99").wait_for()
        await screen.picture("cylinders-import")
        await screen.page.get_by_role("button", name="正式导入 1 行").click()
        await screen.page.get_by_text("已写入档案").wait_for()
        assert screen.complaints == []

    async def test_what_is_due_goes_on_a_sheet(self, sign_in: SignIn, scene: Scene, prepared: None):
        screen = await sign_in(scene.admin)
        await screen.open("/cylinders/due")
        await screen.page.get_by_label("JY-0009").check()
        await screen.page.get_by_label("JY-0010").check()
        await screen.picture("cylinders-due")
        await screen.page.get_by_role("button", name="送检").first.click()
        await screen.page.get_by_label("检验机构").fill("松河县气瓶检验站")
        assert await screen.page.locator("textarea[name=codes]").input_value() == "JY-0009\nJY-0010"
        await screen.picture("inspection-new")
        await screen.page.get_by_role("button", name="保存").click()
        await screen.page.get_by_text("未返回 2").first.wait_for()
        assert screen.complaints == []

    async def test_results_are_recorded_for_those_that_were_ticked(self, sign_in: SignIn, scene: Scene, prepared: None):
        screen = await sign_in(scene.admin)
        await screen.open("/cylinders/inspections?q=JY-0000")
        await screen.page.get_by_label("JY-0003").check()
        await screen.picture("inspections")
        await screen.page.get_by_role("button", name="登记结果").click()
        await screen.page.get_by_text("以下各瓶结果相同").wait_for()
        await screen.picture("inspection-results")
        await screen.page.get_by_role("button", name="保存").click()
        await screen.page.get_by_text("未返回 5").first.wait_for()
        assert screen.complaints == []

    async def test_its_end_and_its_form(self, sign_in: SignIn, scene: Scene, prepared: None):
        screen = await sign_in(scene.admin)
        await screen.open("/cylinders?q=JY-0001")
        await screen.picture("cylinder-failed")
        await screen.page.get_by_role("button", name="维修报废").click()
        await screen.page.get_by_label("报废凭证").wait_for()
        await screen.picture("cylinder-life")
        await screen.page.get_by_role("button", name="关闭").click()
        await screen.page.get_by_role("button", name="修改").click()
        await screen.page.get_by_label("气瓶编号").wait_for()
        await screen.picture("cylinder-form")
        assert screen.complaints == []

    async def test_the_table_of_periods(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.admin)
        await screen.open("/settings")
        await screen.page.get_by_text("检验周期与使用年限").click()
        await screen.page.get_by_text("从上到下").wait_for()
        await screen.picture("settings-periods")
        assert screen.complaints == []
