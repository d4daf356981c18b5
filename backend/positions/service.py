"""Where people were last seen, from whatever record carried a position."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import upsert_rows
from backend.positions.models import StaffPosition
from backend.positions.rules import point_wkt
from backend.scope import Caller, within
from backend.taken import Taken
from sync.documents.envelope import Position

_staff = table("staff", column("id"), column("name"), column("staff_number"))


class Seen(msgspec.Struct, frozen=True):
    staff_id: str
    staff_name: str
    organisation_id: str
    at: datetime
    lon: float
    lat: float
    accuracy_m: float
    source: str
    mocked: bool
    methane_ppm: float | None
    task_id: str


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody was at a moment, from one of his records."""

    taken: Taken[Any]
    position: Position
    at: datetime
    methane_ppm: float | None = None


async def note_seen(session: AsyncSession, takens: Iterable[Taken[Any]]) -> None:
    """The positions of those records that carry one."""
    await note_positions(
        session,
        [
            Fix(taken=taken, position=taken.record.position, at=taken.recorded_at)
            for taken in takens
            if taken.record.position is not None
        ],
    )


async def note_positions(session: AsyncSession, fixes: Iterable[Fix]) -> None:
    """Keeps each person's newest by corrected time, whatever the order of arrival."""
    newest: dict[str, Fix] = {}
    for fix in fixes:
        held = newest.get(fix.taken.staff_id)
        if held is None or held.at < fix.at:
            newest[fix.taken.staff_id] = fix
    written = await upsert_rows(
        session,
        StaffPosition,
        [_row(fix) for _, fix in sorted(newest.items())],
        key=("staff_id",),
        where="t.at < excluded.at",
        returning="staff_id",
    )
    moved = [newest[staff_id].taken for staff_id in written]
    await events.announce_all(
        session, [events.Event("position.changed", taken.staff_id, taken.organisation_id) for taken in moved]
    )


def _row(fix: Fix) -> dict[str, Any]:
    taken, position = fix.taken, fix.position
    return {
        "staff_id": taken.staff_id,
        "organisation_id": taken.organisation_id,
        "device_id": taken.device_id,
        "at": fix.at,
        "point": point_wkt(position),
        "accuracy_m": position.accuracy_m,
        "source": position.source,
        "mocked": position.mocked,
        "methane_ppm": fix.methane_ppm,
        "task_id": taken.record.task_id,
    }


async def list_positions(
    session: AsyncSession, caller: Caller, *, since: datetime, staff_ids: Sequence[str] | None = None
) -> list[Seen]:
    """Everybody seen since then."""
    query = (
        select(
            StaffPosition.staff_id,
            func.coalesce(_staff.c.name, ""),
            StaffPosition.organisation_id,
            StaffPosition.at,
            func.ST_X(StaffPosition.point),
            func.ST_Y(StaffPosition.point),
            StaffPosition.accuracy_m,
            StaffPosition.source,
            StaffPosition.mocked,
            StaffPosition.methane_ppm,
            StaffPosition.task_id,
        )
        .outerjoin(_staff, _staff.c.id == StaffPosition.staff_id)
        .where(StaffPosition.at >= since, within(StaffPosition.organisation_id, caller))
        .order_by(StaffPosition.at.desc())
    )
    if staff_ids is not None:
        query = query.where(StaffPosition.staff_id.in_(staff_ids))
    return [Seen(*row) for row in await session.execute(query)]
