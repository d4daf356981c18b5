"""Third-party works near a pipe (第三方施工): the first report, and those of whoever guards them (监护)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import Row, Rows, insert_rows, one_of
from backend.errors import ConflictingError, MissingError
from backend.hazards.models import Works, WorksReport
from backend.hazards.schemas import Reasoned, WorksOut
from backend.intake import service as intake
from backend.pages import Page
from backend.positions.rules import point_wkt
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.taken import Taken
from sync.documents.hazards import ThirdPartyWorksReported

# What a later report tells anew; what it leaves open stays as it was.
_TOLD = (
    *("machinery", "progress", "distance_to_pipe_m", "contractor", "contact", "contact_phone", "address"),
    *("pipe_id", "photos", "point"),
)
# What stands where nothing was told; everything else is a text.
_UNTOLD: dict[str, Any] = {"machinery": [], "photos": [], "distance_to_pipe_m": None, "point": None}


_COPIED = ("kind", "progress", "distance_to_pipe_m", "contractor", "contact", "contact_phone", "address")


async def record_works(
    session: AsyncSession, takens: Sequence[Taken[ThirdPartyWorksReported]], near: Mapping[str, str]
) -> set[str]:
    """Which of the works that these reports name have their first report."""
    if not takens:
        return set()
    named = {taken.record.id: _works_of(taken.record) for taken in takens}
    # Locked before their reports are read: two who report of the same works at once see each other's.
    rows = await Rows.read(session, Works, named.values())
    reports = await _reports(session, named.values())
    here = {report["id"] for its in reports.values() for report in its}
    new = [
        _report(taken, named[taken.record.id], near[taken.record.id])
        for taken in sorted(takens, key=lambda taken: taken.record.id)
        if taken.record.id not in here
    ]
    for report in new:
        reports[report["works_id"]].append(report)
    await insert_rows(session, WorksReport, new)
    for works_id, its in sorted(reports.items()):
        await _fold(session, rows, works_id, sorted(its, key=lambda report: (report["at"], report["id"])))
    await rows.write(session)
    await events.announce_all(session, [_reported(taken, named[taken.record.id]) for taken in takens])
    first = {report["id"] for its in reports.values() for report in its}
    elsewhere = set(named.values()) - first
    if elsewhere:
        first |= set(await session.scalars(select(WorksReport.id).where(one_of(WorksReport.id, elsewhere))))
    return first


def _works_of(record: ThirdPartyWorksReported) -> str:
    return record.works_id if record.kind == "guarding" and record.works_id else record.corrects or record.id


async def _reports(session: AsyncSession, works_ids: Iterable[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {works_id: [] for works_id in works_ids}
    table = WorksReport.__table__
    for row in (await session.execute(select(table).where(one_of(table.c.works_id, found)))).mappings():
        found[row["works_id"]].append(dict(row))
    return found


def _report(taken: Taken[ThirdPartyWorksReported], works_id: str, pipe_id: str) -> Row:
    record = taken.record
    return {
        "id": record.id,
        "works_id": works_id,
        "organisation_id": taken.organisation_id,
        "at": taken.recorded_at,
        "reported_by": taken.staff_id,
        "machinery": list(record.machinery),
        "photos": list(record.photos),
        "task_id": record.task_id,
        "note": record.note,
        "pipe_id": pipe_id,
        "point": point_wkt(record.position),
        **{name: getattr(record, name) for name in _COPIED},
    }


def _reported(taken: Taken[ThirdPartyWorksReported], works_id: str) -> events.Event:
    return events.Event("works.changed", works_id, taken.organisation_id, {"reported": taken.record.kind})


async def _fold(session: AsyncSession, rows: Rows, works_id: str, all_reports: Sequence[Row]) -> None:
    """The works as their reports tell them, in the order of time: any order of arrival gives the same."""
    reports = await _of_one_company(session, works_id, all_reports)
    told: Row = {name: _UNTOLD.get(name, "") for name in _TOLD}
    for report in reports:
        told |= {name: value for name in _TOLD if (value := report[name]) is not None and value not in ("", [])}
    found = [report["at"] for report in reports if report["kind"] == "found"]
    fields = told | {
        "organisation_id": reports[0]["organisation_id"],
        "found_at": min(found, default=None),
        "last_at": reports[-1]["at"],
        "reports": len(reports),
        "reported_by": reports[-1]["reported_by"],
    }
    works = rows.get(works_id)
    if works is None:
        rows.add({"id": works_id, **fields})
    else:
        works |= fields


async def _of_one_company(session: AsyncSession, works_id: str, reports: Sequence[Row]) -> Sequence[Row]:
    """Whoever found the works: another company's report that names them changes nothing, and its office hears of it."""
    own = {report["organisation_id"] for report in reports}
    if len(own) == 1:
        return reports
    first = next((report for report in reports if report["id"] == works_id), reports[0])
    own = {each for each in own if await accounts.same_company(session, each, first["organisation_id"])}
    await intake.open_conflicts(
        session,
        [
            intake.Contradiction(
                report["organisation_id"],
                "record.other_company",
                [report["id"], works_id],
                {"staff_id": report["reported_by"], "at": report["at"]},
            )
            for report in reports
            if report["organisation_id"] not in own
        ],
    )
    return [report for report in reports if report["organisation_id"] in own]


