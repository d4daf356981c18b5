"""The demo company's ledgers: stations, posts, licences and certificates; one has run out, some soon will."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateIn
from backend.employees import service as employees
from backend.employees.schemas import EmployeeIn
from backend.scope import Caller
from backend.stations import service as stations
from backend.stations.schemas import StationIn, StationKind
from backend.vehicles import service as vehicles
from backend.vehicles.schemas import VehicleIn
from sync.databases import beijing_today

# Holder (the company where empty), kind, number, days that are left.
_CERTIFICATES = (
    ("", "filling_licence", "TS-DEMO-2026-01", 640),
    ("", "gas_business", "JL-DEMO-0001", 52),
    ("", "work_safety", "AQ-DEMO-0001", 25),
    ("演示-王送气", "delivery", "SQ-DEMO-0001", 410),
    ("演示-王送气", "dangerous_goods_driver", "JS-DEMO-0001", 5),
    ("演示-吴送气", "delivery", "SQ-DEMO-0002", -12),
    ("演示-郑充装", "filler", "CZ-DEMO-0001", 730),
    ("演示-郑充装", "filling_inspector", "JC-DEMO-0001", 365),
    ("演示-钱安全", "safety_manager", "AQ-DEMO-0002", 300),
)


_POSTS = (
    ("演示-王送气", "delivery", "松河液化气储配站"),
    ("演示-吴送气", "delivery", "东门供应站"),
    ("演示-钱安全", "safety_officer", "松河液化气储配站"),
    ("演示-李巡检", "patrol", ""),
    ("演示-郑充装", "filler", "松河液化气储配站"),
)
# Code, name, kind, unit, address, position, tonnes.
_STATIONS: tuple[tuple[str, str, StationKind, str, str, tuple[float, float], float], ...] = (
    ("CZ-001", "松河液化气储配站", "storage", "松河液化气储配站", "站前街 1 号", (126.3466, 43.2038), 90.0),
    ("CZ-002", "东门供应站", "supply", "东门供应站", "东门大街 48 号", (126.3551, 43.2012), 4.5),
    ("CZ-003", "林场供应点", "point", "东门供应站", "林场路 3 号", (126.3592, 43.1969), 0.9),
)


async def write_ledgers(session: AsyncSession, caller: Caller) -> None:
    today = beijing_today()
    units = {each.name: each.id for each in await accounts.list_organisations(session, caller) if each.kind == "unit"}
    made = {}
    for code, name, station_kind, unit, address, (lon, lat), capacity_t in _STATIONS:
        given = StationIn(
            organisation_id=units[unit],
            code=code,
            name=name,
            kind=station_kind,
            address=f"松河县{address}",
            lon=lon,
            lat=lat,
            capacity_t=capacity_t,
            manager="演示-周管理",
            manager_phone="100-0000-0001",
            opened_on=today - timedelta(days=2500),
        )
        made[name] = (await stations.create_station(session, caller, given)).id
    people = {each.name: each.id for each in await accounts.list_staff(session, caller)}
    for name, kind, number, days in _CERTIFICATES:
        await certificates.create_certificate(
            session,
            caller,
            CertificateIn(
                holder_kind="staff" if name else "company",
                holder_id=people[name] if name else caller.company_id,
                kind=kind,
                number=number,
                issued_by="松河县城市管理局（演示）",
                issued_on=today - timedelta(days=700),
                expires_on=today + timedelta(days=days),
            ),
        )
    vehicle = VehicleIn(
        organisation_id=units["松河液化气储配站"], code="CL-001", plate="吉·演示01", driver_id=people["演示-王送气"]
    )
    made_vehicle = await vehicles.create_vehicle(session, caller, vehicle)
    await certificates.create_certificate(
        session,
        caller,
        CertificateIn(
            holder_kind="vehicle",
            holder_id=made_vehicle.vehicle.id,
            kind="road_transport",
            number="DLYS-DEMO-0001",
            issued_by="松河县交通运输局（演示）",
            issued_on=today - timedelta(days=300),
            expires_on=today + timedelta(days=20),
        ),
    )
    for name, post, station in _POSTS:
        record = EmployeeIn(post=post, sex="male", station_id=made.get(station, ""))
        await employees.set_employee(session, caller, people[name], record)
