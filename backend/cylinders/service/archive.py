"""The cylinders' archive (E5.8.3-3) as the office keeps it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.changes import service as changes
from backend.cylinders.models import Cylinder
from backend.cylinders.rules import plain_uid
from backend.cylinders.schemas import CylinderIn, CylinderOut, ScrapIn
from backend.cylinders.service.dead_tags import bury, refuse_dead
from backend.cylinders.service.movements import adopt, movements_of
from backend.cylinders.service.posting import document_id, post, unknown
from backend.cylinders.service.scrapping import write_scrapping
from backend.cylinders.service.showing import find_cylinder
from backend.cylinders.service.stays import mark_days, mark_whole_way
from backend.cylinders.service.tags import adopt_bindings, bind_in_archive, forget_archived, require_free_tags
from backend.db import new_key
from backend.errors import ConflictingError, UnusableError
from backend.intake import service as intake
from backend.reference import service as reference
from backend.reference.schemas import InspectionPeriod
from backend.scope import Caller, scoped
from sync.databases import BEIJING


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
        last_heard_at=now,
    )
    await refuse_dead(session, given.tag_uid)
    await _write(session, caller, cylinder, msgspec.structs.replace(given, scrapped=False))
    await adopt(session, [cylinder.id])
    await adopt_bindings(session, [cylinder.id])
    if given.scrapped:
        today = now.astimezone(BEIJING).date()
        await write_scrapping(session, caller, cylinder, ScrapIn(reason="registered", scrapped_on=today))
    return await find_cylinder(session, caller, cylinder.id)


async def change_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str, given: CylinderIn) -> CylinderOut:
    query = scoped(select(Cylinder).where(Cylinder.id == cylinder_id), Cylinder.organisation_id, caller)
    cylinder: Cylinder | None = await session.scalar(query.with_for_update())
    if cylinder is None:
        raise unknown()
    await reference.find_place(session, cylinder.organisation_id, caller=caller, right="cylinder.edit")
    await reference.find_place(session, given.organisation_id, caller=caller, right="cylinder.edit")
    _refuse_scrapped(cylinder, given)
    if plain_uid(given.tag_uid) != plain_uid(cylinder.tag_uid):
        await refuse_dead(session, given.tag_uid)
        await bury(session, cylinder, "replaced")
    if given.organisation_id != cylinder.organisation_id:
        await intake.withdraw(session, unit_id=cylinder.organisation_id, document_id=document_id(cylinder))
    await _write(session, caller, cylinder, given)
    return await find_cylinder(session, caller, cylinder.id)


async def _write(session: AsyncSession, caller: Caller, cylinder: Cylinder, given: CylinderIn) -> None:
    await _check_size(session, cylinder.company_id, given.specification)
    if cylinder.specification and cylinder.specification != given.specification:
        await mark_whole_way(session, cylinder.id)
    await require_free_tags(session, {given.tag_uid: cylinder.id})
    for name in CylinderIn.__struct_fields__:
        setattr(cylinder, name, getattr(given, name))
    cylinder.tag_uid = given.tag_uid.strip().upper()
    fill_deadlines(cylinder, (await reference.find_periods(session, cylinder.company_id)).entries)
    if cylinder.made_on and cylinder.service_ends_on and cylinder.service_ends_on <= cylinder.made_on:
        raise UnusableError("cylinder.service_ends", "使用年限早于制造年月。", "Its service ends before it was made.")
    session.add(cylinder)
    await session.flush()
    await bind_in_archive(session, [cylinder], caller.staff_id)
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
    await changes.changed(session, "T2-05", cylinder.id, cylinder.organisation_id)
    await events.announce(session, "cylinder.changed", cylinder.id, cylinder.organisation_id)


def fill_deadlines(cylinder: Any, periods: Iterable[InspectionPeriod]) -> None:
    """What nobody gave follows from the company's table."""
    found = reference.deadlines(
        periods,
        standard=cylinder.standard,
        specification=cylinder.specification,
        made_on=cylinder.made_on,
        last_inspected_on=cylinder.last_inspected_on,
    )
    cylinder.next_inspection_on = cylinder.next_inspection_on or found.next_inspection_on
    cylinder.service_ends_on = cylinder.service_ends_on or found.service_ends_on


async def _check_size(session: AsyncSession, company_id: str, specification: str) -> None:
    known = await reference.words(session, company_id, "cylinder_specification")
    if specification not in known:
        raise UnusableError(
            "cylinder.unknown_specification",
            f"没有这种规格：{specification}。",
            f"There is no size {specification}.",
            action=f"可选：{'、'.join(known)}；新规格请在“设置”里添加",
            action_en=f"Choose of {', '.join(known)}, or add it to the list in the settings",
            known=list(known),
        )


def _refuse_scrapped(cylinder: Cylinder, given: CylinderIn) -> None:
    if cylinder.scrapped:
        raise ConflictingError(
            "cylinder.scrapped",
            "气瓶已报废，档案不再修改。",
            "The cylinder is scrapped: its archive is closed.",
            action="登记错了的，由管理员撤销报废",
            action_en="If that was a mistake, an administrator undoes the scrapping",
        )
    if given.scrapped:
        raise UnusableError(
            "cylinder.scrap_apart",
            "报废要写明原因和日期，请用“报废”登记。",
            "Scrapping needs its reason and date: record it as a scrapping.",
        )


async def delete_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str) -> None:
    """One that was entered by mistake. What has ever been recorded of a cylinder is kept: such a one is scrapped."""
    query = scoped(select(Cylinder).where(Cylinder.id == cylinder_id), Cylinder.organisation_id, caller)
    cylinder: Cylinder | None = await session.scalar(query.with_for_update())
    if cylinder is None:
        raise unknown()
    await reference.find_place(session, cylinder.organisation_id, caller=caller, right="cylinder.edit")
    if await movements_of(session, cylinder.id):
        raise ConflictingError(
            "cylinder.recorded",
            "这个气瓶已有流转记录，不能删除；停用请登记报废。",
            "Something was recorded of this cylinder: it cannot be deleted. Scrap it instead.",
        )
    await intake.withdraw(session, unit_id=cylinder.organisation_id, document_id=document_id(cylinder))
    await mark_days(session, [("station", cylinder.registered_with, cylinder.registered_at)])
    await forget_archived(session, cylinder.id)
    await session.delete(cylinder)
    await session.flush()
    facts = {"code": cylinder.code}
    await audit.record(
        session, caller, "cylinder.deleted", "cylinder", cylinder.id, facts, organisation_id=cylinder.organisation_id
    )
    await changes.changed(session, "T2-05", cylinder.id, cylinder.organisation_id, deleted=True)
    await events.announce(session, "cylinder.changed", cylinder.id, cylinder.organisation_id)
