"""A day, a month or a year as figures are asked for, and the steps in which it is shown: pure decisions."""

from calendar import monthrange
from datetime import date, timedelta
from typing import Literal

import msgspec

Span = Literal["day", "month", "year"]


class Period(msgspec.Struct, frozen=True):
    """Both days included. `step` is PostgreSQL's pattern for the key of an hour, day or month in it."""

    span: Span
    since: date
    until: date

    @property
    def step(self) -> str:
        return {"day": "HH24", "month": "MM-DD", "year": "YYYY-MM"}[self.span]

    @property
    def keys(self) -> tuple[str, ...]:
        """Of every step, also of those in which nothing happened."""
        if self.span == "day":
            return tuple(f"{hour:02d}" for hour in range(24))
        if self.span == "month":
            return tuple(f"{self.since.month:02d}-{day:02d}" for day in range(1, self.until.day + 1))
        return tuple(f"{self.since.year}-{month:02d}" for month in range(1, 13))

    def key_of(self, day: date, hour: int) -> str:
        return {"day": f"{hour:02d}", "month": f"{day:%m-%d}", "year": f"{day:%Y-%m}"}[self.span]

    def a_year_before(self) -> "Period":
        return period_of(self.span, _same_day(self.since, self.since.year - 1))


def period_of(span: Span, day: date) -> Period:
    """The day, month or year in which `day` lies."""
    if span == "day":
        return Period(span, day, day)
    if span == "month":
        return Period(span, day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))
    return Period(span, date(day.year, 1, 1), date(day.year, 12, 31))


def _same_day(day: date, year: int) -> date:
    """29 February has 28 February before it."""
    return date(year, day.month, min(day.day, monthrange(year, day.month)[1]))


def days_of(period: Period) -> int:
    return (period.until - period.since + timedelta(days=1)).days


def percent(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 1) if whole else None
