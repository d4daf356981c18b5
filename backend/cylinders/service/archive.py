"""The cylinders' archive (E5.8.3-3) as the office keeps it."""

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.cylinders.models import Cylinder, CylinderMovement
from backend.cylinders.schemas import CylinderIn, CylinderOut
from backend.cylinders.service.movements import refold
from backend.cylinders.service.posting import document_id, post, unknown
from backend.cylinders.service.showing import find_cylinder
from backend.db import new_key
from backend.errors import ConflictingError, UnusableError
from backend.intake import service as intake
from backend.reference import service as reference
from backend.scope import Caller, scoped


async def create_cylinder(session: AsyncSession, caller: Caller, given: CylinderIn) -> CylinderOut:
    place = await reference.find_place(session, given.organisation_id, caller=caller, right="cylinder.edit")
    taken = select(Cylinder.id).where(Cylinder.company_id == place.company_id, Cylinder.code == given.code)
    if await session.scalar(taken) is not None:
        raise ConflictingError("cylinder.code_taken", "气瓶编号已存在。", "There is a cylinder of that code.")
    now = datetime.now(UTC)
    cylinder = Cylinder(
        id=new_key(),
        company_id=place.company_id,
        registered_at=now,
        registered_with=given.organisation_id,
        holder_kind="station",
        holder_id=given.organisation_id,
        holder_since=now,
    )
    await _write(session, caller, cylinder, given)
    await _adopt(session, cylinder)
    return await find_cylinder(session, caller, cylinder.id)


async def change_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str, given: CylinderIn) -> CylinderOut:
    query = scoped(select(Cylinder).where(Cylinder.id == cylinder_id), Cylinder.organisation_id, caller)
    cylinder: Cylinder | None = await session.scalar(query.with_for_update())
    if cylinder is None:
        raise unknown()
    await reference.find_place(session, cylinder.organisation_id, caller=caller, right="cylinder.edit")
    await reference.find_place(session, given.organisation_id, caller=caller, right="cylinder.edit")
    if given.organisation_id != cylinder.organisation_id:
        await intake.withdraw(session, unit_id=cylinder.organisation_id, document_id=document_id(cylinder))
    await _write(session, caller, cylinder, given)
    return await find_cylinder(session, caller, cylinder.id)


async def _write(session: AsyncSession, caller: Caller, cylinder: Cylinder, given: CylinderIn) -> None:
    if given.made_on and given.service_ends_on and given.service_ends_on <= given.made_on:
        raise UnusableError("cylinder.service_ends", "使用年限早于制造年月。", "Its service ends before it was made.")
    for name in CylinderIn.__struct_fields__:
        setattr(cylinder, name, getattr(given, name))
    cylinder.tag_uid = given.tag_uid.strip().upper()
    session.add(cylinder)
    await session.flush()
    await audit.record(
        session,
        caller,
        "cylinder.saved",
        "cylinder",
        cylinder.id,
        {"code": cylinder.code, "scrapped": cylinder.scrapped},
        organisation_id=cylinder.organisation_id,
    )
    await post(session, cylinder)
    await events.announce(session, "cylinder.changed", cylinder.id, cylinder.organisation_id)


async def _adopt(session: AsyncSession, cylinder: Cylinder) -> None:
    """Movements that were recorded before anybody had entered the cylinder."""
    await session.execute(
        update(CylinderMovement)
        .where(
            CylinderMovement.company_id == cylinder.company_id,
            CylinderMovement.cylinder_id.is_(None),
            CylinderMovement.code == cylinder.code,
        )
        .values(cylinder_id=cylinder.id)
    )
    await refold(session, [cylinder.id])
