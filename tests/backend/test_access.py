"""Who gets in at all, who may do what at which level, and how soon a right is gone: clauses 4.5.4, 4.5.5, 5.9.3."""

import re
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.service.tokens import issue_access_token
from sync.documents.hazards import HazardReported
from tests.factories.accounts import PASSWORD, Company, bearer, make_company, make_staff
from tests.factories.patrol import Street, make_street
from tests.factories.taken import record, take

# What somebody needs before he is known; `signing-keys` are public halves.
OPEN = {"/api/sign-in", "/api/refresh", "/api/oauth/token", "/api/signing-keys"}


def requests_of(app: Litestar) -> list[tuple[str, str]]:
    """Every method and address of the API."""
    return [
        (method, re.sub(r"\{\w+:\w+\}", "x", route.path))
        for route in app.routes
        if route.path.startswith("/api/")
        for method in sorted(getattr(route, "methods", ()))
        if method not in {"OPTIONS", "HEAD"} and route.path not in OPEN
    ]


class TestNobodyUnknown:
    @pytest.mark.requirement("4.5.5a", "5.9.3c")
    async def test_every_address_of_the_api_asks_who_is_there(self, client: AsyncTestClient[Litestar]) -> None:
        asked = requests_of(client.app)
        assert len(asked) > 60
        answers = {(m, path): await client.request(m, path, json={}) for m, path in asked}
        assert {each: answer.status_code for each, answer in answers.items() if answer.status_code != 401} == {}
        assert {answer.json()["code"] for answer in answers.values()} == {"sign_in.needed"}

    @pytest.mark.requirement("4.5.5a", "5.9.3c")
    async def test_and_an_expired_or_foreign_token_opens_none_of_them(
        self, client: AsyncTestClient[Litestar], session: AsyncSession
    ) -> None:
        staff = await make_staff(session, await make_company(session), roles=["company_admin"])
        old, _ = issue_access_token(
            client.app.state.signing_keys, subject=staff.id, organisation_id=staff.company_id, lifetime_s=-60
        )
        good = bearer(client, staff)["Authorization"]
        for token in (f"Bearer {old}", good[:-8] + "AAAAAAAA"):
            for method, path in requests_of(client.app):
                answer = await client.request(method, path, json={}, headers={"Authorization": token})
                assert answer.status_code == 401, (method, path)

    @pytest.mark.requirement("4.5.5a")
    async def test_two_people_cannot_share_a_number(
        self, client: AsyncTestClient[Litestar], session: AsyncSession
    ) -> None:
        """Not even in two companies: the number alone says who signs in."""
        ours, theirs = await make_company(session), await make_company(session)
        known = await make_staff(session, ours)
        for company in (ours, theirs):
            admin = await make_staff(session, company, roles=["company_admin"])
            second = {
                "staff_number": known.staff_number,
                "name": "某人",
                "organisation_id": company.unit.id,
                "password": PASSWORD,
            }
            answer = await client.post("/api/staff", json=second, headers=bearer(client, admin))
            assert answer.status_code == 409, answer.text


class Town:
    """A hazard in the first unit of a company, and who may see it."""

    def __init__(self, client: AsyncTestClient[Any], session: AsyncSession, street: Street, hazard_id: str) -> None:
        self.client, self.session, self.street, self.hazard_id = client, session, street, hazard_id

    async def sees(self, company: Company, level: str, role: str) -> bool:
        person = await make_staff(self.session, company, roles=[role], on=getattr(company, level))
        listed = await self.client.get("/api/hazards", headers=bearer(self.client, person))
        if listed.status_code == 403:
            return False
        return self.hazard_id in {item["id"] for item in listed.json()["items"]}


@pytest.fixture
async def town(client: AsyncTestClient[Any], session: AsyncSession) -> Town:
    street = await make_street(session)
    made = record(HazardReported, street.inspector, hazard_type="other")
    await take(session, street.company, street.inspector, made)
    return Town(client, session, street, made.id)


