"""Reminds of inspections: 60, 30 and 7 days ahead and when overdue, once each, the office and the station's phones."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import case, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.cylinders.models import Cylinder, InspectionReminded, InspectionReminder
from backend.cylinders.schemas import ReminderOut
from backend.cylinders.service.due import stage_conditions
from backend.db import new_key
from backend.errors import MissingError
from backend.intake import service as intake
from backend.reference import service as reference
from backend.scope import Caller, scoped
from sync.databases import BEIJING
from sync.documents import reference as documents

# A phone shows the most urgent; the office has the list.
_CODES_ON_PHONES = 50


async def remind(session: AsyncSession, company_id: str, day: date) -> int:
    """How many cylinders reached a further stage; those were written down in the same transaction, so that whoever
    runs this again, today or after a restart, reminds of none of them twice.
    """
    days = (await reference.find_settings(session, company_id)).fields.inspection_reminder_days
    waiting = (
        Cylinder.company_id == company_id,
        ~Cylinder.scrapped,
        Cylinder.holder_kind != "inspection_body",
        Cylinder.due_on <= day + timedelta(days=max(days)),
    )
    stage = case(*((condition, name) for name, condition in stage_conditions(day, days)))
    told = exists().where(
        InspectionReminded.cylinder_id == Cylinder.id,
        InspectionReminded.due_on == Cylinder.due_on,
        InspectionReminded.stage == stage,
    )
    reached = select(Cylinder.id, Cylinder.due_on, stage).where(*waiting, ~told)
    new = (
        insert(InspectionReminded)
        .from_select(["cylinder_id", "due_on", "stage"], reached)
        .on_conflict_do_nothing()
        .returning(InspectionReminded.cylinder_id, InspectionReminded.stage)
        .cte("new")
    )
    counted = (
        select(Cylinder.organisation_id, new.c.stage, func.count())
        .join(new, new.c.cylinder_id == Cylinder.id)
        .group_by(Cylinder.organisation_id, new.c.stage)
        .order_by(Cylinder.organisation_id, new.c.stage)
    )
    found = [(unit_id, name, number) for unit_id, name, number in await session.execute(counted)]
    now = datetime.now(UTC)
    session.add_all(
        InspectionReminder(id=new_key(), organisation_id=unit_id, day=day, stage=name, count=number, at=now)
        for unit_id, name, number in found
    )
    await session.flush()
    # Whoever was ever told hears of what was inspected since, too; the same again is not written.
    for unit_id in await _told_units(session, company_id):
        await _tell_phones(session, unit_id, day, days)
    for unit_id in sorted({unit_id for unit_id, _, _ in found}):
        await events.announce(session, "cylinder.due", "", unit_id)
    return sum(number for _, _, number in found)


async def remind_all(session: AsyncSession) -> int:
    """Every company, of today in Beijing."""
    today = datetime.now(BEIJING).date()
    companies = (await session.scalars(select(Cylinder.company_id).distinct().order_by(Cylinder.company_id))).all()
    return sum([await remind(session, company_id, today) for company_id in companies])


async def _told_units(session: AsyncSession, company_id: str) -> list[str]:
    units = [unit.id for unit in await accounts.units_under(session, company_id)]
    told = select(InspectionReminder.organisation_id).where(one_of(InspectionReminder.organisation_id, units))
    return sorted(set(await session.scalars(told.distinct())))


async def _tell_phones(session: AsyncSession, unit_id: str, day: date, days: Sequence[int]) -> None:
    mine = (Cylinder.organisation_id == unit_id, ~Cylinder.scrapped, Cylinder.holder_kind != "inspection_body")
    stages = stage_conditions(day, days)
    counts = (
        await session.execute(select(*(func.count().filter(condition) for _, condition in stages)).where(*mine))
    ).one()
    until = Cylinder.due_on <= day + timedelta(days=max(days))
    codes = select(Cylinder.code).where(*mine, until).order_by(Cylinder.due_on, Cylinder.id).limit(_CODES_ON_PHONES)
    document = documents.InspectionReminder(
        id=documents.reference_id("reference.inspection_reminder", "station"),
        day=day,
        overdue=counts[0],
        due=tuple((int(name), number) for (name, _), number in zip(stages[1:], counts[1:], strict=True)),
        codes=tuple(await session.scalars(codes)),
    )
    await intake.post(session, unit_id=unit_id, document=document)


async def list_reminders(session: AsyncSession, caller: Caller, *, unseen: bool = True) -> list[ReminderOut]:
    """Newest first, a station's stage in one line for each day."""
    query = scoped(select(InspectionReminder), InspectionReminder.organisation_id, caller)
    if unseen:
        query = query.where(InspectionReminder.seen_at.is_(None))
    rows = (await session.scalars(query.order_by(InspectionReminder.at.desc()).limit(200))).all()
    names = await accounts.organisations_by_id(session, {row.organisation_id for row in rows})
    return [
        ReminderOut(
            id=row.id,
            organisation_id=row.organisation_id,
            organisation_name=names[row.organisation_id].name,
            day=row.day,
            stage=row.stage,
            count=row.count,
            seen_at=row.seen_at,
        )
        for row in rows
    ]


async def mark_seen(session: AsyncSession, caller: Caller, reminder_id: str) -> None:
    """Somebody deals with it: it leaves the things to do, not the list of what is due."""
    now = datetime.now(UTC)
    statement = update(InspectionReminder).where(InspectionReminder.id == reminder_id)
    seen = scoped(statement, InspectionReminder.organisation_id, caller).values(seen_at=now, seen_by=caller.staff_id)
    unit_id = await session.scalar(seen.returning(InspectionReminder.organisation_id))
    if unit_id is None:
        raise MissingError("reminder.unknown", "没有这条提醒。", "There is no such reminder.")
    await audit.record(
        session, caller, "inspection.reminder_seen", "inspection.reminder", reminder_id, organisation_id=unit_id
    )
    await events.announce(session, "cylinder.due", "", unit_id)
