"""Fillings and refusals over HTTP: who may, what is shown, what the office does."""

import io
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.filling import service as filling
from backend.intake.models import Conflict
from tests.backend.filling.test_intake import MINUTE, fill
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.filling import FillingStation, checked_after, checked_before, make_fillable, make_filling_station
from tests.factories.taken import MORNING, take

Client = AsyncTestClient[Any]


async def filled_once(session: AsyncSession) -> tuple[FillingStation, str]:
    station = await make_filling_station(session)
    await make_fillable(session, station, "35-1")
    done = await fill(session, station, "35-1")
    after = checked_after(station, "35-1", done)
    await take(session, station.company, station.filler, after, at=MORNING + 2 * MINUTE)
    return station, done


class TestWhoMay:
    @pytest.mark.parametrize("path", ["", "/refusals", "/export.csv", "/export.xlsx", "/x"])
    async def test_nobody_without_the_right(self, client: Client, session: AsyncSession, path: str) -> None:
        station = await make_filling_station(session)
        assert (await client.get(f"/api/fillings{path}")).status_code == 401
        answer = await client.get(f"/api/fillings{path}", headers=bearer(client, station.filler))
        assert answer.status_code == 403

    async def test_another_company_sees_and_changes_nothing(self, client: Client, session: AsyncSession) -> None:
        station, done = await filled_once(session)
        refused = checked_before(station, "35-1", reasons=("not_owned",))
        await take(session, station.company, station.filler, refused)
        stranger = await make_staff(session, await make_company(session), roles=["company_admin"])
        headers = bearer(client, stranger)
        for path in ("", "/refusals"):
            assert (await client.get(f"/api/fillings{path}", headers=headers)).json()["total"] == 0
        assert (await client.get(f"/api/fillings/{done}", headers=headers)).status_code == 404
        withdrawn = await client.post(f"/api/fillings/{done}/withdraw", headers=headers, json={"reason": "x"})
        handled = await client.post(
            f"/api/fillings/refusals/{refused.id}/handle", headers=headers, json={"action": "owner"}
        )
        assert (withdrawn.status_code, handled.status_code) == (404, 404)

    async def test_who_may_only_look_changes_nothing(self, client: Client, session: AsyncSession) -> None:
        station, done = await filled_once(session)
        headers = bearer(client, await make_staff(session, station.company, roles=["dispatcher"]))
        answer = await client.post(f"/api/fillings/{done}/withdraw", headers=headers, json={"reason": "x"})
        assert answer.status_code == 403


class TestList:
    @pytest.mark.requirement("E5.8.8-3")
    async def test_every_field_of_a_filling_is_there(self, client: Client, session: AsyncSession) -> None:
        """气瓶条码, 充装单位, 检验单位, 枪号, 总重, 净含量, 介质, 末次充装, 充装人员工号."""
        station = await make_filling_station(session)
        await make_fillable(session, station, "35-1")
        await fill(session, station, "35-1", filled_on="20261020", at=MORNING.replace(month=10))
        await fill(session, station, "35-1")
        headers = bearer(client, station.keeper)
        newest, oldest = (await client.get("/api/fillings", headers=headers)).json()["items"]
        wanted = {
            "code": "35-1",
            "filling_company": "松河演示燃气有限公司",
            "inspection_company": "演示检验站",
            "gun_number": "3",
            "gross_kg": 31.0,
            "net_kg": 14.5,
            "medium": "LPG",
            "last_filled_on": "20261020",
            "filler_number": station.filler.staff_number,
        }
        assert {name: newest[name] for name in wanted} == wanted
        assert oldest["last_filled_on"] == ""

    @pytest.mark.requirement("E5.8.8-4")
    async def test_the_day_is_written_as_yyyymmdd(self, client: Client, session: AsyncSession) -> None:
        station, done = await filled_once(session)
        headers = bearer(client, station.keeper)
        found = (await client.get(f"/api/fillings/{done}", headers=headers)).json()
        assert found["filling"]["filled_on"] == "20261123"
        csv = (await client.get("/api/fillings/export.csv", headers=headers)).content.decode("utf-8-sig")
        assert ",20261123," in csv
        workbook = (await client.get("/api/fillings/export.xlsx", headers=headers)).content
        heads, row = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()
        assert row[heads.index("充装日期")] == "20261123"

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("since=2026-11-23&until=2026-11-23", 1),
            ("since=2026-11-24", 0),
            ("search=35-", 1),
            ("search=99", 0),
            ("state=passed", 1),
            ("state=overfilled", 0),
            ("gun_number=3", 1),
            ("doubted=true", 0),
            ("withdrawn=true", 0),
        ],
    )
    async def test_filters(self, client: Client, session: AsyncSession, query: str, found: int) -> None:
        station, _ = await filled_once(session)
        answer = await client.get(f"/api/fillings?{query}", headers=bearer(client, station.keeper))
        assert answer.json()["total"] == found


