"""Carries to the hub what services posted: databases are provisioned, documents signed and written, after the commit.

The table holds what the hub is to have, not messages: a crash or a second worker at most writes the same content
once more, which the comparison with what is there then leaves out.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.keys import SigningKeys
from backend.db import Database, new_key
from backend.events import listen
from backend.intake import service
from backend.intake.hub import Held, HubClient, HubError
from backend.intake.models import HubDatabase, OutboxDocument
from backend.intake.service import OUTBOX_CHANNEL
from sync.databases import user_database
from sync.documents.envelope import tag_of
from sync.signatures import sign, verify

AT_ONCE = 200
DATABASES_AT_ONCE = 4
# Only the administrator: what a database is open to whose person has no working device.
NOBODY = "_admin"
_LOCK_SPACE = 7_345_101
# Should a wake-up get lost, nothing waits longer than this.
_IDLE_S = 5.0
_LONGEST_BACK_OFF_S = 300
_BATCH_REFUSED = (400, 413)

_log = structlog.get_logger(__name__)


async def hold_database(session: AsyncSession, name: str) -> None:
    """Nothing is carried into this hub database until the transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK_SPACE, func.hashtext(name))))


async def sign_anew(session: AsyncSession) -> None:
    """After a key was revoked: what the hub holds is signed by the new one, and receipts are given once more."""
    await session.execute(update(OutboxDocument).values(sent_version=0, due_at=func.now()))
    # A nonce that the hub does not know has everything read and answered again, as after a hub was restored.
    await session.execute(
        update(HubDatabase)
        .where(HubDatabase.kind != "unit", HubDatabase.nonce != "")
        .values(seq="0", nonce=new_key(), nonce_before="")
    )
    await service.wake_outbox(session)


class _Wanted(msgspec.Struct, frozen=True):
    doc_id: str
    body: bytes | None
    version: int


