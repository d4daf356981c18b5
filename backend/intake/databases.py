"""The hub's databases as the office sees them: how far they are read, and whether hub and PostGIS agree."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Organisation, Staff
from backend.intake.models import HubDatabase, HubManifest, OutboxDocument
from backend.pages import Page
from backend.scope import Caller, within

_FOUND = (HubManifest.missed, HubManifest.gone, HubManifest.rewritten)
_OF_DATABASE = ("name", "kind", "quarter", "provisioned", "read_at", "dropped_at")


class DatabaseFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`unverified`: compared and not found whole, or not compared yet; `dropped`: archived and no longer on the hub."""

    search: str = ""
    kind: Literal["", "user", "media", "unit"] = ""
    state: Literal["kept", "unverified", "dropped"] = "kept"


class DatabaseOut(msgspec.Struct, frozen=True, kw_only=True):
    """`owner_name` is a person's or a unit's; `verified` is None before the first comparison; `missed`, `gone` and
    `rewritten` count what comparisons ever found wrong and repaired; `pending` is still to be written there.
    """

    name: str
    kind: str
    quarter: str
    owner_name: str
    provisioned: bool
    read_at: datetime | None
    dropped_at: datetime | None
    documents: int | None
    verified: bool | None
    compared_at: datetime | None
    missed: int | None
    gone: int | None
    rewritten: int | None
    archived_at: datetime | None
    pending: int


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """All databases within reach together."""

    kept: int
    verified: int
    dropped: int
    oldest_comparison_at: datetime | None
    missed: int
    gone: int
    rewritten: int


async def count_databases(session: AsyncSession, caller: Caller) -> Agreement:
    kept = HubDatabase.dropped_at.is_(None)
    columns: list[Any] = [
        func.count().filter(kept),
        func.count().filter(kept, HubManifest.verified),
        func.count(HubDatabase.dropped_at),
        func.min(HubManifest.compared_at).filter(kept),
        *(func.coalesce(func.sum(column), 0) for column in _FOUND),
    ]
    counted = _from(select(*columns), caller)
    kept_now, verified, dropped, oldest, missed, gone, rewritten = (await session.execute(counted)).one()
    return Agreement(
        kept=kept_now,
        verified=verified,
        dropped=dropped,
        oldest_comparison_at=oldest,
        missed=int(missed),
        gone=int(gone),
        rewritten=int(rewritten),
    )


async def list_databases(
    session: AsyncSession, caller: Caller, wanted: DatabaseFilter, *, limit: int = 50, offset: int = 0
) -> Page[DatabaseOut]:
    """What needs a look first, then by owner."""
    pending = (
        select(func.count())
        .where(OutboxDocument.database == HubDatabase.name, OutboxDocument.version != OutboxDocument.sent_version)
        .scalar_subquery()
    )
    owner = func.coalesce(Staff.name, Organisation.name, "").label("owner_name")
    columns: list[Any] = [getattr(HubDatabase, name) for name in _OF_DATABASE]
    columns += [HubManifest.documents, HubManifest.verified, HubManifest.compared_at, HubManifest.archived_at, *_FOUND]
    found = _from(select(*columns, owner, pending.label("pending")), caller).where(*_conditions(wanted, owner))
    total = await session.scalar(select(func.count()).select_from(found.subquery()))
    first = HubManifest.verified.is_(True), owner, HubDatabase.kind.desc(), HubDatabase.quarter.desc()
    rows = (await session.execute(found.order_by(*first).limit(limit).offset(offset))).mappings()
    return Page([DatabaseOut(**row) for row in rows], total or 0)


def _from(statement: Select[Any], caller: Caller) -> Select[Any]:
    reach = or_(
        and_(HubDatabase.kind == "unit", within(HubDatabase.owner_id, caller)),
        and_(HubDatabase.kind != "unit", within(Staff.organisation_id, caller)),
    )
    return (
        statement.select_from(HubDatabase)
        .outerjoin(HubManifest, HubManifest.database == HubDatabase.name)
        .outerjoin(Staff, and_(Staff.id == HubDatabase.owner_id, HubDatabase.kind != "unit"))
        .outerjoin(Organisation, and_(Organisation.id == HubDatabase.owner_id, HubDatabase.kind == "unit"))
        .where(reach)
    )


def _conditions(wanted: DatabaseFilter, owner: ColumnElement[str]) -> list[ColumnElement[bool]]:
    dropped = HubDatabase.dropped_at.is_not(None)
    conditions: list[ColumnElement[bool]] = [dropped if wanted.state == "dropped" else ~dropped]
    if wanted.state == "unverified":
        conditions.append(HubManifest.verified.is_not(True))
    if wanted.kind:
        conditions.append(HubDatabase.kind == wanted.kind)
    if wanted.search:
        words = (owner, HubDatabase.name)
        conditions.append(or_(*(each.icontains(wanted.search, autoescape=True) for each in words)))
    return conditions
