"""待核实 and 问题单 over HTTP: who may look, and what the office can do."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import StaffUnit
from backend.audit import AuditEntry
from backend.intake import service
from backend.intake.models import Fact, OutboxDocument, QuarantinedDocument
from backend.intake.rules import Arrived
from backend.intake.running import setup_of
from backend.intake.taking import take_batch
from backend.settings import Settings
from sync.databases import DatabaseName
from sync.documents.envelope import Record, encode_body
from sync.documents.receipts import ReceiptEntry
from tests.factories import records
from tests.factories.accounts import Company, bearer, make_company, make_device, make_staff


class Office(msgspec.Struct):
    """A company with a record held back, and a dispatcher who reviews."""

    company: Company
    dispatcher: dict[str, str]
    inspector: dict[str, str]
    stranger: dict[str, str]
    record: Record
    held: str


@pytest.fixture
async def office(client: AsyncTestClient[Litestar], session: AsyncSession, settings: Settings) -> Office:
    company, other = await make_company(session), await make_company(session)
    dispatcher = await make_staff(session, company, roles=["dispatcher"])
    stranger = await make_staff(session, other, roles=["dispatcher"])
    inspector = await make_staff(session, company, roles=["inspector"])
    device = await make_device(session, inspector)
    record = records.patrol_started(
        staff_id=inspector.id, device_id=device.id, unit_id=company.other_unit.id, note="他单位"
    )
    database = DatabaseName("user", inspector.id, "20264")
    arrived = Arrived(id=record.id, rev="1-a", seq="1", body=encode_body(record))
    setup = setup_of(settings, client.app.state.signing_keys)
    await take_batch(session, database, [arrived], setup, received_at=datetime.now(UTC))
    held = await session.scalar(select(QuarantinedDocument.id).where(QuarantinedDocument.doc_id == record.id))
    assert held is not None
    return Office(
        company, bearer(client, dispatcher), bearer(client, inspector), bearer(client, stranger), record, held
    )


async def last_answer(session: AsyncSession, record_id: str) -> ReceiptEntry:
    bodies = await session.scalars(
        select(OutboxDocument.body).where(OutboxDocument.doc_id.startswith("receipt:")).order_by(OutboxDocument.doc_id)
    )
    entries: list[Any] = [entry for body in bodies for entry in msgspec.json.decode(body or b"")["entries"]]
    return msgspec.convert([e for e in entries if e["record_id"] == record_id][-1], ReceiptEntry)


class TestListQuarantined:
    async def test_an_inspector_may_not(self, client: AsyncTestClient[Litestar], office: Office) -> None:
        answer = await client.get("/api/quarantine", headers=office.inspector)
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")

    async def test_another_company_sees_nothing(self, client: AsyncTestClient[Litestar], office: Office) -> None:
        assert (await client.get("/api/quarantine", headers=office.stranger)).json() == {"items": [], "total": 0}
        answer = await client.get(f"/api/quarantine/{office.held}", headers=office.stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "quarantine.missing")

    async def test_the_office_sees_why(self, client: AsyncTestClient[Litestar], office: Office) -> None:
        (item,) = (await client.get("/api/quarantine", headers=office.dispatcher)).json()["items"]
        assert (item["id"], item["code"], item["reason"]) == (office.held, "wrong_unit", "记录人不属于该单位。")
        shown = (await client.get(f"/api/quarantine/{office.held}", headers=office.dispatcher)).json()
        assert shown["body"].encode() == encode_body(office.record)


class TestReplay:
    async def test_another_company_may_not(self, client: AsyncTestClient[Litestar], office: Office) -> None:
        answer = await client.post(f"/api/quarantine/{office.held}/replay", headers=office.stranger)
        assert answer.status_code == 404

    async def test_under_unchanged_rules_it_stays(self, client: AsyncTestClient[Litestar], office: Office) -> None:
        answer = await client.post(f"/api/quarantine/{office.held}/replay", headers=office.dispatcher)
        assert answer.json() == {"state": "open", "code": "wrong_unit"}

    async def test_taken_after_all_it_is_accepted_on_the_phone(
        self, client: AsyncTestClient[Litestar], office: Office, session: AsyncSession
    ) -> None:
        session.add(StaffUnit(staff_id=office.record.staff_id, unit_id=office.record.unit_id))
        await session.flush()
        answer = await client.post(f"/api/quarantine/{office.held}/replay", headers=office.dispatcher)
        assert answer.json() == {"state": "taken", "code": ""}
        fact = await session.get(Fact, office.record.id)
        assert fact is not None
        assert (await last_answer(session, office.record.id)).state == "accepted"
        again = await client.post(f"/api/quarantine/{office.held}/replay", headers=office.dispatcher)
        assert (again.status_code, again.json()["code"]) == (409, "quarantine.settled")
        actions = await session.scalars(select(AuditEntry.action).where(AuditEntry.subject_id == office.held))
        assert set(actions) == {"record.quarantined", "record.replayed"}


class TestDismiss:
    async def test_without_a_reason_it_is_not_dismissed(
        self, client: AsyncTestClient[Litestar], office: Office
    ) -> None:
        url = f"/api/quarantine/{office.held}/dismiss"
        answer = await client.post(url, headers=office.dispatcher, json={"reason": " "})
        assert (answer.status_code, answer.json()["code"]) == (422, "quarantine.reason_needed")

    async def test_the_phone_is_told_and_the_bytes_stay(
        self, client: AsyncTestClient[Litestar], office: Office, session: AsyncSession
    ) -> None:
        url = f"/api/quarantine/{office.held}/dismiss"
        answer = await client.post(url, headers=office.dispatcher, json={"reason": "重复填报"})
        assert answer.status_code == 204
        assert (await last_answer(session, office.record.id)).code == "dismissed"
        listed = await client.get("/api/quarantine?state=dismissed", headers=office.dispatcher)
        (item,) = listed.json()["items"]
        assert item["settled_reason"] == "重复填报"
        shown = await client.get(f"/api/quarantine/{office.held}", headers=office.dispatcher)
        assert shown.json()["body"].encode() == encode_body(office.record)


class TestConflicts:
    async def test_an_inspector_may_not(self, client: AsyncTestClient[Litestar], office: Office) -> None:
        assert (await client.get("/api/conflicts", headers=office.inspector)).status_code == 403

    async def test_the_same_contradiction_is_opened_once_and_settled_once(
        self, client: AsyncTestClient[Litestar], office: Office, session: AsyncSession
    ) -> None:
        unit = office.company.unit.id
        first = await service.open_conflict(session, unit, "cylinder.delivered_twice", ["b", "a"], {"code": "吉A0001"})
        assert first == await service.open_conflict(session, unit, "cylinder.delivered_twice", ["a", "b"], {})
        assert (await client.get("/api/conflicts", headers=office.stranger)).json()["total"] == 0
        (item,) = (await client.get("/api/conflicts", headers=office.dispatcher)).json()["items"]
        assert (item["id"], item["record_ids"]) == (first, ["a", "b"])
        url = f"/api/conflicts/{first}/settle"
        assert (await client.post(url, headers=office.stranger, json={"reason": "x"})).status_code == 404
        settled = await client.post(url, headers=office.dispatcher, json={"reason": "以扫码为准"})
        assert (settled.json()["state"], settled.json()["settlement"]) == ("settled", "以扫码为准")
        again = await client.post(url, headers=office.dispatcher, json={"reason": "x"})
        assert (again.status_code, again.json()["code"]) == (409, "conflict.settled")

    async def test_one_kind_is_found_among_many(
        self, client: AsyncTestClient[Litestar], office: Office, session: AsyncSession
    ) -> None:
        for kind in ("cylinder.delivered_twice", "task.withdrawn"):
            await service.open_conflict(session, office.company.unit.id, kind, ["a", "b"], {})
        found = await client.get("/api/conflicts?kind=task.withdrawn", headers=office.dispatcher)
        assert [one["kind"] for one in found.json()["items"]] == ["task.withdrawn"]


class TestReopen:
    async def test_a_dismissal_taken_back_tells_the_phone_the_first_reason(
        self, client: AsyncTestClient[Litestar], office: Office, session: AsyncSession
    ) -> None:
        one = f"/api/quarantine/{office.held}"
        early = await client.post(f"{one}/reopen", headers=office.dispatcher)
        assert (early.status_code, early.json()["code"]) == (409, "quarantine.not_dismissed")
        await client.post(f"{one}/dismiss", headers=office.dispatcher, json={"reason": "点错了"})
        assert (await client.post(f"{one}/reopen", headers=office.stranger)).status_code == 404
        assert (await client.post(f"{one}/reopen", headers=office.dispatcher)).status_code == 204
        assert (await last_answer(session, office.record.id)).code == "wrong_unit"
        (item,) = (await client.get("/api/quarantine?code=wrong_unit", headers=office.dispatcher)).json()["items"]
        assert (item["state"], item["settled_reason"]) == ("open", "")
        elsewhere = await client.get("/api/quarantine?code=forged", headers=office.dispatcher)
        assert elsewhere.json()["total"] == 0

    async def test_a_settlement_taken_back_is_in_the_inbox_and_in_the_audit(
        self, client: AsyncTestClient[Litestar], office: Office, session: AsyncSession
    ) -> None:
        made = await service.open_conflict(session, office.company.unit.id, "task.withdrawn", ["a", "b"], {})
        one = f"/api/conflicts/{made}"
        assert (await client.post(f"{one}/reopen", headers=office.dispatcher)).json()["code"] == "conflict.open"
        await client.post(f"{one}/settle", headers=office.dispatcher, json={"reason": "写错了"})
        assert (await client.post(f"{one}/reopen", headers=office.stranger)).status_code == 404
        assert (await client.post(f"{one}/reopen", headers=office.dispatcher)).status_code == 204
        assert (await client.get("/api/conflicts", headers=office.dispatcher)).json()["total"] == 1
        entry = await session.scalar(select(AuditEntry).where(AuditEntry.action == "conflict.reopened"))
        assert entry is not None
        assert entry.facts["settlement"] == "写错了"
