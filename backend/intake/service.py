"""What other domains ask of intake, inside their own transaction: post to phones, provision, open a conflict."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import upsert_rows
from backend.db import new_key
from backend.intake.models import Conflict, HubDatabase, OutboxDocument
from sync.databases import DatabaseName, media_database, parse_database, unit_database, user_database
from sync.documents.envelope import BackendDocument, encode_body

OUTBOX_CHANNEL = "qixun_outbox"
# The next quarter's databases exist this long before it begins, so that no phone meets a missing one at midnight.
AHEAD = timedelta(days=7)


async def post(
    session: AsyncSession, *, document: BackendDocument, staff_id: str | None = None, unit_id: str | None = None
) -> None:
    """Puts a document on its way to one person's phones or to a unit's; it is signed and written after the commit.

    A document that is already there with the same content is not written again.
    """
    body = encode_body(document)
    for database in await _targets(session, document, staff_id, unit_id):
        await _want(session, database, {document.id: body})
    await wake_outbox(session)


async def post_all(session: AsyncSession, *, documents: Iterable[BackendDocument], unit_id: str) -> None:
    """Many documents of reference data at once, as an import brings them."""
    await provision_unit(session, unit_id)
    await _want(session, unit_database(unit_id), {document.id: encode_body(document) for document in documents})
    await wake_outbox(session)


async def post_into(session: AsyncSession, database: DatabaseName, documents: Iterable[BackendDocument]) -> None:
    """Puts documents on their way into this very database."""
    await _wish(session, str(database))
    await _want(session, str(database), {document.id: encode_body(document) for document in documents})
    await wake_outbox(session)


async def withdraw(session: AsyncSession, *, unit_id: str, document_id: str) -> None:
    """Deletes a reference document from a unit's database."""
    database = unit_database(unit_id)
    if await session.get(OutboxDocument, (database, document_id)) is not None:
        await _want(session, database, {document_id: None})
        await wake_outbox(session)


async def _targets(
    session: AsyncSession, document: BackendDocument, staff_id: str | None, unit_id: str | None
) -> Sequence[str]:
    if (staff_id is None) == (unit_id is None):
        raise ValueError("post to a member of staff or to a unit")
    if unit_id is not None:
        await provision_unit(session, unit_id)
        return [unit_database(unit_id)]
    assert staff_id is not None
    now = datetime.now(UTC)
    if document.__struct_config__.tag == "membership":
        await provision(session, staff_id, renew=False)
        since = user_database(staff_id, now - timedelta(days=92))
        rows = await session.scalars(
            select(HubDatabase.name).where(
                HubDatabase.owner_id == staff_id, HubDatabase.kind == "user", HubDatabase.name >= since
            )
        )
        return rows.all()
    held = await session.scalar(
        select(OutboxDocument.database)
        .join(HubDatabase, HubDatabase.name == OutboxDocument.database)
        .where(OutboxDocument.doc_id == document.id, HubDatabase.owner_id == staff_id)
    )
    if held is not None:
        return [held]  # a task of last quarter goes on where the phone has it
    await provision(session, staff_id, renew=False)
    return [user_database(staff_id, now)]


async def _want(session: AsyncSession, database: str, bodies: Mapping[str, bytes | None]) -> None:
    rows = [
        {"database": database, "doc_id": doc_id, "body": body, "sha256": hashlib.sha256(body or b"").digest()}
        for doc_id, body in sorted(bodies.items())
    ]
    await upsert_rows(
        session,
        OutboxDocument,
        rows,
        key=("database", "doc_id"),
        also="version = t.version + 1, due_at = now(), attempts = 0, changed_at = now()",
        where="t.sha256 <> excluded.sha256",
    )


async def rewrite(session: AsyncSession, database: DatabaseName, doc_ids: Sequence[str]) -> None:
    """Has these documents compared with the hub's again: somebody edited or deleted them there."""
    these = (OutboxDocument.database == str(database), OutboxDocument.doc_id.in_(doc_ids))
    await session.execute(update(OutboxDocument).where(*these).values(sent_version=0, due_at=func.now()))
    await wake_outbox(session)


async def wake_outbox(session: AsyncSession) -> None:
    """Wakes the worker when the transaction commits; not at all if it does not."""
    await events.notify(session, OUTBOX_CHANNEL)


