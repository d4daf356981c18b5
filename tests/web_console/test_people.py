"""People: made, put into units, given roles, shut out and let in again by an administrator."""

import html
import json
import re
from typing import Any

import pytest

from backend.accounts import service as accounts
from backend.accounts.service.authentication import COOKIE
from backend.db import Database
from backend.errors import AppError
from backend.settings import Settings
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene

FIRST = "songhe-first-2026"


def new_person(scene: Scene, number: str, **fields: Any) -> dict[str, Any]:
    return {
        "staff_number": number,
        "name": f"演示-{number}",
        "organisation_id": scene.company.unit.id,
        "unit_ids": [scene.company.unit.id],
        "password": FIRST,
        **fields,
    }


async def make(admin: Visitor, scene: Scene, number: str, **fields: Any) -> str:
    """The page to the new person's dialog."""
    answer = await admin.post("/staff", new_person(scene, number, **fields))
    assert answer.status_code == 200, answer.text
    return await open_from_list(admin, number)


async def open_from_list(admin: Visitor, number: str) -> str:
    rows = (await admin.get("/staff/found", part=True, search=number)).text
    (address,) = re.findall(r'hx-get="(/staff/[0-9a-f]{32})"', rows)
    return str(address)


def toast(answer: Any) -> str:
    return str(json.loads(answer.headers["hx-trigger"])["toast"]["text"])


class TestWhoMay:
    @pytest.mark.parametrize("path", ["/staff", "/staff/found", "/staff/new", "/staff/export.csv"])
    async def test_dispatcher_does_not_see_the_people(self, dispatcher: Visitor, path: str):
        assert (await dispatcher.get(path)).status_code == 403

    @pytest.mark.parametrize("move", ["units", "grants", "grants/withdraw", "active", "password"])
    async def test_dispatcher_changes_nobody(self, dispatcher: Visitor, scene: Scene, move: str):
        assert (await dispatcher.post(f"/staff/{scene.stranger.id}/{move}")).status_code == 403
        assert (await dispatcher.post("/staff", new_person(scene, "P-0000"))).status_code == 403

    async def test_rail_leads_only_an_administrator_there(self, admin: Visitor, dispatcher: Visitor):
        assert 'href="/staff"' in (await admin.get("/hazards")).text
        assert 'href="/staff"' not in (await dispatcher.get("/hazards")).text

    async def test_another_companys_administrator_finds_nobody(self, neighbour: Visitor, scene: Scene):
        assert scene.stranger.name not in (await neighbour.get("/staff/found", part=True)).text
        assert (await neighbour.get(f"/staff/{scene.stranger.id}", part=True)).status_code == 404
        refused = await neighbour.post(f"/staff/{scene.stranger.id}/active", {"active": "false"})
        assert refused.status_code == 404

    async def test_form_without_the_sessions_token_is_refused(self, admin: Visitor, scene: Scene):
        assert (await admin.post("/staff", new_person(scene, "P-0000"), csrf=False)).status_code == 403


class TestList:
    async def test_filters_by_role_and_unit(self, admin: Visitor, scene: Scene):
        drivers = (await admin.get("/staff/found", part=True, role="driver")).text
        assert "演示-王送气" in drivers
        assert "演示-李巡检" not in drivers
        assert "演示-王送气" in (await admin.get("/staff/found", part=True, unit_id=scene.company.unit.id)).text
        elsewhere = (await admin.get("/staff/found", part=True, unit_id=scene.company.other_unit.id)).text
        assert "演示-王送气" in elsewhere
        assert "演示-李巡检" not in elsewhere

    async def test_is_exported_as_filtered(self, admin: Visitor):
        sheet = (await admin.get("/staff/export.csv", role="driver")).content.decode("utf-8-sig").splitlines()
        assert sheet[0] == "工号,姓名,所属机构,所属单位,角色,在用设备,状态"
        assert len(sheet) == 2
        assert "演示-王送气,松河巡线一队,松河巡线一队、东门供应站,送气员 (松河演示燃气有限公司),1,在职" in sheet[1]


class TestCreate:
    async def test_new_person_signs_in_with_unit_and_role(
        self, admin: Visitor, scene: Scene, town: Database, town_settings: Settings
    ):
        company = scene.company.company
        person = await make(admin, scene, "P-1001", role="dispatcher", role_on=company.id)
        cookie, _, _ = await accounts.open_console_session(town, town_settings, staff_number="P-1001", password=FIRST)
        assert (await Visitor(admin.client, cookie, "").get("/hazards")).status_code == 200
        opened = (await admin.get(person, part=True)).text
        assert f'value="{scene.company.unit.id}" checked' in opened
        assert "调度员" in opened
        assert company.name in opened

    async def test_each_form_proposes_another_strong_first_password(self, admin: Visitor):
        forms = [(await admin.get("/staff/new", part=True)).text for _ in range(2)]
        first, second = (re.findall(r'name="password"[^>]*value="(\w{10,})"', form)[0] for form in forms)
        assert first != second

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("password", "88888888", "密码过于常见"),
            ("name", "", "请检查填写的内容"),
            ("role", "system_admin", "不能授予超出本人权限的角色"),
        ],
    )
    async def test_what_will_not_do_is_told_and_nobody_is_made(
        self, admin: Visitor, scene: Scene, field: str, value: str, said: str
    ):
        answer = await admin.post("/staff", new_person(scene, "P-1002", **{field: value}))
        assert answer.status_code in {403, 422}
        assert said in answer.text
        assert "没有符合条件的人员" in (await admin.get("/staff/found", part=True, search="P-1002")).text

    async def test_taken_number_is_told(self, admin: Visitor, scene: Scene):
        await make(admin, scene, "P-1003")
        again = await admin.post("/staff", new_person(scene, "P-1003"))
        assert again.status_code == 409
        assert "该工号已存在" in again.text