class TestWithdraw:
    async def test_it_counts_no_more_and_moves_nothing_with_its_audit_row(
        self, client: Client, session: AsyncSession
    ) -> None:
        station, done = await filled_once(session)
        await fill(session, station, "35-1", at=MORNING + 10 * MINUTE)
        headers = bearer(client, station.keeper)
        answer = await client.post(f"/api/fillings/{done}/withdraw", headers=headers, json={"reason": "重复录入"})
        assert (answer.status_code, answer.json()["filling"]["withdrawn_reason"]) == (200, "重复录入")
        again = await client.post(f"/api/fillings/{done}/withdraw", headers=headers, json={"reason": "x"})
        assert (again.status_code, again.json()["code"]) == (409, "filling.gone")
        assert (await client.get("/api/fillings", headers=headers)).json()["total"] == 1
        assert (await session.scalars(select(Conflict.kind))).all() == []
        entry = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "filling.withdrawn"))).one()
        assert (entry.subject_id, entry.facts["reason"], entry.actor_id) == (done, "重复录入", station.keeper.id)

    async def test_a_reason_is_needed(self, client: Client, session: AsyncSession) -> None:
        station, done = await filled_once(session)
        url, headers = f"/api/fillings/{done}/withdraw", bearer(client, station.keeper)
        assert (await client.post(url, headers=headers, json={"reason": ""})).status_code == 400


class TestHandle:
    @pytest.mark.requirement("5.8.8-2c")
    async def test_what_was_done_is_kept_with_who_and_when(self, client: Client, session: AsyncSession) -> None:
        station = await make_filling_station(session)
        refused = checked_before(station, "35-1", reasons=("inspection_overdue",))
        await take(session, station.company, station.filler, refused)
        headers = bearer(client, station.keeper)
        (line,) = (await client.get("/api/fillings/refusals?handled=false", headers=headers)).json()["items"]
        assert (line["code"], line["reasons"]) == ("35-1", ["inspection_overdue"])
        url = f"/api/fillings/refusals/{line['id']}/handle"
        body = {"action": "inspection", "handling": "送松河检验站，单号 7"}
        done = await client.post(url, headers=headers, json=body)
        assert done.status_code == 200, done.text
        assert (done.json()["action"], done.json()["handled_by_name"]) == ("inspection", "演示-冯站长")
        assert (await filling.count_unhandled(session, station.caller)) == 0
        again = await client.post(url, headers=headers, json=body)
        assert (again.status_code, again.json()["code"]) == (409, "refusal.handled")
        entry = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "refusal.handled"))).one()
        assert entry.facts == {"code": "35-1", **body}

    @pytest.mark.parametrize(
        ("body", "code"), [({"action": "burnt"}, "refusal.action"), ({"action": "other"}, "refusal.words")]
    )
    async def test_it_must_be_of_the_list_and_other_needs_words(
        self, client: Client, session: AsyncSession, body: dict[str, str], code: str
    ) -> None:
        station = await make_filling_station(session)
        refused = checked_before(station, "35-1", reasons=("not_owned",))
        await take(session, station.company, station.filler, refused)
        url = f"/api/fillings/refusals/{refused.id}/handle"
        answer = await client.post(url, headers=bearer(client, station.keeper), json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
