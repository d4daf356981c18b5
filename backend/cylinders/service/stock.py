"""Stock of stations and vehicles, balanced by day and size: opening + arrived - departed = closing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, cast, delete, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from backend.accounts import service as accounts
from backend.bulk import upsert_rows
from backend.cylinders.models import Cylinder, CylinderStay, StockBalance, StockHolder, StockRecount
from backend.cylinders.schemas import StockLine
from backend.cylinders.service.stays import STOCK_KINDS
from backend.errors import UnusableError
from backend.scope import Caller, within
from sync.databases import BEIJING, beijing_today

_DAY = timedelta(days=1)
# Stations and vehicles that are balanced in one transaction.
_AT_ONCE = 50

_Key = tuple[str, str]
# Opening, arrived, departed, closing.
_Counts = tuple[int, int, int, int]


async def list_stock(
    session: AsyncSession,
    caller: Caller,
    *,
    day: date | None = None,
    holder_kind: str = "",
    holder_id: str = "",
    organisation_id: str = "",
    specification: str = "",
) -> list[StockLine]:
    """One line for each station or vehicle and size that held or moved any on that day; today's is up to now."""
    today = beijing_today()
    wanted_day = day or today
    if wanted_day > today:
        raise UnusableError("stock.future", "这一天还没有到，请选今天或以前。", "That day is still to come.")
    holders = await _holders(session, caller, holder_kind, holder_id, organisation_id)
    settled = {_key(h) for h in holders if h.balanced_to is not None and h.balanced_to >= wanted_day}
    lines = await _read(session, sorted(settled), wanted_day)
    begun = await _begin(session, [holder for holder in holders if _key(holder) not in settled])
    for key, days in (await _count(session, begun, wanted_day)).items():
        lines += [(key, size, counts) for (at, size), counts in days.items() if at == wanted_day]
    names = await _names(session, caller, holders)
    by_key = {_key(holder): holder for holder in holders}
    found = [
        _line(by_key[key], names, size, counts, wanted_day)
        for key, size, counts in lines
        if specification in {"", size}
    ]
    return sorted(found, key=_by_place)


def _by_place(line: StockLine) -> tuple[str, ...]:
    return line.holder_kind, line.organisation_name, line.holder_name, line.holder_id, line.specification


async def list_balances(
    session: AsyncSession, caller: Caller, holder_kind: str, holder_id: str, *, since: date, until: date
) -> list[StockLine]:
    """A station's or vehicle's days, newest first."""
    holders = await _holders(session, caller, holder_kind, holder_id, "")
    names = await _names(session, caller, holders)
    held = StockBalance
    found: list[StockLine] = []
    for holder in holders:
        query = select(held).where(held.holder_kind == holder.holder_kind, held.holder_id == holder.holder_id)
        rows = await session.scalars(query.where(held.day.between(since, until)))
        found += [
            _line(holder, names, row.specification, (row.opening, row.arrived, row.departed, row.closing), row.day)
            for row in rows
        ]
    return sorted(found, key=lambda line: (-line.day.toordinal(), line.specification))


def _key(holder: StockHolder) -> _Key:
    return holder.holder_kind, holder.holder_id


async def _holders(
    session: AsyncSession, caller: Caller, holder_kind: str, holder_id: str, organisation_id: str
) -> Sequence[StockHolder]:
    wanted: list[ColumnElement[bool]] = [within(StockHolder.organisation_id, caller)]
    pairs = (
        (StockHolder.holder_kind, holder_kind),
        (StockHolder.holder_id, holder_id),
        (StockHolder.organisation_id, organisation_id),
    )
    wanted += [column == value for column, value in pairs if value]
    order = (StockHolder.holder_kind, StockHolder.holder_id)
    query = select(StockHolder).where(*wanted).order_by(*order).execution_options(populate_existing=True)
    return (await session.scalars(query)).all()


async def _read(session: AsyncSession, keys: Sequence[_Key], day: date) -> list[tuple[_Key, str, _Counts]]:
    if not keys:
        return []
    held = StockBalance
    rows = await session.scalars(
        select(held).where(held.day == day, tuple_(held.holder_kind, held.holder_id).in_(keys))
    )
    return [
        ((r.holder_kind, r.holder_id), r.specification, (r.opening, r.arrived, r.departed, r.closing)) for r in rows
    ]


async def _names(session: AsyncSession, caller: Caller, holders: Iterable[StockHolder]) -> dict[str, str]:
    names = {o.id: o.name for o in await accounts.list_organisations(session, caller)}
    drivers = [holder.holder_id for holder in holders if holder.holder_kind == "vehicle"]
    return names | await accounts.staff_names(session, drivers)


def _line(
    holder: StockHolder,
    names: Mapping[str, str],
    specification: str,
    counts: _Counts,
    day: date,
) -> StockLine:
    return StockLine(
        day=day,
        holder_kind=holder.holder_kind,
        holder_id=holder.holder_id,
        holder_name=names.get(holder.holder_id, holder.holder_id),
        plate=holder.plate,
        organisation_id=holder.organisation_id,
        organisation_name=names.get(holder.organisation_id, ""),
        specification=specification,
        opening=counts[0],
        arrived=counts[1],
        departed=counts[2],
        closing=counts[3],
    )


