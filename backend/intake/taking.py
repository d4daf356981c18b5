"""Takes a batch of revisions into PostGIS inside the caller's transaction: each record once, none lost, none twice."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import each_of, insert_new, insert_rows, one_of, prepare_new
from backend.intake import clocks, quarantined, receipts, service
from backend.intake.models import Fact, FactPhoto, IntakeEntry
from backend.intake.owners import find_owner
from backend.intake.receipts import Answer
from backend.intake.rules import (
    Arrived,
    Ours,
    Owner,
    Refused,
    judge,
    key_of,
    loose_fields,
    remarks_on,
    storable,
)
from backend.intake.settling import is_passing, take_all
from backend.photos.service import PhotoStore, check_file
from backend.taken import Take, Taken
from sync.databases import DatabaseName
from sync.documents import BACKEND_TYPES, FieldRecord
from sync.documents.envelope import Record, tag_of
from sync.documents.photos import is_file
from sync.signatures import verify

# Where a session keeps when the records that it took were recorded.
RECORDED_AT = "recorded_at"

# Who breaks one of these was taken or met before.
_KNOWN = ("pk_facts", "pk_intake_log")

_log = structlog.get_logger(__name__)


class Setup(msgspec.Struct, frozen=True):
    """What a batch is taken with: the domains' takes, the public keys (PEM) that sign what the backend writes,
    and where pictures are stored.
    """

    takes: Mapping[str, Take]
    keys: Callable[[], Mapping[str, str]]
    photos: PhotoStore


class _Batch(msgspec.Struct):
    database: DatabaseName
    owner: Owner | None
    received_at: datetime
    good: list[tuple[Arrived, FieldRecord]] = []
    refused: list[tuple[Arrived, Refused]] = []
    duplicates: list[tuple[Arrived, FieldRecord]] = []
    answers: list[Answer] = []


async def take_batch(
    session: AsyncSession,
    database: DatabaseName,
    arrived: Sequence[Arrived],
    setup: Setup,
    *,
    received_at: datetime,
    all_new: bool | None = None,
) -> int:
    """Takes what was not taken yet and answers how many records that were. Raises only what a retry may cure: a batch
    that fails is halved down to the one record that cannot be taken, which goes to the office.

    `all_new`: not asked which of them are known; that they are not is seen when they are written, and asked then.
    """
    if all_new is None:
        all_new = all(isinstance(one.record, Record) for one in arrived)
    try:
        async with session.begin_nested(), events.together(session):
            return await _take(session, database, arrived, setup, received_at, all_new=all_new)
    except Exception as error:  # whatever a domain raises, the feed goes on
        if all_new and _is_known(error):
            return await take_batch(session, database, arrived, setup, received_at=received_at, all_new=False)
        if is_passing(error) or not arrived:
            raise
        if len(arrived) == 1:
            _log.exception("intake.not_taken", doc_id=arrived[0].id, database=str(database))
            await _hold_one(session, database, arrived[0], error, received_at)
            return 0
    middle = len(arrived) // 2
    counts = [
        await take_batch(session, database, half, setup, received_at=received_at)
        for half in (arrived[:middle], arrived[middle:])
    ]
    return sum(counts)


async def _take(
    session: AsyncSession,
    database: DatabaseName,
    arrived: Sequence[Arrived],
    setup: Setup,
    received_at: datetime,
    *,
    all_new: bool,
) -> int:
    # What the backend wrote itself comes by again, often alone: it costs no statement.
    strange = _without_ours(arrived, setup)
    if not strange:
        return 0
    known = frozenset() if all_new else await logged(session, database, [(a.id, a.rev) for a in strange])
    fresh = [a for a in strange if (key_of(a.id), a.rev) not in known]
    # A hub that was put back to an old copy gets it from the phone once more, and may have lost the receipt.
    answers = await receipts.repeated(session, database, [doc_id for doc_id, _ in known]) if known else []
    if not fresh and not answers:
        return 0
    batch = _Batch(database, await find_owner(session, database.owner), received_at, answers=answers)
    await _judge(batch, fresh, setup, {} if all_new else await _existing(session, fresh))
    # While PostgreSQL writes the facts.
    log = asyncio.ensure_future(asyncio.to_thread(_entries, batch, all_new=all_new))
    takens = await _store_facts(session, batch)
    if takens:
        batch.answers += await take_all(session, takens, setup.takes)
    await (await log)(session)
    await _hold(session, batch)
    await receipts.send(session, database, batch.answers)
    if batch.owner is not None and batch.good:
        company_id = batch.owner.company_id
        await events.announce(session, "records.taken", str(database), company_id, count=len(batch.good))
    # For the figures of whoever commits this: what is rolled back was not taken.
    session.info.setdefault(RECORDED_AT, []).extend(taken.recorded_at for taken in takens)
    return len(batch.good)


def _is_known(error: Exception) -> bool:
    diagnosis = getattr(getattr(error, "orig", None), "diag", None)
    return getattr(diagnosis, "constraint_name", None) in _KNOWN


def _without_ours(arrived: Sequence[Arrived], setup: Setup) -> list[Arrived]:
    keys = setup.keys()
    return [a for a in arrived if not (a.body and tag_of(a.id) in BACKEND_TYPES and _is_ours(a, keys))]


def _is_ours(arrived: Arrived, keys: Mapping[str, str]) -> bool:
    return not arrived.deleted and arrived.readable and verify(arrived.id, arrived.body, keys)


async def take_after_all(
    session: AsyncSession, database: DatabaseName, arrived: Arrived, setup: Setup, received_at: datetime
) -> Refused | None:
    """Takes what was held back, under the rules of now; answers what still speaks against it."""
    batch = _Batch(database, await find_owner(session, database.owner), received_at)
    try:
        async with session.begin_nested():
            await _judge(batch, [arrived], setup, await _existing(session, [arrived]))
            takens = await _store_facts(session, batch)
            batch.answers += await take_all(session, takens, setup.takes)
    except Exception as error:  # the same as in a batch: it stays with the office
        if is_passing(error):
            raise
        _log.exception("intake.not_taken", doc_id=arrived.id, database=str(database))
        return Refused("not_taken", repr(error)[:500])
    if batch.refused:
        return batch.refused[0][1]
    batch.answers += [receipts.accepted(arrived.id, arrived.rev, record.device_id) for _, record in batch.duplicates]
    await session.execute(
        update(IntakeEntry)
        .where(
            IntakeEntry.database == str(database),
            IntakeEntry.doc_id == key_of(arrived.id),
            IntakeEntry.rev == arrived.rev,
        )
        .values(outcome="accepted")
    )
    await receipts.send(session, database, batch.answers)
    return None


async def _hold_one(
    session: AsyncSession, database: DatabaseName, arrived: Arrived, error: Exception, received_at: datetime
) -> None:
    batch = _Batch(database, await find_owner(session, database.owner), received_at)
    batch.refused.append((arrived, Refused("not_taken", repr(error)[:500])))
    await _entries(batch)(session)
    await _hold(session, batch)
    await receipts.send(session, database, batch.answers)


async def logged(
    session: AsyncSession, database: DatabaseName, revisions: Sequence[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Which of these revisions (id, rev) intake has met in this database before."""
    asked = {(key_of(doc_id), rev) for doc_id, rev in revisions}
    # Joined, each id is looked up under the database's name; as a list they had the database's whole log read.
    ids = each_of({doc_id for doc_id, _ in asked})
    rows = await session.execute(
        select(IntakeEntry.doc_id, IntakeEntry.rev).join(
            ids, and_(IntakeEntry.database == str(database), IntakeEntry.doc_id == ids.c.value)
        )
    )
    return frozenset(pair for doc_id, rev in rows if (pair := (doc_id, rev)) in asked)


