"""The board: a hazard on its way to closure, step by step, through the pages' own forms."""

import csv
import io
from datetime import timedelta

import pytest

from sync.databases import beijing_today
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene


class TestBoard:
    async def test_shows_what_the_inspector_reported(self, dispatcher: Visitor):
        board = (await dispatcher.get("/hazards/found", part=True)).text
        assert "林场小区3号楼" in board
        assert "演示-李巡检" in board

    async def test_filter_by_grade_leaves_the_others_out(self, dispatcher: Visitor):
        board = (await dispatcher.get("/hazards/found", part=True, grade="major")).text
        assert "林场小区3号楼" in board
        assert "人民路 11 号" not in board

    async def test_ledger_opens_in_a_spreadsheet(self, dispatcher: Visitor):
        answer = await dispatcher.get("/hazards/export.csv", hazard_type="encroachment")
        assert answer.content.startswith("\N{ZERO WIDTH NO-BREAK SPACE}".encode())
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [(row["类型"], row["地址"]) for row in rows] == [("占压", "林场小区3号楼")]

    async def test_ticket_opens_with_its_photos(self, dispatcher: Visitor, scene: Scene):
        opened = (await dispatcher.get(f"/hazards/{scene.hazard_ids[0]}", part=True)).text
        assert opened.count("<img") == 2
        picture = opened.partition('src="')[2].partition('"')[0]
        answer = await dispatcher.get(picture)
        assert answer.content.startswith(b"\xff\xd8")

    async def test_ticket_opens_with_what_was_said(self, dispatcher: Visitor, scene: Scene):
        opened = (await dispatcher.get(f"/hazards/{scene.hazard_ids[0]}", part=True)).text
        assert "语音说明 · 6 秒" in opened
        recording = opened.partition("<audio")[2].partition('src="')[2].partition('"')[0]
        answer = await dispatcher.get(recording)
        assert answer.content.startswith(b"RIFF")
        assert answer.headers["content-type"] == "audio/wav"


class TestMoves:
    @pytest.mark.requirement("6.5.7-1")
    async def test_hazard_goes_from_report_to_closure(self, dispatcher: Visitor, scene: Scene):
        hazard = f"/hazards/{scene.hazard_ids[2]}"
        due = beijing_today() + timedelta(days=7)
        for action, form, lane in (
            ("decide", {"grade": "serious", "clause": "第六条"}, "待派单"),
            ("dispatch", {"department": "工程部", "measure": "除冰", "due_on": due.isoformat()}, "整改中"),
            ("rectify", {"note": "已除冰"}, "待复查"),
            ("recheck", {"note": "合格"}, "已销号"),
        ):
            assert (await dispatcher.get(f"{hazard}/{action}", part=True)).status_code == 200
            answer = await dispatcher.post(f"{hazard}/{action}", form)
            assert answer.status_code == 204
            assert '<li class="on' in (await dispatcher.get(hazard, part=True)).text
            assert (
                lane
                in (await dispatcher.get(hazard, part=True)).text.partition('<li class="on')[2].partition("</li>")[0]
            )
        history = (await dispatcher.get(hazard, part=True)).text
        assert "除冰" in history
        assert "演示-赵调度" in history

    async def test_out_of_turn_is_refused_in_words(self, dispatcher: Visitor, scene: Scene):
        answer = await dispatcher.post(f"/hazards/{scene.hazard_ids[3]}/recheck", {"note": ""})
        assert answer.status_code == 409
        assert "隐患在“待核定”" in answer.text
        assert answer.headers["hx-retarget"] == "#problem"

    async def test_missing_field_is_named(self, dispatcher: Visitor, scene: Scene):
        answer = await dispatcher.post(f"/hazards/{scene.hazard_ids[3]}/decide", {"grade": "general"})
        assert answer.status_code == 422
        assert "clause" in answer.text

    async def test_leak_becomes_a_hazard(self, dispatcher: Visitor, scene: Scene):
        assert "3,200" in (await dispatcher.get("/overview/todo", part=True)).text
        answer = await dispatcher.post(f"/leaks/{scene.second_leak_id}/confirm", {"proposed_grade": "major"})
        assert answer.status_code == 204
        assert "已立为隐患" in (await dispatcher.get(f"/leaks/{scene.second_leak_id}", part=True)).text
