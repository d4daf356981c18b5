"""A market inspector looks at a cylinder: a black one is told, the scan is a fact of his county."""

from datetime import date
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Organisation
from backend.audit import AuditEntry
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import ScrapIn
from tests.factories.accounts import bearer, make_staff
from tests.factories.deliveries import Station, make_cylinder, make_station

PATH = "/api/market-scans"
UID = "04A1B2C3D4E5F6"


async def inspector(client: Any, session: AsyncSession, station: Station) -> dict[str, str]:
    county = await session.get(Organisation, station.company.company.parent_id)
    staff = await make_staff(session, station.company, roles=["market_inspector"], on=county)
    return bearer(client, staff)


async def scanned(client: Any, headers: dict[str, str], **given: Any) -> dict[str, Any]:
    answer = await client.post(PATH, headers=headers, json=given)
    assert answer.status_code == 201, answer.text
    return answer.json()


class TestScan:
    async def test_nobody_else_may(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        assert (await client.post(PATH, json={"read": "x"})).status_code == 401
        for role in ("dispatcher", "company_admin", "driver"):
            staff = await make_staff(session, station.company, roles=[role])
            answer = await client.post(PATH, headers=bearer(client, staff), json={"read": "x"})
            assert answer.status_code == 403, role
            assert (await client.get(PATH, headers=bearer(client, staff))).status_code == 403, role

    @pytest.mark.requirement("E5.8.4-6")
    @pytest.mark.parametrize(
        ("fields", "given", "reasons"),
        [
            ({}, {"read": "35-1"}, []),
            ({}, {"read": "XX-9"}, ["unknown_cylinder"]),
            ({"owned": False}, {"read": "35-1"}, ["not_owned"]),
            ({"next_inspection_on": date(2020, 1, 1)}, {"read": "35-1"}, ["inspection_overdue"]),
            ({"tag_uid": UID}, {"read": "35-1", "tag_uid": UID}, []),
            ({"tag_uid": UID}, {"read": "35-1", "tag_uid": "04FFFFFFFFFFFF"}, ["tag_mismatch"]),
            ({"tag_uid": UID}, {"tag_uid": "04:a1:b2:c3:d4:e5:f6"}, []),
            ({}, {"read": "35-1", "stamped": "35-2"}, ["tag_moved"]),
        ],
    )
    async def test_a_black_cylinder_is_told_from_a_good_one(
        self,
        client: AsyncTestClient[Any],
        session: AsyncSession,
        fields: dict[str, Any],
        given: dict[str, str],
        reasons: list[str],
    ) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1", **fields)
        found = await scanned(client, await inspector(client, session, station), **given)
        assert [reason["code"] for reason in found["reasons"]] == reasons
        assert found["verdict"] == ("black" if reasons else "good")

    @pytest.mark.requirement("E5.8.4-6")
    async def test_a_scrapped_one_by_its_public_page_s_address(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        await cylinders.scrap_cylinder(
            session, station.caller, made.cylinder.id, ScrapIn(reason="damaged", scrapped_on=date(2026, 1, 5))
        )
        (face,) = await cylinders.find_faces(session, station.caller, names=["35-1"])
        page = f"https://gas.example.cn/c/{face.document.public_token}"
        found = await scanned(client, await inspector(client, session, station), read=page)
        assert (found["code"], found["verdict"], [r["code"] for r in found["reasons"]]) == (
            "35-1",
            "black",
            ["scrapped"],
        )

    async def test_another_county_s_cylinder_is_unknown_here(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station, elsewhere = await make_station(session), await make_station(session)
        await make_cylinder(session, elsewhere, "35-7")
        found = await scanned(client, await inspector(client, session, station), read="35-7")
        assert (found["code"], [r["code"] for r in found["reasons"]]) == ("", ["unknown_cylinder"])

    async def test_the_scan_is_kept_with_its_place_and_audited(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station, elsewhere = await make_station(session), await make_station(session)
        headers = await inspector(client, session, station)
        await scanned(client, headers, read="XX-9", lon=126.5, lat=43.8, accuracy_m=6.5, note="路边店")
        (kept,) = (await client.get(PATH, headers=headers)).json()["items"]
        assert (kept["lon"], kept["lat"], kept["accuracy_m"], kept["note"]) == (126.5, 43.8, 6.5, "路边店")
        other = await inspector(client, session, elsewhere)
        assert (await client.get(PATH, headers=other)).json()["items"] == []
        actions = await session.scalars(select(AuditEntry.action).where(AuditEntry.action == "market.scanned"))
        assert actions.all() == ["market.scanned"]

    @pytest.mark.parametrize("given", [{}, {"read": "  "}])
    async def test_nothing_scanned_is_refused(
        self, client: AsyncTestClient[Any], session: AsyncSession, given: dict[str, str]
    ) -> None:
        station = await make_station(session)
        answer = await client.post(PATH, headers=await inspector(client, session, station), json=given)
        assert (answer.status_code, answer.json()["code"]) == (422, "market.nothing")
