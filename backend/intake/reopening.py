"""Takes back a decision of the office that was a slip: what was dismissed or settled is open again."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.errors import ConflictingError, MissingError
from backend.intake import quarantined, receipts
from backend.intake.models import Conflict
from backend.scope import Caller, scoped


async def reopen_record(session: AsyncSession, caller: Caller, quarantine_id: str) -> None:
    """A dismissed one only: what was taken after all is a fact. The phone is told the first reason again."""
    row = await quarantined.find_quarantined(session, caller, quarantine_id, lock=True)
    if row.state != "dismissed":
        raise ConflictingError(
            "quarantine.not_dismissed", "只有“不采用”可以撤销。", "Only a dismissal can be undone.", state=row.state
        )
    facts = {"doc_id": row.doc_id, "code": row.code, "reason": row.settled_reason}
    row.state, row.settled_at, row.settled_by, row.settled_reason = "open", None, "", ""
    answer = receipts.refused(row.doc_id, row.rev, row.device_id, row.code)
    await receipts.send(session, quarantined.database_of(row), [answer])
    await audit.record(
        session, caller, "record.reopened", "quarantine", row.id, facts, organisation_id=row.organisation_id
    )
    await events.announce(session, "record.reopened", row.id, row.organisation_id)
    await session.flush()


async def reopen_conflict(session: AsyncSession, caller: Caller, conflict_id: str) -> None:
    """The settlement goes back into the audit trail, and the conflict into the inbox."""
    wanted = scoped(select(Conflict).where(Conflict.id == conflict_id), Conflict.organisation_id, caller)
    row = await session.scalar(wanted.with_for_update())
    if row is None:
        raise MissingError("conflict.missing", "没有这张问题单。", "There is no such conflict.")
    if row.state != "settled":
        raise ConflictingError("conflict.open", "这张问题单还没有定案。", "It is not settled.")
    facts = {"kind": row.kind, "record_ids": row.record_ids, "settlement": row.settlement}
    row.state, row.settled_at, row.settled_by, row.settlement = "open", None, "", ""
    await audit.record(
        session, caller, "conflict.reopened", "conflict", row.id, facts, organisation_id=row.organisation_id
    )
    await events.announce(session, "conflict.reopened", row.id, row.organisation_id)
    await session.flush()
