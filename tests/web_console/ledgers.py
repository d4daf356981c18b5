"""The ledgers of the scene's company: what its office looks after."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateIn
from backend.employees import service as employees
from backend.employees.schemas import EmployeeIn
from backend.stations import service as stations
from backend.stations.schemas import CameraIn, StationIn
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
    camera = CameraIn(name="1 号枪机", area="储罐区", address="https://video.example/1", kept_days=90)
    await stations.add_camera(session, scene.caller, made[0].id, camera)
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
