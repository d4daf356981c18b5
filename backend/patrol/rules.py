"""When a plan's tasks fall due, and what a day's patrols come to: 到位率, 覆盖率, 及时率. Clause 5.6.4."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

import msgspec

from sync.databases import BEIJING

RecurrenceKind = Literal["every_days", "weekdays"]


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A turn of the day in Beijing time; one that ends no later than it starts runs into the next day."""

    start: time
    end: time


class Recurrence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every `every_days` days from the plan's first day, or on `weekdays` (1 Monday .. 7 Sunday); one task a window."""

    kind: RecurrenceKind = "every_days"
    every_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 1
    weekdays: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...], msgspec.Meta(max_length=7)] = ()
    windows: Annotated[tuple[Window, ...], msgspec.Meta(min_length=1, max_length=12)] = (Window(time(8), time(17)),)


class Turn(msgspec.Struct, frozen=True):
    number: int
    start_at: datetime
    due_at: datetime


def turns_on(recurrence: Recurrence, starts_on: date, ends_on: date | None, day: date) -> tuple[Turn, ...]:
    """The tasks that a plan asks for on this day, none when it is not its day."""
    if day < starts_on or (ends_on is not None and day > ends_on) or not _is_due(recurrence, starts_on, day):
        return ()
    return tuple(_turn(number, window, day) for number, window in enumerate(recurrence.windows))


def _is_due(recurrence: Recurrence, starts_on: date, day: date) -> bool:
    if recurrence.kind == "weekdays":
        return day.isoweekday() in recurrence.weekdays
    return (day - starts_on).days % recurrence.every_days == 0


def _turn(number: int, window: Window, day: date) -> Turn:
    start = datetime.combine(day, window.start, BEIJING)
    end = datetime.combine(day, window.end, BEIJING)
    return Turn(number, start, end if end > start else end + timedelta(days=1))


class TaskOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one task came to; `points_reached` were proved, out of reach does not count as reached."""

    due_at: datetime
    done_at: datetime | None
    points: int
    points_reached: int
    assigned_m: float
    covered_m: float
    too_fast: int = 0


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Percent, None where there was nothing to count; `too_fast` are stretches."""

    arrival: float | None
    coverage: float | None
    timeliness: float | None
    too_fast: int
    tasks: int
    done: int
    points: int
    points_reached: int
    assigned_m: float
    covered_m: float


def rates(outcomes: Iterable[TaskOutcome], now: datetime) -> Rates:
    """Timeliness counts tasks that are done, or whose time is over."""
    tasks = list(outcomes)
    settled = [t for t in tasks if t.done_at is not None or t.due_at < now]
    in_time = [t for t in settled if t.done_at is not None and t.done_at <= t.due_at]
    points, reached = sum(t.points for t in tasks), sum(t.points_reached for t in tasks)
    assigned_m, covered_m = sum(t.assigned_m for t in tasks), sum(t.covered_m for t in tasks)
    return Rates(
        arrival=_percent(reached, points),
        coverage=_percent(covered_m, assigned_m),
        timeliness=_percent(len(in_time), len(settled)),
        too_fast=sum(t.too_fast for t in tasks),
        tasks=len(tasks),
        done=sum(t.done_at is not None for t in tasks),
        points=points,
        points_reached=reached,
        assigned_m=assigned_m,
        covered_m=covered_m,
    )


def _percent(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 1) if whole else None