async def provision(session: AsyncSession, staff_id: str, *, renew: bool = True) -> None:
    """Asks for this person's databases of the quarter (and of the next one when it is near), open to his devices.

    To be called when he or one of his devices is registered or revoked: `renew` brings the access up to date.
    """
    now = datetime.now(UTC)
    for moment in (now, now + AHEAD):
        for name in (user_database(staff_id, moment), media_database(staff_id, moment)):
            await _wish(session, name)
    if renew:
        await session.execute(
            update(HubDatabase)
            .where(HubDatabase.owner_id == staff_id, HubDatabase.kind != "unit")
            .values(provisioned=False, wish=HubDatabase.wish + 1)
        )
        await wake_outbox(session)


async def provision_unit(session: AsyncSession, unit_id: str) -> None:
    """Asks for a unit's database of reference data."""
    await _wish(session, unit_database(unit_id))


async def _wish(session: AsyncSession, name: str) -> None:
    parsed = parse_database(name)
    assert parsed is not None, f"{name} is no name of a hub database"
    row = insert(HubDatabase).values(name=name, kind=parsed.kind, owner_id=parsed.owner, quarter=parsed.quarter)
    new = await session.scalar(row.on_conflict_do_nothing().returning(HubDatabase.name))
    if new is None:
        return
    if parsed.kind == "user":
        await _carry_membership(session, parsed)
    await wake_outbox(session)


async def _carry_membership(session: AsyncSession, database: DatabaseName) -> None:
    """A new quarter's database starts with the membership list of the one before."""
    found = await session.execute(
        select(OutboxDocument.doc_id, OutboxDocument.body)
        .join(HubDatabase, HubDatabase.name == OutboxDocument.database)
        .where(
            OutboxDocument.doc_id == f"membership:{database.owner}",
            HubDatabase.owner_id == database.owner,
            HubDatabase.kind == "user",
        )
        .order_by(HubDatabase.quarter.desc())
        .limit(1)
    )
    for doc_id, body in found:
        await _want(session, str(database), {doc_id: body})


class Contradiction(msgspec.Struct, frozen=True):
    """What is put before the office; the same records with the same `kind` are one conflict."""

    organisation_id: str
    kind: str
    record_ids: Sequence[str]
    facts: Mapping[str, Any]


async def open_conflict(
    session: AsyncSession, organisation_id: str, kind: str, record_ids: Sequence[str], facts: Mapping[str, Any]
) -> str:
    """Puts a contradiction before the office (问题单) and answers its id; the same one is opened once."""
    (found,) = await open_conflicts(session, [Contradiction(organisation_id, kind, record_ids, facts)])
    return found


async def open_conflicts(session: AsyncSession, found: Iterable[Contradiction]) -> Sequence[str]:
    """Several at once; the ids of those that are open or settled now, in the order of their keys."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for each in found:
        ids = sorted(set(each.record_ids))
        key = " ".join(ids)
        rows[each.kind, key] = {
            "id": new_key(),
            "organisation_id": each.organisation_id,
            "kind": each.kind,
            "key": key,
            "record_ids": ids,
            "facts": msgspec.to_builtins(dict(each.facts)),
            "opened_at": datetime.now(UTC),
            "state": "open",
            "settled_by": "",
            "settlement": "",
        }
    return await upsert_rows(
        session,
        Conflict,
        [row for _, row in sorted(rows.items())],
        key=("kind", "key"),
        change=("facts",),
        returning="id",
    )


async def retract_conflicts(
    session: AsyncSession, *, subjects: Collection[str], kind_prefix: str, keep: Collection[tuple[str, Sequence[str]]]
) -> None:
    """Takes back what is open about these subjects (each one of the record ids) but for `keep`: a record that came
    late has explained it. What the office has settled stays.
    """
    kept = [(kind, " ".join(sorted(set(ids)))) for kind, ids in keep]
    await session.execute(
        delete(Conflict).where(
            Conflict.state == "open",
            Conflict.kind.startswith(kind_prefix, autoescape=True),
            Conflict.record_ids.overlap(sorted(subjects)),
            tuple_(Conflict.kind, Conflict.key).not_in(kept),
        )
    )
