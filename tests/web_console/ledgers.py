"""The ledgers of the scene's company: what its office looks after."""

from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import insert_rows
from backend.cameras import service as cameras
from backend.cameras.schemas import CameraIn
from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateIn
from backend.deliveries.models import DeliveryOrder
from backend.employees import service as employees
from backend.employees.schemas import EmployeeIn
from backend.filling.models import Filling, RefusedFilling
from backend.stations import service as stations
from backend.stations.schemas import StationIn
from sync.databases import BEIJING
from tests.factories import records
from tests.factories.certificates import in_days
from tests.web_console.town import crossing


async def write_ledgers(session: AsyncSession, scene: Any) -> None:
    wang = scene.wang.staff
    made = []
    for unit, code, name, kind, place, capacity in (
        (scene.company.unit, "CZ-001", "松河液化气储配站", "storage", (9, 7), 90.0),
        (scene.company.other_unit, "CZ-002", "东门供应站", "supply", (8, 8), 4.5),
        (scene.company.other_unit, "CZ-003", "林场供应点", "point", (3, 4), None),
    ):
        lon, lat = crossing(*place)
        given = StationIn(
            organisation_id=unit.id,
            code=code,
            name=name,
            kind=kind,
            address="松河县站前街 1 号",
            lon=lon,
            lat=lat,
            capacity_t=capacity,
            manager="演示-钱站长",
            manager_phone="100-0000-0001",
        )
        made.append(await stations.create_station(session, scene.caller, given))
    camera = CameraIn(holder="station", place_id=made[0].id, name="1 号枪机", area="tanks")
    scene.camera_id = (await cameras.create_camera(session, scene.caller, camera)).id
    scene.station_id = made[0].id
    record = EmployeeIn(station_id=made[1].id, post="delivery", sex="male", registered_on=in_days(-900))
    await employees.set_employee(session, scene.caller, wang.id, record)
    portrait = records.jpeg(7)
    await employees.set_photo(session, scene.caller, scene.wang.setup.photos, wang.id, portrait)
    for holder_kind, holder_id, kind, number, days in (
        ("company", scene.company.company.id, "gas_business", "JL-0001", 45),
        ("station", made[0].id, "gas_station", "ZH-0001", 20),
        ("staff", wang.id, "delivery", "SQ-0001", -12),
        ("staff", wang.id, "dangerous_goods_driver", "JS-0001", 5),
        ("staff", scene.li.staff.id, "gas_operator", "CY-0007", 400),
    ):
        await certificates.create_certificate(
            session,
            scene.caller,
            CertificateIn(
                holder_kind=holder_kind,
                holder_id=holder_id,
                kind=kind,
                number=number,
                issued_by="松河县城市管理局",
                issued_on=in_days(0) - timedelta(days=900),
                expires_on=in_days(days),
            ),
        )
    await _month(session, scene)
    # The customer had called an hour before the round.
    await session.execute(update(DeliveryOrder).values(created_at=DeliveryOrder.created_at - timedelta(hours=1)))


async def _month(session: AsyncSession, scene: Any) -> None:
    """What was filled since the first of the month, and some refusals: many rows, and no phone that sent them."""
    today, unit, filler = in_days(0), scene.company.unit, scene.wang.staff
    fillings, refusals = [], []
    for number in range(today.day * 9):
        day = today - timedelta(days=number // 9)
        at = datetime.combine(day, time(9 + number % 8), BEIJING)
        code = ("35-018266", "35-018268", "118-018270")[number % 3] if number % 7 else "35-018268"
        fillings.append(_filling(f"cylinder.filled:{number}", code, at, unit, scene.company.company, filler))
        if number % 23 == 5:
            refusals.append(_refusal(f"filling.refused:{number}", at, unit, scene.company.company, filler))
    await insert_rows(session, Filling, fillings)
    await insert_rows(session, RefusedFilling, refusals)


def _filling(  # noqa: PLR0917 - as the table has it
    key: str, code: str, at: datetime, unit: Any, company: Any, filler: Any
) -> dict[str, Any]:
    return {
        "id": key,
        "organisation_id": unit.id,
        "company_id": company.id,
        "code": code,
        "method": "nfc",
        "check_id": "",
        "staff_id": filler.id,
        "at": at,
        "filling_company": company.name,
        "gun_number": "1",
        "gross_kg": 31.0,
        "net_kg": 14.5,
        "tare_kg": 16.5,
        "residue_kg": 0.0,
        "target_kg": 14.5,
        "least_kg": None,
        "most_kg": None,
        "medium": "LPG",
        "filled_on": at.astimezone(BEIJING).date(),
        "last_filled_on": None,
        "filler_number": filler.staff_number,
        "scale_number": "CS-1",
        "scale_verified_until": None,
        "started_at": at,
        "ended_at": at,
        "ended": "reached",
        "withdrawn_at": None,
    }


def _refusal(key: str, at: datetime, unit: Any, company: Any, filler: Any) -> dict[str, Any]:
    return {
        "id": key,
        "organisation_id": unit.id,
        "company_id": company.id,
        "code": "35-018264",
        "staff_id": filler.id,
        "at": at,
        "stage": "before",
        "reasons": ["inspection_overdue"],
        "handled_at": None,
    }
