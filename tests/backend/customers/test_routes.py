"""A customer's record over HTTP: what the standard lists can be entered, and is there when looked up."""

from datetime import date
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.customers import IDENTITY, customer_in

ENTERED: dict[str, Any] = {
    "code": "KH-00731",
    "name": "演示-孙客户",
    "category": "residential",
    "district": "松河县",
    "street": "站前街道",
    "community": "林场社区",
    "road": "林场小区",
    "house": "3号楼2单元402",
    "phone": "100-0000-0402",
    "identity_number": IDENTITY,
    "opened_on": date(2020, 5, 1),
}


@pytest.mark.requirement("E5.8.3-4")
async def test_every_field_of_a_customer_is_entered_shown_and_changed(
    client: AsyncTestClient[Any], session: AsyncSession
) -> None:
    """开户站点, 类别, 代码, 姓名, 用气地址 in its parts, 身份证号, 电话, 开户时间."""
    company = await make_company(session)
    headers = bearer(client, await make_staff(session, company, roles=["station_keeper"]))
    entered = msgspec.to_builtins(customer_in(company, **ENTERED))
    made = await client.post("/api/customers", headers=headers, json=entered)
    assert made.status_code == 201, made.text
    url = f"/api/customers/{made.json()['customer']['id']}"
    shown = (await client.get(url, headers=headers)).json()
    line = shown["customer"]
    assert (line["organisation_id"], line["opened_on"]) == (company.unit.id, "2020-05-01")
    assert {name: line[name] for name in ("code", "name", "category")} == {
        name: ENTERED[name] for name in ("code", "name", "category")
    }
    parts = ("district", "street", "community", "road", "house", "phone")
    assert {name: shown[name] for name in parts} == {name: ENTERED[name] for name in parts}
    assert all(ENTERED[name] in line["address"] for name in parts[:5])
    read = await client.get(f"{url}/identity", headers=headers)
    assert read.json()["identity_number"] == IDENTITY
    await client.put(url, headers=headers, json=entered | {"house": "3号楼2单元403"})
    listed = (await client.get("/api/customers", headers=headers)).json()["items"]
    assert [each["address"].endswith("403") for each in listed] == [True]


@pytest.mark.requirement("E5.8.3-4")
async def test_an_organisation_is_entered_by_its_social_credit_code(
    client: AsyncTestClient[Any], session: AsyncSession
) -> None:
    company = await make_company(session)
    headers = bearer(client, await make_staff(session, company, roles=["station_keeper"]))
    # An invented code with a valid check character.
    body = msgspec.to_builtins(customer_in(company, identity_kind="organisation", identity_number="91220100MA0000001L"))
    made = await client.post("/api/customers", headers=headers, json=body)
    assert made.status_code == 201, made.text
    assert made.json()["identity_kind"] == "organisation"
    assert made.json()["identity_masked"]


async def test_a_paper_that_is_none_is_a_clear_problem(client: AsyncTestClient[Any], session: AsyncSession) -> None:
    company = await make_company(session)
    headers = bearer(client, await make_staff(session, company, roles=["station_keeper"]))
    answer = await client.put("/api/customers/x/papers/recipe", headers=headers, json={"done_on": "2026-11-23"})
    assert (answer.status_code, answer.json()["code"]) == (404, "paper.unknown")
