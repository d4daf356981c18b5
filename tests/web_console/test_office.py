"""Records not taken, devices, audit, limits and the network's import."""

import json
from datetime import UTC, datetime
from pathlib import Path

from backend.db import Database
from backend.intake import service as intake
from sync.documents import patrol as walked
from sync.documents.hazards import HazardReported
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene
from tests.web_console.town import crossing, write_pipes


async def _rows(visitor: Visitor, **wanted: str) -> int:
    return (await visitor.get("/review/found", part=True, **wanted)).text.count('name="marked"')


async def held(visitor: Visitor, **wanted: str) -> str:
    rows = (await visitor.get("/review/found", part=True, **wanted)).text
    return rows.partition('name="marked" value="')[2].partition('"')[0]


class TestReview:
    async def test_unreadable_record_is_there_byte_for_byte_with_its_reason(self, dispatcher: Visitor):
        opened = (await dispatcher.get(f"/review/quarantine/{await held(dispatcher)}", part=True)).text
        assert "&#34;reading_ppm&#34;:-4" in opened
        assert "记录内容有误，无法读取" in opened

    async def test_replay_says_what_still_speaks_against_it(self, dispatcher: Visitor):
        answer = await dispatcher.post("/review/replay", {"marked": await held(dispatcher)})
        assert answer.status_code == 204
        assert "仍有 1 条收不下" in json.loads(answer.headers["hx-trigger"])["toast"]["text"]

    async def test_nothing_marked_is_told(self, dispatcher: Visitor):
        answer = await dispatcher.post("/review/replay")
        assert answer.status_code == 422
        assert "请勾选" in answer.text

    async def test_dismissing_needs_a_reason_and_keeps_the_bytes(self, dispatcher: Visitor):
        one = f"/review/quarantine/{await held(dispatcher)}"
        assert (await dispatcher.post(f"{one}/dismiss")).status_code == 422
        dismissed = await dispatcher.post(f"{one}/dismiss", {"reason": "读数为负"})
        assert "&#34;reading_ppm&#34;:-4" in (await dispatcher.get(one, part=True)).text
        assert "读数为负" in (await dispatcher.get("/review/found", part=True, tab="settled")).text
        undo = json.loads(dismissed.headers["hx-trigger"])["toast"]["undo"]["address"]
        assert (await dispatcher.post(undo)).status_code == 204
        assert f"/review/quarantine/{one.rpartition('/')[2]}" in (await dispatcher.get("/review/found", part=True)).text

    async def test_reason_and_person_narrow_the_list(self, dispatcher: Visitor, scene: Scene):
        by_reason = {code: await _rows(dispatcher, code=code) for code in ("unreadable", "forged")}
        assert by_reason == {"unreadable": 1, "forged": 0}
        assert await _rows(dispatcher, staff_id=scene.li.staff.id) == 1
        assert await _rows(dispatcher, staff_id=scene.zhou.staff.id) == 0
        assert "只看 演示-李巡检" in (await dispatcher.get("/review", staff_id=scene.li.staff.id)).text

    async def test_a_changed_record_stands_beside_the_one_that_was_taken(
        self, dispatcher: Visitor, scene: Scene, town: Database
    ):
        li, now = scene.li, datetime.now(UTC)
        fields = li.envelope("hazard.reported", now, crossing(3, 3))
        first, second = (
            HazardReported(**fields, hazard_type="subsidence", proposed_grade=grade, address=address)
            for grade, address in (("serious", "先到路 1 号"), ("general", "后改路 2 号"))
        )
        async with town.sessions() as session, session.begin():
            await li.send(session, first)
            await li.send(session, second)
        one = await held(dispatcher, code="second_revision")
        opened = await dispatcher.get(f"/review/quarantine/{one}", part=True)
        differing = [row for row in opened.text.split("<tr ") if row.startswith('class="differs"')]
        assert any("<td>先到路 1 号</td><td>后改路 2 号</td>" in row for row in differing)