async def list_works(
    session: AsyncSession,
    caller: Caller,
    *,
    state: str = "open",
    since: datetime | None = None,
    search: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[WorksOut]:
    """Last heard of first; every state where `state` is empty."""
    wanted = [within(Works.organisation_id, caller)]
    if state:
        wanted.append(Works.state == state)
    if since is not None:
        wanted.append(Works.last_at >= since)
    if search:
        wanted.append(
            Works.address.contains(search, autoescape=True) | Works.contractor.contains(search, autoescape=True)
        )
    total = await session.scalar(select(func.count(Works.id)).where(*wanted))
    return Page(await _out(session, wanted, limit, offset), total or 0)


async def find_works(session: AsyncSession, caller: Caller, works_id: str) -> WorksOut:
    found = await _out(session, [Works.id == works_id, within(Works.organisation_id, caller)], 1, 0)
    if not found:
        raise MissingError("works.unknown", "没有这个施工点。", "There are no such works.")
    return found[0]


async def _out(session: AsyncSession, wanted: list[Any], limit: int, offset: int) -> list[WorksOut]:
    query = select(Works, func.ST_X(Works.point), func.ST_Y(Works.point)).where(*wanted)
    ordered = query.order_by(Works.last_at.desc(), Works.id).limit(limit).offset(offset)
    rows = (await session.execute(ordered.execution_options(populate_existing=True))).all()
    names = await accounts.staff_names(session, [row[0].reported_by for row in rows])
    own = [n for n in WorksOut.__struct_fields__ if n not in {"reported_by_name", "lon", "lat"}]
    return [
        WorksOut(
            lon=lon,
            lat=lat,
            reported_by_name=names.get(works.reported_by, ""),
            **{name: getattr(works, name) for name in own},
        )
        for works, lon, lat in rows
    ]


async def end_works(session: AsyncSession, caller: Caller, works_id: str, given: Reasoned) -> WorksOut:
    """The office ends them; a report that comes afterwards still counts, and shows on them."""
    query = scoped(select(Works).where(Works.id == works_id), Works.organisation_id, caller)
    works: Works | None = await session.scalar(query.with_for_update())
    if works is None:
        raise MissingError("works.unknown", "没有这个施工点。", "There are no such works.")
    await reference.find_place(session, works.organisation_id, caller=caller, right="hazard.decide")
    if works.state != "open":
        raise ConflictingError("works.ended", "施工点已结束。", "The works were ended already.")
    works.state, works.ended_at, works.ended_by = "ended", datetime.now(UTC), caller.staff_id
    await session.flush()
    await audit.record(session, caller, "works.ended", "works", works.id, {"reason": given.note})
    await events.announce(session, "works.changed", works.id, works.organisation_id, state="ended")
    return await find_works(session, caller, works_id)
