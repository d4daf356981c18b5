"""Reads the phones' databases into PostGIS: each page of changes is one transaction with its checkpoint.

The checkpoint moves by compare-and-set in the transaction that writes the rows, so that a page counts once
whatever crashes; the advisory lock only spares two workers the same work. A nonce, renewed with each checkpoint, lies
in PostGIS and in the hub's `_local/intake`: a hub restored from a copy shows another one, and is read from the
beginning (its sequences would otherwise hide what was written since).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from backend import figures
from backend.db import Database, new_key
from backend.intake.hub import ChangedDocument, Changes, HubClient, HubError, Revision, number_of
from backend.intake.models import HubDatabase, OutboxDocument
from backend.intake.owners import hold_person
from backend.intake.rules import Arrived, key_of, read_record
from backend.intake.service import OUTBOX_CHANNEL
from backend.intake.settling import is_passing
from backend.intake.taking import RECORDED_AT, Setup, logged, take_batch
from sync.databases import DatabaseName, parse_database
from sync.documents import FIELD_TYPES
from sync.documents.envelope import tag_of
from sync.documents.photos import ATTACHMENT_NAMES, is_file

# What a page costs beside its records is shared by more of them; larger ones would hold up the event loop.
PAGE = 1000
# Photos are up to 1 MB each: a page of them is kept in memory.
MEDIA_PAGE = 20
_LOCK_SPACE = 7_345_100
_TRIES = 6
BEGINNING = "0"

_log = structlog.get_logger(__name__)


class BusyError(Exception):
    """Another worker reads this database."""


class _MovedError(Exception):
    """Another worker has taken this page."""


class _Page(msgspec.Struct, frozen=True):
    """What changed after a place, up to `last_seq`; `pending` changes come after it."""

    arrived: Sequence[Arrived]
    last_seq: str
    pending: int


class _Place(msgspec.Struct):
    """How far this database is read; `since` differs from the stored `seq` only where reading starts anew. `there`: the
    nonces of which the hub that is being read holds one.
    """

    seq: str
    nonce: str
    since: str
    there: frozenset[str]


class Feed:
    def __init__(self, database: Database, hub: HubClient, setup: Setup) -> None:
        self._database = database
        self._hub = hub
        self._setup = setup

    async def read(self, name: str) -> int:
        """Reads one database to its end and answers how many records were taken; raises `BusyError`, `HubError`."""
        parsed = parse_database(name)
        if parsed is None or parsed.kind == "unit":
            return 0
        async with self._alone(name):
            place = await self._find_place(parsed)
            return await self._read_on(parsed, place)

    async def _read_on(self, database: DatabaseName, place: _Place) -> int:
        taken, page = 0, await self._page(database, place.since)
        ahead: asyncio.Task[_Page] | None = None
        leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        leaving.set_result(None)
        try:
            while page.arrived or page.last_seq != place.since:
                if number_of(page.last_seq) < number_of(place.since):
                    await leaving
                    await self._start_anew(place, str(database))
                    page = await self._page(database, place.since)
                    continue
                # While PostgreSQL writes this page, the hub is asked for the next one and told of the one before.
                ahead = asyncio.create_task(self._page(database, page.last_seq)) if page.pending else None
                taken += await self._take_page(database, page, place, leaving)
                leaving = asyncio.create_task(self._leave_nonce(str(database), place))
                if ahead is None:
                    break
                page = await ahead
        except _MovedError:
            pass
        finally:
            await _end(ahead)
            await asyncio.gather(leaving, return_exceptions=True)
        await leaving
        return taken

    async def _page(self, database: DatabaseName, since: str) -> _Page:
        changes = await self._hub.changes(str(database), since, MEDIA_PAGE if database.kind == "media" else PAGE)
        if not changes.documents:
            return _Page((), changes.last_seq if number_of(changes.last_seq) < number_of(since) else since, 0)
        return _Page(await self._fetch(database, changes), changes.last_seq, changes.pending)

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        key = func.hashtext(name)
        async with self._database.engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            if not await connection.scalar(select(func.pg_try_advisory_lock(_LOCK_SPACE, key))):
                raise BusyError(name)
            try:
                yield
            finally:
                await connection.execute(select(func.pg_advisory_unlock(_LOCK_SPACE, key)))

    async def _find_place(self, database: DatabaseName) -> _Place:
        name = str(database)
        async with self._database.sessions() as session, session.begin():
            asked = select(HubDatabase.seq, HubDatabase.nonce, HubDatabase.seq_before, HubDatabase.nonce_before).where(
                HubDatabase.name == name
            )
            known = (await session.execute(asked)).one_or_none()
            if known is None:
                row = insert(HubDatabase).values(
                    name=name, kind=database.kind, owner_id=database.owner, quarter=database.quarter
                )
                await session.execute(row.on_conflict_do_nothing())
                known = (await session.execute(asked)).one()
        local = await self._hub.local(name) or {}
        there = local.get("nonce", "")
        place = _Place(known.seq, known.nonce, known.seq, frozenset((there, known.nonce)))
        if there != known.nonce and there == known.nonce_before:
            place.since = known.seq_before
        elif there != known.nonce:
            await self._start_anew(place, name)
        return place

    async def _start_anew(self, place: _Place, name: str) -> None:
        """The hub is not the one that was read: everything is looked at again, and what it lost is written again."""
        place.since = BEGINNING
        if not place.nonce:
            return
        _log.warning("intake.hub_changed", database=name, seq=place.seq)
        async with self._database.sessions() as session, session.begin():
            await session.execute(
                update(HubDatabase).where(HubDatabase.name == name).values(provisioned=False, wish=HubDatabase.wish + 1)
            )
            await session.execute(update(OutboxDocument).where(OutboxDocument.database == name).values(sent_version=0))
            await session.execute(text(f"NOTIFY {OUTBOX_CHANNEL}"))

    async def _take_page(
        self, database: DatabaseName, page: _Page, place: _Place, leaving: asyncio.Future[None]
    ) -> int:
        received_at = datetime.now(UTC)
        for attempt in range(_TRIES):
            try:
                return await self._commit_page(database, page, place, leaving, received_at)
            except DBAPIError as error:
                if not is_passing(error) or attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(random.uniform(0.01, 0.1) * 2**attempt)  # noqa: S311 (spreads retries)
        raise AssertionError("the last attempt returns or raises")

    async def _commit_page(
        self,
        database: DatabaseName,
        page: _Page,
        place: _Place,
        leaving: asyncio.Future[None],
        received_at: datetime,
    ) -> int:
        name, nonce = str(database), new_key()
        async with self._database.sessions() as session, session.begin():
            if page.arrived:
                await hold_person(session, database.owner)
            moved = await session.execute(
                update(HubDatabase)
                .where(HubDatabase.name == name, HubDatabase.seq == place.seq, HubDatabase.nonce == place.nonce)
                .values(
                    seq=page.last_seq,
                    nonce=nonce,
                    seq_before=place.since,
                    nonce_before=place.nonce,
                    read_at=received_at,
                )
                .returning(HubDatabase.name)
            )
            if moved.one_or_none() is None:
                raise _MovedError(name)
            taken = await take_batch(session, database, page.arrived, self._setup, received_at=received_at)
            # The hub holds the nonce of this page or of the one before, whatever is cut off; never an older one.
            await leaving
        when = session.info.get(RECORDED_AT, ())
        asyncio.get_running_loop().run_in_executor(None, figures.note_taken, database.kind, when, received_at)
        place.seq, place.nonce, place.since = page.last_seq, nonce, page.last_seq
        return taken

    async def _leave_nonce(self, name: str, place: _Place) -> None:
        """Not in a hub that was put back to an older copy meanwhile: CouchDB writes a local document over whatever is
        there, and the nonce would hide what was lost. The next reading then starts from the beginning.
        """
        local = await self._hub.local(name) or {}
        if local.get("nonce", "") not in place.there:
            raise HubError(409, "the hub is not the one whose page was read")
        fields = {"nonce": place.nonce, "seq": place.seq}
        if "_rev" in local:
            fields["_rev"] = local["_rev"]
        await self._hub.put_local(name, fields)
        place.there = frozenset((place.nonce,))

    async def _fetch(self, database: DatabaseName, page: Changes) -> list[Arrived]:
        """Every current revision of the changed documents that intake has not met yet, photos with their picture."""
        name = str(database)
        # Design documents are the administrator's: no member can write one.
        documents = [changed for changed in page.documents if not changed.id.startswith("_design/")]
        wanted = [(changed, rev) for changed in documents for rev in changed.revs]
        # Only where something is to be asked for, a further revision or a picture, is it worth knowing what is known.
        asking = [(changed.id, rev) for changed, rev in wanted if _is_asked_for(changed, rev)]
        known: frozenset[tuple[str, str]] = frozenset()
        if asking:
            async with self._database.sessions() as session:
                known = await logged(session, database, asking)
        plain = await asyncio.to_thread(_plain, documents)
        found = []
        for changed, rev in wanted:
            if (one := plain.get((changed.id, rev))) is not None:
                found.append(one)
            elif (key_of(changed.id), rev) in known:
                found.append(Arrived(id=changed.id, rev=rev, seq=changed.seq, body=b""))
            elif (revision := await self._revision(name, changed, rev)) is not None:
                if (first := await self._recorded(database, revision)) is not None:
                    found.append(await self._arrived(name, first))
                found.append(await self._arrived(name, revision))
        return found

    async def _recorded(self, database: DatabaseName, revision: Revision) -> Revision | None:
        """What the phone recorded, where it was edited or deleted before it was read: the hub shows the edit alone."""
        if tag_of(revision.id) not in FIELD_TYPES or revision.rev.startswith("1-"):
            return None
        first = await self._hub.first_revision(str(database), revision.id, revision.rev)
        if first is None:
            return None
        async with self._database.sessions() as session:
            known = await logged(session, database, [(revision.id, first)])
        return None if known else await self._hub.revision(str(database), revision.id, first, revision.seq)

    async def _revision(self, name: str, changed: ChangedDocument, rev: str) -> Revision | None:
        if changed.winner is not None and changed.winner.rev == rev:
            return changed.winner
        return await self._hub.revision(name, changed.id, rev, changed.seq)

    async def _arrived(self, name: str, revision: Revision) -> Arrived:
        picture = None
        file_name = ATTACHMENT_NAMES.get(tag_of(revision.id), "")
        if file_name in revision.attachments and not revision.deleted:
            try:
                picture = await self._hub.attachment(name, revision.id, revision.rev, file_name)
            except HubError as error:
                # It was named and is not there: the photo is held back, the feed goes on.
                if error.status != 404:
                    raise
        return _whole(revision, picture)


def _plain(documents: Sequence[ChangedDocument]) -> dict[tuple[str, str], Arrived]:
    """What came whole with the page, as nearly everything does; read in a thread, since that takes a while."""
    winners = (changed.winner for changed in documents if changed.winner is not None)
    return {(w.id, w.rev): _whole(w) for w in winners if w.rev.startswith("1-") and not w.attachments}


def _whole(revision: Revision, picture: bytes | None = None) -> Arrived:
    """Read already, while PostgreSQL is busy with the page before."""
    return Arrived(
        id=revision.id,
        rev=revision.rev,
        seq=revision.seq,
        body=revision.body,
        deleted=revision.deleted,
        attachment=picture,
        readable=revision.readable,
        record=None if revision.deleted else read_record(revision.id, revision.rev, revision.body),
    )


def _is_asked_for(changed: ChangedDocument, rev: str) -> bool:
    return changed.winner is None or changed.winner.rev != rev or is_file(changed.id)


async def _end(task: asyncio.Task[_Page] | None) -> None:
    """Whatever became of it: nobody waits for it any more."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
