"""Tells the regulator's feeds that a record came, changed or went, in the transaction that changed it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import upsert_rows
from backend.changes.models import Change
from backend.scope import Caller, within

# Rows of table 2 of the standard (clause 4.1.3): users, stations, cylinders, in-home checks, patrols, fillings,
# deliveries, hazards, cameras.
Dataset = Literal["T2-02", "T2-04", "T2-05", "T2-07", "T2-08", "T2-10", "T2-11", "T2-14", "T2-20"]


# The advisory lock under which changes are published one reader at a time; any number that nothing else uses.
_PUBLISH_LOCK = 7_345_208

# Changes become visible in the order in which their transactions commit, not in that of any number drawn inside
# them. So they get their place when a reader meets them committed, under a lock that is kept until his own commit:
# whoever has read up to a place can miss nothing that comes later.
_PUBLISH = text(
    """
    WITH free AS (
        SELECT dataset, subject_id, changed_at FROM regulator_changes
        WHERE dataset = :dataset AND position IS NULL FOR UPDATE SKIP LOCKED
    ), waiting AS (
        SELECT dataset, subject_id, row_number() OVER (ORDER BY changed_at, subject_id) AS number FROM free
    ), top AS (
        SELECT coalesce(max(position), 0) AS position FROM regulator_heads WHERE dataset = :dataset
    ), placed AS (
        UPDATE regulator_changes AS c SET position = top.position + waiting.number
        FROM waiting, top WHERE c.dataset = waiting.dataset AND c.subject_id = waiting.subject_id
        RETURNING c.position
    )
    INSERT INTO regulator_heads AS h (dataset, position) SELECT :dataset, max(position) FROM placed HAVING count(*) > 0
    ON CONFLICT (dataset) DO UPDATE SET position = excluded.position
    """
)


class ChangeLine(msgspec.Struct, frozen=True):
    position: int
    subject_id: str
    version: int
    deleted: bool
    changed_at: datetime
    organisation_id: str


async def changed(
    session: AsyncSession, dataset: Dataset, subject_id: str, organisation_id: str, *, deleted: bool = False
) -> None:
    """The record's next version, at the end of the feed; versions of one record count up without a gap."""
    await changed_all(session, dataset, {subject_id: organisation_id}, deleted=deleted)


async def changed_all(
    session: AsyncSession, dataset: Dataset, subjects: Mapping[str, str], *, deleted: bool = False
) -> None:
    """Several records at once: the organisation of each by its id."""
    now = datetime.now(UTC)
    rows = [
        {
            "dataset": dataset,
            "subject_id": subject_id,
            "organisation_id": organisation_id,
            "deleted": deleted,
            "changed_at": now,
            "position": None,
        }
        for subject_id, organisation_id in sorted(subjects.items())
    ]
    await upsert_rows(session, Change, rows, key=("dataset", "subject_id"), also="version = t.version + 1")


async def read_changes(
    session: AsyncSession, caller: Caller, dataset: str, *, after: int, limit: int
) -> Sequence[ChangeLine]:
    """What came after that place, in the caller's subtree; publishes what was committed since the last reading."""
    unpublished = select(Change.subject_id).where(Change.dataset == dataset, Change.position.is_(None)).limit(1)
    if await session.scalar(unpublished) is not None:
        await session.execute(select(func.pg_advisory_xact_lock(_PUBLISH_LOCK)))
        await session.execute(_PUBLISH, {"dataset": dataset})
    rows = await session.execute(
        select(
            Change.position,
            Change.subject_id,
            Change.version,
            Change.deleted,
            Change.changed_at,
            Change.organisation_id,
        )
        .where(Change.dataset == dataset, Change.position > after, within(Change.organisation_id, caller))
        .order_by(Change.position)
        .limit(limit)
    )
    return [ChangeLine(row[0] or 0, row[1], row[2], row[3], row[4], row[5]) for row in rows]