class Outbox:
    def __init__(self, database: Database, hub: HubClient, keys: SigningKeys) -> None:
        self._database = database
        self._hub = hub
        self._keys = keys

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a hub that is away costs only time."""
        woken = asyncio.Event()
        listening = asyncio.create_task(self._listen(woken))
        stopping = asyncio.create_task(stop.wait())
        failures = 0
        try:
            while not stop.is_set():
                woken.clear()
                try:
                    more = await self.carry()
                    failures = 0
                except (HubError, OSError, DBAPIError) as error:
                    failures += 1
                    more = False
                    _log.warning("outbox.stopped", reason=str(error), failures=failures)
                if not more:
                    waking = asyncio.create_task(woken.wait())
                    timeout = min(30.0, 0.5 * 2**failures) if failures else _IDLE_S
                    waiting = {stopping} if failures else {stopping, waking}
                    await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                    waking.cancel()
        finally:
            for task in (listening, stopping):
                task.cancel()
            await asyncio.gather(listening, stopping, return_exceptions=True)

    async def carry(self) -> bool:
        """One round: databases, then documents; whether something is left to do at once."""
        await self._redirect()
        provisioned = await self._provision()
        async with self._database.sessions() as session:
            names = await session.scalars(
                select(OutboxDocument.database)
                .join(HubDatabase, HubDatabase.name == OutboxDocument.database)
                .where(
                    OutboxDocument.version != OutboxDocument.sent_version,
                    OutboxDocument.due_at <= func.now(),
                    HubDatabase.provisioned,
                    HubDatabase.dropped_at.is_(None),
                )
                .group_by(OutboxDocument.database)
                .order_by(func.min(OutboxDocument.due_at))
                .limit(DATABASES_AT_ONCE)
            )
            due = names.all()
        written = await asyncio.gather(*(self._carry_database(name) for name in due))
        return provisioned or any(written)

    # Databases

    async def _provision(self) -> bool:
        async with self._database.sessions() as session:
            to_provision = select(HubDatabase).where(~HubDatabase.provisioned, HubDatabase.dropped_at.is_(None))
            rows = await session.scalars(to_provision.limit(AT_ONCE))
            wanted = rows.all()
        for row in wanted:
            await self._provision_one(row)
        return bool(wanted)

    async def _provision_one(self, row: HubDatabase) -> None:
        """The roles are read after the wish was: one raised meanwhile is carried out in the next round."""
        async with self._database.sessions() as session:
            devices = [] if row.kind == "unit" else await accounts.active_device_ids(session, row.owner_id)
        roles = [f"unit:{row.owner_id}"] if row.kind == "unit" else [f"device:{device}" for device in devices]
        await self._hub.create_database(row.name)
        await self._hub.set_members(row.name, roles or [NOBODY])
        if row.kind == "unit":
            await self._hub.guard_unit(row.name)
        async with self._database.sessions() as session, session.begin():
            done = update(HubDatabase).where(HubDatabase.name == row.name, HubDatabase.wish == row.wish)
            await session.execute(done.values(provisioned=True))

    async def _redirect(self) -> None:
        """What is meant for a quarter that was dropped (a late receipt, a task that goes on) goes into this one's."""
        async with self._database.sessions() as session, session.begin():
            rows = await session.execute(
                select(OutboxDocument, HubDatabase.owner_id)
                .join(HubDatabase, HubDatabase.name == OutboxDocument.database)
                .where(OutboxDocument.version != OutboxDocument.sent_version, HubDatabase.dropped_at.is_not(None))
                .with_for_update(of=OutboxDocument)
            )
            for document, owner_id in rows.all():
                await service.provision(session, owner_id, renew=False)
                now_in = user_database(owner_id, datetime.now(UTC))
                if document.body is None or await session.get(OutboxDocument, (now_in, document.doc_id)) is not None:
                    await session.delete(document)
                else:
                    document.database = now_in
                await session.flush()

    # Documents

    async def _carry_database(self, name: str) -> bool:
        """Holds no row while the hub is written to, so that a service that posts never waits for the hub."""
        async with self._database.sessions() as session, session.begin():
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK_SPACE, func.hashtext(name)))):
                return False
            rows = await session.execute(
                select(OutboxDocument.doc_id, OutboxDocument.body, OutboxDocument.version)
                .where(
                    OutboxDocument.database == name,
                    OutboxDocument.version != OutboxDocument.sent_version,
                    OutboxDocument.due_at <= func.now(),
                )
                .order_by(OutboxDocument.changed_at, OutboxDocument.doc_id)
                .limit(AT_ONCE)
            )
            wanted = {row.doc_id: _Wanted(row.doc_id, row.body, row.version) for row in rows}
            if not wanted:
                return False
            try:
                failed = await self._write(name, list(wanted.values()))
            except HubError as error:
                if error.status != 404:
                    raise
                await session.execute(update(HubDatabase).where(HubDatabase.name == name).values(provisioned=False))
                return True
            for doc_id, one in wanted.items():
                await self._note(session, name, one, failed.get(doc_id, ""))
        return True

    async def _write(self, name: str, wanted: Sequence[_Wanted]) -> dict[str, str]:
        """What could not be written, with the hub's reason; what is there already with this content is left alone."""
        held = await self._hub.held(name, [one.doc_id for one in wanted])
        edits = {one.doc_id: edit for one in wanted if (edit := self._edit(one, held.get(one.doc_id))) is not None}
        return await self._write_edits(name, edits)

    async def _write_edits(self, name: str, edits: Mapping[str, bytes]) -> dict[str, str]:
        """A batch that the hub refuses whole is halved, so that one document too large holds up nobody."""
        if not edits:
            return {}
        try:
            answers = await self._hub.write(name, list(edits.values()))
        except HubError as error:
            if error.status not in _BATCH_REFUSED:
                raise
            if len(edits) == 1:
                return dict.fromkeys(edits, str(error))
            ids = sorted(edits)
            middle = len(ids) // 2
            first = await self._write_edits(name, {doc_id: edits[doc_id] for doc_id in ids[:middle]})
            return first | await self._write_edits(name, {doc_id: edits[doc_id] for doc_id in ids[middle:]})
        return {answer.id: f"{answer.error}: {answer.reason}" for answer in answers if answer.error}

    def _edit(self, wanted: _Wanted, held: Held | None) -> bytes | None:
        """The document to write, or None where the hub has it already."""
        there = held is not None and not held.deleted
        own = {"_id": wanted.doc_id, **({"_rev": held.rev} if held is not None else {})}
        if wanted.body is None:
            return msgspec.json.encode({**own, "_deleted": True}) if there else None
        if held is not None and there and self._same(wanted, held):
            return None
        fields: dict[str, Any] = msgspec.json.decode(wanted.body)
        key_id, key = self._keys.current
        fields["signature"] = sign({**fields, "_id": wanted.doc_id}, key, key_id)
        return msgspec.json.encode({**own, **fields})

    def _same(self, wanted: _Wanted, held: Held) -> bool:
        if not verify(wanted.doc_id, held.body, self._keys.public_pems()):
            return False
        there = msgspec.json.decode(held.body)
        del there["signature"]
        asked = msgspec.json.decode(wanted.body or b"{}")
        asked.pop("signature", None)
        return bool(there == asked)

    async def _note(self, session: AsyncSession, name: str, wanted: _Wanted, error: str) -> None:
        this = (OutboxDocument.database == name, OutboxDocument.doc_id == wanted.doc_id)
        if error:
            _log.warning("outbox.refused", database=name, doc_id=wanted.doc_id, reason=error)
            wait = func.least(func.power(2, OutboxDocument.attempts), _LONGEST_BACK_OFF_S)
            values = {
                "attempts": OutboxDocument.attempts + 1,
                "due_at": func.now() + func.make_interval(0, 0, 0, 0, 0, 0, wait),
                "last_error": error[:500],
            }
            await session.execute(update(OutboxDocument).where(*this).values(values))
        elif tag_of(wanted.doc_id) == "receipt" or wanted.body is None:
            await session.execute(delete(OutboxDocument).where(*this, OutboxDocument.version == wanted.version))
        else:
            sent = update(OutboxDocument).where(*this)
            await session.execute(sent.values(sent_version=wanted.version, attempts=0, last_error=""))

    async def _listen(self, woken: asyncio.Event) -> None:
        while True:
            try:
                async for _ in listen(self._database, OUTBOX_CHANNEL):
                    woken.set()
            except (psycopg.OperationalError, OSError) as error:
                _log.warning("outbox.deaf", reason=str(error))
            await asyncio.sleep(1)
