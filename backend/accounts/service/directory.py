"""The people an administrator looks after: searched and filtered, each with units, roles and phones."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Device, Organisation, RoleGrant, Staff, StaffUnit
from backend.accounts.rules import ROLES
from backend.accounts.schemas import GrantOut, PersonOut, UnitOut
from backend.errors import MissingError
from backend.pages import Page
from backend.scope import Caller, scoped


async def list_people(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    unit_id: str = "",
    role: str = "",
    active: bool | None = None,
    among: Select[str] | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Page[PersonOut]:
    """By staff number; `unit_id` finds the unit's members and whoever stands in it on the books; `among`
    selects the ids of those who may be found.
    """
    wanted = scoped(select(Staff.id), Staff.organisation_id, caller)
    if search:
        wanted = wanted.where(
            or_(Staff.name.contains(search, autoescape=True), Staff.staff_number.istartswith(search, autoescape=True))
        )
    if unit_id:
        members = select(StaffUnit.staff_id).where(StaffUnit.unit_id == unit_id)
        wanted = wanted.where(or_(Staff.id.in_(members), Staff.organisation_id == unit_id))
    if role:
        wanted = wanted.where(Staff.id.in_(select(RoleGrant.staff_id).where(RoleGrant.role == role)))
    if among is not None:
        wanted = wanted.where(Staff.id.in_(among))
    if active is not None:
        wanted = wanted.where(Staff.active.is_(active))
    total = await session.scalar(select(func.count()).select_from(wanted.subquery()))
    shown = await session.scalars(wanted.order_by(Staff.staff_number).limit(limit).offset(offset))
    return Page(await _people(session, shown.all()), total or 0)


async def find_person(session: AsyncSession, caller: Caller, staff_id: str) -> PersonOut:
    """Raises `MissingError` also for another organisation's person."""
    found = await session.scalar(scoped(select(Staff.id).where(Staff.id == staff_id), Staff.organisation_id, caller))
    if found is None:
        raise MissingError("staff.unknown", "没有这个人员。", "There is no such member of staff.")
    return (await _people(session, [found]))[0]


def roles_to_give(caller: Caller) -> tuple[str, ...]:
    """Roles none of whose rights the caller lacks everywhere; `grant_role` then asks about the very place."""
    return tuple(name for name, role in ROLES.items() if role.rights <= caller.rights)


async def _people(session: AsyncSession, staff_ids: Sequence[str]) -> list[PersonOut]:
    units, grants = await _units(session, staff_ids), await _grants(session, staff_ids)
    counted = await session.execute(
        select(Device.staff_id, func.count())
        .where(Device.staff_id.in_(staff_ids), Device.revoked_at.is_(None))
        .group_by(Device.staff_id)
    )
    devices: dict[str, int] = {staff_id: count for staff_id, count in counted}  # noqa: C416 - rows are Row objects
    statement = (
        select(Staff, Organisation.name)
        .join(Organisation, Organisation.id == Staff.organisation_id)
        .where(Staff.id.in_(staff_ids))
        .order_by(Staff.staff_number)
    )
    return [
        PersonOut(
            id=staff.id,
            staff_number=staff.staff_number,
            name=staff.name,
            organisation_id=staff.organisation_id,
            organisation_name=organisation_name,
            active=staff.active,
            created_at=staff.created_at,
            units=tuple(units[staff.id]),
            grants=tuple(grants[staff.id]),
            devices=devices.get(staff.id, 0),
        )
        for staff, organisation_name in await session.execute(statement)
    ]


async def _units(session: AsyncSession, staff_ids: Sequence[str]) -> dict[str, list[UnitOut]]:
    rows = await session.execute(
        select(StaffUnit.staff_id, Organisation.id, Organisation.name, Organisation.kind)
        .join(Organisation, Organisation.id == StaffUnit.unit_id)
        .where(StaffUnit.staff_id.in_(staff_ids))
        .order_by(Organisation.path)
    )
    found: dict[str, list[UnitOut]] = defaultdict(list)
    for staff_id, unit_id, name, kind in rows:
        found[staff_id].append(UnitOut(unit_id=unit_id, name=name, kind=kind))
    return found


async def _grants(session: AsyncSession, staff_ids: Sequence[str]) -> dict[str, list[GrantOut]]:
    rows = await session.execute(
        select(RoleGrant.staff_id, RoleGrant.organisation_id, Organisation.name, RoleGrant.role)
        .join(Organisation, Organisation.id == RoleGrant.organisation_id)
        .where(RoleGrant.staff_id.in_(staff_ids))
        .order_by(Organisation.path, RoleGrant.role)
    )
    found: dict[str, list[GrantOut]] = defaultdict(list)
    for staff_id, organisation_id, name, role in rows:
        found[staff_id].append(grant_out(organisation_id, name, role))
    return found


def grant_out(organisation_id: str, organisation_name: str, role: str) -> GrantOut:
    return GrantOut(
        organisation_id=organisation_id,
        organisation_name=organisation_name,
        role=role,
        role_zh=ROLES[role].zh if role in ROLES else role,
        role_en=ROLES[role].en if role in ROLES else role,
    )
