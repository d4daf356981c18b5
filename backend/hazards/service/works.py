"""Third-party works near a pipe (第三方施工): the first report, and those of whoever guards them (监护)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.errors import ConflictingError, MissingError
from backend.hazards.models import Works, WorksReport
from backend.hazards.schemas import Reasoned, WorksOut
from backend.hazards.service.reporting import pipe_near
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


async def record_works(session: AsyncSession, taken: Taken[ThirdPartyWorksReported]) -> bool:
    """Whether the works' first report has come."""
    record = taken.record
    works_id = record.works_id if record.kind == "guarding" and record.works_id else record.corrects or record.id
    copied = ("kind", "progress", "distance_to_pipe_m", "contractor", "contact", "contact_phone", "address")
    row = insert(WorksReport).values(
        id=record.id,
        works_id=works_id,
        organisation_id=taken.organisation_id,
        at=taken.recorded_at,
        reported_by=taken.staff_id,
        machinery=list(record.machinery),
        photos=list(record.photos),
        task_id=record.task_id,
        note=record.note,
        pipe_id=await pipe_near(session, taken.organisation_id, record.pipe_id, record.position),
        point=point_wkt(record.position),
        **{name: getattr(record, name) for name in copied},
    )
    await session.execute(row.on_conflict_do_nothing())
    await _fold(session, works_id)
    await events.announce(session, "works.changed", works_id, taken.organisation_id, reported=record.kind)
    return bool(await session.scalar(select(WorksReport.id).where(WorksReport.id == works_id)))


async def _fold(session: AsyncSession, works_id: str) -> None:
    """The works as their reports tell them, in the order of time: any order of arrival gives the same."""
    query = select(WorksReport).where(WorksReport.works_id == works_id).order_by(WorksReport.at, WorksReport.id)
    reports = await _of_one_company(session, works_id, (await session.scalars(query)).all())
    told: dict[str, Any] = {name: _UNTOLD.get(name, "") for name in _TOLD}
    for report in reports:
        told |= {name: value for name in _TOLD if (value := getattr(report, name)) not in (None, "", [])}
    found = [report.at for report in reports if report.kind == "found"]
    fields = told | {
        "organisation_id": reports[0].organisation_id,
        "found_at": min(found, default=None),
        "last_at": reports[-1].at,
        "reports": len(reports),
        "reported_by": reports[-1].reported_by,
    }
    row = insert(Works).values(id=works_id, **fields)
    await session.execute(row.on_conflict_do_update(index_elements=["id"], set_=fields))


async def _of_one_company(
    session: AsyncSession, works_id: str, reports: Sequence[WorksReport]
) -> Sequence[WorksReport]:
    """Whoever found the works: another company's report that names them changes nothing, and its office hears of it."""
    first = next((report for report in reports if report.id == works_id), reports[0])
    own = {report.organisation_id for report in reports}
    own = {each for each in own if await accounts.same_company(session, each, first.organisation_id)}
    for report in reports:
        if report.organisation_id not in own:
            facts = {"staff_id": report.reported_by, "at": report.at}
            ids = [report.id, works_id]
            await intake.open_conflict(session, report.organisation_id, "record.other_company", ids, facts)
    return [report for report in reports if report.organisation_id in own]


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
