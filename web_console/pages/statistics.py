"""F 统计: how much was filled, how fast it came, what was found at the doors; and how far registration has come."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.scope import Caller, requires
from backend.statistics import reports
from backend.statistics import service as statistics
from backend.statistics.routes import registration_sheet, workbook
from backend.statistics.rules import Period, Span, period_of
from backend.statistics.schemas import DAY_HEADS, UNIT_HEADS, Operation, UnitFigures
from backend.tables import xlsx_response
from sync.databases import beijing_today
from web_console import charts
from web_console.forms import as_struct
from web_console.rendering import Visit, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right
from web_console.words import FIGURES, PAPERS

_VIEW = requires("statistics.view")
# In the chart's order: the colour, and what it says.
OUTCOMES = (
    ("entered", "f1", ("已入户", "Entered")),
    ("not_home", "f4", ("不遇", "Not at home")),
    ("refused", "f5", ("拒检", "Refused")),
    ("vacant", "f3", ("空置", "Vacant")),
    ("rescheduled", "f2", ("改期", "Rescheduled")),
)
View = Literal["operation", "units", "registration"]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    span: Span = "month"
    day: date | None = None
    month: str = ""
    year: int | None = None
    organisation_id: str = ""
    specification: str = ""
    view: View = "operation"

    def period(self) -> Period:
        """From the field that the chosen span shows."""
        if self.span == "year" and self.year:
            return period_of("year", date(min(max(self.year, 2000), 2100), 1, 1))
        if self.span == "month" and self.month:
            return period_of("month", datetime.strptime(self.month, "%Y-%m").date())  # noqa: DTZ007 - a month
        return period_of(self.span, self.day or beijing_today())


def _filter(request: Visit) -> Filter:
    given = {k: v.strip() for k, v in request.query_params.items() if v.strip()}
    try:
        found = msgspec.convert(given, Filter, strict=False)
        found.period()
    except (msgspec.ValidationError, ValueError):
        return Filter()
    return found


def _heads(request: Visit, fields: Iterable[str]) -> dict[str, str]:
    say = sayer(language_of(request))
    return {field: say(FIGURES[field]) for field in fields}


def _viewer(request: Visit) -> Caller:
    return visitor(request).narrowed("statistics.view")


async def _operation(request: Visit, session: AsyncSession) -> Operation:
    wanted = _filter(request)
    return await statistics.operation(
        session,
        _viewer(request),
        wanted.period(),
        organisation_id=wanted.organisation_id,
        specification=wanted.specification,
    )


@get("/statistics", guards=[_VIEW])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    wanted = _filter(request)
    places = await accounts.list_organisations(session, _viewer(request))
    context: dict[str, Any] = {
        "filter": wanted,
        "period": wanted.period(),
        "places": [each for each in places if each.kind in {"company", "unit"}],
        "papers": customers.PAPERS,
        "paper_words": PAPERS,
        "unit_heads": _heads(request, UNIT_HEADS),
        "outcomes": OUTCOMES,
        "parts": charts.PARTS,
        "specifications": [],
    }
    if wanted.view == "registration":
        found = await statistics.registration(session, _viewer(request), organisation_id=wanted.organisation_id)
        return render(request, "statistics_registration.html", found=found, **context)
    figures = await _operation(request, session)
    context |= {"found": figures, "specifications": figures.specifications}
    if wanted.view == "units":
        return render(request, "statistics_units.html", **context)
    sizes = _sizes(figures)
    drawn = {
        "sizes": sizes,
        "filled_chart": _filled(request, wanted.period(), figures, sizes),
        "hours_chart": _hours(request, figures),
        "areas_chart": _areas(request, figures),
        "top_units": _top(figures),
        "growth": _growth(figures),
    }
    return render(request, "statistics.html", **context, **drawn)


def _sizes(figures: Operation) -> list[str]:
    """The sizes with the most fillings; beyond the chart's colours they stand together as the last."""
    counted: dict[str, int] = {}
    for step in figures.steps:
        for size, number in step.filled.items():
            counted[size] = counted.get(size, 0) + number
    return sorted(counted, key=lambda size: -counted[size])


def _filled(request: Visit, period: Period, figures: Operation, sizes: list[str]) -> Any:
    t = translate_into(language_of(request))
    shown, rest = sizes[: len(charts.PARTS) - 1], sizes[len(charts.PARTS) - 1 :]
    now = datetime.now().astimezone()
    current = period.key_of(beijing_today(), now.hour) if period.since <= beijing_today() <= period.until else ""
    every = {"day": 3, "month": 5, "year": 1}[period.span]
    columns = []
    for number, step in enumerate(figures.steps):
        if period.span != "day" and current and step.key > current:
            break
        parts = (*(float(step.filled.get(size, 0)) for size in shown), float(sum(step.filled.get(s, 0) for s in rest)))
        words = "、".join(f"{size or t('未建档')} {step.filled[size]}" for size in sizes if step.filled.get(size))
        named = step.key == current and period.span != "day"
        label = {"month": t("今天"), "year": t("本月")}.get(period.span, "") if named else step.key
        wanted = named or (number if period.span != "month" else number + 1) % every == 0 or number == 0
        columns.append(
            charts.Bar(
                title=f"{step.key}: {words or 0}" + (f" · {t('拒充')} {step.refused}" if step.refused else ""),
                parts=parts,
                label=label if wanted else "",
                mark=step.refused,
            )
        )
    return charts.bars(t("充装"), _apart(columns))


