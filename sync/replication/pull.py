"""From the hub to the store: pages of changes, the revisions that are missing here, one transaction a batch."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing

from msgspec import Struct

from sync.errors import BadRequest, MissingStub, Unreachable
from sync.replication.ahead import ahead
from sync.replication.checkpoints import Checkpoint
from sync.replication.pace import Pace
from sync.replication.push import BATCH_COUNT, CHECKPOINT_EVERY_S, MOST_FAILED
from sync.replication.remote import ChangesPage, HubFailed, RemoteDatabase
from sync.store.models import Document
from sync.store.store import Store

# Until answers have shown how large this database's documents are.
FIRST_GUESS_BYTES = 4_000
# Changes that brought nothing (a phone's own records coming back) are worth a checkpoint only in such numbers.
WORTH_A_CHECKPOINT = 500

_log = logging.getLogger(__name__)


class Arrived(Struct, frozen=True):
    """Documents to be written; `seq`, where there is one, is settled once they are, and with `caught_up` the hub has no
    more now.
    """

    documents: tuple[Document, ...]
    seen: int
    seq: str | int | None
    pending: int
    caught_up: bool


class Pull:
    """One way of a replication; `run` may be called again and goes on from the checkpoint."""

    def __init__(
        self,
        store: Store,
        remote: RemoteDatabase,
        *,
        batch_bytes: int,
        on_pulled: Callable[[Sequence[str]], None],
        on_done: Callable[[int, int], None],
    ) -> None:
        self._store = store
        self._remote = remote
        self._checkpoint = Checkpoint(store, remote, "pull")
        self._pace = Pace(batch_bytes)
        self._on_pulled = on_pulled
        self._on_done = on_done
        self._usual_bytes = float(FIRST_GUESS_BYTES)
        self._written_at = 0.0
        self._unsettled = 0
        self._left_out = False
        self.read = 0
        self.skipped: list[str] = []

    async def run(self, *, live: bool = False) -> None:
        """Takes everything that is there; with `live` it goes on with what comes, for ever."""
        since = await self._checkpoint.find()
        self._unsettled = 0
        self._left_out = False
        async with aclosing(ahead(self._arrivals(since, live=live))) as arrivals:
            async for arrived in arrivals:
                await self._take(arrived)

    async def _take(self, arrived: Arrived) -> None:
        if arrived.documents:
            taken = await asyncio.to_thread(self._write, arrived.documents)
            self.read += len(taken)
            self._unsettled += WORTH_A_CHECKPOINT
            self._on_pulled(taken)
            self._on_done(len(taken), arrived.pending)
        self._unsettled += arrived.seen
        due = arrived.caught_up or time.monotonic() - self._written_at > CHECKPOINT_EVERY_S
        # Past a document that the hub could not read no checkpoint goes: the next run asks for it again.
        if arrived.seq is not None and due and self._unsettled >= WORTH_A_CHECKPOINT and not self._left_out:
            await self._checkpoint.write(arrived.seq)
            self._unsettled = 0
            self._written_at = time.monotonic()
        if arrived.caught_up:
            self._on_done(0, 0)

    def _write(self, documents: Sequence[Document]) -> list[str]:
        """One that cannot be a document (no peer of ours writes such) must not keep the others from coming."""
        try:
            self._store.write(documents)
        except (BadRequest, MissingStub) as error:
            if len(documents) > 1:
                return [doc_id for document in documents for doc_id in self._write([document])]
            _log.error("not taken from the hub: %s %s: %s", documents[0].id, documents[0].rev, error.reason)
            self.skipped.append(documents[0].id)
            return []
        return [document.id for document in documents]

    async def _arrivals(self, since: str | int, *, live: bool) -> AsyncGenerator[Arrived, None]:
        wait = False
        while True:
            page = await self._remote.changes(since, limit=BATCH_COUNT, wait=wait)
            since = page.last_seq
            caught_up = len(page.results) < BATCH_COUNT
            async for arrived in self._fetch(page):
                yield arrived
            yield Arrived((), len(page.results), since, page.pending, caught_up)
            wait = live and caught_up
            if caught_up and not live:
                return

    async def _fetch(self, page: ChangesPage) -> AsyncGenerator[Arrived, None]:
        wanted = {change.id: [c.rev for c in change.changes] for change in page.results}
        seqs = {change.id: change.seq for change in page.results}
        missing = await asyncio.to_thread(self._store.missing, wanted)
        revs = {doc_id: missing[doc_id].missing for doc_id in wanted if doc_id in missing}
        for part in self._split(revs):
            left = page.pending
            async for documents in self._get(part):
                left = max(page.pending + len(page.results) - len(documents), 0)
                yield Arrived(tuple(documents), 0, None, left, caught_up=False)
            # Only now: a part that was halved comes piece by piece, and one of its pieces may be left out.
            yield Arrived((), 0, seqs[list(part)[-1]], left, caught_up=False)

    async def _get(self, wanted: Mapping[str, Sequence[str]]) -> AsyncGenerator[list[Document], None]:
        """The documents; one at which the hub itself fails is found by halving, and left out for this run."""
        parts, taken, failed = [list(wanted.items())], False, 0
        while parts:
            part = parts.pop()
            try:
                documents = await self._ask_for(dict(part))
            except HubFailed as error:
                if len(part) > 1:
                    parts += [part[len(part) // 2 :], part[: len(part) // 2]]
                    continue
                failed += 1
                if not taken and (failed >= MOST_FAILED or not parts):
                    raise  # it fails at everything
                _log.warning("the hub cannot read %s now: %s", part[0][0], error.reason)
                self._left_out = True
                continue
            taken = True
            yield documents

    async def _ask_for(self, part: Mapping[str, Sequence[str]]) -> list[Document]:
        begun = time.monotonic()
        try:
            documents, size_bytes = await self._remote.bulk_get(part)
        except Unreachable:
            self._pace.broke()
            raise
        self._pace.carried(size_bytes, time.monotonic() - begun)
        self._usual_bytes = 0.5 * self._usual_bytes + 0.5 * size_bytes / len(part)
        return documents

    def _split(self, revs: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Sequence[str]]]:
        """Parts whose answers should be about as long as the link carries at once."""
        left = list(revs.items())
        while left:
            count = max(1, min(BATCH_COUNT, int(self._pace.batch_bytes / self._usual_bytes)))
            yield dict(left[:count])
            left = left[count:]
