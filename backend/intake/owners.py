"""Whose a phone's database is: the person, his devices and the units that he may record for."""

from sqlalchemy import func, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Device, FormerUnit, Organisation, Staff, StaffUnit
from backend.intake.rules import Owner

_LOCK_SPACE = 7_345_102


async def hold_person(session: AsyncSession, staff_id: str) -> None:
    """One transaction at a time takes from this person's databases, until it ends: his records and their photos come
    from two, and a batch of each that did not see the other would leave a photo uncounted.
    """
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK_SPACE, func.hashtext(staff_id))))


async def find_owner(session: AsyncSession, staff_id: str) -> Owner | None:
    """None for somebody unknown. Revoked devices and units that he has left count: what was recorded before stays a
    fact, and a phone learns of either only at its next sync.
    """
    devices = select(func.json_object_agg(Device.id, Device.clock_offset_s)).where(Device.staff_id == staff_id)
    joined = select(StaffUnit.unit_id).where(StaffUnit.staff_id == staff_id)
    left = select(FormerUnit.unit_id).where(FormerUnit.staff_id == staff_id)
    # One statement: it runs for every page, and most pages of a phone that syncs live hold a record or two.
    asked = select(
        Staff.company_id,
        Staff.organisation_id,
        devices.scalar_subquery(),
        func.array(union(joined, left).scalar_subquery()),
    ).where(Staff.id == staff_id)
    person = (await session.execute(asked)).one_or_none()
    if person is None:
        return None
    company_id, organisation_id, offsets, units = person
    return Owner(
        staff_id=staff_id,
        company_id=company_id,
        devices=offsets or {},
        units=frozenset((organisation_id, *units)),
    )


async def find_root(session: AsyncSession) -> str:
    """The organisation at the top, whose office sees what belongs to nobody known; empty where there is none yet."""
    root = select(Organisation.id).where(Organisation.parent_id.is_(None)).order_by(Organisation.id).limit(1)
    return await session.scalar(root) or ""
