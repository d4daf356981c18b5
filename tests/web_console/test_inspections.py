"""Import, what is due, sheets and results, scrapping, through the pages."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from backend.cylinders import service as cylinders
from backend.db import Database
from backend.tables import read_table, write_xlsx
from tests.web_console.conftest import COOKIE, Served, Visitor
from tests.web_console.scene import Scene
from web_console.rendering import BEIJING

TODAY = datetime.now(BEIJING).date()
HEADS = ["气瓶编号", "规格", "制造年月", "下次检验日期", "使用年限至"]


def _register(*rows: list[Any]) -> dict[str, Any]:
    return {"file": ("台账.xlsx", write_xlsx(HEADS, rows))}


async def _brought(admin: Visitor, scene: Scene, *codes: str, due: str = "") -> None:
    rows = [[code, "YSP35.5", "2022-05", due, ""] for code in codes]
    assert scene.wang is not None
    form = {"organisation_id": scene.wang.unit_id, "dry_run": "false"}
    answer = await admin.post("/cylinders/import", form, files=_register(*rows))
    assert answer.status_code == 200, answer.text


async def _id_of(admin: Visitor, code: str) -> str:
    page = (await admin.get("/cylinders", q=code)).text
    return page.partition("/life")[0].rpartition("/cylinders/")[2]


class TestImport:
    async def test_a_dispatcher_may_not(self, dispatcher: Visitor, scene: Scene):
        answer = await dispatcher.post("/cylinders/import", {"organisation_id": "x"}, files=_register())
        assert answer.status_code == 403

    async def test_another_companys_station_is_unknown(self, neighbour: Visitor, scene: Scene):
        form = {"organisation_id": scene.wang.unit_id}
        answer = await neighbour.post("/cylinders/import", form, files=_register(["N-1", "YSP35.5", "", "", ""]))
        assert answer.status_code == 404

    @pytest.mark.requirement("5.8.3-01", "E5.8.4-2")
    async def test_a_trial_shows_every_row_and_then_the_good_ones_are_taken(self, admin: Visitor, scene: Scene):
        """And each is found with its fields."""
        rows = [["IMP-1", "YSP35.5", "2022-05", "", ""], ["IMP-2", "YSP99", "2022-05", "", ""]]
        form = {"organisation_id": scene.wang.unit_id}
        trial = (await admin.post("/cylinders/import", form, files=_register(*rows))).text
        assert "没有这个规格：YSP99" in trial
        assert "正式导入 1 行" in trial
        assert "没有这个气瓶" in (await admin.get("/cylinders", q="IMP-1")).text
        done = (await admin.post("/cylinders/import", form | {"dry_run": "false"}, files=_register(*rows))).text
        assert "已写入档案" in done
        page = (await admin.get("/cylinders", q="IMP-1")).text
        for word in ("IMP-1", "YSP35.5", "2022-05-01", "2030-05-01", "登记时间"):
            assert word in page
        workbook = await admin.get("/cylinders/imports/" + done.partition("/cylinders/imports/")[2].partition('"')[0])
        assert [row[0] for row in read_table(workbook.content)] == ["气瓶编号", "IMP-2"]

    async def test_how_far_it_is_is_told_while_it_runs(self, admin: Visitor, scene: Scene, served: Served):
        heard: list[str] = []
        greeted = asyncio.Event()

        async def listen() -> None:
            headers = {"Cookie": f"{COOKIE}={admin.cookie}"}
            async with served.client.stream("GET", "/events", headers=headers, timeout=60) as answer:
                async for line in answer.aiter_lines():
                    greeted.set()
                    heard.append(line)
                    if line.endswith("6,000 / 6,000"):
                        return

        listening = asyncio.create_task(listen())
        await asyncio.wait_for(greeted.wait(), 30)
        later = f"{TODAY.year + 2}-01-01"  # not in the due list, which other tests read
        rows = [[f"PRG-{n}", "YSP12", f"{TODAY.year}-05", later, ""] for n in range(6000)]
        form = {"organisation_id": scene.wang.unit_id, "dry_run": "false"}
        assert (await admin.post("/cylinders/import", form, files=_register(*rows))).status_code == 200
        await asyncio.wait_for(listening, 60)
        told = [line.removeprefix("data: ") for line in heard if line.endswith("/ 6,000")]
        assert told == ["5,000 / 6,000", "6,000 / 6,000"]

    async def test_what_is_no_table_is_one_sentence(self, admin: Visitor, scene: Scene):
        form = {"organisation_id": scene.wang.unit_id}
        answer = await admin.post("/cylinders/import", form, files={"file": ("a.xlsx", b"\x89PNG\r\n\x1a\n\0\0\0\r")})
        assert answer.status_code == 422
        assert "认不出这个文件" in answer.text

    async def test_the_template_is_read_again(self, admin: Visitor, scene: Scene):
        content = (await admin.get("/cylinders/import/template.xlsx")).content
        form = {"organisation_id": scene.wang.unit_id}
        report = (await admin.post("/cylinders/import", form, files={"file": ("t.xlsx", content)})).text
        assert "每一行都可用" in report

    async def test_the_archive_goes_out_as_a_workbook(self, admin: Visitor, scene: Scene):
        rows = read_table((await admin.get("/cylinders/export.xlsx", q="118-018270")).content)
        assert rows[1][:2] == ["118-018270", "YSP118"]


class TestDue:
    async def test_it_lists_the_most_urgent_first_and_filters(self, admin: Visitor, scene: Scene):
        await _brought(admin, scene, "DUE-1", due=(TODAY + timedelta(days=5)).isoformat())
        found = (await admin.get("/cylinders/due/found", part=True)).text
        assert found.index("35-018264") < found.index("DUE-1") < found.index("118-018270")
        week = (await admin.get("/cylinders/due/found", part=True, stage="7")).text
        assert "DUE-1" in week
        assert "118-018270" not in week
        rows = read_table((await admin.get("/cylinders/due/export.xlsx", stage="7")).content)
        assert "DUE-1" in [row[2] for row in rows]

    @pytest.mark.requirement("5.8.8-3a")
    async def test_the_office_is_reminded_until_somebody_has_seen_it(
        self, admin: Visitor, dispatcher: Visitor, scene: Scene, town: Database
    ):
        await _brought(admin, scene, "REM-1", due=(TODAY + timedelta(days=5)).isoformat())
        async with town.sessions() as session, session.begin():
            await cylinders.remind_all(session)
        assert "7 天内到期" in (await admin.get("/overview/todo", part=True)).text
        page = (await admin.get("/cylinders/due")).text
        seen = [part.partition('"')[0] for part in page.split('hx-post="/cylinders/reminders/')[1:]]
        assert seen
        assert (await dispatcher.post(f"/cylinders/reminders/{seen[0]}")).status_code == 403
        for path in seen:
            assert (await admin.post(f"/cylinders/reminders/{path}")).status_code == 204
        assert "只气瓶" not in (await admin.get("/overview/todo", part=True)).text


class TestSheets:
    async def test_a_dispatcher_may_not_send(self, dispatcher: Visitor):
        assert (await dispatcher.post("/cylinders/inspections", {"codes": "x"})).status_code == 403

    @pytest.mark.requirement("5.8.8-3b")
    async def test_sent_out_results_recorded_and_uploaded(self, admin: Visitor, scene: Scene):
        await _brought(admin, scene, "INS-1", "INS-2", "INS-3")
        dialog = (await admin.get("/cylinders/inspections/new", part=True, codes=["INS-1", "INS-2"])).text
        assert "INS-1\nINS-2" in dialog
        form = {
            "organisation_id": scene.wang.unit_id,
            "inspection_body": "松河检验站",
            "sent_on": TODAY.isoformat(),
            "codes": "INS-1\nINS-2，INS-3",
        }
        sent = await admin.post("/cylinders/inspections", form)
        assert sent.status_code == 204, sent.text
        batch_id = sent.headers["hx-redirect"].partition("id=")[2]
        page = (await admin.get("/cylinders/inspections", id=batch_id)).text
        assert "松河检验站" in page
        assert "未返回 3" in page
        given = {"codes": "INS-1", "result": "passed", "inspected_on": TODAY.isoformat(), "next_inspection_on": ""}
        recorded = await admin.post(f"/cylinders/inspections/{batch_id}/results", given)
        assert json.loads(recorded.headers["hx-trigger"])["toast"]["text"] == "已登记 1 个检验结果"
        heads = ["气瓶编号", "检验结果", "检验日期"]
        file = {"file": ("r.xlsx", write_xlsx(heads, [["INS-2", "不合格", TODAY], ["INS-3", "?", TODAY]]))}
        trial = (await admin.post(f"/cylinders/inspections/{batch_id}/file", files=file)).text
        assert "写入 1 个结果" in trial
        assert "检验结果应为合格、不合格或维修：?" in trial
        await admin.post(f"/cylinders/inspections/{batch_id}/file", {"dry_run": "false"}, files=file)
        page = (await admin.get("/cylinders/inspections", id=batch_id)).text
        assert "未返回 1" in page
        assert "检验不合格" in (await admin.get("/cylinders", q="INS-2")).text


class TestScrapping:
    @pytest.mark.requirement("E5.8.6-3")
    async def test_scrapped_with_its_reason_and_taken_back_by_an_administrator(self, admin: Visitor, scene: Scene):
        await _brought(admin, scene, "SCR-1")
        key = await _id_of(admin, "SCR-1")
        form = {"reason": "damaged", "scrapped_on": TODAY.isoformat(), "document": "证-1"}
        assert (await admin.post(f"/cylinders/{key}/scrap", form)).status_code == 204
        assert "已报废" in (await admin.get("/cylinders", q="SCR-1")).text
        life = (await admin.get(f"/cylinders/{key}/life", part=True)).text
        assert "损坏变形 证-1" in life
        assert (await admin.post(f"/cylinders/{key}/undo-scrapping", {"reason": "登记错了"})).status_code == 204
        assert "已撤销：登记错了" in (await admin.get(f"/cylinders/{key}/life", part=True)).text

    async def test_a_repair_is_kept(self, admin: Visitor, scene: Scene):
        await _brought(admin, scene, "REP-1")
        key = await _id_of(admin, "REP-1")
        form = {"fault": "瓶阀漏气", "work": "换阀", "repaired_on": TODAY.isoformat()}
        assert (await admin.post(f"/cylinders/{key}/repairs", form)).status_code == 204
        assert "瓶阀漏气 → 换阀" in (await admin.get(f"/cylinders/{key}/life", part=True)).text


class TestPeriods:
    async def test_a_dispatcher_may_not(self, dispatcher: Visitor):
        assert (await dispatcher.post("/settings/periods", {})).status_code == 403

    async def test_an_administrator_changes_the_table(self, neighbour: Visitor):
        before = (await neighbour.get("/settings/periods", part=True)).text
        assert "GB 5842-2006" in before
        form = {
            "standard": ["GB 5842-2023", ""],
            "note": ["", ""],
            "specifications": ["YSP12、YSP35.5", ""],
            "made_from": ["", ""],
            "made_until": ["", ""],
            "inspection_years": ["5", ""],
            "service_years": ["12", ""],
            "extension_years": ["", ""],
            "extends_within_years": ["", ""],
        }
        answer = await neighbour.post("/settings/periods", form)
        assert answer.status_code == 204, answer.text
        after = (await neighbour.get("/settings/periods", part=True)).text
        assert "YSP12、YSP35.5" in after
        assert "GB 5842-2006" not in after
