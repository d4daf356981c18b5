"""Cylinders to look for: nothing heard of them for long, or at a customer's for too long."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.cylinders.models import Cylinder
from backend.cylinders.schemas import LostLine, LostReason
from backend.cylinders.service.showing import holder_names
from backend.pages import Page
from backend.reference import service as reference
from backend.reference.schemas import SettingsFields
from backend.scope import Caller, within


async def list_lost(
    session: AsyncSession,
    caller: Caller,
    *,
    reason: LostReason | None = None,
    organisation_id: str = "",
    specification: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[LostLine]:
    """The longest silent first; how long is too long each company says in its settings."""
    now = datetime.now(UTC)
    limits = await _limits(session, caller)
    lost = [_lost(company_id, fields, reason, now) for company_id, fields in limits.items()]
    wanted: list[ColumnElement[bool]] = [
        within(Cylinder.organisation_id, caller),
        Cylinder.scrapped.is_(False),
        Cylinder.holder_kind != "scrapped",
        or_(*lost),
    ]
    pairs = ((Cylinder.organisation_id, organisation_id), (Cylinder.specification, specification))
    wanted += [column == value for column, value in pairs if value]
    total = await session.scalar(select(func.count(Cylinder.id)).where(*wanted))
    query = select(Cylinder).where(*wanted).order_by(Cylinder.last_heard_at, Cylinder.id).limit(limit).offset(offset)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    names = await holder_names(session, rows)
    stations = {o.id: o.name for o in await accounts.list_organisations(session, caller)}
    return Page([_line(row, names, stations, limits[row.company_id], now) for row in rows], total or 0)


async def _limits(session: AsyncSession, caller: Caller) -> dict[str, SettingsFields]:
    """By company: those in sight, else the caller's own."""
    seen = [o.id for o in await accounts.list_organisations(session, caller) if o.kind == "company"]
    return {key: (await reference.find_settings(session, key)).fields for key in seen or [caller.company_id]}


def _lost(company_id: str, fields: SettingsFields, reason: LostReason | None, now: datetime) -> ColumnElement[bool]:
    silent = Cylinder.last_heard_at < now - timedelta(days=fields.cylinder_silent_days)
    long_held = Cylinder.holder_since < now - timedelta(days=fields.cylinder_outstanding_days)
    outstanding = and_(Cylinder.holder_kind == "customer", long_held)
    by_reason = {None: or_(silent, outstanding), "silent": and_(silent, ~outstanding), "outstanding": outstanding}
    return and_(Cylinder.company_id == company_id, by_reason[reason])


def _line(
    row: Cylinder, names: dict[str, str], stations: dict[str, str], fields: SettingsFields, now: datetime
) -> LostLine:
    heard = row.last_heard_at or row.registered_at
    held = (now - row.holder_since).days
    outstanding = row.holder_kind == "customer" and held >= fields.cylinder_outstanding_days
    copied = ("id", "code", "specification", "organisation_id", "holder_kind", "holder_id", "holder_since")
    return LostLine(
        organisation_name=stations.get(row.organisation_id, ""),
        holder_name=names.get(row.holder_id, row.holder_id),
        last_heard_at=heard,
        silent_days=(now - heard).days,
        held_days=held,
        reason="outstanding" if outstanding else "silent",
        **{name: getattr(row, name) for name in copied},
    )
