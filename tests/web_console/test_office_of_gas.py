"""The telephone's end, the tags' key, the report form; and what the company asks for from a day on."""

import re
from typing import Any

import pytest
from sqlalchemy import func, select, update

from backend.accounts import rules
from backend.audit import AuditEntry
from backend.customers.models import Customer
from backend.cylinders.models import Cylinder
from backend.db import Database
from tests.factories.accounts import make_device, make_staff
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene


@pytest.fixture(scope="session")
async def at_customer(town: Database, scene: Scene) -> tuple[str, str]:
    """A cylinder that stands at a customer's, and the end of his telephone."""
    async with town.sessions() as session, session.begin():
        found = await session.execute(
            select(Cylinder.code, Customer.id)
            .join(Customer, Customer.id == Cylinder.holder_id)
            .where(Cylinder.holder_kind == "customer", Customer.state == "active")
            .limit(1)
        )
        row = found.first()
        if row is None:
            customer_id = await session.scalar(select(Customer.id).where(Customer.state == "active").limit(1))
            own = select(Cylinder.id).where(Cylinder.holder_kind == "station").limit(1).scalar_subquery()
            moved = update(Cylinder).where(Cylinder.id == own)
            await session.execute(moved.values(holder_kind="customer", holder_id=customer_id))
            code = await session.scalar(select(Cylinder.code).where(Cylinder.holder_id == customer_id))
            row = (code, customer_id)
        await session.execute(update(Customer).where(Customer.id == row[1]).values(phone_last4="9731"))
        return str(row[0]), "9731"


async def searches(town: Database) -> int:
    async with town.sessions() as session:
        wanted = select(func.count(AuditEntry.id)).where(AuditEntry.action == "customer.phone_searched")
        return await session.scalar(wanted) or 0


class TestSearchByPhone:
    async def test_who_may_not_see_customers_finds_nothing_by_it(
        self, town: Database, scene: Scene, as_staff: Any, at_customer: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(
            rules.ROLES, "cylinders_only", rules.Role("只看气瓶", "Cylinders only", frozenset({"cylinder.view"}))
        )
        async with town.sessions() as session, session.begin():
            staff = await make_staff(session, scene.company, roles=["cylinders_only"], name="演示-看瓶员")
        visitor = await as_staff(staff)
        before = await searches(town)
        text = (await visitor.get("/cylinders", q=at_customer[1])).text
        assert at_customer[0] not in text
        assert "尾号" not in text
        assert await searches(town) == before

    async def test_another_company_finds_none_of_ours(self, neighbour: Visitor, at_customer: tuple[str, str]) -> None:
        assert at_customer[0] not in (await neighbour.get("/cylinders", q=at_customer[1])).text

    async def test_the_last_four_digits_find_what_stands_there_and_the_audit_tells_who_asked(
        self, admin: Visitor, town: Database, at_customer: tuple[str, str]
    ) -> None:
        code, last4 = at_customer
        before = await searches(town)
        assert code in (await admin.get("/cylinders", q=last4)).text
        assert await searches(town) == before + 1
        for less in (last4[:3], last4 + "0", f"{last4[:3]}%"):
            assert code not in (await admin.get("/cylinders", q=less)).text
        assert await searches(town) == before + 1
        async with town.sessions() as session:
            told = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(20))).all()
        entry = next(each for each in told if each.action == "customer.phone_searched")
        assert entry.actor_id
        assert last4 not in str(entry.facts)


class TestTagKey:
    async def test_who_may_not_manage_devices_sees_no_key(self, stranger: Visitor) -> None:
        assert (await stranger.get("/devices/tag-key", part=True)).status_code == 403
        assert (await stranger.post("/devices/tag-key", {"number": "1"})).status_code == 403

    async def test_it_is_replaced_only_by_who_types_the_present_number_and_a_second_click_does_nothing(
        self, admin: Visitor
    ) -> None:
        text = (await admin.get("/devices/tag-key", part=True)).text
        assert "已写的标签不作废" in text
        (number,) = map(int, re.findall(r"第 (\d+) 号", text))
        wrong = await admin.post("/devices/tag-key", {"number": str(number + 1)})
        assert wrong.status_code == 422
        assert (await admin.post("/devices/tag-key", {"number": str(number)})).status_code == 204
        assert (await admin.post("/devices/tag-key", {"number": str(number)})).status_code == 422
        text = (await admin.get("/devices/tag-key", part=True)).text
        assert f"第 {number + 1} 号" in text
        assert "还没有用新密钥写过" in text


class TestReports:
    async def test_stranger_and_who_only_reads_make_none(self, stranger: Visitor) -> None:
        assert (await stranger.get("/statistics/reports", part=True)).status_code == 403
        assert (await stranger.post("/statistics/reports", {"span": "month"})).status_code == 403

    async def test_the_dispatcher_makes_one_and_it_stands_in_the_history(
        self, dispatcher: Visitor, scene: Scene, neighbour: Visitor
    ) -> None:
        assert "上报表" in (await dispatcher.get("/statistics")).text
        answer = await dispatcher.post("/statistics/reports", {"span": "month"})
        assert answer.status_code == 200, answer.text
        assert scene.dispatcher.name in answer.text
        (path, *_) = re.findall(r'href="(/statistics/reports/[0-9a-f]+)"', answer.text)
        assert (await dispatcher.get(path)).content.startswith(b"PK")
        assert (await neighbour.get(path)).status_code == 404


class TestDemands:
    async def test_what_the_company_asks_for_from_a_day_is_set_and_who_falls_short_is_named(
        self, admin: Visitor, town: Database, scene: Scene
    ) -> None:
        async with town.sessions() as session, session.begin():
            filler = await make_staff(session, scene.company, roles=["filler"], name="演示-无证充装")
            await make_device(session, filler)
        limits = {
            "company_name": "松河演示燃气有限公司",
            "leak_alarm_ppm": "500",
            "leak_emergency_ppm": "10000",
            "customer_required_fields": "name",
        }
        named = ("没有有效的防爆合格证", "演示-无证充装", "GB/T 32830.1）：")
        text = (await admin.get("/ledgers/certificates")).text
        assert not any(words in text for words in named)
        asked = {"tag_required_from": "2020-01-01", "explosion_proof_from": "2020-01-01"}
        assert (await admin.post("/settings", limits | asked)).status_code == 204
        text = (await admin.get("/ledgers/certificates")).text
        assert all(words in text for words in named)
        assert 'value="2020-01-01"' in (await admin.get("/settings")).text
        assert (await admin.post("/settings", limits)).status_code == 204
        assert "演示-无证充装" not in (await admin.get("/ledgers/certificates")).text

    @pytest.mark.requirement("5.8.6")
    async def test_the_office_lists_cylinders_without_a_tag(self, admin: Visitor, town: Database) -> None:
        async with town.sessions() as session, session.begin():
            plain = select(Cylinder.code).where(~Cylinder.scrapped).order_by(Cylinder.code)
            bare = await session.scalar(plain.where(Cylinder.tag_uid == "").limit(1))
            tagged = await session.scalar(plain.where(Cylinder.tag_uid != "").limit(1))
        text = (await admin.get("/cylinders", untagged="true")).text
        assert str(bare) in text
        assert tagged is None or f"<b>{tagged}</b>" not in text
