"""Where people were last seen, from whatever record carried a position."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import column, func, select, table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
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


async def note_seen(session: AsyncSession, taken: Taken[Any]) -> None:
    """The position of a record that carries one."""
    if taken.record.position is not None:
        await note_position(session, taken, taken.record.position, taken.recorded_at)


async def note_position(
    session: AsyncSession, taken: Taken[Any], position: Position, at: datetime, *, methane_ppm: float | None = None
) -> None:
    """Keeps the newest by corrected time, whatever the order of arrival."""
    row = insert(StaffPosition).values(
        staff_id=taken.staff_id,
        organisation_id=taken.organisation_id,
        device_id=taken.device_id,
        at=at,
        point=point_wkt(position),
        accuracy_m=position.accuracy_m,
        source=position.source,
        mocked=position.mocked,
        methane_ppm=methane_ppm,
        task_id=taken.record.task_id,
    )
    kept = {c.name: row.excluded[c.name] for c in StaffPosition.__table__.columns if c.name != "staff_id"}
    newer = row.on_conflict_do_update(
        index_elements=["staff_id"], set_=kept, where=StaffPosition.at < row.excluded["at"]
    ).returning(StaffPosition.staff_id)
    if await session.scalar(newer) is not None:
        await events.announce(session, "position.changed", taken.staff_id, taken.organisation_id)


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
