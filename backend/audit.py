"""The audit trail: one row beside every write that matters, and a sealer that chains committed rows by SM3.

Rows are chained after their commit, once a second, and not inside each transaction: a chain head that every
transaction must update made writers queue and cost three quarters of the throughput.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import rfc8785
from cryptography.hazmat.primitives import hashes
from sqlalchemy import BigInteger, Identity, Index, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from backend.bulk import insert_rows
from backend.db import Base
from backend.scope import Caller, scoped

# The advisory lock that keeps a single sealer at work; any number that nothing else uses.
_SEALER_LOCK = 7_345_001
_BATCH = 1000


class AuditEntry(Base):
    """`position` and `chain` are empty until sealed; `facts` hold hashes of personal fields, never the fields."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_unsealed", "id", postgresql_where=text("position IS NULL")),
        Index("ix_audit_entries_organisation", "organisation_id", "id"),
        Index("ix_audit_entries_subject", "subject_type", "subject_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[str]
    device_id: Mapped[str]
    organisation_id: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    facts: Mapped[dict[str, Any]]
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    chain: Mapped[bytes | None]


async def record(  # noqa: PLR0917 - read aloud in this order: who did what to which
    session: AsyncSession,
    caller: Caller | None,
    action: str,
    subject_type: str,
    subject_id: str,
    facts: Mapping[str, Any] | None = None,
    *,
    organisation_id: str = "",
    actor_id: str = "",
) -> None:
    """In the caller's transaction; `action` is spelled like the document tag where there is one.

    `actor_id` names who did it where there is no caller (a record taken from a phone).
    """
    session.add(
        AuditEntry(
            at=datetime.now(UTC),
            actor_id=actor_id or (caller.staff_id or caller.client_id if caller else ""),
            device_id=caller.device_id if caller else "",
            organisation_id=organisation_id or (caller.organisation_id if caller else ""),
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            facts=dict(facts or {}),
        )
    )


async def record_all(  # noqa: PLR0917 - as `record`
    session: AsyncSession,
    caller: Caller | None,
    action: str,
    subject_type: str,
    facts: Mapping[str, Mapping[str, Any]],
    organisations: Mapping[str, str],
) -> None:
    """As `record`, of many subjects in one statement: facts and organisation of each by its id."""
    rows = [
        {
            "at": datetime.now(UTC),
            "actor_id": (caller.staff_id or caller.client_id) if caller else "",
            "device_id": caller.device_id if caller else "",
            "organisation_id": organisations[subject_id],
            "action": action,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "facts": dict(told),
        }
        for subject_id, told in facts.items()
    ]
    await insert_rows(session, AuditEntry, rows)


async def list_entries(
    session: AsyncSession,
    caller: Caller,
    *,
    action: str = "",
    actor_id: str = "",
    subject_id: str = "",
    before: int | None = None,
    limit: int = 100,
) -> Sequence[AuditEntry]:
    """Newest first, of the caller's organisations; `before` is the last id of the page before; `action` a prefix."""
    statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    statement = scoped(statement, AuditEntry.organisation_id, caller)
    if action:
        statement = statement.where(AuditEntry.action.startswith(action, autoescape=True))
    if actor_id:
        statement = statement.where(AuditEntry.actor_id == actor_id)
    if subject_id:
        statement = statement.where(AuditEntry.subject_id == subject_id)
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    return (await session.scalars(statement)).all()


async def seal(session: AsyncSession) -> int:
    """Chain the rows committed since the last time; 0 if there are none or another sealer is at work."""
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(_SEALER_LOCK))):
        return 0
    position, chain = await _head(session)
    waiting = select(AuditEntry).where(AuditEntry.position.is_(None)).order_by(AuditEntry.id).limit(_BATCH)
    entries = (await session.scalars(waiting)).all()
    for entry in entries:
        position += 1
        chain = _link(chain, entry)
        entry.position, entry.chain = position, chain
    await session.flush()
    return len(entries)


async def find_broken_link(session: AsyncSession) -> int | None:
    """The id of the first sealed row that was changed, added or taken away after sealing; None if the chain holds."""
    chain, expected = b"", 1
    rows = await session.stream_scalars(
        select(AuditEntry).where(AuditEntry.position.is_not(None)).order_by(AuditEntry.position)
    )
    async for entry in rows:
        chain = _link(chain, entry)
        if entry.position != expected or entry.chain != chain:
            return entry.id
        expected += 1
    return None


async def _head(session: AsyncSession) -> tuple[int, bytes]:
    newest = select(AuditEntry.position, AuditEntry.chain).where(AuditEntry.position.is_not(None))
    row = (await session.execute(newest.order_by(AuditEntry.position.desc()).limit(1))).first()
    return (row[0] or 0, row[1] or b"") if row else (0, b"")


def _link(chain: bytes, entry: AuditEntry) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(chain)
    digest.update(
        rfc8785.dumps(
            {
                "id": entry.id,
                "at": entry.at.astimezone(UTC).isoformat(),
                "actor": entry.actor_id,
                "device": entry.device_id,
                "organisation": entry.organisation_id,
                "action": entry.action,
                "subject": [entry.subject_type, entry.subject_id],
                "facts": entry.facts,
            }
        )
    )
    return digest.finalize()
