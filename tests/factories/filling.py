"""A filling station: a licence, a filler with his certificate, cylinders, and what he records."""

from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.cylinders.schemas import CylinderOut
from sync.documents.filling import CylinderFilled, FillingCheckedAfter, FillingCheckedBefore, FillingCheckItem
from tests.factories.accounts import Company, make_company, make_staff
from tests.factories.certificates import make_certificate
from tests.factories.deliveries import Station, make_cylinder, scan
from tests.factories.taken import HERE, MORNING, office, record

PASSED = (FillingCheckItem(item="valve", result="pass"),)


class FillingStation(msgspec.Struct, frozen=True):
    company: Company
    filler: Staff
    keeper: Staff

    @property
    def caller(self) -> Any:
        return office(self.company, self.keeper)


async def make_filling_station(session: AsyncSession, *, licensed: bool = True) -> FillingStation:
    company = await make_company(session)
    filler = await make_staff(session, company, roles=["filler"], name="演示-郑充装")
    keeper = await make_staff(session, company, roles=["station_keeper"], name="演示-冯站长")
    if licensed:
        await make_certificate(session, company, keeper)
        await make_certificate(session, company, keeper, holder_kind="staff", holder_id=filler.id, kind="filler")
    return FillingStation(company, filler, keeper)


async def make_fillable(session: AsyncSession, station: FillingStation, code: str, **fields: Any) -> CylinderOut:
    at = Station(station.company, station.filler, station.filler, station.keeper, "")
    given = {"tare_kg": 16.5, "water_capacity_l": 35.5, "inspected_by": "演示检验站", "tag_uid": f"04{code}"}
    return await make_cylinder(session, at, code, **(given | fields))


def checked_before(
    station: FillingStation, code: str, *, reasons: tuple[str, ...] = (), **fields: Any
) -> FillingCheckedBefore:
    given: dict[str, Any] = {"items": () if reasons else PASSED, "passed": not reasons, "reasons": reasons}
    return record(FillingCheckedBefore, station.filler, scan=scan(code, "nfc", tag_uid=f"04{code}"), **(given | fields))


def filled(station: FillingStation, code: str, check_id: str, *, net_kg: float = 14.5, **fields: Any) -> CylinderFilled:
    given: dict[str, Any] = {
        "scan": scan(code, "nfc", tag_uid=f"04{code}"),
        "check_id": check_id,
        "filling_company": "松河演示燃气有限公司",
        "inspection_company": "演示检验站",
        "gun_number": "3",
        "gross_kg": round(16.5 + net_kg, 3),
        "net_kg": net_kg,
        "tare_kg": 16.5,
        "residue_kg": 0.2,
        "target_kg": 14.5,
        "medium": "LPG",
        "filled_on": "20261123",
        "filler_number": station.filler.staff_number,
        "filler_certificate": "CZ-1",
        "scale_number": "CS-0003",
        "scale_verified_until": date(2099, 5, 31),
        "started_at": MORNING - timedelta(minutes=2),
        "ended_at": MORNING,
        "position": HERE,
    }
    return record(CylinderFilled, station.filler, **(given | fields))


def checked_after(
    station: FillingStation, code: str, filled_id: str, *, gross_kg: float = 31.0, **fields: Any
) -> FillingCheckedAfter:
    given: dict[str, Any] = {
        "scan": scan(code, "nfc", tag_uid=f"04{code}"),
        "filled_id": filled_id,
        "items": PASSED,
        "second_scale_number": "FC-0001",
        "reweighed_gross_kg": gross_kg,
        "passed": True,
        "checker_certificate": "JC-7",
    }
    return record(FillingCheckedAfter, station.filler, **(given | fields))
