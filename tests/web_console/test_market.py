"""The public's page without a sign-in, and the market inspector's."""

from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select

from backend.accounts.models import Organisation, Staff
from backend.app import create_app
from backend.cylinders.models import Cylinder
from backend.db import Database
from backend.settings import Settings
from tests.factories.accounts import Company, make_staff
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene
from web_console.router import router


@pytest.fixture(scope="session")
async def cylinder(town: Database, scene: Scene) -> Cylinder:
    async with town.sessions() as session:
        found = await session.scalars(select(Cylinder).where(Cylinder.scrapped.is_(True)).limit(1))
        return found.one()


@pytest.fixture(scope="session")
async def inspector(town: Database, scene: Scene, as_staff: Any) -> Visitor:
    async with town.sessions() as session, session.begin():
        admin = await session.get(Staff, scene.admin.id)
        company = await session.get(Organisation, admin.company_id)
        county = await session.get(Organisation, company.parent_id)
        unit = await session.get(Organisation, admin.organisation_id)
        staff = await make_staff(
            session, Company(county, company, unit, unit), roles=["market_inspector"], on=county, name="演示-市监员"
        )
    return await as_staff(staff)


class TestPublicPage:
    @pytest.mark.requirement("E5.8.4-5")
    async def test_anybody_reads_it_without_signing_in(self, console: AsyncTestClient[Any], cylinder: Cylinder) -> None:
        answer = await console.get(f"/c/{cylinder.public_token}", headers={"Cookie": ""})
        assert answer.status_code == 200
        for words in (cylinder.code, cylinder.manufacturer, "严禁使用", "气瓶已报废"):
            assert words in answer.text
        assert "noindex" in answer.headers["x-robots-tag"]

    async def test_it_speaks_english(self, console: AsyncTestClient[Any], cylinder: Cylinder) -> None:
        answer = await console.get(f"/c/{cylinder.public_token}", headers={"Cookie": "qixun_language=en"})
        assert "Never use" in answer.text

    async def test_a_number_instead_of_a_code_says_what_to_do(
        self, console: AsyncTestClient[Any], cylinder: Cylinder
    ) -> None:
        for wrong in (cylinder.code, "0" * 24):
            answer = await console.get(f"/c/{wrong}", headers={"Cookie": ""})
            assert answer.status_code == 404
            assert "没有这个查询码" in answer.text
            assert cylinder.manufacturer not in answer.text

    async def test_too_many_from_one_address_are_stopped(
        self, town_settings: Settings, scene: Scene, cylinder: Cylinder
    ) -> None:
        few = msgspec.structs.replace(town_settings, public_scans_each=0)
        async with AsyncTestClient(create_app(few, route_handlers=[router])) as client:
            answer = await client.get(f"/c/{cylinder.public_token}")
        assert answer.status_code == 429
        assert "查询过于频繁" in answer.text


class TestMarket:
    async def test_the_company_s_own_people_do_not_see_it(self, admin: Visitor) -> None:
        assert (await admin.get("/market")).status_code == 403
        assert (await admin.post("/market", {"read": "x"})).status_code == 403

    @pytest.mark.requirement("E5.8.4-6")
    async def test_an_inspector_is_told_a_black_cylinder_and_finds_it_in_the_list(
        self, inspector: Visitor, cylinder: Cylinder
    ) -> None:
        page = f"https://gas.example.cn/c/{cylinder.public_token}"
        answer = await inspector.post("/market", {"read": page, "lon": "126.5", "lat": "43.8", "accuracy_m": "8"})
        assert answer.status_code == 303
        shown = (await inspector.get(answer.headers["location"])).text
        for words in ("黑气瓶", "气瓶已报废", cylinder.code, "126.50000, 43.80000"):
            assert words in shown
        assert cylinder.code in (await inspector.get("/market", verdict="black")).text

    async def test_a_form_without_the_session_s_token_is_refused(self, inspector: Visitor) -> None:
        assert (await inspector.post("/market", {"read": "x"}, csrf=False)).status_code == 403
