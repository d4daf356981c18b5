"""A scrapped cylinder is out of use for good, and its tag and code with it."""

from datetime import timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import CylinderOut
from backend.errors import AppError
from backend.intake.models import OutboxDocument
from sync.databases import beijing_today
from sync.documents import decode_backend
from tests.factories.accounts import bearer, make_staff
from tests.factories.deliveries import Station, cylinder_in, make_cylinder, make_station

TAG = "04:5E:A1:77"
_SCRAP = {"reason": "damaged", "scrapped_on": "2026-01-05", "document": "报废证-7"}


async def _answer(client: AsyncTestClient[Any], session: AsyncSession, station: Station, role: str) -> dict[str, str]:
    return bearer(client, await make_staff(session, station.company, roles=[role]))


async def _scrapped(client: AsyncTestClient[Any], session: AsyncSession, station: Station) -> CylinderOut:
    made = await make_cylinder(session, station, "35-1", tag_uid=TAG)
    keeper = await _answer(client, session, station, "station_keeper")
    answer = await client.post(f"/api/cylinders/{made.cylinder.id}/scrap", headers=keeper, json=_SCRAP)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["cylinder"]["state"], answer.json()["allowed"]) == ("scrapped", False)
    return made


class TestScrap:
    async def test_a_dispatcher_and_another_companys_keeper_may_not(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        path = f"/api/cylinders/{made.cylinder.id}/scrap"
        assert (await client.post(path, headers=bearer(client, station.dispatcher), json=_SCRAP)).status_code == 403
        other = await _answer(client, session, await make_station(session), "station_keeper")
        assert (await client.post(path, headers=other, json=_SCRAP)).status_code == 404

    async def test_it_leaves_the_stock_and_phones_are_told(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await _scrapped(client, session, station)
        shown = await cylinders.find_cylinder(session, station.caller, made.cylinder.id)
        assert shown.cylinder.holder_kind == "scrapped"
        assert [(move.kind, move.method, move.detail) for move in shown.chain] == [("scrapped", "office", "报废证-7")]
        query = select(OutboxDocument).where(OutboxDocument.doc_id == f"reference.cylinder:{made.cylinder.id}")
        row = (await session.scalars(query.execution_options(populate_existing=True))).one()
        assert row.body is not None
        assert decode_backend(row.doc_id, row.body).scrapped  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"reason": "because"}, "scrapping.reason"),
            ({"scrapped_on": (beijing_today() + timedelta(days=3)).isoformat()}, "scrapping.future"),
        ],
    )
    async def test_a_reason_of_the_list_and_a_day_that_was_are_needed(
        self, client: AsyncTestClient[Any], session: AsyncSession, given: dict[str, str], code: str
    ) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        keeper = await _answer(client, session, station, "station_keeper")
        answer = await client.post(f"/api/cylinders/{made.cylinder.id}/scrap", headers=keeper, json=_SCRAP | given)
        assert (answer.status_code, answer.json()["code"]) == (422, code)

    async def test_ticking_a_box_in_the_archive_is_no_scrapping(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        with pytest.raises(AppError) as refused:
            await cylinders.change_cylinder(
                session, station.caller, made.cylinder.id, cylinder_in(station, "35-1", scrapped=True)
            )
        assert refused.value.code == "cylinder.scrap_apart"

    async def test_its_archive_is_closed(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        made = await _scrapped(client, session, station)
        with pytest.raises(AppError) as refused:
            await cylinders.change_cylinder(session, station.caller, made.cylinder.id, cylinder_in(station, "35-1"))
        assert refused.value.code == "cylinder.scrapped"


class TestDeadTag:
    @pytest.mark.requirement("E5.8.6-3", "5.8.6-4b")
    @pytest.mark.parametrize("written", [TAG, "04-5e-a1-77", "045EA177"])
    async def test_a_scrapped_cylinders_tag_and_code_are_never_registered_again(
        self, client: AsyncTestClient[Any], session: AsyncSession, written: str
    ) -> None:
        station = await make_station(session)
        await _scrapped(client, session, station)
        with pytest.raises(AppError) as tag:
            await make_cylinder(session, station, "35-2", tag_uid=written)
        with pytest.raises(AppError) as code:
            await make_cylinder(session, station, "35-1")
        assert (tag.value.code, code.value.code) == ("cylinder.tag_dead", "cylinder.code_taken")
        living = await make_cylinder(session, station, "35-3", tag_uid="04:00:00:01")
        with pytest.raises(AppError) as moved:
            await cylinders.change_cylinder(
                session, station.caller, living.cylinder.id, cylinder_in(station, "35-3", tag_uid=written)
            )
        assert moved.value.code == "cylinder.tag_dead"

    @pytest.mark.requirement("5.8.6-4b")
    async def test_nor_by_another_company(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        await _scrapped(client, session, await make_station(session))
        with pytest.raises(AppError) as refused:
            await make_cylinder(session, await make_station(session), "9-1", tag_uid=TAG)
        assert refused.value.code == "cylinder.tag_dead"

    @pytest.mark.requirement("5.8.6-4b")
    async def test_a_tag_that_was_taken_off_never_goes_to_another_cylinder_nor_back(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1", tag_uid=TAG)
        await cylinders.change_cylinder(
            session, station.caller, made.cylinder.id, cylinder_in(station, "35-1", tag_uid="04:AA")
        )
        with pytest.raises(AppError) as back:
            await cylinders.change_cylinder(
                session, station.caller, made.cylinder.id, cylinder_in(station, "35-1", tag_uid=TAG)
            )
        with pytest.raises(AppError) as other:
            await make_cylinder(session, station, "35-2", tag_uid=TAG)
        assert [each.value.facts["reason"] for each in (back, other)] == ["replaced", "replaced"]


class TestUndo:
    async def test_a_station_keeper_may_not(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        made = await _scrapped(client, session, station)
        keeper = await _answer(client, session, station, "station_keeper")
        path = f"/api/cylinders/{made.cylinder.id}/undo-scrapping"
        assert (await client.post(path, headers=keeper, json={"reason": "登记错了"})).status_code == 403

    @pytest.mark.requirement("E5.8.6-3")
    async def test_an_administrator_takes_it_back_with_his_reason_and_the_tag_stays_dead(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await _scrapped(client, session, station)
        admin = await _answer(client, session, station, "company_admin")
        path = f"/api/cylinders/{made.cylinder.id}/undo-scrapping"
        assert (await client.post(path, headers=admin, json={"reason": ""})).status_code == 400
        answer = await client.post(path, headers=admin, json={"reason": "登记错了气瓶"})
        assert answer.status_code == 201, answer.text
        shown = answer.json()["cylinder"]
        assert (shown["state"], shown["tag_uid"], shown["holder_kind"]) == ("normal", "", "station")
        # What had been recorded stays in sight.
        assert [move["kind"] for move in answer.json()["chain"]] == ["scrapped"]
        with pytest.raises(AppError) as back:
            await cylinders.change_cylinder(
                session, station.caller, made.cylinder.id, cylinder_in(station, "35-1", tag_uid=TAG)
            )
        with pytest.raises(AppError) as other:
            await make_cylinder(session, station, "35-2", tag_uid=TAG)
        assert [each.value.code for each in (back, other)] == ["cylinder.tag_dead", "cylinder.tag_dead"]
        written = await session.scalar(select(AuditEntry).where(AuditEntry.action == "cylinder.scrapping_undone"))
        assert written is not None
        assert written.facts == {"code": "35-1", "reason": "登记错了气瓶", "dead_tag": TAG}
        past = (await client.get(f"/api/cylinders/{made.cylinder.id}/scrappings", headers=admin)).json()
        assert [(each["reason"], each["undone_reason"]) for each in past] == [("damaged", "登记错了气瓶")]
