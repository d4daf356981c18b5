"""回站入库, as the office sees it."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.deliveries.models import StationReturn
from backend.deliveries.schemas import ReturnOut
from backend.pages import Page
from backend.scope import Caller, within


async def list_returns(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    staff_id: str = "",
    vehicle: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[ReturnOut]:
    """Newest first."""
    wanted: list[ColumnElement[bool]] = [within(StationReturn.organisation_id, caller)]
    pairs = ((StationReturn.staff_id, staff_id), (StationReturn.vehicle, vehicle))
    wanted += [column == value for column, value in pairs if value]
    if since is not None:
        wanted.append(StationReturn.at >= since)
    if until is not None:
        wanted.append(StationReturn.at < until)
    total = await session.scalar(select(func.count(StationReturn.id)).where(*wanted))
    query = select(StationReturn).where(*wanted).order_by(StationReturn.at.desc(), StationReturn.id)
    rows = (await session.scalars(query.limit(limit).offset(offset))).all()
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    own = [name for name in ReturnOut.__struct_fields__ if name != "staff_name"]
    return Page(
        [
            ReturnOut(staff_name=names.get(row.staff_id, ""), **{name: getattr(row, name) for name in own})
            for row in rows
        ],
        total or 0,
    )
