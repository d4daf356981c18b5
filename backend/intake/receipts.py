"""What a phone is told about each record: one receipt for each batch and device, into that person's own database."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import one_of
from backend.intake import service
from backend.intake.models import Fact, FactPhoto, IntakeEntry, QuarantinedDocument
from backend.intake.rules import CODES, key_of
from sync.databases import DatabaseName, parse_database
from sync.documents.envelope import new_id
from sync.documents.receipts import Receipt, ReceiptEntry

# A receipt stays well under the size that a slow link loses.
ENTRIES_AT_MOST = 200
# What stands for the device where the record does not name it.
NO_DEVICE = "unknown"
_LONGEST_ID = 120


class Answer(msgspec.Struct, frozen=True):
    """`photos`: whether the record may name some, so that those that came are counted. `database`: where the record
    was taken from, if that may be another one than the batch's.
    """

    device_id: str
    entry: ReceiptEntry
    photos: bool = True
    database: str = ""


def accepted(
    fact_id: str, rev: str, device_id: str, *, waiting: bool = False, photos: bool = True, database: str = ""
) -> Answer:
    entry = ReceiptEntry(record_id=fact_id, rev=rev, state="waiting" if waiting else "accepted")
    return Answer(device_id, entry, photos, database)


def refused(doc_id: str, rev: str, device_id: str, code: str) -> Answer:
    words = CODES[code]
    entry = ReceiptEntry(
        record_id=doc_id,
        rev=rev,
        state="refused",
        code=code,
        reason_zh=words.reason_zh,
        reason_en=words.reason_en,
        action_zh=words.action_zh,
        action_en=words.action_en,
    )
    return Answer(device_id, entry)


async def send(session: AsyncSession, database: DatabaseName, answers: Iterable[Answer]) -> None:
    """Posts the receipts; of two answers on one revision the later counts."""
    latest = {(a.entry.record_id, a.entry.rev): a for a in answers if 0 < len(a.entry.record_id) <= _LONGEST_ID}
    arrived = await count_photos(session, [a.entry.record_id for a in latest.values() if a.photos])
    by_reader: dict[tuple[DatabaseName, str], list[ReceiptEntry]] = {}
    for answer in latest.values():
        there = arrived.get(answer.entry.record_id, 0)
        entry = msgspec.structs.replace(answer.entry, photos_arrived=there) if there else answer.entry
        # What came from one person may settle what waited of another: each hears of his own.
        reader = (_user_database(answer.database, database), answer.device_id or NO_DEVICE)
        by_reader.setdefault(reader, []).append(entry)
    found: dict[DatabaseName, list[Receipt]] = {}
    for (target, device_id), entries in sorted(by_reader.items(), key=lambda each: (str(each[0][0]), each[0][1])):
        found.setdefault(target, []).extend(_receipts(device_id, entries))
    for target, its in found.items():
        await service.post_into(session, target, its)


def _user_database(name: str, default: DatabaseName) -> DatabaseName:
    found = parse_database(name) or default
    return DatabaseName("user", found.owner, found.quarter)


def _receipts(device_id: str, entries: Sequence[ReceiptEntry]) -> list[Receipt]:
    return [
        Receipt(
            id=new_id("receipt"),
            device_id=device_id,
            issued_at=datetime.now(UTC),
            entries=tuple(entries[start : start + ENTRIES_AT_MOST]),
        )
        for start in range(0, len(entries), ENTRIES_AT_MOST)
    ]


async def count_photos(session: AsyncSession, fact_ids: Sequence[str]) -> dict[str, int]:
    """How many of the photos that each record names have arrived."""
    if not fact_ids:
        return {}
    rows = await session.execute(
        select(FactPhoto.fact_id, func.count())
        .join(Fact, Fact.id == FactPhoto.photo_id)
        .where(one_of(FactPhoto.fact_id, [key_of(fact_id) for fact_id in fact_ids]))
        .group_by(FactPhoto.fact_id)
    )
    return {fact_id: count for fact_id, count in rows}  # noqa: C416 (rows are not pairs to dict)


async def records_of_photos(session: AsyncSession, photo_ids: Sequence[str]) -> list[Answer]:
    """Answers for the records that name these photos: their count has changed."""
    rows = await session.execute(
        select(Fact.id, Fact.rev, Fact.device_id, Fact.state, Fact.database)
        .join(FactPhoto, FactPhoto.fact_id == Fact.id)
        .where(one_of(FactPhoto.photo_id, photo_ids))
        .distinct()
    )
    return [accepted(i, rev, device, waiting=state == "waiting", database=name) for i, rev, device, state, name in rows]


async def repeated(session: AsyncSession, database: DatabaseName, doc_ids: Sequence[str]) -> list[Answer]:
    """The answers that these documents got before, for a hub that has lost the receipts."""
    facts = await session.execute(
        select(Fact.id, IntakeEntry.rev, Fact.device_id, Fact.state)
        .join(IntakeEntry, IntakeEntry.doc_id == Fact.id)
        .where(
            IntakeEntry.database == str(database),
            one_of(IntakeEntry.doc_id, doc_ids),
            IntakeEntry.outcome != "quarantined",
        )
    )
    answers = [accepted(i, rev, device, waiting=state == "waiting") for i, rev, device, state in facts]
    held = await session.execute(
        select(
            QuarantinedDocument.doc_id,
            QuarantinedDocument.rev,
            QuarantinedDocument.device_id,
            QuarantinedDocument.code,
            QuarantinedDocument.state,
        ).where(
            QuarantinedDocument.database == str(database),
            one_of(QuarantinedDocument.doc_id, doc_ids),
            QuarantinedDocument.state != "taken",
        )
    )
    return answers + [
        refused(i, rev, device, "dismissed" if state == "dismissed" else code) for i, rev, device, code, state in held
    ]
