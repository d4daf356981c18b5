"""问题单: facts that contradict each other, listed for the office and settled by it."""

from datetime import UTC, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.intake.models import Conflict
from backend.intake.schemas import ConflictOut, ConflictPage
from backend.scope import Caller, scoped


async def list_conflicts(
    session: AsyncSession, caller: Caller, *, state: str = "open", kind: str = "", limit: int = 50, offset: int = 0
) -> ConflictPage:
    """Newest first; `kind` keeps one kind of contradiction."""
    rows = _scoped(caller).where(Conflict.state == state)
    rows = rows.where(Conflict.kind == kind) if kind else rows
    total = await session.scalar(select(func.count()).select_from(rows.subquery()))
    page = rows.order_by(Conflict.opened_at.desc(), Conflict.id.desc()).limit(limit).offset(offset)
    return ConflictPage(items=[_out(row) for row in await session.scalars(page)], total=total or 0)


async def conflicts_about(session: AsyncSession, caller: Caller, subject: str) -> list[ConflictOut]:
    """Open and settled, about one document or record."""
    rows = _scoped(caller).where(Conflict.record_ids.contains([subject])).order_by(Conflict.opened_at.desc())
    return [_out(row) for row in await session.scalars(rows)]


async def find_conflict(session: AsyncSession, caller: Caller, conflict_id: str) -> ConflictOut:
    row = await session.scalar(_scoped(caller).where(Conflict.id == conflict_id))
    if row is None:
        raise _unknown()
    return _out(row)


async def settle_conflict(session: AsyncSession, caller: Caller, conflict_id: str, settlement: str) -> ConflictOut:
    """The facts stay as they are: what was decided is written beside them."""
    if not settlement.strip():
        raise UnusableError("conflict.settlement_needed", "请填写处理结果。", "Say how it was settled.")
    row = await session.scalar(_scoped(caller).where(Conflict.id == conflict_id).with_for_update())
    if row is None:
        raise _unknown()
    if row.state != "open":
        raise ConflictingError("conflict.settled", "这张问题单已处理。", "It was settled already.")
    row.state, row.settlement = "settled", settlement.strip()
    row.settled_by, row.settled_at = caller.staff_id, datetime.now(UTC)
    facts = {"kind": row.kind, "record_ids": row.record_ids, "settlement": row.settlement}
    await audit.record(
        session, caller, "conflict.settled", "conflict", row.id, facts, organisation_id=row.organisation_id
    )
    await events.announce(session, "conflict.settled", row.id, row.organisation_id)
    await session.flush()
    return _out(row)


def _unknown() -> MissingError:
    return MissingError("conflict.missing", "没有这张问题单。", "There is no such conflict.")


def _scoped(caller: Caller) -> Select[Conflict]:
    return scoped(select(Conflict), Conflict.organisation_id, caller)


def _out(row: Conflict) -> ConflictOut:
    return ConflictOut(
        id=row.id,
        organisation_id=row.organisation_id,
        kind=row.kind,
        record_ids=row.record_ids,
        facts=row.facts,
        opened_at=row.opened_at,
        state=row.state,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        settlement=row.settlement,
    )