async def _judge(batch: _Batch, fresh: Sequence[Arrived], setup: Setup, facts: dict[str, tuple[str, str]]) -> None:
    """`facts`: those that are there already, with their revision and whose they are."""
    keys = setup.keys()
    for one in fresh:
        verdict = judge(one, batch.database, batch.owner, lambda doc_id, body: verify(doc_id, body, keys))
        if isinstance(verdict, Ours):
            continue
        if isinstance(verdict, Refused):
            batch.refused.append((one, verdict))
            continue
        first = facts.get(one.id)
        if first is None and is_file(one.id) and (fault := await _store_picture(one, verdict, setup.photos)):
            batch.refused.append((one, Refused(fault)))
        elif first is None:
            facts[one.id] = (one.rev, batch.database.owner)
            batch.good.append((one, verdict))
        # The same picture twice is the same picture, whoever sent it: its id is its content.
        elif first[0] == one.rev or (is_file(one.id) and first[1] != batch.database.owner):
            batch.duplicates.append((one, verdict))
        else:
            batch.refused.append((one, Refused("second_revision", first[0])))


async def _existing(session: AsyncSession, arrived: Sequence[Arrived]) -> dict[str, tuple[str, str]]:
    rows = await session.execute(
        select(Fact.id, Fact.rev, Fact.staff_id).where(one_of(Fact.id, [key_of(a.id) for a in arrived]))
    )
    return {fact_id: (rev, staff_id) for fact_id, rev, staff_id in rows}


