"""Organisations, people and their tokens."""

import itertools
import uuid
from collections.abc import Iterable

import msgspec
from argon2 import PasswordHasher
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Device, Organisation, RoleGrant, Staff, StaffUnit
from backend.accounts.service.tokens import issue_access_token
from backend.db import new_key

PASSWORD = "松河-walks-2026"
_HASH = PasswordHasher().hash(PASSWORD)
_numbers = itertools.count(1)


class Company(msgspec.Struct, frozen=True):
    province: Organisation
    company: Organisation
    unit: Organisation
    other_unit: Organisation


async def make_organisation(
    session: AsyncSession, kind: str, *, parent: Organisation | None = None, name: str = ""
) -> Organisation:
    key = new_key()
    made = Organisation(
        id=key,
        parent_id=parent.id if parent else None,
        kind=kind,
        name=name or f"{kind} {next(_numbers)}",
        path=f"{parent.path if parent else '/'}{key}/",
    )
    session.add(made)
    await session.flush()
    return made


async def make_company(session: AsyncSession) -> Company:
    """province > city > county > company > two units."""
    province = await make_organisation(session, "province")
    city = await make_organisation(session, "city", parent=province)
    county = await make_organisation(session, "county", parent=city)
    company = await make_organisation(session, "company", parent=county)
    unit = await make_organisation(session, "unit", parent=company)
    other = await make_organisation(session, "unit", parent=company)
    return Company(province, company, unit, other)


async def make_staff(
    session: AsyncSession,
    company: Company,
    *,
    roles: Iterable[str] = (),
    on: Organisation | None = None,
    name: str = "演示-李巡检",
    units: Iterable[Organisation] | None = None,
) -> Staff:
    """A member of the first unit, who holds `roles` on `on` (the company by default)."""
    staff = Staff(
        id=new_key(),
        staff_number=f"D{next(_numbers):05d}-{uuid.uuid4().hex[:6]}",
        name=name,
        organisation_id=company.unit.id,
        company_id=company.company.id,
        password_hash=_HASH,
    )
    session.add(staff)
    await session.flush()
    place = on or company.company
    session.add_all(RoleGrant(staff_id=staff.id, organisation_id=place.id, role=role) for role in roles)
    members = [company.unit] if units is None else units
    session.add_all(StaffUnit(staff_id=staff.id, unit_id=unit.id) for unit in members)
    await session.flush()
    return staff


async def make_device(session: AsyncSession, staff: Staff) -> Device:
    device = Device(
        id=new_key(),
        staff_id=staff.id,
        organisation_id=staff.organisation_id,
        name="演示机",
        platform="android",
        app_version="0.1.0",
    )
    session.add(device)
    await session.flush()
    return device


def bearer(client: AsyncTestClient, staff: Staff, device: Device | None = None) -> dict[str, str]:
    """Headers of a signed-in member of staff."""
    token, _ = issue_access_token(
        client.app.state.signing_keys,
        subject=staff.id,
        organisation_id=staff.company_id,
        lifetime_s=600,
        device_id=device.id if device else "",
    )
    return {"Authorization": f"Bearer {token}"}