class TestLevels:
    @pytest.mark.requirement("4.5.4a")
    @pytest.mark.parametrize(
        ("level", "role", "sees"),
        [
            ("province", "supervisor", True),
            ("company", "safety_officer", True),
            ("unit", "safety_officer", True),
            ("other_unit", "safety_officer", False),
            ("company", "inspector", False),
        ],
    )
    async def test_a_right_reaches_down_from_where_it_was_given_and_nowhere_else(
        self, town: Town, level: str, role: str, *, sees: bool
    ) -> None:
        assert await town.sees(town.street.company, level, role) is sees

    @pytest.mark.requirement("4.5.4a")
    async def test_no_level_of_another_province_sees_it(self, town: Town) -> None:
        elsewhere = await make_company(town.session)
        levels = ("province", "company", "unit")
        assert [await town.sees(elsewhere, level, "supervisor") for level in levels] == [False] * 3

    @pytest.mark.requirement("4.5.4a", "5.8.3-08")
    async def test_an_administrator_divides_duties_and_each_may_do_his_own_alone(
        self, town: Town, session: AsyncSession
    ) -> None:
        client, company = town.client, town.street.company
        admin = bearer(client, await make_staff(session, company, roles=["company_admin"]))
        duties = {
            "safety_officer": ("POST", f"/api/hazards/{town.hazard_id}/dismiss", {"note": "不成立"}),
            "network_engineer": ("POST", "/api/network/areas", {}),
            "station_keeper": ("POST", "/api/cylinders", {}),
        }
        tokens = {}
        for role in duties:
            number = f"M-{role}"
            body = {"staff_number": number, "name": role, "organisation_id": company.unit.id, "password": PASSWORD}
            made = (await client.post("/api/staff", json=body, headers=admin)).json()
            grant = {"organisation_id": company.company.id, "role": role}
            await client.post(f"/api/staff/{made['id']}/grants", json=grant, headers=admin)
            signed_in = await client.post("/api/sign-in", json={"staff_number": number, "password": PASSWORD})
            assert signed_in.json()["staff"]["roles"] == [role]
            tokens[role] = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        for role, headers in tokens.items():
            for duty, (method, path, body) in duties.items():
                answer = await client.request(method, path, json=body, headers=headers)
                assert (answer.status_code == 403) is (duty != role), (role, duty, answer.text)


class TestLeaving:
    @pytest.mark.requirement("4.5.4b")
    async def test_a_withdrawn_right_is_gone_with_the_next_request(self, town: Town, session: AsyncSession) -> None:
        client, company = town.client, town.street.company
        admin = bearer(client, await make_staff(session, company, roles=["company_admin"]))
        person = await make_staff(session, company, roles=["dispatcher"])
        own = bearer(client, person)
        assert (await client.get("/api/hazards", headers=own)).status_code == 200
        grant = f"/api/staff/{person.id}/grants/{company.company.id}/dispatcher"
        assert (await client.delete(grant, headers=admin)).status_code == 204
        assert (await client.get("/api/hazards", headers=own)).status_code == 403
        changed = {"organisation_id": company.unit.id, "role": "safety_officer"}
        await client.post(f"/api/staff/{person.id}/grants", json=changed, headers=admin)
        assert (await client.get("/api/hazards", headers=own)).status_code == 200

    @pytest.mark.requirement("4.5.4b")
    async def test_who_has_left_is_out_at_once_and_cannot_come_back(self, town: Town, session: AsyncSession) -> None:
        client, company = town.client, town.street.company
        admin = bearer(client, await make_staff(session, company, roles=["company_admin"]))
        person = await make_staff(session, company, roles=["dispatcher"])
        device = {"device_id": "0192cccc", "name": "", "platform": "", "app_version": ""}
        body = {"staff_number": person.staff_number, "password": PASSWORD}
        first = (await client.post("/api/sign-in", json=body | {"device": device})).json()
        own = {"Authorization": f"Bearer {first['access_token']}"}
        left = await client.put(f"/api/staff/{person.id}/active", json={"active": False}, headers=admin)
        assert left.status_code in {200, 204}
        again = {"refresh_token": first["refresh_token"], "device_id": "0192cccc"}
        answers = [
            await client.get("/api/hazards", headers=own),
            await client.post("/api/refresh", json=again),
            await client.post("/api/sign-in", json=body),
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 401]

    @pytest.mark.requirement("5.9.3c")
    async def test_a_regulators_program_that_was_withdrawn_reads_nothing_more(
        self, town: Town, session: AsyncSession
    ) -> None:
        client, company = town.client, town.street.company
        made = await accounts.create_client(
            session, None, name="省平台", organisation_id=company.province.id, datasets=["T2-14"]
        )
        form = {"grant_type": "client_credentials"}
        answer = await client.post("/api/oauth/token", data=form, auth=(made.client_id, made.client_secret))
        own = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        feed = "/api/regulator/datasets/T2-14"
        assert len((await client.get(feed, headers=own)).json()["items"]) == 1
        assert (await client.get("/api/regulator/datasets/T2-08", headers=own)).status_code == 403
        assert (await client.get("/api/hazards", headers=own)).status_code == 403
        await accounts.withdraw_client(session, None, made.client_id)
        await session.flush()
        assert (await client.get(feed, headers=own)).status_code == 401
        answer = await client.post("/api/oauth/token", data=form, auth=(made.client_id, made.client_secret))
        assert answer.status_code == 401
