"""From the store to the hub: what the hub lacks, in batches by bytes, each document's fate told.

A phone's `RecordStore` pushes its own records alone, marks them sent when the hub has them, and parks what
the hub will never take, so that its neighbours travel. A document with a large file goes alone and as it is.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Container, Iterator, Mapping, Sequence
from contextlib import aclosing

import msgspec
from msgspec import Struct

from sync.errors import (
    BadRequest,
    Forbidden,
    NotFound,
    NotImplementedHere,
    TooLarge,
    Unreachable,
    UnsupportedType,
    is_final,
)
from sync.replication.ahead import ahead
from sync.replication.aside import SetAside
from sync.replication.checkpoints import Checkpoint
from sync.replication.pace import Pace
from sync.replication.refusals import HUB_FAILED, words_for
from sync.replication.remote import HubFailed, Refusal, RemoteDatabase
from sync.store.models import Change, Document
from sync.store.records import RecordStore
from sync.store.store import Store
from sync.store.wire import encode_document

# How many documents are compared in one request.
BATCH_COUNT = 500
# Files from this size on are sent as they are, one document a request; smaller ones in a batch, as base64.
LARGE_FILES_BYTES = 16_000
# So many single documents that the hub fails at, and none that it takes, show that it fails at everything.
MOST_FAILED = 3
# A checkpoint costs two requests; what is sent since the last one is only compared again after a kill.
CHECKPOINT_EVERY_S = 2.0


class Outgoing(Struct, frozen=True):
    """One revision ready to be sent."""

    id: str
    size_bytes: int
    files_bytes: int
    document: Document
    apart: bool = False  # the hub has failed at it before

    @property
    def alone(self) -> bool:
        return self.apart or self.files_bytes >= LARGE_FILES_BYTES


class Chunk(Struct, frozen=True):
    """`held` is at the hub already; up to `seq` all is settled when `outgoing` is sent."""

    held: tuple[str, ...]
    outgoing: tuple[Outgoing, ...]
    seq: int


class Push:
    """One way of a replication; `run` may be called again and goes on where it was."""

    def __init__(
        self,
        store: Store,
        remote: RemoteDatabase,
        *,
        batch_bytes: int,
        may_send: Callable[[], bool],
        on_sent: Callable[[Sequence[str]], None],
        on_done: Callable[[int], None],
    ) -> None:
        self._store = store
        self._remote = remote
        self._checkpoint = Checkpoint(store, remote, "push")
        self._aside = SetAside(store) if isinstance(store, RecordStore) else None
        self._pace = Pace(batch_bytes)
        self._may_send = may_send
        self._on_sent = on_sent
        self._on_done = on_done
        self._since: int | None = None
        self._doubtful = False
        self.written = 0
        self.parked: list[str] = []

    async def pending(self) -> int:
        """How many documents are still to be sent, at most."""
        if isinstance(self._store, RecordStore):
            return (await asyncio.to_thread(self._store.counts))["saved"]
        return await asyncio.to_thread(self._store.pending, self._since or 0)

    async def next_try_in_s(self) -> float | None:
        """How long until a document that is set aside is to be tried again."""
        return await asyncio.to_thread(self._aside.next_in_s) if self._aside is not None else None

    def recheck(self) -> None:
        """The next run compares checkpoints with the hub again."""
        self._doubtful = True

    async def run(self) -> None:
        """Sends everything that is there. Whatever it raises, nothing is lost and `run` may be called again."""
        try:
            if self._since is None or self._doubtful:
                self._doubtful = False
                self._since = int(await self._checkpoint.find())
            await self._send_all(self._since)
        except BaseException:
            self._since = None  # the hub that answers next may not be the one that was asked
            raise

    async def _send_all(self, since: int) -> None:
        compared = False
        written_seq, written_at = since, time.monotonic()
        async with aclosing(ahead(self._chunks(since))) as chunks:
            async for chunk in chunks:
                if chunk.outgoing and not await asyncio.to_thread(self._may_send):
                    break
                await self._settle([*chunk.held, *await self._send(chunk.outgoing)])
                self._since = chunk.seq
                compared = compared or bool(chunk.held or chunk.outgoing)
                if compared and time.monotonic() - written_at > CHECKPOINT_EVERY_S:
                    await self._checkpoint.write(chunk.seq)
                    written_seq, written_at = chunk.seq, time.monotonic()
        if compared and self._since is not None and self._since != written_seq:
            await self._checkpoint.write(self._since)

    async def _settle(self, sent: Sequence[str]) -> None:
        if not sent:
            return
        if isinstance(self._store, RecordStore):
            await asyncio.to_thread(self._store.mark_sent, sent)
        self._on_sent(sent)
        self._on_done(len(sent))

    # What to send

    async def _chunks(self, since: int) -> AsyncGenerator[Chunk, None]:
        pausing: set[str] = set()
        if isinstance(self._store, RecordStore) and self._aside is not None:
            due, pausing = await asyncio.to_thread(self._aside.now)
            again = [doc_id for doc_id in await asyncio.to_thread(self._store.to_retry) if doc_id not in pausing]
            winners = await asyncio.to_thread(self._store.winners, again)
            parked = {doc_id: (document.rev,) for doc_id, document in winners.items()}
            async for chunk in self._compare(parked, {}, since, apart=due):
                yield chunk
        while changes := await asyncio.to_thread(self._store.changes, since, limit=BATCH_COUNT):
            own = await self._own(changes) - pausing
            wanted = {change.id: change.revs for change in changes if change.id in own}
            seqs = {change.id: change.seq for change in changes}
            async for chunk in self._compare(wanted, seqs, since):
                yield chunk
            since = changes[-1].seq
            yield Chunk((), (), since)

    async def _own(self, changes: Sequence[Change]) -> set[str]:
        ids = {change.id for change in changes}
        return await asyncio.to_thread(self._store.own, ids) if isinstance(self._store, RecordStore) else ids

    async def _compare(
        self, wanted: Mapping[str, Sequence[str]], seqs: Mapping[str, int], since: int, *, apart: Container[str] = ()
    ) -> AsyncGenerator[Chunk, None]:
        """The revisions that the hub lacks, in the order of their changes, and what it has."""
        if not wanted:
            return
        missing = await self._remote.revs_diff(wanted)
        held = tuple(doc_id for doc_id in wanted if doc_id not in missing)
        ordered = [(doc_id, missing[doc_id]) for doc_id in wanted if doc_id in missing]
        found = await asyncio.to_thread(self._store.read_revs, ordered)
        outgoing = [_outgoing(d, apart=d.id in apart) for some in found for d in some if isinstance(d, Document)]
        if held:
            yield Chunk(held, (), since)
        for part in self._split(outgoing):
            since = seqs[part[-1].id] - 1 if part[-1].id in seqs else since
            yield Chunk((), part, since)

    def _split(self, outgoing: Sequence[Outgoing]) -> Iterator[tuple[Outgoing, ...]]:
        part: list[Outgoing] = []
        size = 0
        for one in outgoing:
            if part and (one.alone or part[-1].alone or size + one.size_bytes > self._pace.batch_bytes):
                yield tuple(part)
                part, size = [], 0
            part.append(one)
            size += one.size_bytes
        if part:
            yield tuple(part)

    # Sending

    async def _send(self, outgoing: Sequence[Outgoing]) -> list[str]:
        """The ids that the hub has now. What it will not take is parked, alone; at what it fails is set aside."""
        sent: list[str] = []
        failed: list[Outgoing] = []
        parts = [outgoing] if outgoing else []
        while parts:
            part = parts.pop()
            try:
                taken, failed_at = await self._post(part)
            except (BadRequest, TooLarge, HubFailed) as error:
                if len(part) > 1:
                    parts += [part[len(part) // 2 :], part[: len(part) // 2]]
                    continue
                taken, failed_at = [], part if isinstance(error, HubFailed) else ()
                if not failed_at:
                    await self._park(part[0].id, error.error, error.reason)
            sent += taken
            failed += failed_at
            if len(failed) >= MOST_FAILED and not sent:
                break
        if failed:
            await self._set_aside(failed, proven=bool(sent))
        self.written += len(sent)
        return sent

    async def _post(self, part: Sequence[Outgoing]) -> tuple[list[str], Sequence[Outgoing]]:
        """(What the hub has now, what it failed at); what it refuses one by one is parked."""
        begun = time.monotonic()
        try:
            refused = await self._upload(part)
        except Unreachable:
            self._pace.broke()
            raise
        self._pace.carried(sum(one.size_bytes for one in part), time.monotonic() - begun)
        failed = [one for one in part if one.id in refused and not is_final(refused[one.id].error)]
        for refusal in refused.values():
            if is_final(refusal.error):
                await self._park(refusal.id, refusal.error, refusal.reason)
        return [one.id for one in part if one.id not in refused], failed

    async def _upload(self, part: Sequence[Outgoing]) -> dict[str, Refusal]:
        """What the hub did not take of these."""
        if len(part) == 1 and part[0].files_bytes >= LARGE_FILES_BYTES:
            try:
                await self._remote.put_revision(await asyncio.to_thread(self._with_files, part[0].document))
            except (Forbidden, UnsupportedType, NotImplementedHere):
                # Whether it is this document alone, or all of them, only the other way of writing tells.
                pass
            else:
                return {}
        bodies = await asyncio.to_thread(self._encode, part)
        return {refusal.id: refusal for refusal in await self._remote.bulk_docs(bodies)}

    async def _set_aside(self, failed: Sequence[Outgoing], *, proven: bool) -> None:
        """`proven` where the hub took others meanwhile; else all wait, and nothing is blamed."""
        ids = [one.id for one in failed]
        if self._aside is None or not (proven or await self._takes_others(ids)):
            self._pace.broke()
            raise HubFailed(f"the hub fails at {ids[0]}, and nothing shows that it takes others")
        for doc_id in await asyncio.to_thread(self._aside.failed, ids):
            await self._park(doc_id, HUB_FAILED, "")

    async def _takes_others(self, failed: Sequence[str]) -> bool:
        """Whether the hub takes a record that it has already, and can write at all."""
        assert isinstance(self._store, RecordStore)
        lines = await asyncio.to_thread(
            self._store.records, states=("sent", "accepted", "waiting"), limit=len(failed) + 1
        )
        known = next((line.id for line in lines if line.id not in failed), "")
        document = (await asyncio.to_thread(self._store.winners, [known])).get(known)
        if document is None:
            return False
        try:
            taken, _ = await self._post([_outgoing(document)])
            await self._checkpoint.write(self._since or 0)
        except HubFailed:
            return False
        return bool(taken)

    def _encode(self, outgoing: Sequence[Outgoing]) -> list[bytes]:
        return [encode_document(self._with_files(one.document), revisions=True) for one in outgoing]

    def _with_files(self, document: Document) -> Document:
        try:
            files = {
                name: msgspec.structs.replace(attachment, data=self._store.attachment(attachment.digest))
                for name, attachment in document.attachments.items()
            }
        except NotFound as error:
            raise Unreachable(f"{document.id} was edited while it was being sent") from error
        return msgspec.structs.replace(document, attachments=files) if files else document

    async def _park(self, doc_id: str, code: str, reason: str) -> None:
        self.parked.append(doc_id)
        if isinstance(self._store, RecordStore):
            words = words_for(code, reason)
            await asyncio.to_thread(self._store.park, doc_id, code, **words)


def _outgoing(document: Document, *, apart: bool = False) -> Outgoing:
    files = sum(attachment.length for attachment in document.attachments.values())
    # Base64 makes four bytes of three; packing takes that back, but the hub's limit counts it.
    return Outgoing(document.id, len(document.body) + files * 4 // 3, files, document, apart)
