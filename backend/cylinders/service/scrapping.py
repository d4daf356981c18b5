"""报废: out of use for good, the tag with it. Only an administrator takes it back, and the tag stays dead."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.changes import service as changes
from backend.cylinders.models import Cylinder, CylinderMovement, Scrapping
from backend.cylinders.schemas import CylinderOut, ScrapIn, ScrappingOut
from backend.cylinders.service.dead_tags import bury, bury_scrapped
from backend.cylinders.service.movements import refold
from backend.cylinders.service.office import OfficeMovement, moment_of, record_office_movements
from backend.cylinders.service.posting import post, unknown
from backend.cylinders.service.showing import find_cylinder
from backend.cylinders.service.tags import bind_in_archive
from backend.db import new_key
from backend.errors import ConflictingError, UnusableError
from backend.reference import service as reference
from backend.scope import Caller, scoped
from sync.databases import BEIJING


async def scrap_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str, given: ScrapIn) -> CylinderOut:
    cylinder = await _held(session, caller, cylinder_id, right="cylinder.edit")
    if cylinder.scrapped:
        raise ConflictingError("cylinder.scrapped", "气瓶已报废。", "The cylinder is scrapped already.")
    if given.scrapped_on > datetime.now(BEIJING).date():
        raise UnusableError("scrapping.future", "报废日期不能晚于今天。", "It cannot be scrapped in the future.")
    reasons = await reference.words(session, cylinder.company_id, "scrap_reason")
    if given.reason not in reasons:
        raise UnusableError("scrapping.reason", "请从列表里选报废原因。", "Choose the reason from the list.")
    await write_scrapping(session, caller, cylinder, given)
    return await find_cylinder(session, caller, cylinder.id)


async def write_scrapping(session: AsyncSession, caller: Caller, cylinder: Cylinder, given: ScrapIn) -> None:
    """A cylinder that the caller holds locked, or has just made."""
    scrapping = Scrapping(
        id=new_key(),
        organisation_id=cylinder.organisation_id,
        cylinder_id=cylinder.id,
        reason=given.reason,
        scrapped_on=given.scrapped_on,
        document=given.document,
        note=given.note,
        staff_id=caller.staff_id,
        at=datetime.now(UTC),
    )
    session.add(scrapping)
    cylinder.scrapped = True
    await session.flush()
    await bury_scrapped(session, [cylinder])
    at = max(moment_of(given.scrapped_on), cylinder.registered_at)
    move = OfficeMovement(
        record_id=f"scrapping:{scrapping.id}", kind="scrapped", cylinder=cylinder, at=at, detail=given.document
    )
    await record_office_movements(session, caller, [move])
    await _tell(
        session,
        caller,
        cylinder,
        "cylinder.scrapped",
        {"code": cylinder.code, "reason": given.reason, "document": given.document, "tag_uid": cylinder.tag_uid},
    )


async def undo_scrapping(session: AsyncSession, caller: Caller, cylinder_id: str, reason: str) -> CylinderOut:
    """Entered for the wrong cylinder: it lives again and needs a new tag."""
    cylinder = await _held(session, caller, cylinder_id, right="accounts.manage")
    if not cylinder.scrapped:
        raise ConflictingError("cylinder.not_scrapped", "气瓶没有报废。", "The cylinder is not scrapped.")
    now = datetime.now(UTC)
    open_one = (Scrapping.cylinder_id == cylinder.id, Scrapping.undone_at.is_(None))
    undone = {"undone_at": now, "undone_by": caller.staff_id, "undone_reason": reason}
    await session.execute(update(Scrapping).where(*open_one).values(**undone))
    theirs = (CylinderMovement.cylinder_id == cylinder.id, CylinderMovement.kind == "scrapped")
    await session.execute(update(CylinderMovement).where(*theirs).values(withdrawn_at=now))
    dead, cylinder.tag_uid = cylinder.tag_uid, ""
    if dead:
        await bury(session, cylinder, "scrapped", dead)
    cylinder.scrapped = False
    await session.flush()
    await bind_in_archive(session, [cylinder], caller.staff_id)
    await refold(session, [cylinder.id])
    facts = {"code": cylinder.code, "reason": reason, "dead_tag": dead}
    await _tell(session, caller, cylinder, "cylinder.scrapping_undone", facts)
    return await find_cylinder(session, caller, cylinder.id)


async def list_scrappings(session: AsyncSession, caller: Caller, cylinder_id: str) -> list[ScrappingOut]:
    query = scoped(select(Scrapping).where(Scrapping.cylinder_id == cylinder_id), Scrapping.organisation_id, caller)
    rows: Sequence[Scrapping] = (await session.scalars(query.order_by(Scrapping.at.desc()))).all()
    return [ScrappingOut(**{name: getattr(row, name) for name in ScrappingOut.__struct_fields__}) for row in rows]


async def _held(session: AsyncSession, caller: Caller, cylinder_id: str, *, right: str) -> Cylinder:
    query = scoped(select(Cylinder).where(Cylinder.id == cylinder_id), Cylinder.organisation_id, caller)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    cylinder: Cylinder | None = await session.scalar(locked)
    if cylinder is None:
        raise unknown()
    await reference.find_place(session, cylinder.organisation_id, caller=caller, right=right)
    return cylinder


async def _tell(session: AsyncSession, caller: Caller, cylinder: Cylinder, action: str, facts: dict[str, str]) -> None:
    await audit.record(
        session, caller, action, "cylinder", cylinder.id, facts, organisation_id=cylinder.organisation_id
    )
    await post(session, cylinder)
    await changes.changed_all(session, "T2-05", {cylinder.id: cylinder.organisation_id})
    await events.announce(session, "cylinder.changed", cylinder.id, cylinder.organisation_id)
