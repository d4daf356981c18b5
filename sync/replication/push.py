"""From the store to the hub: what the hub lacks, in batches by bytes, each document's fate told.

A phone's `RecordStore` pushes its own records alone, marks them sent when the hub has them, and parks what
the hub will never take, so that its neighbours travel.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing

import msgspec
from msgspec import Struct

from sync.errors import BadRequest, NotFound, TooLarge, Unreachable
from sync.replication.ahead import ahead
from sync.replication.checkpoints import Checkpoint
from sync.replication.refusals import is_final, words_for
from sync.replication.remote import RemoteDatabase
from sync.store.models import Change, Document
from sync.store.records import RecordStore
from sync.store.store import Store
from sync.store.wire import encode_document

# How many documents are compared in one request.
BATCH_COUNT = 500
# The least that is tried after a batch did not get through.
SMALLEST_BATCH_BYTES = 64_000
# A checkpoint costs two requests; what is sent since the last one is only compared again after a kill.
CHECKPOINT_EVERY_S = 2.0


class Outgoing(Struct, frozen=True):
    """One revision ready to be sent."""

    id: str
    size_bytes: int
    document: Document


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
        on_sent: Callable[[Sequence[str]], None],
        on_done: Callable[[int], None],
    ) -> None:
        self._store = store
        self._remote = remote
        self._checkpoint = Checkpoint(store, remote, "push")
        self._batch_bytes = self._most_bytes = batch_bytes
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
        if isinstance(self._store, RecordStore):
            again = await asyncio.to_thread(self._store.to_retry)
            winners = await asyncio.to_thread(self._store.winners, again)
            parked = {doc_id: (document.rev,) for doc_id, document in winners.items()}
            async for chunk in self._compare(parked, {}, since):
                yield chunk
        while changes := await asyncio.to_thread(self._store.changes, since, limit=BATCH_COUNT):
            own = await self._own(changes)
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
        self, wanted: Mapping[str, Sequence[str]], seqs: Mapping[str, int], since: int
    ) -> AsyncGenerator[Chunk, None]:
        """The revisions that the hub lacks, in the order of their changes, and what it has."""
        if not wanted:
            return
        missing = await self._remote.revs_diff(wanted)
        held = tuple(doc_id for doc_id in wanted if doc_id not in missing)
        ordered = [(doc_id, missing[doc_id]) for doc_id in wanted if doc_id in missing]
        found = await asyncio.to_thread(self._store.read_revs, ordered)
        outgoing = [_outgoing(d) for documents in found for d in documents if isinstance(d, Document)]
        if held:
            yield Chunk(held, (), since)
        for part in self._split(outgoing):
            since = seqs[part[-1].id] - 1 if part[-1].id in seqs else since
            yield Chunk((), part, since)

    def _split(self, outgoing: Sequence[Outgoing]) -> Iterator[tuple[Outgoing, ...]]:
        part: list[Outgoing] = []
        size = 0
        for one in outgoing:
            if part and size + one.size_bytes > self._batch_bytes:
                yield tuple(part)
                part, size = [], 0
            part.append(one)
            size += one.size_bytes
        if part:
            yield tuple(part)

    # Sending

    async def _send(self, outgoing: Sequence[Outgoing]) -> list[str]:
        """The ids that the hub has now. What it will not take is parked, alone."""
        if not outgoing:
            return []
        bodies = await asyncio.to_thread(self._encode, outgoing)
        try:
            refusals = await self._remote.bulk_docs(bodies)
        except (BadRequest, TooLarge) as error:
            if len(outgoing) == 1:
                await self._park(outgoing[0].id, error.error, error.reason)
                return []
            middle = len(outgoing) // 2
            return [*await self._send(outgoing[:middle]), *await self._send(outgoing[middle:])]
        except Unreachable:
            self._batch_bytes = max(SMALLEST_BATCH_BYTES, self._batch_bytes // 2)
            raise
        self._batch_bytes = min(self._most_bytes, self._batch_bytes * 2)
        for refusal in refusals:
            if not is_final(refusal.error):
                raise Unreachable(f"the hub could not write {refusal.id}: {refusal.error} {refusal.reason}")
        for refusal in refusals:
            await self._park(refusal.id, refusal.error, refusal.reason)
        refused = {refusal.id for refusal in refusals}
        self.written += len(outgoing) - len(refused)
        return [one.id for one in outgoing if one.id not in refused]

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


def _outgoing(document: Document) -> Outgoing:
    # Base64 makes four bytes of three; packing takes that back, but the hub's limit counts it.
    files = sum(attachment.length * 4 // 3 for attachment in document.attachments.values())
    return Outgoing(document.id, len(document.body) + files, document)
