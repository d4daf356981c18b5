"""The invented demo company 松河演示燃气有限公司: people, network, customers and cylinders. No real persons."""

import asyncio
from datetime import date, timedelta
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.models import Organisation
from backend.customers import service as customers
from backend.customers.schemas import CustomerIn
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import CylinderIn
from backend.db import Database
from backend.network.importing import import_network
from backend.reference import service as reference
from backend.scope import RIGHTS, Caller, Grant
from backend.settings import Settings
from qixun.demo.cameras import write_cameras
from qixun.demo.ledgers import write_ledgers
from qixun.demo.shift import ADMINISTRATOR, DISPATCHER, DRIVER, INSPECTOR, PASSWORD, STATION_PC
from sync.databases import beijing_today

SAFETY, REVIEWER, FILLER = "S001", "R001", "C001"
PATROL_UNIT, STATION, SHOP = "巡线一班", "松河液化气储配站", "东门供应站"
REGULATOR_FILE = "demo-regulator-client.json"
DATASETS = ("T2-02", "T2-04", "T2-05", "T2-07", "T2-08", "T2-10", "T2-11", "T2-14", "T2-20")
# Middle of the demo network.
_LON, _LAT = 126.3523, 43.1998
_STREETS = ("站前街", "江沿路", "东门大街", "人民路", "北环路", "林场路")
_YEAR = timedelta(days=365)


async def found_company(database: Database, settings: Settings) -> None:
    """Everything that the played shift needs, in one transaction: either all of it is there or nothing."""
    from qixun.demo.network import export_network  # noqa: PLC0415 - seconds to import, wanted once

    path = settings.data_dir / "demo-network.gpkg"
    if not path.exists():
        await asyncio.to_thread(export_network, path)
    async with database.sessions() as session, session.begin():
        units, caller = await _organisation(session, settings)
        await import_network(session, None, path, organisation_id=units[PATROL_UNIT].id)
        await _customers(session, caller, units[STATION].id)
        await _cylinders(session, caller, units)
        await write_ledgers(session, caller)
        await write_cameras(session, caller, settings.data_dir)


async def _organisation(session: AsyncSession, settings: Settings) -> tuple[dict[str, Organisation], Caller]:
    parent = None
    tree = {"province": "吉林省", "city": "演示市", "county": "松河县", "company": "松河演示燃气有限公司"}
    made: dict[str, Organisation] = {}
    for kind, name in tree.items():
        parent = await accounts.create_organisation(
            session, None, parent_id=parent.id if parent else None, kind=kind, name=name
        )
        made[kind] = parent
    company = made["company"]
    units = {
        name: await accounts.create_organisation(session, None, parent_id=company.id, kind="unit", name=name)
        for name in (PATROL_UNIT, STATION, SHOP)
    }
    await _staff(session, settings, made, units)
    await reference.post_reference(session, company.id)
    client = await accounts.create_client(
        session, None, name="松河县城市管理局（演示）", organisation_id=made["county"].id, datasets=DATASETS
    )
    await asyncio.to_thread(_write_secret, settings.data_dir / REGULATOR_FILE, msgspec.json.encode(client))
    caller = Caller(
        staff_id="", company_id=company.id, grants=(Grant(company.id, company.path, RIGHTS),), name="演示数据"
    )
    return units, caller


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


