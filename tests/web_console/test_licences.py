"""Applications at the console: drafted, completed, submitted, reviewed; each side sees what is its own to do."""

import re
from typing import Any

import pytest

from backend.accounts.models import Organisation
from backend.accounts.service.authentication import COOKIE
from backend.db import Database
from tests.factories import accounts
from tests.factories.certificates import in_days
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene

LIST = "/ledgers/licences"
PDF = b"%PDF-1.7 an invented paper"


@pytest.fixture(scope="session")
async def reviewer(as_staff: Any, scene: Scene, town: Database) -> Visitor:
    """The county's officer."""
    async with town.sessions() as session, session.begin():
        office = await session.get_one(Organisation, scene.company.company.parent_id)
        staff = await accounts.make_staff(
            session, scene.company, roles=["licence_reviewer"], on=office, name="演示-县审核", units=[]
        )
    return await as_staff(staff)


async def draft(admin: Visitor, scene: Scene, **fields: Any) -> str:
    given = {
        "holder_kind": "company",
        "holder_id": scene.company.company.id,
        "kind": "gas_business",
        "purpose": "renewal",
        **fields,
    }
    made = await admin.post(LIST, given)
    assert made.status_code == 200, made.text
    (address,) = set(re.findall(rf'hx-post="({LIST}/[0-9a-f]{{32}})"', made.text))
    return str(address)


def form(scene: Scene, **fields: Any) -> dict[str, Any]:
    return {
        "holder_kind": "company",
        "holder_id": scene.company.company.id,
        "kind": "gas_business",
        "purpose": "renewal",
        "statement": "到期延续",
        "contact": "演示-钱管理",
        "contact_phone": "100-0000-0003",
        **fields,
    }


async def submitted(admin: Visitor, scene: Scene) -> str:
    address = await draft(admin, scene)
    added = await admin.post(f"{address}/papers", {"role": "form"}, files={"file": ("申请表.pdf", PDF)})
    assert "申请表.pdf" in added.text, added.text
    sent = await admin.post(address, form(scene, then="submit"))
    assert sent.status_code == 200, sent.text
    assert "待受理" in sent.text
    return address


class TestWhoMay:
    async def test_dispatcher_sees_no_applications(self, dispatcher: Visitor, scene: Scene):
        assert (await dispatcher.get(LIST)).status_code == 403
        assert (await dispatcher.post(LIST, form(scene))).status_code == 403

    async def test_another_company_opens_none(self, admin: Visitor, neighbour: Visitor, scene: Scene):
        address = await submitted(admin, scene)
        assert (await neighbour.get(address, part=True)).status_code == 404
        assert (await neighbour.post(f"{address}/withdraw")).status_code == 404

    async def test_applicant_is_offered_no_decision_and_takes_none(self, admin: Visitor, scene: Scene):
        address = await submitted(admin, scene)
        text = (await admin.get(address, part=True)).text
        assert "受理</button>" not in text
        assert (await admin.post(f"{address}/review/accept")).status_code == 403

    async def test_reviewer_does_not_see_a_draft(self, admin: Visitor, reviewer: Visitor, scene: Scene):
        address = await draft(admin, scene)
        assert (await reviewer.get(address, part=True)).status_code == 404


class TestProcedure:
    async def test_application_goes_from_draft_to_certificate(self, admin: Visitor, reviewer: Visitor, scene: Scene):
        address = await submitted(admin, scene)
        waiting = (await reviewer.get("/overview/todo", part=True)).text
        assert "件许可申请待受理" in waiting
        seen = (await reviewer.get(address, part=True)).text
        assert "受理</button>" in seen
        paper = re.findall(rf'href="({address}/papers/[0-9a-f]{{32}})"', seen)[0]
        assert (await reviewer.get(paper)).content == PDF
        returned = await reviewer.post(f"{address}/review/return", {"reason": "缺安全评价报告"})
        assert "已退回" in returned.text
        assert "件许可申请被退回" in (await admin.get("/overview/todo", part=True)).text
        assert "缺安全评价报告" in (await admin.get(address, part=True)).text
        assert "待受理" in (await admin.post(address, form(scene, then="submit"))).text
        assert "审核中" in (await reviewer.post(f"{address}/review/accept")).text
        given = {"number": "JL-NEW-1", "issued_on": in_days(0), "expires_on": in_days(1000)}
        assert "准予许可" in (await reviewer.post(f"{address}/review/approve", given)).text
        assert "JL-NEW-1" in (await admin.get("/ledgers/certificates/found", part=True, search="JL-NEW-1")).text

    async def test_what_is_missing_is_told_and_stays_a_draft(self, admin: Visitor, scene: Scene):
        address = await draft(admin, scene)
        answer = await admin.post(address, form(scene, statement="", then="submit"))
        assert answer.status_code == 422
        assert "还缺：申请说明、附件" in answer.text
        assert "草稿" in (await admin.get(address, part=True)).text

    async def test_decision_needs_its_reason(self, admin: Visitor, reviewer: Visitor, scene: Scene):
        address = await submitted(admin, scene)
        assert (await reviewer.post(f"{address}/review/refuse", {"reason": ""})).status_code == 422
        assert "不予许可" in (await reviewer.post(f"{address}/review/refuse", {"reason": "不符"})).text


class TestEnglish:
    async def test_pages_hold_no_chinese_of_their_own(self, admin: Visitor, scene: Scene):
        address = await draft(admin, scene)
        headers = {"Cookie": f"{COOKIE}={admin.cookie}; qixun_language=en", "HX-Request": "true"}
        for path in (address, f"{LIST}/new"):
            text = (await admin.client.get(path, headers=headers)).text
            for name in (scene.company.company.name, scene.admin.name):
                text = text.replace(name, "")
            assert re.findall(r"[一-鿿]+", re.sub(r"<option.*?</option>", "", text)) == []
