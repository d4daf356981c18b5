"""Whose a phone's database is: the person, his devices and the units that he may record for."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Device, FormerUnit, Organisation, Staff, StaffUnit
from backend.intake.rules import Owner


async def find_owner(session: AsyncSession, staff_id: str) -> Owner | None:
    """None for somebody unknown. Revoked devices and units that he has left count: what was recorded before stays a
    fact, and a phone learns of either only at its next sync.
    """
    person = (
        await session.execute(select(Staff.company_id, Staff.organisation_id).where(Staff.id == staff_id))
    ).one_or_none()
    if person is None:
        return None
    devices = await session.execute(select(Device.id, Device.clock_offset_s).where(Device.staff_id == staff_id))
    units = await session.scalars(select(StaffUnit.unit_id).where(StaffUnit.staff_id == staff_id))
    former = await session.scalars(select(FormerUnit.unit_id).where(FormerUnit.staff_id == staff_id))
    return Owner(
        staff_id=staff_id,
        company_id=person.company_id,
        devices={device: offset for device, offset in devices},  # noqa: C416 (rows are not pairs to dict)
        units=frozenset((person.organisation_id, *units, *former)),
    )


async def find_root(session: AsyncSession) -> str:
    """The organisation at the top, whose office sees what belongs to nobody known; empty where there is none yet."""
    root = select(Organisation.id).where(Organisation.parent_id.is_(None)).order_by(Organisation.id).limit(1)
    return await session.scalar(root) or ""
