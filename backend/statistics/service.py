"""Figures of operation by day and unit (5.8.3-03), and how far real-name registration has come (E5.8.3-6)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, TextClause
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.reference import service as reference
from backend.scope import Caller
from backend.statistics import queries
from backend.statistics.rules import Period, percent
from backend.statistics.schemas import (
    OUTCOMES,
    AreaVisits,
    DayFigures,
    HourOfOrders,
    Operation,
    RegistrationFigures,
    StepFigures,
    UnitFigures,
    UnitRegistration,
)
from sync.databases import BEIJING

# Areas with the most visits; a chart with more lines is unreadable.
_AREAS = 6
_SUMMED = tuple(
    name
    for name, kind in UnitFigures.__annotations__.items()
    if kind in {int, float, "int", "float"} and name != "entered_percent"
)


class _Counting:
    """One reading of the tables for one caller, period and choice."""

    def __init__(self, session: AsyncSession, names: Mapping[str, str], period: Period, **chosen: Any) -> None:
        self._session, self.names = session, names
        midnight = datetime.combine(period.since, time(), BEIJING)
        self._asked: dict[str, Any] = {
            "units": list(names),
            "since": period.since,
            "until": period.until,
            "begin": midnight,
            "end": datetime.combine(period.until + timedelta(days=1), time(), BEIJING),
            **chosen,
        }

    async def rows(self, query: TextClause, **others: Any) -> Sequence[Row[Any]]:
        wanted = {name: self._asked[name] for name in query.compile().params}
        return (await self._session.execute(query, wanted | others)).all()


async def _counting(
    session: AsyncSession, caller: Caller, period: Period, organisation_id: str, specification: str
) -> _Counting:
    """`organisation_id` narrows to its subtree; one outside the caller's reach is `MissingError`."""
    path = (await accounts.find_organisation(session, organisation_id, caller)).path if organisation_id else ""
    reach = await accounts.list_organisations(session, caller)
    names = {each.id: each.name for each in reach if each.path.startswith(path)}
    settings = (await reference.find_settings(session, caller.company_id)).fields
    # Cylinders are found by company and code.
    above = await accounts.ancestors_of(session, names)
    companies = {each.id for steps in above.values() for each in steps if each.kind == "company"}
    promise = int(settings.delivery_promise_min)
    return _Counting(session, names, period, specification=specification, promise=promise, companies=sorted(companies))


async def operation(
    session: AsyncSession, caller: Caller, period: Period, *, organisation_id: str = "", specification: str = ""
) -> Operation:
    asked = await _counting(session, caller, period, organisation_id, specification)
    filled, sold = await asked.rows(queries.FILLED), await asked.rows(queries.SOLD)
    refused, checked = await asked.rows(queries.REFUSED), await asked.rows(queries.CHECKED)
    failed, hazards = await asked.rows(queries.FAILED_VISITS), await asked.rows(queries.HAZARDS)
    units = {key: UnitFigures(organisation_id=key, name=name) for key, name in asked.names.items()}
    for row in filled:
        unit = units[row.organisation_id]
        unit.filled += row.number
        unit.filled_kg += row.kg
        unit.filled_owned += row.owned
    for row in refused:
        units[row.organisation_id].refused += row.number
        units[row.organisation_id].refused_overdue += row.overdue
    for rows, name in ((sold, "sold"), (checked, "entered"), (failed, "visits"), (hazards, "hazards")):
        _add(units, rows, name)
    _add(units, await asked.rows(queries.HOUSEHOLDS), "checked_households")
    on_the_way = 0
    for row in await asked.rows(queries.STANDING):
        if row.figure == "on_the_way":
            on_the_way += row.number
        else:
            setattr(units[row.organisation_id], row.figure, row.number)
    for unit in units.values():
        _finish(unit)
    orders = await asked.rows(queries.ORDERS)
    promised = await _promise(session, caller)
    before = period.a_year_before()
    earlier = await asked.rows(queries.FILLED_NUMBER, since=before.since, until=before.until)
    return Operation(
        since=period.since,
        until=period.until,
        as_of=datetime.now(UTC),
        specifications=[row[0] for row in await asked.rows(queries.SPECIFICATIONS)],
        total=_sum(units.values()),
        units=[unit for unit in units.values() if _says_something(unit)],
        steps=_steps(
            period,
            {"filled": filled, "sold": sold},
            {"refused": refused, "checked": checked, "failed_visits": failed},
        ),
        areas=_areas(await asked.rows(queries.AREAS)),
        hours=[
            HourOfOrders(
                hour=row.hour,
                orders=row.orders,
                low_min=row.minutes[0],
                median_min=row.minutes[1],
                high_min=row.minutes[2],
            )
            for row in orders
        ],
        filled_a_year_before=earlier[0][0],
        on_the_way=on_the_way,
        promise_min=promised,
        promised_percent=percent(sum(row.kept for row in orders), sum(row.orders for row in orders)),
    )


async def _promise(session: AsyncSession, caller: Caller) -> float:
    return (await reference.find_settings(session, caller.company_id)).fields.delivery_promise_min


def _add(units: Mapping[str, UnitFigures], rows: Iterable[Row[Any]], name: str) -> None:
    for row in rows:
        unit = units[row.organisation_id]
        setattr(unit, name, getattr(unit, name) + row.number)


