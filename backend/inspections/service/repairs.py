"""维修: what was wrong with a cylinder at a station, and what was done."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.cylinders import service as cylinders
from backend.db import new_key
from backend.errors import MissingError, UnusableError
from backend.inspections.models import CylinderRepair
from backend.inspections.schemas import RepairIn, RepairOut
from backend.reference import service as reference
from backend.scope import Caller, scoped
from sync.databases import BEIJING


async def record_repair(session: AsyncSession, caller: Caller, given: RepairIn) -> RepairOut:
    place = await reference.find_place(session, given.organisation_id, caller=caller, right="cylinder.edit")
    found = (await cylinders.lock_cylinders(session, caller, place.company_id, [given.code])).get(given.code)
    if found is None:
        raise MissingError("cylinder.unknown", "没有这个气瓶。", "There is no such cylinder.")
    if found.scrapped:
        raise UnusableError("cylinder.scrapped", "气瓶已报废。", "The cylinder is scrapped.")
    if given.repaired_on > datetime.now(BEIJING).date():
        raise UnusableError("repair.future", "维修日期不能晚于今天。", "It cannot be repaired in the future.")
    row = CylinderRepair(
        id=new_key(),
        organisation_id=found.organisation_id,
        cylinder_id=found.id,
        code=found.code,
        fault=given.fault,
        work=given.work,
        repairer=given.repairer,
        repaired_on=given.repaired_on,
        staff_id=caller.staff_id,
        at=datetime.now(UTC),
    )
    session.add(row)
    await session.flush()
    facts = {"code": found.code, "fault": given.fault, "work": given.work}
    await audit.record(
        session, caller, "cylinder.repaired", "cylinder", found.id, facts, organisation_id=found.organisation_id
    )
    return (await list_repairs(session, caller, found.id))[0]


async def list_repairs(session: AsyncSession, caller: Caller, cylinder_id: str) -> list[RepairOut]:
    query = scoped(select(CylinderRepair), CylinderRepair.organisation_id, caller)
    newest = query.where(CylinderRepair.cylinder_id == cylinder_id).order_by(CylinderRepair.at.desc())
    rows = (await session.scalars(newest)).all()
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    own = [name for name in RepairOut.__struct_fields__ if name != "staff_name"]
    return [
        RepairOut(staff_name=names.get(row.staff_id, ""), **{name: getattr(row, name) for name in own}) for row in rows
    ]
