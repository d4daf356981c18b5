"""上报表: the workbook that a company hands to the regulator, kept as it was made, with who made it and when."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.db import new_key
from backend.errors import MissingError, UnusableError
from backend.pages import Page
from backend.reference import service as reference
from backend.scope import Caller, within
from backend.statistics import service
from backend.statistics.models import StatisticsReport
from backend.statistics.rules import Period
from backend.statistics.schemas import DAY_HEADS, PAPER_WORDS, UNIT_HEADS, DayFigures, RegistrationFigures, ReportOut
from backend.tables import Sheet, write_workbook
from sync.databases import BEIJING, beijing_today

SPANS = {"day": "日报", "month": "月报", "year": "年报"}
_BASIS = "DB22/T 城镇智慧燃气建设技术标准 5.8.3"


async def make_report(
    session: AsyncSession, caller: Caller, period: Period, *, organisation_id: str = ""
) -> StatisticsReport:
    """Of the company, or of the one unit that is chosen, with the figures as they stand now."""
    if period.since > beijing_today():
        raise UnusableError("report.future", "这段时间还没有到，不能上报。", "This period has not begun yet.")
    place = await reference.find_place(
        session, organisation_id or caller.company_id, caller=caller, right="statistics.report"
    )
    company = await accounts.find_organisation(session, place.company_id)
    made_at, day = datetime.now(UTC), beijing_today()
    number = await reference.next_number(session, place.company_id, "report", day)
    names = await accounts.staff_names(session, [caller.staff_id])
    report = StatisticsReport(
        id=new_key(),
        organisation_id=place.organisation_id,
        number=f"SB{day:%Y%m%d}-{number:03d}",
        span=period.span,
        since=period.since,
        until=period.until,
        made_by=caller.staff_id,
        made_at=made_at,
    )
    head = {
        "报表": f"瓶装燃气经营数据上报表（{SPANS[period.span]}）",
        "报表编号": report.number,
        "企业": company.name,
        "填报单位": place.name,
        "报告期": f"{period.since} 至 {period.until}" + ("（未完）" if period.until >= day else ""),
        "填报人": names.get(caller.staff_id, ""),
        "填报时间": made_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "依据": _BASIS,
    }
    report.content = await _workbook(session, caller, period, place.organisation_id, head)
    session.add(report)
    await session.flush()
    await audit.record(
        session,
        caller,
        "report.made",
        "report",
        report.id,
        {"number": report.number, "since": str(period.since), "until": str(period.until)},
        organisation_id=report.organisation_id,
    )
    return report


async def _workbook(
    session: AsyncSession, caller: Caller, period: Period, organisation_id: str, head: dict[str, str]
) -> bytes:
    figures = await service.operation(session, caller, period, organisation_id=organisation_id)
    days = await service.list_days(session, caller, period, organisation_id=organisation_id)
    registered = await service.registration(session, caller, organisation_id=organisation_id)
    figures.total.name = registered.total.name = "合计"
    steps = _by_month(days) if period.span == "year" else days
    return write_workbook(
        [
            Sheet("填报信息", ["项目", "内容"], [list(pair) for pair in head.items()]),
            Sheet(
                "按日按单位" if period.span != "year" else "按月按单位",
                list(DAY_HEADS.values()),
                _rows(steps, DAY_HEADS),
            ),
            Sheet("按单位", list(UNIT_HEADS.values()), _rows([*figures.units, figures.total], UNIT_HEADS)),
            Sheet("实名登记", *registration_table(registered)),
        ]
    )


def _rows(figures: Sequence[Any], heads: dict[str, str]) -> list[list[Any]]:
    return [[getattr(each, field) for field in heads] for each in figures]


def _by_month(days: Sequence[DayFigures]) -> list[DayFigures]:
    """Under the first day of the month."""
    months: dict[tuple[Any, str], DayFigures] = {}
    for day in days:
        first = day.day.replace(day=1)
        month = months.setdefault(
            (first, day.organisation_id), DayFigures(day=first, organisation_id=day.organisation_id, name=day.name)
        )
        for name in DAY_HEADS.keys() - {"day", "name"}:
            setattr(month, name, round(getattr(month, name) + getattr(day, name), 3))
    return list(months.values())


def registration_table(found: RegistrationFigures) -> tuple[list[str], list[list[Any]]]:
    """实名登记 of each unit and of all (E5.8.3-6): heads and rows."""
    heads = ["单位", "自有产权气瓶", "总用户", "实名登记", "今日产权瓶充装"]
    for kind in customers.PAPERS:
        heads += [f"{PAPER_WORDS[kind]} 实时完成 %", f"{PAPER_WORDS[kind]} 已审核 %"]
    rows: list[list[Any]] = []
    for unit in (*found.units, found.total):
        row: list[Any] = [unit.name, unit.own_cylinders, unit.customers, unit.named, unit.filled_today]
        for kind in customers.PAPERS:
            row += [unit.done_percent[kind], unit.reviewed_percent[kind]]
        rows.append(row)
    return heads, rows


async def list_reports(session: AsyncSession, caller: Caller, *, limit: int = 50, offset: int = 0) -> Page[ReportOut]:
    """The newest first."""
    mine = within(StatisticsReport.organisation_id, caller)
    total = await session.scalar(select(func.count(StatisticsReport.id)).where(mine))
    query = select(StatisticsReport).where(mine).order_by(StatisticsReport.made_at.desc(), StatisticsReport.id.desc())
    rows = (await session.scalars(query.limit(limit).offset(offset))).all()
    names = await accounts.staff_names(session, [row.made_by for row in rows])
    places = await accounts.organisations_by_id(session, {row.organisation_id for row in rows})
    own = ("id", "organisation_id", "number", "span", "since", "until", "made_at")
    return Page(
        [
            ReportOut(
                organisation_name=places[row.organisation_id].name,
                made_by=names.get(row.made_by, ""),
                **{name: getattr(row, name) for name in own},
            )
            for row in rows
        ],
        total or 0,
    )


async def find_report(session: AsyncSession, caller: Caller, report_id: str) -> tuple[str, bytes]:
    """Its number, and the workbook byte for byte as it was made."""
    query = select(StatisticsReport.number, StatisticsReport.content).where(
        StatisticsReport.id == report_id, within(StatisticsReport.organisation_id, caller)
    )
    found = (await session.execute(query)).first()
    if found is None:
        raise MissingError("report.unknown", "没有这份上报表。", "There is no such report.")
    return found.number, found.content
