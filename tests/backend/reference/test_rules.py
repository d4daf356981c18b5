"""When a cylinder is due and how long it may serve, as the table of a starting company says."""

from datetime import date

import msgspec
import pytest

from backend.reference.periods import INSPECTION_PERIODS
from backend.reference.rules import deadlines, years_after

_2006, _1996 = "GB 5842-2006", "GB 5842-1996"


def _of(standard: str, size: str, made: date | None, inspected: date | None = None) -> tuple[date | None, date | None]:
    found = deadlines(
        INSPECTION_PERIODS, standard=standard, specification=size, made_on=made, last_inspected_on=inspected
    )
    return found.next_inspection_on, found.service_ends_on


class TestDeadlines:
    @pytest.mark.parametrize(
        ("standard", "size", "made", "inspected", "dates"),
        [
            # Never inspected: 4 years from manufacture, 3 for the large ones; 8 years of service.
            (_2006, "YSP35.5", date(2020, 5, 1), None, (date(2024, 5, 1), date(2028, 5, 1))),
            (_2006, "YSP118", date(2020, 5, 1), None, (date(2023, 5, 1), date(2028, 5, 1))),
            # Inspected at 4 years: the next one is at the end of its service life.
            (_2006, "YSP35.5", date(2020, 5, 1), date(2024, 6, 3), (date(2028, 5, 1), date(2028, 5, 1))),
            # Inspected in its last year: 4 more, and no further.
            (_2006, "YSP35.5", date(2016, 5, 1), date(2024, 4, 20), (date(2028, 4, 20), date(2028, 5, 1))),
            (_2006, "YSP35.5", date(2016, 5, 1), date(2026, 4, 20), (date(2028, 5, 1), date(2028, 5, 1))),
            # The standard as people write it, or not at all.
            ("gb5842—2006", "ysp35.5", date(2020, 5, 1), None, (date(2024, 5, 1), date(2028, 5, 1))),
            ("", "YSP35.5", date(2020, 5, 1), None, (date(2024, 5, 1), date(2028, 5, 1))),
            ("", "YSP35.5", date(2006, 5, 1), None, (date(2010, 5, 1), date(2021, 5, 1))),
            (_1996, "YSP118", date(2000, 5, 1), None, (date(2003, 5, 1), date(2015, 5, 1))),
            # No line fits, or nobody knows when it was made: nothing is made up.
            ("GB/T 33147-2016", "YSP35.5", date(2020, 5, 1), None, (None, None)),
            (_2006, "YSP35.5", None, None, (None, None)),
        ],
    )
    def test_the_next_inspection_and_the_end_of_service_follow_the_table(
        self,
        standard: str,
        size: str,
        made: date | None,
        inspected: date | None,
        dates: tuple[date | None, date | None],
    ) -> None:
        assert _of(standard, size, made, inspected) == dates

    def test_another_figure_in_the_table_gives_another_date(self) -> None:
        longer = [msgspec.structs.replace(INSPECTION_PERIODS[1], inspection_years=5, service_years=12)]
        found = deadlines(
            longer, standard=_2006, specification="YSP12", made_on=date(2020, 5, 1), last_inspected_on=None
        )
        assert (found.next_inspection_on, found.service_ends_on) == (date(2025, 5, 1), date(2032, 5, 1))

    def test_a_29_february_falls_on_the_28th(self) -> None:
        assert years_after(date(2020, 2, 29), 1) == date(2021, 2, 28)
        assert years_after(date(2020, 2, 29), 4) == date(2024, 2, 29)