async def balance_stock(session: AsyncSession) -> int:
    """Writes the days up to yesterday of some stations and vehicles that lack them, or that a late record has
    changed; answers how many. Those that another worker balances at this moment are left to it.
    """
    yesterday = beijing_today() - _DAY
    marked = exists().where(
        StockRecount.holder_kind == StockHolder.holder_kind, StockRecount.holder_id == StockHolder.holder_id
    )
    due = or_(StockHolder.balanced_to.is_(None), StockHolder.balanced_to < yesterday, marked)
    query = select(StockHolder).where(due).order_by(StockHolder.holder_kind, StockHolder.holder_id).limit(_AT_ONCE)
    locked = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    holders = (await session.scalars(locked)).all()
    if not holders:
        return 0
    begun = await _begin(session, holders)
    for key, day in (await _take_marks(session, begun)).items():
        begun[key] = min(begun[key], day)
    counted = await _count(session, begun, yesterday)
    held = StockBalance
    outdated = [_from(held.holder_kind, held.holder_id, held.day, key, day) for key, day in begun.items()]
    await session.execute(delete(held).where(or_(*outdated)))
    rows = [_row(key, at, size, counts) for key, days in counted.items() for (at, size), counts in days.items()]
    await upsert_rows(session, held, rows, key=("holder_kind", "holder_id", "specification", "day"))
    for holder in holders:
        holder.balanced_to = yesterday
    await session.flush()
    return len(holders)


def _row(key: _Key, day: date, specification: str, counts: _Counts) -> dict[str, Any]:
    names = ("opening", "arrived", "departed", "closing")
    given = {"holder_kind": key[0], "holder_id": key[1], "specification": specification, "day": day}
    return given | dict(zip(names, counts, strict=True))


async def _begin(session: AsyncSession, holders: Sequence[StockHolder]) -> dict[_Key, date]:
    """The first day that is not balanced yet, for each: the day after the last one, or that of the first arrival."""
    found: dict[_Key, date] = {}
    for holder in holders:
        if holder.balanced_to is not None:
            found[_key(holder)] = holder.balanced_to + _DAY
            continue
        own = (CylinderStay.holder_kind == holder.holder_kind, CylinderStay.holder_id == holder.holder_id)
        first = await session.scalar(select(func.min(CylinderStay.since)).where(*own))
        found[_key(holder)] = (first or datetime.now(UTC)).astimezone(BEIJING).date()
    return found


async def _take_marks(session: AsyncSession, keys: Iterable[_Key]) -> dict[_Key, date]:
    marks = delete(StockRecount).where(tuple_(StockRecount.holder_kind, StockRecount.holder_id).in_(list(keys)))
    found: dict[_Key, date] = {}
    taken = marks.returning(StockRecount.holder_kind, StockRecount.holder_id, StockRecount.day)
    for kind, key, day in (await session.execute(taken)).all():
        found[kind, key] = min(found.get((kind, key), day), day)
    return found


async def _count(
    session: AsyncSession, begun: Mapping[_Key, date], until: date
) -> dict[_Key, dict[tuple[date, str], _Counts]]:
    """Each day's counts by size, from the first one asked for; a day without stock or movement has none."""
    due = {key: day for key, day in begun.items() if day <= until}
    if not due:
        return {}
    stock = await _closings(session, due)
    arrived = await _flows(session, due, until, CylinderStay.since)
    departed = await _flows(session, due, until, CylinderStay.until)
    found: dict[_Key, dict[tuple[date, str], _Counts]] = {}
    for key, first in due.items():
        held, days = stock[key], {}
        for day in _days(first, until):
            for size in sorted({*held, *arrived[key, day], *departed[key, day]}):
                opening, came, left = held.get(size, 0), arrived[key, day].get(size, 0), departed[key, day].get(size, 0)
                held[size] = opening + came - left
                if opening or came or left:
                    days[day, size] = (opening, came, left, held[size])
        found[key] = days
    return found


def _days(first: date, last: date) -> Iterator[date]:
    return (first + _DAY * number for number in range((last - first).days + 1))


async def _closings(session: AsyncSession, due: Mapping[_Key, date]) -> dict[_Key, dict[str, int]]:
    """What each had at the end of the day before."""
    held = StockBalance
    before = [
        and_(held.holder_kind == kind, held.holder_id == key, held.day == day - _DAY)
        for (kind, key), day in due.items()
    ]
    found: dict[_Key, dict[str, int]] = {key: {} for key in due}
    for row in await session.scalars(select(held).where(or_(*before))):
        found[row.holder_kind, row.holder_id][row.specification] = row.closing
    return found


async def _flows(
    session: AsyncSession, due: Mapping[_Key, date], until: date, moment: InstrumentedAttribute[Any]
) -> defaultdict[tuple[_Key, date], dict[str, int]]:
    """How many stays began or ended there, by day and size."""
    stay = CylinderStay
    day = cast(func.timezone("Asia/Shanghai", moment), Date)
    wanted = [_from(stay.holder_kind, stay.holder_id, moment, key, _midnight(first)) for key, first in due.items()]
    query = (
        select(stay.holder_kind, stay.holder_id, day, Cylinder.specification, func.count())
        .join(Cylinder, Cylinder.id == stay.cylinder_id)
        .where(or_(*wanted), stay.holder_kind.in_(STOCK_KINDS), moment < _midnight(until + _DAY))
        .group_by(stay.holder_kind, stay.holder_id, day, Cylinder.specification)
    )
    found: defaultdict[tuple[_Key, date], dict[str, int]] = defaultdict(dict)
    for kind, key, at, size, count in await session.execute(query):
        found[(kind, key), at][size] = count
    return found


def _from(kind: Any, key: Any, moment: Any, of: _Key, first: date | datetime) -> ColumnElement[bool]:
    return and_(kind == of[0], key == of[1], moment >= first)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)