async def _store_picture(arrived: Arrived, record: FieldRecord, photos: PhotoStore) -> str:
    """Stores a picture or recording before its row is written, or answers what is wrong with it."""
    fault = await asyncio.to_thread(check_file, arrived.id, arrived.attachment)
    if not fault and arrived.attachment is not None:
        await photos.put(arrived.id, arrived.attachment, sealed=getattr(record, "personal", False))
    return fault


async def _store_facts(session: AsyncSession, batch: _Batch) -> list[Taken[Any]]:
    """Facts in the order of their corrected time, then id; their rows are written in key order."""
    if batch.owner is None or not batch.good:
        return []
    known = await clocks.learn(session, [record for _, record in batch.good], batch.received_at, batch.owner.devices)
    takens = [
        Taken(
            record=record,
            rev=one.rev,
            database=str(batch.database),
            organisation_id=record.unit_id,
            company_id=batch.owner.company_id,
            staff_id=record.staff_id,
            device_id=record.device_id,
            recorded_at=clocks.recorded_at(known, record, batch.received_at),
            received_at=batch.received_at,
            attachment=one.attachment,
        )
        for one, record in batch.good
    ]
    bodies = {one.id: one.body for one, _ in batch.good}
    rows = [_fact_row(t, bodies[t.record.id]) for t in sorted(takens, key=lambda t: t.record.id)]
    await insert_rows(session, Fact, rows)
    named = [{"fact_id": t.record.id, "photo_id": p} for t in takens for p in dict.fromkeys(t.record.photos)]
    await insert_new(session, FactPhoto, named)
    return sorted(takens, key=lambda t: (t.recorded_at, t.record.id))


def _fact_row(taken: Taken[Any], body: bytes) -> dict[str, Any]:
    record = taken.record
    return {
        "id": record.id,
        "tag": tag_of(record.id),
        "rev": taken.rev,
        "database": taken.database,
        "organisation_id": taken.organisation_id,
        "company_id": taken.company_id,
        "staff_id": taken.staff_id,
        "device_id": taken.device_id,
        "record_number": record.record_number,
        "recorded_at": taken.recorded_at,
        "received_at": taken.received_at,
        "state": "accepted",
        "remarks": remarks_on(record.recorded, taken.recorded_at, record.position),
        "photos_named": len(set(record.photos)),
        "body": body,
    }


def _entries(batch: _Batch, *, all_new: bool = False) -> Callable[[AsyncSession], Coroutine[None, None, set[Any]]]:
    """What writes the log of this batch."""
    rows = [_entry(batch, one, "accepted", record.device_id, record.record_number) for one, record in batch.good]
    rows += [_entry(batch, one, "duplicate", rec.device_id, rec.record_number) for one, rec in batch.duplicates]
    for one, _ in batch.refused:
        fields = loose_fields(one.body)
        number = fields.get("record_number")
        known = number if isinstance(number, int) and 0 < number < 2**62 else None
        rows.append(_entry(batch, one, "quarantined", storable(str(fields.get("device_id", ""))[:200]), known))
    return prepare_new(IntakeEntry, sorted(rows, key=lambda row: (row["doc_id"], row["rev"])), all_new=all_new)


async def _hold(session: AsyncSession, batch: _Batch) -> None:
    """What was refused, for the office; what came once more is answered once more."""
    batch.answers += [receipts.accepted(one.id, one.rev, record.device_id) for one, record in batch.duplicates]
    if batch.refused:
        batch.answers += await quarantined.hold(
            session, batch.database, batch.refused, owner=batch.owner, received_at=batch.received_at
        )
    spoilt = [key_of(one.id) for one, _ in batch.refused if tag_of(one.id) in BACKEND_TYPES]
    if spoilt:
        await service.rewrite(session, batch.database, spoilt)


def _entry(batch: _Batch, arrived: Arrived, outcome: str, device_id: str, number: int | None) -> dict[str, Any]:
    return {
        "database": str(batch.database),
        "doc_id": key_of(arrived.id),
        "rev": arrived.rev,
        "seq": arrived.seq,
        "sha256": hashlib.sha256(arrived.body).digest(),
        "kind": batch.database.kind,
        "device_id": device_id,
        "record_number": number,
        "outcome": outcome,
    }
