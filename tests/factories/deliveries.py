"""A station with its driver, customers, cylinders and orders."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import CylinderIn, CylinderOut
from backend.deliveries import service as deliveries
from backend.deliveries.schemas import LineIn, OrderIn, OrderOut
from sync.documents.cylinders import CylinderScan, CylindersLoaded
from sync.documents.deliveries import (
    DeliveryChecked,
    DeliveryCheckItem,
    DeliveryCompleted,
    LeakTest,
    ReturnedCylinder,
    Signature,
    VisitFailed,
)
from tests.factories.accounts import Company, make_company, make_staff
from tests.factories.customers import make_customer
from tests.factories.taken import HERE, office, record


class Station(msgspec.Struct, frozen=True):
    company: Company
    driver: Staff
    other_driver: Staff
    dispatcher: Staff
    customer_id: str

    @property
    def caller(self) -> Any:
        return office(self.company, self.dispatcher)


async def make_station(session: AsyncSession, **customer: Any) -> Station:
    company = await make_company(session)
    driver = await make_staff(session, company, name="演示-王送气")
    other = await make_staff(session, company, name="演示-刘送气")
    dispatcher = await make_staff(session, company, roles=["dispatcher"], name="演示-赵调度")
    made = await make_customer(session, company, dispatcher, **customer)
    return Station(company, driver, other, dispatcher, made.customer.id)


def cylinder_in(station: Station, code: str, **fields: Any) -> CylinderIn:
    given: dict[str, Any] = {
        "organisation_id": station.company.unit.id,
        "code": code,
        "specification": "YSP35.5",
        "made_on": date(2018, 11, 2),
        "next_inspection_on": date(2099, 12, 20),
        "service_ends_on": date(2099, 12, 31),
    }
    return CylinderIn(**(given | fields))


async def make_cylinder(session: AsyncSession, station: Station, code: str, **fields: Any) -> CylinderOut:
    return await cylinders.create_cylinder(session, station.caller, cylinder_in(station, code, **fields))


async def make_order(session: AsyncSession, station: Station, **fields: Any) -> OrderOut:
    now = datetime.now(UTC)
    given: dict[str, Any] = {
        "customer_id": station.customer_id,
        "station_id": station.company.unit.id,
        "staff_id": station.driver.id,
        "lines": (LineIn(specification="YSP35.5", quantity=2),),
        "start_at": now,
        "due_at": now + timedelta(hours=6),
        "vehicle": "吉·演示01",
    }
    return await deliveries.create_order(session, station.caller, OrderIn(**(given | fields)))


def scan(code: str, method: Any = "qr", **fields: Any) -> CylinderScan:
    return CylinderScan(code=code, method=method, **fields)


def loaded(station: Station, *codes: str, by: Staff | None = None) -> CylindersLoaded:
    return record(
        CylindersLoaded,
        by or station.driver,
        station_id=station.company.unit.id,
        vehicle="吉·演示01",
        cylinders=tuple(scan(code) for code in codes),
    )


def checked(station: Station, task_id: str, *, passed: bool = True) -> DeliveryChecked:
    return record(
        DeliveryChecked,
        station.driver,
        task_id=task_id,
        customer_id=station.customer_id,
        position=HERE,
        items=(DeliveryCheckItem(item="hose", result="pass" if passed else "fail", value=1.6, photo="photo:h"),),
        passed=passed,
    )


def completed(
    station: Station, task_id: str, *codes: str, check_id: str, returned: tuple[str, ...] = (), by: Staff | None = None
) -> DeliveryCompleted:
    return record(
        DeliveryCompleted,
        by or station.driver,
        task_id=task_id,
        customer_id=station.customer_id,
        check_id=check_id,
        position=HERE,
        delivered=tuple(scan(code) for code in codes),
        returned=tuple(ReturnedCylinder(scan=scan(code, "typed")) for code in returned),
        leak_test=LeakTest(method="instrument", passed=True, reading_ppm=0.0, photo="photo:l"),
        signature=Signature(kind="written", receiver="演示-孙家人", relation="family", photo="photo:s"),
    )


def missed(station: Station, task_id: str, *, attempt: int = 1, outcome: Any = "not_home") -> VisitFailed:
    return record(
        VisitFailed,
        station.driver,
        task_id=task_id,
        customer_id=station.customer_id,
        outcome=outcome,
        attempt=attempt,
        notice_posted=True,
        door_gap_ppm=0.0,
        photos=("photo:door",),
    )
