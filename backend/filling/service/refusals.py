"""拒充: cylinders that were not filled or did not pass, and which of them still wait for somebody to deal with them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.errors import MissingError
from backend.filling.models import RefusedFilling
from backend.filling.schemas import RefusalOut
from backend.pages import Page
from backend.scope import Caller, scoped, within

_COMPUTED = {"station_name", "staff_name", "handled_by_name"}
_COPIED = tuple(name for name in RefusalOut.__struct_fields__ if name not in _COMPUTED)


async def list_refusals(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    search: str = "",
    organisation_id: str = "",
    reason: str = "",
    handled: bool | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Page[RefusalOut]:
    """Those that nobody has dealt with first, then the newest."""
    wanted: list[ColumnElement[bool]] = [within(RefusedFilling.organisation_id, caller)]
    if organisation_id:
        wanted.append(RefusedFilling.organisation_id == organisation_id)
    if since is not None:
        wanted.append(RefusedFilling.at >= since)
    if until is not None:
        wanted.append(RefusedFilling.at < until)
    if search:
        wanted.append(RefusedFilling.code.icontains(search, autoescape=True))
    if reason:
        wanted.append(RefusedFilling.reasons.contains([reason]))
    if handled is not None:
        wanted.append(RefusedFilling.handled_at.is_not(None) if handled else RefusedFilling.handled_at.is_(None))
    total = await session.scalar(select(func.count(RefusedFilling.id)).where(*wanted))
    order = (RefusedFilling.handled_at.is_not(None), RefusedFilling.at.desc(), RefusedFilling.id.desc())
    query = select(RefusedFilling).where(*wanted).order_by(*order).limit(limit).offset(offset)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    return Page(await _lines(session, rows), total or 0)


async def find_refusal(session: AsyncSession, caller: Caller, refusal_id: str) -> RefusalOut:
    query = select(RefusedFilling).where(RefusedFilling.id == refusal_id)
    row = await session.scalar(scoped(query, RefusedFilling.organisation_id, caller))
    if row is None:
        raise MissingError("refusal.unknown", "没有这条拒充记录。", "There is no such refusal.")
    return (await _lines(session, [row]))[0]


async def _lines(session: AsyncSession, rows: Sequence[RefusedFilling]) -> list[RefusalOut]:
    names = await accounts.staff_names(session, [key for row in rows for key in (row.staff_id, row.handled_by) if key])
    stations = await accounts.organisations_by_id(session, [row.organisation_id for row in rows])
    return [
        RefusalOut(
            station_name=stations[row.organisation_id].name,
            staff_name=names.get(row.staff_id, ""),
            handled_by_name=names.get(row.handled_by, ""),
            **{name: getattr(row, name) for name in _COPIED},
        )
        for row in rows
    ]


async def count_unhandled(session: AsyncSession, caller: Caller) -> int:
    query = select(func.count(RefusedFilling.id)).where(
        within(RefusedFilling.organisation_id, caller), RefusedFilling.handled_at.is_(None)
    )
    return await session.scalar(query) or 0
