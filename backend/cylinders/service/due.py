"""Which cylinders are due for inspection (待检), the most urgent first, and how many."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.bulk import each_of, one_of
from backend.cylinders.models import Cylinder
from backend.cylinders.schemas import DueCount, DueFilters, DueLine
from backend.cylinders.service.showing import lines_of
from backend.pages import Page
from backend.reference import service as reference
from backend.scope import Caller
from sync.databases import BEIJING


async def list_due(
    session: AsyncSession, caller: Caller, wanted: DueFilters, *, limit: int = 100, offset: int = 0
) -> Page[DueLine]:
    """What falls due within `wanted.within` days or is overdue; what is at an inspection body only where asked for."""
    today = datetime.now(BEIJING).date()
    stations, where = await _stations(session, caller, wanted), _where(wanted, today)
    total = await session.scalar(
        select(func.count()).select_from(Cylinder).where(one_of(Cylinder.organisation_id, stations), *where)
    )
    # The first of each station from its index, then the first of all: PostgreSQL does not merge them by itself.
    station = each_of(stations)
    first = (
        select(Cylinder.id, Cylinder.due_on)
        .where(Cylinder.organisation_id == station.c.value, *where)
        .order_by(Cylinder.due_on, Cylinder.id)
        .limit(limit + offset)
        .lateral()
    )
    page = select(first.c.id).select_from(station.join(first, true())).order_by(first.c.due_on, first.c.id)
    ids = (await session.scalars(page.limit(limit).offset(offset))).all()
    query = select(Cylinder).where(one_of(Cylinder.id, ids)).order_by(Cylinder.due_on, Cylinder.id)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    lines = await lines_of(session, rows)
    found = [
        DueLine(line=line, due_on=row.due_on, days_left=(row.due_on - today).days)
        for row, line in zip(rows, lines, strict=True)
        if row.due_on is not None
    ]
    return Page(found, total or 0)


async def count_due(session: AsyncSession, caller: Caller) -> list[DueCount]:
    """`overdue`, then each of the company's reminders, narrowest first; a cylinder counts once."""
    today = datetime.now(BEIJING).date()
    days = sorted((await reference.find_settings(session, caller.company_id)).fields.inspection_reminder_days)
    wanted = DueFilters(within=days[-1])
    mine = one_of(Cylinder.organisation_id, await _stations(session, caller, wanted))
    stages = stage_conditions(today, days)
    counted = select(*(func.count().filter(condition) for _, condition in stages)).where(mine, *_where(wanted, today))
    row = (await session.execute(counted)).one()
    return [DueCount(stage, number) for (stage, _), number in zip(stages, row, strict=True)]


def stage_conditions(today: date, days: Iterable[int]) -> list[tuple[str, ColumnElement[bool]]]:
    """The narrowest stage that a due date has reached, as conditions that exclude each other."""
    found: list[tuple[str, ColumnElement[bool]]] = [("overdue", Cylinder.due_on < today)]
    after = today
    for ahead in sorted(days):
        until = today + timedelta(days=ahead)
        found.append((str(ahead), (Cylinder.due_on >= after) & (Cylinder.due_on <= until)))
        after = until + timedelta(days=1)
    return found


async def _stations(session: AsyncSession, caller: Caller, wanted: DueFilters) -> list[str]:
    reached = {found.id for found in await accounts.list_organisations(session, caller)}
    return sorted(reached & {wanted.organisation_id} if wanted.organisation_id else reached)


def _where(wanted: DueFilters, today: date) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [~Cylinder.scrapped]
    if wanted.stage == "overdue":
        where.append(Cylinder.due_on < today)
    else:
        where.append(Cylinder.due_on <= today + timedelta(days=wanted.within))
        if wanted.stage == "ahead":
            where.append(Cylinder.due_on >= today)
    if wanted.specification:
        where.append(Cylinder.specification == wanted.specification)
    if wanted.holder_kind:
        where.append(Cylinder.holder_kind == wanted.holder_kind)
    else:
        where.append(Cylinder.holder_kind != "inspection_body")
    return where
