"""Inspection periods and service lives that a company starts with, until its administrator changes them."""

from datetime import date

from backend.reference.schemas import InspectionPeriod

# To be confirmed by the company: large cylinders every 3 years, others every 4; those of GB 5842-2006 serve 8 years and
# 4 more after an inspection at their end, older ones 15.
_LARGE = ("YSP118", "YSP118-II")
INSPECTION_PERIODS = tuple(
    InspectionPeriod(
        standard=standard,
        specifications=sizes,
        made_from=made_from,
        made_until=made_until,
        inspection_years=years,
        service_years=service,
        extension_years=more,
    )
    for standard, made_from, made_until, service, more in (
        ("GB 5842-2006", date(2007, 2, 1), None, 8, 4),
        ("GB 5842-2023", date(2023, 1, 1), None, 8, 4),
        ("GB 5842-1996", None, date(2007, 1, 31), 15, 0),
    )
    for sizes, years in ((_LARGE, 3), ((), 4))
)