class TestConflicts:
    async def test_record_and_task_stand_side_by_side_until_settled_and_again_when_taken_back(
        self, dispatcher: Visitor, scene: Scene, town: Database
    ):
        zhou = scene.zhou
        started = walked.PatrolStarted(
            **zhou.envelope("patrol.started", datetime.now(UTC), crossing(5, 5), task_id=scene.task_id), mode="walk"
        )
        async with town.sessions() as session, session.begin():
            await zhou.send(session, started)
        listed = (await dispatcher.get("/review/found", part=True, tab="conflicts", kind="task.other_staff")).text
        one = "/review/conflicts/" + listed.partition('hx-get="/review/conflicts/')[2].partition('"')[0]
        opened = (await dispatcher.get(one, part=True)).text
        assert "<th>巡线任务</th>" in opened
        differing = [row for row in opened.split("<tr ") if row.startswith('class="differs"')]
        assert any("演示-周巡检" in row and "演示-李巡检" in row for row in differing)
        assert "老城 中压A" in opened
        other = await dispatcher.get("/review/found", part=True, tab="conflicts", kind="cylinder.delivered_twice")
        assert "没有这一类问题单" in other.text
        settled = await dispatcher.post(f"{one}/settle", {"reason": "周替班，已口头同意"})
        assert "周替班" in (await dispatcher.get(one, part=True)).text
        undo = json.loads(settled.headers["hx-trigger"])["toast"]["undo"]["address"]
        assert (await dispatcher.post(undo)).status_code == 204
        assert "周替班" not in (await dispatcher.get(one, part=True)).text

    async def test_another_stamp_is_shown_with_both_numbers_and_its_photo(
        self, dispatcher: Visitor, scene: Scene, town: Database
    ):
        facts = {"code": "35-1", "stamped": "35-7", "photo": "photo:abc"}
        async with town.sessions() as session, session.begin():
            told = intake.Contradiction(scene.zhou.staff.organisation_id, "cylinder.stamp_differs", ["r1"], facts)
            await intake.open_conflicts(session, [told])
        listed = (await dispatcher.get("/review/found", part=True, tab="conflicts", kind=told.kind)).text
        assert "35-1 → 35-7" in listed
        one = "/review/conflicts/" + listed.partition('hx-get="/review/conflicts/')[2].partition('"')[0]
        opened = (await dispatcher.get(one, part=True)).text
        assert "档案编号 35-1，瓶上钢印 35-7。" in opened
        assert 'src="/api/photos/photo%3Aabc"' in opened

    async def test_a_tab_that_is_none_is_told(self, dispatcher: Visitor):
        assert (await dispatcher.get("/review", tab="all")).status_code == 422


class TestDevices:
    async def test_silent_phone_and_what_it_holds_are_shown(self, admin: Visitor):
        rows = (await admin.get("/devices/found", part=True)).text
        assert "演示-周巡检" in rows
        assert '9<span class="unit">条' in rows

    async def test_revoked_one_is_marked_and_the_slip_is_undone(self, admin: Visitor, scene: Scene):
        device = f"/devices/{scene.spare.id}"
        revoked = await admin.post(f"{device}/revoke")
        undo = json.loads(revoked.headers["hx-trigger"])["toast"]["undo"]
        assert "停用。" in (await admin.get(device, part=True)).text
        assert scene.spare.id not in (await admin.get("/devices/found", part=True)).text
        assert scene.spare.id in (await admin.get("/devices/found", part=True, use="revoked")).text
        assert (await admin.post(undo["address"])).status_code == 204
        assert scene.spare.id in (await admin.get("/devices/found", part=True)).text

    async def test_silent_ones_that_hold_records_are_filtered_and_exported(self, admin: Visitor):
        wanted = {"silent_h": "0.5", "waiting": "true", "order": "lag"}
        rows = (await admin.get("/devices/found", part=True, **wanted)).text
        assert "演示-周巡检" in rows
        assert "演示-李巡检" not in rows
        lines = (await admin.get("/devices/export.csv", **wanted)).content.decode("utf-8-sig").splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("工号,姓名,所属机构")
        assert "演示-周巡检" in lines[1]

    async def test_a_filter_that_means_nothing_is_told(self, admin: Visitor):
        answer = await admin.get("/devices/found", part=True, silent_h="lang")
        assert (answer.status_code, "筛选条件有误" in answer.text) == (422, True)

    async def test_way_of_the_latest_record_is_on_the_phones_page(self, admin: Visitor, scene: Scene):
        opened = (await admin.get(f"/devices/{scene.li.device.id}", part=True)).text
        assert "在途" in opened


