"""Suspected leaks: a reading over the limit, until the office confirms it as a hazard or finds it unfounded."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import Row, Rows
from backend.errors import ConflictingError, MissingError
from backend.hazards.models import Hazard, SuspectedLeak
from backend.hazards.schemas import ConfirmLeak, HazardOut, LeakOut, Reasoned
from backend.hazards.service.board import find_hazard
from backend.hazards.service.reporting import about, added, named_by, open_foreign, opened, write_hazards
from backend.pages import Page
from backend.positions.rules import point_wkt
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.taken import Taken
from sync.documents.envelope import new_id
from sync.documents.hazards import LeakSuspected

_TOLD = (
    *("reading_ppm", "retest_ppm", "alarm_limit_ppm", "emergency", "instrument_id", "instrument_verified_until"),
    *("action", "address", "patrol_id", "task_id", "note"),
)


async def record_leaks(session: AsyncSession, takens: Sequence[Taken[LeakSuspected]], near: Mapping[str, str]) -> None:
    """A re-test or an action that comes later corrects the first record; the newest telling is believed."""
    rows = await Rows.read(session, SuspectedLeak, named_by(takens))
    abouts: dict[str, str] = {}
    for taken in takens:
        abouts[taken.record.id] = leak_id = about(taken, rows)
        told = _told(taken, near[taken.record.id])
        leak = rows.get(leak_id)
        if leak is None:
            own = {"id": leak_id, "organisation_id": taken.organisation_id, "company_id": taken.company_id}
            rows.add(own | {"at": taken.recorded_at, "photos": list(taken.record.photos)} | told)
        else:
            _tell(leak, taken, told)
    await open_foreign(session, takens, abouts)
    await rows.write(session)
    await events.announce_all(session, [_suspected(taken, abouts[taken.record.id]) for taken in takens])


def _told(taken: Taken[LeakSuspected], pipe_id: str) -> Row:
    record = taken.record
    return {
        "told_at": taken.recorded_at,
        "told_id": record.id,
        "reported_by": taken.staff_id,
        "pipe_id": pipe_id,
        "point": point_wkt(record.position),
        "accuracy_m": record.position.accuracy_m if record.position else None,
        **{name: getattr(record, name) for name in _TOLD},
    }


def _tell(leak: Row, taken: Taken[LeakSuspected], told: Row) -> None:
    if leak["told_id"] == taken.record.id:
        return
    if (leak["told_at"], leak["told_id"]) < (taken.recorded_at, taken.record.id):
        leak |= told
    leak["at"] = min(leak["at"], taken.recorded_at)
    leak["photos"] = added(leak["photos"], taken.record.photos)


def _suspected(taken: Taken[LeakSuspected], leak_id: str) -> events.Event:
    facts = {"reading_ppm": taken.record.reading_ppm, "emergency": taken.record.emergency}
    return events.Event("leak.suspected", leak_id, taken.organisation_id, facts)


async def list_leaks(
    session: AsyncSession,
    caller: Caller,
    *,
    state: str = "open",
    since: datetime | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Page[LeakOut]:
    """Emergencies first, then the newest; every state where `state` is empty."""
    wanted = [within(SuspectedLeak.organisation_id, caller)]
    if state:
        wanted.append(SuspectedLeak.state == state)
    if since is not None:
        wanted.append(SuspectedLeak.at >= since)
    total = await session.scalar(select(func.count(SuspectedLeak.id)).where(*wanted))
    return Page(await _out(session, wanted, limit, offset), total or 0)


async def find_leak(session: AsyncSession, caller: Caller, leak_id: str) -> LeakOut:
    wanted = [SuspectedLeak.id == leak_id, within(SuspectedLeak.organisation_id, caller)]
    found = await _out(session, wanted, 1, 0)
    if not found:
        raise _unknown()
    return found[0]


async def _out(session: AsyncSession, wanted: list[Any], limit: int, offset: int) -> list[LeakOut]:
    query = select(SuspectedLeak, func.ST_X(SuspectedLeak.point), func.ST_Y(SuspectedLeak.point)).where(*wanted)
    ordered = query.order_by(SuspectedLeak.emergency.desc(), SuspectedLeak.at.desc(), SuspectedLeak.id)
    rows = (await session.execute(ordered.limit(limit).offset(offset))).all()
    names = await accounts.staff_names(session, [row[0].reported_by for row in rows])
    own = [n for n in LeakOut.__struct_fields__ if n not in {"reported_by_name", "lon", "lat"}]
    return [
        LeakOut(
            lon=lon,
            lat=lat,
            reported_by_name=names.get(leak.reported_by, ""),
            **{name: getattr(leak, name) for name in own},
        )
        for leak, lon, lat in rows
    ]


def _unknown() -> MissingError:
    return MissingError("leak.unknown", "没有这个疑似泄漏点。", "There is no such suspected leak.")


async def _find(session: AsyncSession, caller: Caller, leak_id: str) -> SuspectedLeak:
    query = scoped(select(SuspectedLeak).where(SuspectedLeak.id == leak_id), SuspectedLeak.organisation_id, caller)
    leak: SuspectedLeak | None = await session.scalar(query.with_for_update())
    if leak is None:
        raise _unknown()
    await reference.find_place(session, leak.organisation_id, caller=caller, right="hazard.decide")
    if leak.state != "open":
        raise ConflictingError("leak.settled", "这个疑似泄漏点已处理。", "It was settled already.", state=leak.state)
    return leak


async def confirm_leak(session: AsyncSession, caller: Caller, leak_id: str, given: ConfirmLeak) -> HazardOut:
    """It becomes a hazard that waits for its grade."""
    leak = await _find(session, caller, leak_id)
    hazard_id = new_id("hazard")
    copied = ("task_id", "address", "pipe_id", "point", "accuracy_m")
    hazards = Rows(Hazard, ())
    hazards.add(
        opened(
            hazard_id,
            organisation_id=leak.organisation_id,
            company_id=leak.company_id,
            reported_at=leak.at,
            reported_by=leak.reported_by,
            source="leak",
            hazard_type="leak_sign",
            origin_id=leak.id,
            detail=given.note or leak.note or f"{leak.reading_ppm:g} ppm",
            proposed_grade=given.proposed_grade,
            photos=leak.photos,
            **{name: getattr(leak, name) for name in copied},
        )
    )
    await write_hazards(session, hazards)
    _settle(leak, caller, "confirmed", given.note, hazard_id)
    await session.flush()
    await audit.record(session, caller, "leak.confirmed", "leak", leak.id, {"hazard_id": hazard_id})
    await events.announce(session, "leak.settled", leak.id, leak.organisation_id, state=leak.state)
    return await find_hazard(session, caller, hazard_id)


async def dismiss_leak(session: AsyncSession, caller: Caller, leak_id: str, given: Reasoned) -> LeakOut:
    leak = await _find(session, caller, leak_id)
    _settle(leak, caller, "unfounded", given.note, None)
    await session.flush()
    await audit.record(session, caller, "leak.unfounded", "leak", leak.id, {"reason": given.note})
    await events.announce(session, "leak.settled", leak.id, leak.organisation_id, state=leak.state)
    return await find_leak(session, caller, leak_id)


def _settle(leak: SuspectedLeak, caller: Caller, state: str, note: str, hazard_id: str | None) -> None:
    leak.state, leak.hazard_id, leak.settlement = state, hazard_id, note
    leak.settled_at, leak.settled_by = datetime.now(UTC), caller.staff_id
