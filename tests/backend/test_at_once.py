"""What a shift changes of cylinders, vehicles, customers and staff is in the system as soon as it is taken."""

from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.personal_keys import data_dir, office_public_pem
from backend.vehicles import service as vehicles
from backend.vehicles.schemas import VehicleIn
from sync.documents.customers import CustomerCompleted, CustomerPersonal
from sync.documents.envelope import new_id
from sync.documents.patrol import TrackPoint
from sync.documents.vehicles import VehicleTracked
from sync.sealed import seal_for_office
from tests.factories.accounts import bearer, make_staff
from tests.factories.deliveries import Station, loaded, make_cylinder, make_station
from tests.factories.network import LAT, LON
from tests.factories.records import moment
from tests.factories.taken import MORNING, record, take

PLATE = "吉·演示01"


def telephone(session: AsyncSession, station: Station, number: str) -> CustomerCompleted:
    record_id = new_id("customer.completed")
    personal = msgspec.json.encode(CustomerPersonal(phone=number))
    sealed = seal_for_office(office_public_pem(data_dir(session)), personal, record_id)
    made = record(CustomerCompleted, station.driver, customer_id=station.customer_id, given=("phone",), sealed=sealed)
    return msgspec.structs.replace(made, id=record_id)


def driven(station: Station) -> VehicleTracked:
    points = tuple(TrackPoint(10.0 * number, LON + 0.0005 * number, LAT, 5.0, 8.0) for number in range(3))
    given: dict[str, Any] = {"vehicle": PLATE, "points": points, "recorded": moment(MORNING)}
    return record(VehicleTracked, station.driver, round_id="r", chunk=1, started_at=MORNING, **given)


@pytest.mark.requirement("5.8.5")
async def test_cylinder_vehicle_customer_and_staff_are_shown_as_their_newest_record_says(
    client: AsyncTestClient[Any], session: AsyncSession
) -> None:
    station = await make_station(session, phone="")
    headers = bearer(client, await make_staff(session, station.company, roles=["company_admin"]))

    async def shown(path: str) -> Any:
        answer = await client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    cylinder = (await make_cylinder(session, station, "35-1")).cylinder.id
    given = VehicleIn(organisation_id=station.company.unit.id, code="CL-1", plate=PLATE, driver_id=station.driver.id)
    vehicle = (await vehicles.create_vehicle(session, station.caller, given)).vehicle.id
    for each in (loaded(station, "35-1"), driven(station), telephone(session, station, "100-0000-0777")):
        await take(session, station.company, station.driver, each)
    held = (await shown(f"/api/cylinders/{cylinder}"))["cylinder"]
    assert (held["holder_kind"], held["holder_id"]) == ("vehicle", station.driver.id)
    line = (await shown(f"/api/vehicles/{vehicle}"))["vehicle"]
    assert (line["on_board"], line["seen"] is not None) == (1, True)
    assert (await shown(f"/api/customers/{station.customer_id}"))["phone"] == "100-0000-0777"
    changed = await client.put(f"/api/employees/{station.driver.id}", headers=headers, json={"sex": "male"})
    assert changed.status_code == 200, changed.text
    listed = {each["staff_id"]: each for each in (await shown("/api/employees"))["items"]}
    assert listed[station.driver.id]["sex"] == "male"