async def _staff(
    session: AsyncSession, settings: Settings, offices: dict[str, Organisation], units: dict[str, Organisation]
) -> None:
    """Number, name, unit, role, and where the role is held."""
    company, county = offices["company"], offices["county"]
    patrol, station = units[PATROL_UNIT], units[STATION]
    people = (
        (ADMINISTRATOR, "演示-周管理", company, "company_admin", company),
        (DISPATCHER, "演示-赵调度", company, "dispatcher", company),
        (SAFETY, "演示-钱安全", company, "safety_officer", company),
        (INSPECTOR, "演示-李巡检", patrol, "inspector", patrol),
        ("X002", "演示-孙巡检", patrol, "inspector", patrol),
        (DRIVER, "演示-王送气", station, "driver", station),
        (FILLER, "演示-郑充装", station, "filler", station),
        ("W002", "演示-吴送气", units[SHOP], "driver", units[SHOP]),
        (STATION_PC, "储配站站控电脑", station, "inspector", station),
        (REVIEWER, "演示-县审核", county, "licence_reviewer", county),
    )
    for number, name, home, role, where in people:
        staff = await accounts.create_staff(
            session,
            None,
            staff_number=number,
            name=name,
            organisation_id=home.id,
            password=PASSWORD,
            unit_ids=[home.id] if home.kind == "unit" else [],
            min_length=settings.password_min_length,
        )
        await accounts.grant_role(session, None, staff.id, organisation_id=where.id, role=role)


async def _customers(session: AsyncSession, caller: Caller, station_id: str) -> None:
    """K0001 is complete; K0002 has neither identity number nor telephone; births lie in 1885, so nobody is meant."""
    for number in range(1, 41):
        complete = number != 2
        await customers.create_customer(
            session,
            caller,
            CustomerIn(
                organisation_id=station_id,
                code=f"K{number:04d}",
                name=f"演示-{'赵钱孙李周吴郑王'[number % 8]}用户",
                category=("residential", "catering", "commercial", "institution")[number % 4 if number > 8 else 0],
                district="松河县",
                street="东门街道",
                community="林场小区" if number < 20 else "站前社区",
                road="" if number < 20 else _STREETS[number % 6],
                house=f"3号楼 {1 + number % 3}-{100 * (1 + number % 5) + number % 4 + 1}",
                phone=f"100-0000-{number:04d}" if complete else None,
                identity_number=_identity(number) if complete else None,
                opened_on=date(2021, 1 + number % 12, 1 + number % 27),
                lon=_LON + (number % 8 - 4) * 0.0011,
                lat=_LAT + (number // 8 - 2) * 0.0009,
            ),
        )


def _identity(number: int) -> str:
    """18 digits with a valid check digit (GB 11643)."""
    body = f"22010018850101{number:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


async def _cylinders(session: AsyncSession, caller: Caller, units: dict[str, Organisation]) -> None:
    """SH35-0090 is overdue, -0091 scrapped, -0092 another company's, -0093's tag is torn."""
    today = beijing_today()
    for number in (*range(1, 61), 90, 91, 92, 93):
        made = date(2021, 1 + number % 12, 1)
        await cylinders.create_cylinder(
            session,
            caller,
            CylinderIn(
                organisation_id=units[SHOP if 50 < number < 61 else STATION].id,
                code=f"SH35-{number:04d}",
                specification="YSP35.5",
                factory_number=f"DEMO{number:06d}",
                standard="GB 5842-2006",
                manufacturer="演示容器厂",
                made_on=made,
                last_inspected_on=made,
                next_inspection_on=today - timedelta(days=37) if number == 90 else today + _YEAR * 2,
                service_ends_on=made + _YEAR * 12,
                tare_kg=16.5,
                water_capacity_l=35.5,
                owned=number != 92,
                scrapped=number == 91,
                tag_torn=number == 93,
                storage_position=f"A-{1 + number % 6}",
            ),
        )
    for number in range(1, 11):
        await cylinders.create_cylinder(
            session,
            caller,
            CylinderIn(
                organisation_id=units[STATION].id,
                code=f"SH118-{number:04d}",
                specification="YSP118",
                standard="GB 5842-2006",
                manufacturer="演示容器厂",
                made_on=date(2022, number, 1),
                next_inspection_on=today + _YEAR,
                service_ends_on=date(2034, number, 1),
                tare_kg=47.0,
                water_capacity_l=118.0,
                storage_position="B-1",
            ),
        )