class TestChange:
    async def test_units_are_set_and_emptied(self, admin: Visitor, scene: Scene):
        person = await make(admin, scene, "P-2001")
        other = scene.company.other_unit
        moved = await admin.post(f"{person}/units", {"unit_ids": [other.id]})
        assert f'value="{other.id}" checked' in moved.text
        assert f'value="{scene.company.unit.id}" checked' not in moved.text
        assert "所属单位已保存" in toast(moved)
        assert " checked" not in (await admin.post(f"{person}/units")).text

    async def test_role_is_granted_and_withdrawn(self, admin: Visitor, scene: Scene):
        person = await make(admin, scene, "P-2002")
        grant = {"role": "station_keeper", "organisation_id": scene.company.unit.id}
        granted = html.unescape((await admin.post(f"{person}/grants", grant)).text)
        (offered,) = re.findall(r'grants/withdraw" hx-vals="({.*?})"', granted)
        assert json.loads(offered) == grant
        withdrawn = await admin.post(f"{person}/grants/withdraw", grant)
        assert "grants/withdraw" not in withdrawn.text
        assert "没有这项授权" in (await admin.post(f"{person}/grants/withdraw", grant)).text

    async def test_role_beyond_ones_own_is_neither_offered_nor_given(self, admin: Visitor, scene: Scene):
        person = await make(admin, scene, "P-2003")
        assert 'value="system_admin"' not in (await admin.get(person, part=True)).text
        grant = {"role": "system_admin", "organisation_id": scene.company.company.id}
        assert (await admin.post(f"{person}/grants", grant)).status_code == 403

    async def test_closed_account_is_shut_out_at_once_and_reopened(
        self, admin: Visitor, scene: Scene, town: Database, town_settings: Settings
    ):
        person = await make(admin, scene, "P-2004", role="dispatcher", role_on=scene.company.company.id)
        cookie, _, _ = await accounts.open_console_session(town, town_settings, staff_number="P-2004", password=FIRST)
        his = Visitor(admin.client, cookie, "")
        assert (await his.get("/hazards")).status_code == 200
        assert "账号已停用" in toast(await admin.post(f"{person}/active", {"active": "false"}))
        assert (await his.get("/hazards")).status_code == 302
        assert "演示-P-2004" in (await admin.get("/staff/found", part=True, active="false")).text
        reopened = await admin.post(f"{person}/active", {"active": "true"})
        assert "停用账号" in reopened.text
        assert "演示-P-2004" not in (await admin.get("/staff/found", part=True, active="false")).text

    async def test_old_password_ends_with_its_reset(
        self, admin: Visitor, scene: Scene, town: Database, town_settings: Settings
    ):
        person = await make(admin, scene, "P-2005")
        weak = await admin.post(f"{person}/password", {"password": "short"})
        assert weak.status_code == 422
        assert "密码至少 8 个字符" in weak.text
        reset = await admin.post(f"{person}/password", {"password": "songhe-other-2026"})
        assert '<b class="code">songhe-other-2026</b>' in reset.text
        assert 'name="password"' not in reset.text, "a further proposal beside it would be passed on by mistake"
        assert "songhe-other-2026" not in (await admin.get(person, part=True)).text
        with pytest.raises(AppError):
            await accounts.open_console_session(town, town_settings, staff_number="P-2005", password=FIRST)
        await accounts.open_console_session(town, town_settings, staff_number="P-2005", password="songhe-other-2026")

    async def test_nobody_is_offered_to_shut_himself_out(self, admin: Visitor, scene: Scene):
        assert "停用账号" not in (await admin.get(f"/staff/{scene.admin.id}", part=True)).text

    async def test_phones_of_the_person_lead_to_the_phone(self, admin: Visitor, scene: Scene):
        opened = (await admin.get(f"/staff/{scene.li.staff.id}", part=True)).text
        assert f'hx-get="/devices/{scene.li.device.id}"' in opened
        assert scene.zhou.device.id not in opened

    async def test_what_was_done_stands_in_the_audit(self, admin: Visitor, scene: Scene):
        person = await make(admin, scene, "P-2006", role="inspector")
        rows = (await admin.get("/audit/found", part=True, subject_id=person.rpartition("/")[2])).text
        assert all(words in rows for words in ("新建人员", "设置所属单位", "授权"))


class TestEnglish:
    async def test_page_and_dialogs_hold_no_chinese_of_their_own(self, admin: Visitor, scene: Scene):
        named = {scene.company.company.name, scene.company.unit.name, "东门供应站", scene.admin.name}
        headers = {"Cookie": f"{COOKIE}={admin.cookie}; qixun_language=en", "HX-Request": "true"}
        for path in ("/staff/new", f"/staff/{scene.admin.id}"):
            text = (await admin.client.get(path, headers=headers)).text
            for name in named:
                text = text.replace(name, "")
            assert re.findall(r"[\u4e00-\u9fff]+", text) == []
