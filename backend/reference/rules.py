"""When a cylinder is inspected and how long it may serve, by the company's table (检验周期与使用年限). Clause 5.8.8."""

import re
from collections.abc import Iterable
from datetime import date

import msgspec

from backend.reference.schemas import InspectionPeriod


class Deadlines(msgspec.Struct, frozen=True):
    next_inspection_on: date | None
    service_ends_on: date | None


def deadlines(
    periods: Iterable[InspectionPeriod],
    *,
    standard: str,
    specification: str,
    made_on: date | None,
    last_inspected_on: date | None,
) -> Deadlines:
    """By the first line that fits; neither date where no line does, or nobody knows when it was made."""
    period = find_period(periods, standard=standard, specification=specification, made_on=made_on)
    if period is None or made_on is None:
        return Deadlines(None, None)
    ends = years_after(made_on, period.service_years)
    if last_inspected_on is not None and last_inspected_on >= years_after(ends, -period.extends_within_years):
        ends = years_after(ends, period.extension_years)
    due = years_after(max(last_inspected_on or made_on, made_on), period.inspection_years)
    # Past its service life it is inspected for being used on, or scrapped: either way it goes by then.
    return Deadlines(min(due, ends), ends)


def find_period(
    periods: Iterable[InspectionPeriod], *, standard: str, specification: str, made_on: date | None
) -> InspectionPeriod | None:
    """A cylinder whose standard nobody noted goes by its size and date of manufacture."""
    for period in periods:
        fits = (
            (not standard or not period.standard or _plain(standard) == _plain(period.standard))
            and (not period.specifications or _plain(specification) in {_plain(s) for s in period.specifications})
            and (period.made_from is None or (made_on is not None and made_on >= period.made_from))
            and (period.made_until is None or (made_on is not None and made_on <= period.made_until))
        )
        if fits:
            return period
    return None


def years_after(day: date, years: int) -> date:
    """The same day of that year; of a 29 February, the 28th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _plain(name: str) -> str:
    """`GB5842—2006` is `GB 5842-2006`."""
    return re.sub(r"[\s_]", "", re.sub(r"[—–－]+", "-", name)).upper()
