"""The manifest: each hub database's list of ids and revisions against what PostGIS has, repaired and reported.

Intake follows the hub by a cursor, which is quick and may be wrong (a hub restored in part, a fault of our own). The
manifest looks at everything: what the hub has and intake never met is read, what intake took and the hub lost is
written there again, and so is what the outbox wrote. A database that has not changed since costs one number.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from prometheus_client import Counter
from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts.models import Staff
from backend.db import Database
from backend.errors import MissingError
from backend.intake import gaps, service
from backend.intake.hub import HubClient, HubError, number_of
from backend.intake.hub_admin import Leaf, list_leaves, write_again
from backend.intake.models import Fact, HubDatabase, HubManifest, IntakeEntry, OutboxDocument
from backend.intake.rules import key_of
from backend.photos.service import PhotoStore
from sync.databases import DatabaseName, parse_database
from sync.documents import BACKEND_TYPES
from sync.documents.envelope import tag_of
from sync.documents.photos import ATTACHMENT_NAMES, VOICE_ATTACHMENT_NAME

FOUND = Counter("qixun_manifest_found", "What comparisons of the hub with PostGIS found wrong", ["what"])
# A file can also rot without a change of its sequence.
_LOOK_ANYWAY = timedelta(days=7)
_LOCK = 7_345_102
_ASKED_AT_ONCE = 2000
_WRITTEN_AT_ONCE = 20

_log = structlog.get_logger(__name__)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison found. `digest` is the SHA-256 of the sorted lines `<id> <rev>` of the phones' documents.

    `behind`: intake has not come that far yet, so that nothing can be said.
    """

    database: str
    seq: str
    documents: int
    digest: bytes
    behind: bool
    missed: int
    gone: int
    unwritten: int

    @property
    def verified(self) -> bool:
        return not (self.behind or self.missed or self.gone or self.unwritten)


class _Known(msgspec.Struct):
    """What PostGIS says of a database before the hub is asked, so that nothing that comes meanwhile seems lost."""

    nonce: str
    met: frozenset[tuple[str, str]]
    taken: frozenset[str]
    written: frozenset[str]


def digest_of(leaves: Sequence[Leaf]) -> bytes:
    return hashlib.sha256("".join(sorted(f"{leaf.id} {leaf.rev}\n" for leaf in leaves)).encode()).digest()


