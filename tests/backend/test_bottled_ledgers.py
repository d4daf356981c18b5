"""Everything that a bottled-gas company keeps on record is entered and looked up over one API: clause 5.8.3."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories.accounts import PASSWORD, Company, bearer, make_company, make_staff
from tests.factories.customers import customer_in
from tests.factories.stations import station_in

Entry = Callable[[Company], dict[str, Any]]


def station(kind: str) -> Entry:
    return lambda company: msgspec.to_builtins(station_in(company, code=f"CZ-{kind}", kind=kind))


def staff(company: Company) -> dict[str, Any]:
    return {"staff_number": "YG-7", "name": "演示-郑充装", "organisation_id": company.unit.id, "password": PASSWORD}


def vehicle(company: Company) -> dict[str, Any]:
    return {"organisation_id": company.unit.id, "code": "CL-7", "plate": "吉·演示07"}


def cylinder(company: Company) -> dict[str, Any]:
    return {"organisation_id": company.unit.id, "code": "35-7", "specification": "YSP35.5"}


def customer(company: Company) -> dict[str, Any]:
    return msgspec.to_builtins(customer_in(company, code="KH-7"))


# Address of the ledger, what is entered, where it is listed, and the text by which it is found there.
LEDGERS: dict[str, tuple[str, Entry, str, str]] = {
    "储配站": ("/api/stations", station("storage"), "/api/stations?kind=storage", "CZ-storage"),
    "供应站": ("/api/stations", station("supply"), "/api/stations?kind=supply", "CZ-supply"),
    "从业人员": ("/api/staff", staff, "/api/employees?search=YG-7", "YG-7"),
    "危化车辆": ("/api/vehicles", vehicle, "/api/vehicles?search=", "CL-7"),
    "气瓶档案": ("/api/cylinders", cylinder, "/api/cylinders?search=35-7", "35-7"),
    "客户": ("/api/customers", customer, "/api/customers?search=KH-7", "KH-7"),
}


@pytest.fixture
async def office(client: AsyncTestClient[Any], session: AsyncSession) -> tuple[Company, dict[str, str]]:
    company = await make_company(session)
    return company, bearer(client, await make_staff(session, company, roles=["company_admin"]))


@pytest.mark.requirement("5.8.3-01")
@pytest.mark.parametrize("ledger", list(LEDGERS))
async def test_it_is_entered_and_seen_by_the_company_and_by_nobody_elses(
    client: AsyncTestClient[Any], session: AsyncSession, office: tuple[Company, dict[str, str]], ledger: str
) -> None:
    company, headers = office
    address, entry, listed, text = LEDGERS[ledger]
    driver = bearer(client, await make_staff(session, company, roles=["driver"]))
    assert (await client.post(address, headers=driver, json=entry(company))).status_code == 403
    made = await client.post(address, headers=headers, json=entry(company))
    assert made.status_code == 201, made.text
    seen = await client.get(listed, headers=headers)
    assert (seen.status_code, seen.json()["total"]) == (200, 1)
    assert text in seen.text
    stranger = await make_staff(session, await make_company(session), roles=["company_admin"])
    assert (await client.get(listed, headers=bearer(client, stranger))).json()["total"] == 0


@pytest.mark.requirement("5.8.3-01")
async def test_surveillance_video_of_a_stations_key_areas_is_entered_and_seen(
    client: AsyncTestClient[Any], office: tuple[Company, dict[str, str]]
) -> None:
    """监控视频: which key area, and where its picture is."""
    company, headers = office
    made = await client.post("/api/stations", headers=headers, json=station("storage")(company))
    camera = {"name": "1号", "area": "tanks", "stream_address": "https://video.example/1"}
    place = {"holder": "station", "place_id": made.json()["id"]}
    entered = await client.post("/api/cameras", headers=headers, json=camera | place)
    assert entered.status_code == 201, entered.text
    (seen,) = (await client.get("/api/cameras", headers=headers, params={"place_id": place["place_id"]})).json()[
        "items"
    ]
    assert {name: seen[name] for name in camera} == camera
