"""The certificates at the console: found, entered, renewed, withdrawn; what runs out waits in the to-do list."""

import re
from typing import Any

import pytest

from backend.accounts.service.authentication import COOKIE
from tests.factories.certificates import in_days
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene

LIST = "/ledgers/certificates"


def certificate(scene: Scene, number: str, **fields: Any) -> dict[str, Any]:
    return {
        "holder_kind": "company",
        "holder_id": scene.company.company.id,
        "kind": "work_safety",
        "number": number,
        "expires_on": in_days(300).isoformat(),
        **fields,
    }


async def address_of(admin: Visitor, number: str) -> str:
    rows = (await admin.get(f"{LIST}/found", part=True, search=number)).text
    (address,) = re.findall(rf'hx-get="({LIST}/[0-9a-f]{{32}})"', rows)
    return str(address)


class TestWhoMay:
    async def test_who_may_only_look_gets_no_form(self, stranger: Visitor, scene: Scene):
        assert (await stranger.get(LIST)).status_code == 403
        assert (await stranger.post(LIST, certificate(scene, "F-0"))).status_code == 403

    async def test_another_company_finds_none(self, neighbour: Visitor):
        assert "SQ-0001" not in (await neighbour.get(f"{LIST}/found", part=True)).text

    async def test_another_company_withdraws_none(self, neighbour: Visitor, admin: Visitor):
        address = await address_of(admin, "SQ-0001")
        assert (await neighbour.post(f"{address}/withdraw", {"reason": "x"})).status_code == 404


class TestList:
    async def test_tells_how_many_have_run_out_and_how_near_the_others_are(self, admin: Visitor):
        text = (await admin.get(f"{LIST}/found", part=True)).text
        assert "过期 12 天" in text
        assert "剩 5 天" in text
        assert text.index("SQ-0001") < text.index("JS-0001") < text.index("JL-0001") < text.index("CY-0007")

    async def test_is_filtered_and_exported_as_filtered(self, admin: Visitor):
        sheet = (await admin.get(f"{LIST}/export.csv", state="expired")).content.decode("utf-8-sig").splitlines()
        assert "SQ-0001" in sheet[1]
        assert not any("CY-0007" in line for line in sheet)

    async def test_company_without_filling_licence_is_named(self, admin: Visitor, scene: Scene):
        text = (await admin.get(LIST)).text
        assert "没有有效的气瓶充装许可证，不得充装" in text
        assert scene.company.company.name in text[text.index("不得充装") :]


class TestForm:
    async def test_certificate_is_entered_renewed_and_withdrawn(self, admin: Visitor, scene: Scene):
        assert (await admin.post(LIST, certificate(scene, "F-1"))).status_code == 204
        address = await address_of(admin, "F-1")
        opened = (await admin.get(address, part=True)).text
        assert "松河演示燃气有限公司" in opened
        changed = certificate(scene, "F-1", expires_on=in_days(-1).isoformat())
        assert (await admin.post(address, changed)).status_code == 204
        assert "过期 1 天" in (await admin.get(address, part=True)).text
        renew = await admin.get(
            f"{LIST}/new", part=True, holder_kind="company", holder_id=scene.company.company.id, kind="work_safety"
        )
        assert f'value="{scene.company.company.id}" selected' in renew.text
        assert 'value="work_safety" selected' in renew.text
        assert (await admin.post(f"{address}/withdraw", {"reason": "登记有误"})).status_code == 204
        assert "登记有误" in (await admin.get(address, part=True)).text

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [("number", "", "请检查填写的内容"), ("expires_on", "bald", "请检查填写的内容"), ("kind", "x", "没有这种证照")],
    )
    async def test_what_will_not_do_is_told(self, admin: Visitor, scene: Scene, field: str, value: str, said: str):
        answer = await admin.post(LIST, certificate(scene, "F-2") | {field: value})
        assert answer.status_code == 422
        assert said in answer.text

    async def test_holders_are_searched(self, admin: Visitor, scene: Scene):
        found = (await admin.get(f"{LIST}/holders", part=True, holder_kind="staff", holder_search="王送气")).text
        assert scene.wang is not None
        assert f'value="{scene.wang.staff.id}"' in found
        assert scene.li.staff.id not in found
        assert "危险货物运输驾驶员证" in found


class TestToDo:
    async def test_what_has_run_out_or_is_about_to_waits_for_the_office(self, admin: Visitor):
        text = (await admin.get("/overview/todo", part=True)).text
        assert "送气服务人员证 · 演示-王送气" in text
        assert "危险货物运输驾驶员证 · 演示-王送气" in text
        assert "60 天内到期" in text
        assert "CY-0007" not in text


class TestEnglish:
    async def test_page_holds_no_chinese_of_its_own(self, admin: Visitor, scene: Scene):
        headers = {"Cookie": f"{COOKIE}={admin.cookie}; qixun_language=en", "HX-Request": "true"}
        text = (await admin.client.get(f"{LIST}/new", headers=headers)).text
        shown = re.sub(r"<option.*?</option>", "", text)
        assert re.findall(r"[一-鿿]+", shown) == []