def _apart(columns: list[charts.Bar]) -> list[charts.Bar]:
    """The label before the last one makes room for it."""
    if len(columns) > 2 and columns[-1].label and columns[-2].label:
        columns[-2] = msgspec.structs.replace(columns[-2], label="")
    return columns


def _hours(request: Visit, figures: Operation) -> Any:
    t = translate_into(language_of(request))
    points = [
        charts.Span(
            label=t("{n} 时", n=hour.hour),
            title=t(
                "{n} 时下单 {orders} 张：中位 {m} min，10–90 % {low}–{high} min",
                n=hour.hour,
                orders=hour.orders,
                m=f"{hour.median_min:.0f}",
                low=f"{hour.low_min:.0f}",
                high=f"{hour.high_min:.0f}",
            ),
            low=hour.low_min,
            middle=hour.median_min,
            high=hour.high_min,
        )
        for hour in figures.hours
    ]
    words = t("承诺 {n} min", n=f"{figures.promise_min:g}")
    return charts.band(t("下单到送达"), points, promise=figures.promise_min, promise_words=words)


def _areas(request: Visit, figures: Operation) -> Any:
    t, english = translate_into(language_of(request)), language_of(request) == "en"
    lines = []
    for area in figures.areas:
        shares = tuple((colour, 100 * area.outcomes.get(key, 0) / area.visits) for key, colour, _ in OUTCOMES)
        told = "、".join(f"{words[int(english)]} {area.outcomes.get(key, 0)}" for key, _, words in OUTCOMES)
        name = area.area or t("地址不详")
        lines.append(charts.Share(name=name, title=f"{name}: {told}", values=shares, end=t("{n} 次", n=area.visits)))
    return charts.shares(t("到访结果"), lines)


def _top(figures: Operation) -> list[UnitFigures]:
    """As many as the card has room for, those with the most work first."""
    return sorted(figures.units, key=lambda unit: -(unit.filled + unit.sold + unit.visits + unit.hazards))[:4]


def _growth(figures: Operation) -> float | None:
    before = figures.filled_a_year_before
    return 100 * (figures.total.filled - before) / before if before else None


@get("/statistics/export.xlsx", guards=[_VIEW])
async def export(request: Visit, session: AsyncSession) -> Response[bytes]:
    """What the view shows: days by unit, units in all columns, or registration."""
    t = translate_into(language_of(request))
    wanted, caller = _filter(request), _viewer(request)
    if wanted.view == "registration":
        registered = await statistics.registration(session, caller, organisation_id=wanted.organisation_id)
        registered.total.name = t("合计")
        return registration_sheet(registered)
    period = wanted.period()
    name = f"{wanted.view}-{period.since:%Y%m%d}-{period.until:%Y%m%d}"
    if wanted.view == "units":
        figures = await _operation(request, session)
        figures.total.name = t("合计")
        return xlsx_response(name, _heads(request, UNIT_HEADS), [*figures.units, figures.total])
    days = await statistics.list_days(
        session, caller, period, organisation_id=wanted.organisation_id, specification=wanted.specification
    )
    return xlsx_response(name, _heads(request, DAY_HEADS), days)


@get("/statistics/reports", guards=[_VIEW])
async def show_reports(request: Visit, session: AsyncSession) -> Response[str]:
    return await _reports(request, session, _filter(request))


@post("/statistics/reports", guards=[requires("statistics.report")], status_code=200)
async def make_report(request: Visit, session: AsyncSession) -> Response[str]:
    wanted = as_struct(await request.form(), Filter)
    caller = visitor(request).narrowed("statistics.report")
    await reports.make_report(session, caller, wanted.period(), organisation_id=wanted.organisation_id)
    return await _reports(request, session, wanted)


async def _reports(request: Visit, session: AsyncSession, wanted: Filter) -> Response[str]:
    """What would be made now, and those that were."""
    caller = visitor(request)
    place = await accounts.find_organisation(session, wanted.organisation_id or caller.company_id)
    return render(
        request,
        "parts/reports.html",
        filter=wanted,
        period=wanted.period(),
        place=place.name,
        made=await reports.list_reports(session, _viewer(request)),
        may_report=with_right(request, "statistics.report") is not None,
    )


@get("/statistics/reports/{report_id:str}", guards=[_VIEW])
async def open_report(request: Visit, session: AsyncSession, report_id: str) -> Response[bytes]:
    return workbook(*await reports.find_report(session, _viewer(request), report_id))


handlers: list[Any] = [show, export, show_reports, make_report, open_report]