def field_leaves(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Without what the backend and the administrator write."""
    return [x for x in leaves if not x.id.startswith("_design/") and tag_of(x.id) not in BACKEND_TYPES]


async def reconcile(database: Database, hub: HubClient, photos: PhotoStore) -> list[Finding]:
    """Compares each database that has changed since it was compared; one worker at a time does it."""
    async with database.alone(_LOCK) as alone:
        found = []
        for name in await _changed(database, hub) if alone else []:
            try:
                found.append(await compare(database, hub, photos, name))
            except HubError as error:
                # One database that cannot be read must not hide the others.
                _log.warning("manifest.not_compared", database=name, reason=str(error))
        return found


async def _changed(database: Database, hub: HubClient) -> list[str]:
    async with database.sessions() as session:
        rows = await session.execute(
            select(HubDatabase.name, HubDatabase.nonce, HubManifest)
            .outerjoin(HubManifest, HubManifest.database == HubDatabase.name)
            .where(HubDatabase.provisioned, HubDatabase.dropped_at.is_(None))
            .order_by(HubManifest.compared_at.nulls_first(), HubDatabase.name)
        )
        known = {name: (nonce, manifest) for name, nonce, manifest in rows}
    newest = await hub.sequences(list(known))
    fresh = datetime.now(UTC) - _LOOK_ANYWAY

    def unchanged(name: str) -> bool:
        nonce, manifest = known[name]
        same = manifest is not None and manifest.verified and (manifest.seq, manifest.nonce) == (newest[name], nonce)
        return same and manifest.compared_at > fresh

    return [name for name in known if name in newest and not unchanged(name)]


async def compare(database: Database, hub: HubClient, photos: PhotoStore, name: str) -> Finding:
    """One database whole; repairs what it finds, and remembers it."""
    parsed = parse_database(name)
    assert parsed is not None, f"{name} is no name of a hub database"
    seq = (await hub.sequences([name])).get(name)
    if seq is None:
        raise HubError(404, f"{name} is not there")
    async with database.sessions() as session:
        known = await _known(session, name)
    leaves, listed_seq = await list_leaves(hub, name)
    theirs = field_leaves(leaves)
    async with database.sessions() as session, session.begin():
        missed, behind = await _unmet(session, name, theirs, known, listed_seq)
        there, alive = {key_of(leaf.id) for leaf in leaves}, {leaf.id for leaf in leaves if not leaf.deleted}
        gone = sorted(known.taken - there)
        unwritten = sorted(known.written - alive)
        if missed or gone:
            # Read from the beginning: what was taken is passed over, and a hub restored from a copy is noticed.
            await session.execute(update(HubDatabase).where(HubDatabase.name == name).values(seq="0"))
        if unwritten:
            await service.rewrite(session, parsed, unwritten)
        finding = Finding(
            database=name,
            seq=seq,
            documents=len(theirs),
            digest=digest_of(theirs),
            behind=behind,
            missed=len(missed),
            gone=len(gone),
            unwritten=len(unwritten),
        )
        await _remember(session, parsed, finding, known.nonce)
        await gaps.count_numbers(session, parsed)
    if gone:
        await _write_back(database, hub, photos, name, gone)
    return finding


async def _known(session: AsyncSession, name: str) -> _Known:
    nonce = await session.scalar(select(HubDatabase.nonce).where(HubDatabase.name == name))
    log = await session.execute(
        select(IntakeEntry.doc_id, IntakeEntry.rev, IntakeEntry.outcome).where(IntakeEntry.database == name)
    )
    entries = log.all()
    written = await session.scalars(
        select(OutboxDocument.doc_id).where(
            OutboxDocument.database == name,
            OutboxDocument.body.is_not(None),
            OutboxDocument.version == OutboxDocument.sent_version,
        )
    )
    return _Known(
        nonce=nonce or "",
        met=frozenset((doc_id, rev) for doc_id, rev, _ in entries),
        taken=frozenset(doc_id for doc_id, _, outcome in entries if outcome == "accepted"),
        written=frozenset(written),
    )


async def _unmet(
    session: AsyncSession, name: str, theirs: Sequence[Leaf], known: _Known, listed_seq: str
) -> tuple[set[tuple[str, str]], bool]:
    """What the hub has and intake has not met, and whether intake is only not that far yet."""
    unmet = {(key_of(leaf.id), leaf.rev) for leaf in theirs} - known.met
    if not unmet:
        return set(), False
    asked = sorted(unmet)
    for start in range(0, len(asked), _ASKED_AT_ONCE):
        rows = await session.execute(
            select(IntakeEntry.doc_id, IntakeEntry.rev).where(
                IntakeEntry.database == name,
                tuple_(IntakeEntry.doc_id, IntakeEntry.rev).in_(asked[start : start + _ASKED_AT_ONCE]),
            )
        )
        unmet -= {(doc_id, rev) for doc_id, rev in rows}
    read = await session.scalar(select(HubDatabase.seq).where(HubDatabase.name == name))
    behind = bool(unmet) and number_of(read or "0") < number_of(listed_seq)
    return (set() if behind else unmet), behind


async def _remember(session: AsyncSession, database: DatabaseName, finding: Finding, nonce: str) -> None:
    now = datetime.now(UTC)
    row = insert(HubManifest).values(
        database=finding.database,
        seq=finding.seq,
        nonce=nonce,
        documents=finding.documents,
        digest=finding.digest,
        verified=finding.verified,
        compared_at=now,
        verified_at=now if finding.verified else None,
        missed=finding.missed,
        gone=finding.gone,
        rewritten=finding.unwritten,
    )
    new = row.excluded
    same = ("seq", "nonce", "documents", "digest", "verified", "compared_at")
    values: dict[str, Any] = {column: new[column] for column in same}
    values["verified_at"] = func.coalesce(new.verified_at, HubManifest.verified_at)
    values |= {column: getattr(HubManifest, column) + new[column] for column in ("missed", "gone", "rewritten")}
    await session.execute(row.on_conflict_do_update(index_elements=["database"], set_=values))
    found = {"missed": finding.missed, "gone": finding.gone, "unwritten": finding.unwritten}
    for what, count in found.items():
        FOUND.labels(what).inc(count)
    if any(found.values()):
        _log.warning("manifest.differs", database=finding.database, **found)
        organisation_id = await _organisation(session, database)
        await audit.record(
            session, None, "hub.repaired", "hub_database", finding.database, found, organisation_id=organisation_id
        )
        await events.announce(session, "hub.repaired", finding.database, organisation_id, **found)


async def _organisation(session: AsyncSession, database: DatabaseName) -> str:
    if database.kind == "unit":
        return database.owner
    return await session.scalar(select(Staff.organisation_id).where(Staff.id == database.owner)) or ""


async def _write_back(
    database: Database, hub: HubClient, photos: PhotoStore, name: str, doc_ids: Sequence[str]
) -> None:
    """Facts that the hub lost, as they were taken: another phone of the same person finds them there again."""
    for start in range(0, len(doc_ids), _WRITTEN_AT_ONCE):
        async with database.sessions() as session:
            rows = await session.execute(
                select(Fact.id, Fact.rev, Fact.body).where(
                    Fact.database == name, Fact.id.in_(doc_ids[start : start + _WRITTEN_AT_ONCE])
                )
            )
            facts = rows.all()
        documents = [await _document(photos, fact_id, rev, body) for fact_id, rev, body in facts]
        await write_again(hub, name, [document for document in documents if document is not None])


async def _document(photos: PhotoStore, fact_id: str, rev: str, body: bytes) -> bytes | None:
    fields: dict[str, Any] = msgspec.json.decode(body)
    file_name = ATTACHMENT_NAMES.get(tag_of(fact_id))
    if file_name:
        try:
            picture = await photos.get(fact_id)
        except MissingError:
            _log.error("manifest.picture_missing", doc_id=fact_id)
            return None
        data = base64.b64encode(picture).decode()
        kind = "audio/wav" if file_name == VOICE_ATTACHMENT_NAME else "image/jpeg"
        fields["_attachments"] = {file_name: {"content_type": kind, "data": data}}
    return msgspec.json.encode({"_id": fact_id, "_rev": rev, **fields})


class HubState(msgspec.Struct, frozen=True, kw_only=True):
    """How far hub and PostGIS agree, over all databases; `missed`, `gone`, `rewritten` count all ever found."""

    databases: int
    verified: int
    oldest_comparison_at: datetime | None
    missed: int
    gone: int
    rewritten: int
    dropped: int
    devices_with_gaps: int


async def hub_state(session: AsyncSession) -> HubState:
    """One row for the console and the metrics."""
    counted = await session.execute(
        select(
            func.count().filter(HubDatabase.dropped_at.is_(None)),
            func.count().filter(HubDatabase.dropped_at.is_(None), HubManifest.verified),
            func.min(HubManifest.compared_at).filter(HubDatabase.dropped_at.is_(None)),
            func.coalesce(func.sum(HubManifest.missed), 0),
            func.coalesce(func.sum(HubManifest.gone), 0),
            func.coalesce(func.sum(HubManifest.rewritten), 0),
            func.count(HubDatabase.dropped_at),
        )
        .select_from(HubDatabase)
        .outerjoin(HubManifest, HubManifest.database == HubDatabase.name)
    )
    databases, verified, oldest, missed, gone, rewritten, dropped = counted.one()
    return HubState(
        databases=databases,
        verified=verified,
        oldest_comparison_at=oldest,
        missed=int(missed),
        gone=int(gone),
        rewritten=int(rewritten),
        dropped=dropped,
        devices_with_gaps=await gaps.count_devices(session),
    )