class TestDatabases:
    async def test_each_persons_databases_are_told_and_exported(self, admin: Visitor):
        rows = (await admin.get("/devices/databases/found", part=True, search="李巡检")).text
        assert "记录与任务" in rows
        assert "尚未核对" in rows
        exported = (await admin.get("/devices/databases/export.csv", kind="media")).content.decode("utf-8-sig")
        assert "照片" in exported
        assert "记录与任务" not in exported

    async def test_a_kind_that_is_none_is_told(self, admin: Visitor):
        assert (await admin.get("/devices/databases", kind="couch")).status_code == 422


class TestAudit:
    async def test_says_who_did_what_and_exports_it(self, admin: Visitor):
        rows = (await admin.get("/audit/found", part=True, action="plan.")).text
        assert "保存巡线计划" in rows
        assert "登录控制台" not in rows
        assert "保存巡线计划" in (await admin.get("/audit/export.csv")).content.decode("utf-8-sig")

    async def test_chain_is_checked_on_request(self, admin: Visitor):
        assert "审计链完整" in (await admin.get("/audit/chain", part=True)).text


class TestSettings:
    async def test_limits_are_saved_as_a_further_version(self, admin: Visitor):
        form = {
            "company_name": "松河演示燃气有限公司",
            "emergency_phone": "100-0000-0119",
            "leak_alarm_ppm": "500",
            "leak_emergency_ppm": "9000",
            "customer_required_fields": ["code", "name", "phone", "address", "category", "identity_number"],
        }
        assert (await admin.post("/settings", form)).status_code == 204
        assert 'value="9000"' in (await admin.get("/settings")).text
        wrong = await admin.post("/settings", form | {"leak_emergency_ppm": "100"})
        assert wrong.status_code == 422
        assert "紧急限值应大于报警限值" in wrong.text

    async def test_list_keeps_what_an_entry_carries_besides_its_words(self, admin: Visitor):
        form = {
            "code": ["upright", "hose", "new_item"],
            "zh": ["直立", "软管长度", "新项"],
            "en": ["Upright", "Hose", "New"],
            "limit": ["", "2", ""],
        }
        assert (await admin.post("/settings/lists/delivery_check_item", form)).status_code == 204
        entries = (await admin.get("/api/company/lists/delivery_check_item")).json()["entries"]
        assert [(e["code"], e["zh"], e.get("unit", "")) for e in entries] == [
            ("upright", "直立", ""),
            ("hose", "软管长度", "m"),
            ("new_item", "新项", ""),
        ]


class TestNetworkImport:
    async def test_trial_lists_every_refused_row_and_writes_nothing(self, admin: Visitor, scene: Scene, tmp_path: Path):
        write_pipes(tmp_path / "town.geojson")
        collection = json.loads((tmp_path / "town.geojson").read_text(encoding="utf-8"))
        for number, feature in enumerate(collection["features"]):
            feature["properties"]["管段编号"] = f"NEW-{number}"
        collection["features"][0]["properties"]["压力级制"] = "很高"
        content = json.dumps(collection).encode()
        before = len((await admin.get("/api/network/pipes.geojson")).json()["features"])
        answer = await admin.post(
            "/settings/network",
            {"organisation_id": scene.company.unit.id, "dry_run": "true"},
            files={"file": ("town.geojson", content, "application/geo+json")},
        )
        assert answer.status_code == 200
        assert "试导入结果" in answer.text
        assert "NEW-0" in answer.text
        assert len((await admin.get("/api/network/pipes.geojson")).json()["features"]) == before

    async def test_no_file_is_told(self, admin: Visitor, scene: Scene):
        answer = await admin.post("/settings/network", {"organisation_id": scene.company.unit.id})
        assert answer.status_code == 422
        assert "请选择文件" in answer.text