def _finish(unit: UnitFigures) -> None:
    """`visits` held those in vain so far."""
    unit.visits += unit.entered
    unit.entered_percent = percent(unit.entered, unit.visits)
    unit.filled_kg = round(unit.filled_kg, 3)


def _sum(units: Iterable[UnitFigures]) -> UnitFigures:
    total = UnitFigures()
    for unit in units:
        for name in _SUMMED:
            setattr(total, name, getattr(total, name) + getattr(unit, name))
    total.entered_percent = percent(total.entered, total.visits)
    total.filled_kg = round(total.filled_kg, 3)
    return total


def _says_something(unit: UnitFigures) -> bool:
    return any(getattr(unit, name) for name in _SUMMED)


def _steps(
    period: Period, sized: Mapping[str, Sequence[Row[Any]]], counted: Mapping[str, Sequence[Row[Any]]]
) -> list[StepFigures]:
    """Figures by size and plain ones, by the name of their field."""
    steps = {key: StepFigures(key=key, filled={}, sold={}) for key in period.keys}
    for name, rows in sized.items():
        for row in rows:
            sizes: dict[str, int] = getattr(steps[period.key_of(row.day, row.hour)], name)
            sizes[row.specification] = sizes.get(row.specification, 0) + row.number
    for name, rows in counted.items():
        for row in rows:
            step = steps[period.key_of(row.day, row.hour)]
            setattr(step, name, getattr(step, name) + row.number)
    return list(steps.values())


def _areas(rows: Sequence[Row[Any]]) -> list[AreaVisits]:
    by_area: dict[str, dict[str, int]] = {}
    for row in rows:
        by_area.setdefault(row.area, dict.fromkeys(OUTCOMES, 0))[row.outcome] = row.number
    found = [AreaVisits(area=area, outcomes=outcomes) for area, outcomes in by_area.items()]
    return sorted(found, key=lambda each: (-each.visits, each.area))[:_AREAS]


async def list_days(
    session: AsyncSession, caller: Caller, period: Period, *, organisation_id: str = "", specification: str = ""
) -> list[DayFigures]:
    """Each day of each unit on which anything happened."""
    asked = await _counting(session, caller, period, organisation_id, specification)
    days: dict[tuple[date, str], DayFigures] = {}

    def of(row: Row[Any]) -> DayFigures:
        key = (row.day, row.organisation_id)
        if key not in days:
            days[key] = DayFigures(day=row.day, organisation_id=row.organisation_id, name=asked.names[key[1]])
        return days[key]

    for row in await asked.rows(queries.FILLED):
        of(row).filled += row.number
        of(row).filled_kg = round(of(row).filled_kg + row.kg, 3)
    counted: tuple[tuple[TextClause, str], ...] = (
        (queries.REFUSED, "refused"),
        (queries.SOLD, "sold"),
        (queries.CHECKED, "entered"),
        (queries.FAILED_VISITS, "failed_visits"),
        (queries.HAZARDS, "hazards"),
    )
    for query, name in counted:
        for row in await asked.rows(query):
            setattr(of(row), name, getattr(of(row), name) + row.number)
    return [days[key] for key in sorted(days, key=lambda key: (key[0], asked.names[key[1]]))]


async def registration(session: AsyncSession, caller: Caller, *, organisation_id: str = "") -> RegistrationFigures:
    today = datetime.now(BEIJING).date()
    asked = await _counting(session, caller, Period("day", today, today), organisation_id, "")
    units = {key: UnitRegistration(organisation_id=key, name=name) for key, name in asked.names.items()}
    for row in await asked.rows(queries.NAMED):
        units[row.organisation_id].customers, units[row.organisation_id].named = row.customers, row.named
    for row in await asked.rows(queries.PAPERS):
        units[row.organisation_id].done[row.kind] = row.done
        units[row.organisation_id].reviewed[row.kind] = row.reviewed
    for row in await asked.rows(queries.STANDING):
        if row.figure == "own_cylinders":
            units[row.organisation_id].own_cylinders = row.number
    for row in await asked.rows(queries.FILLED):
        units[row.organisation_id].filled_today += row.owned
    total = UnitRegistration()
    for unit in units.values():
        for name in ("customers", "named", "own_cylinders", "filled_today"):
            setattr(total, name, getattr(total, name) + getattr(unit, name))
        for kind in customers.PAPERS:
            total.done[kind] = total.done.get(kind, 0) + unit.done.get(kind, 0)
            total.reviewed[kind] = total.reviewed.get(kind, 0) + unit.reviewed.get(kind, 0)
    for each in (total, *units.values()):
        each.done_percent = _shares(each.done.get, each.customers)
        each.reviewed_percent = _shares(each.reviewed.get, each.customers)
    shown = [unit for unit in units.values() if unit.customers or unit.own_cylinders or unit.filled_today]
    return RegistrationFigures(as_of=datetime.now(UTC), total=total, units=shown)


def _shares(counted: Callable[[str, int], int], whole: int) -> dict[str, float | None]:
    return {kind: percent(counted(kind, 0), whole) for kind in customers.PAPERS}
