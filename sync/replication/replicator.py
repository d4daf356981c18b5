"""Replication between a store and a database of the hub, once or for as long as the app runs.

Nothing here deletes: a hub that refuses (401, 403, 404) or is gone leaves the store as it is. Resumable at
every step, since what was written twice is the same revision, and what is not in a checkpoint is compared again.
https://docs.couchdb.org/en/stable/replication/protocol.html
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from msgspec import Struct

from sync.errors import Unreachable
from sync.replication.checkpoints import CheckpointLost, Direction
from sync.replication.pull import Pull
from sync.replication.push import Push
from sync.replication.remote import RemoteDatabase
from sync.store.store import Store

# A batch that a phone's link carries in seconds, and that is cheap to send again.
BATCH_BYTES = 1_000_000
# Waiting after a hub that failed: doubled each time, with jitter so that phones do not come back at once.
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
# Without a network a try costs nothing, and the worker should not wait long once it is back.
NO_NETWORK_WAIT_S = 0.8
# A feed that had worked so long and breaks off (its token ran out, a proxy closed it) is no failure yet.
QUIET_AFTER_S = 3.0
# A push that has nothing to send would not notice a restored hub.
RECHECK_S = 600.0
# How often one run starts over because the hub's checkpoint was not ours.
MOST_RESTARTS = 3


class Progress(Struct, frozen=True):
    """`done` of `total` documents since the replicator was made; `error` while the hub cannot be reached."""

    direction: Direction
    done: int
    total: int
    error: Unreachable | None = None


class Replicated(Struct, frozen=True):
    """What one run did: documents taken, sent, refused by the hub one by one, and unfit to be taken."""

    read: int
    written: int
    parked: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def _ignore(_: object) -> None: ...


def _always() -> bool:
    return True


class Replicator:
    """One store and one database. Callbacks are called on the event loop, after what they tell is durable.

    `may_send` is asked, in a thread, before each batch; where it says no, the push ends there for this time.
    """

    def __init__(
        self,
        store: Store,
        remote: RemoteDatabase,
        *,
        push: bool,
        pull: bool,
        batch_bytes: int = BATCH_BYTES,
        longest_wait_s: float = LONGEST_WAIT_S,
        may_send: Callable[[], bool] = _always,
        on_sent: Callable[[Sequence[str]], None] = _ignore,
        on_pulled: Callable[[Sequence[str]], None] = _ignore,
        on_progress: Callable[[Progress], None] = _ignore,
    ) -> None:
        self._store = store
        self._longest_wait_s = longest_wait_s
        self._on_progress = on_progress
        self._done: dict[Direction, int] = {"push": 0, "pull": 0}
        self._total: dict[Direction, int] = {"push": 0, "pull": 0}
        self._networked = asyncio.Event()
        self._changed = asyncio.Event()
        self._push: Push | None = None
        self._pull: Pull | None = None
        if push:
            self._push = Push(
                store, remote, batch_bytes=batch_bytes, may_send=may_send, on_sent=on_sent, on_done=self._pushed
            )
        if pull:
            self._pull = Pull(store, remote, batch_bytes=batch_bytes, on_pulled=on_pulled, on_done=self._pulled)

    async def run_once(self) -> Replicated:
        """Everything there is, both ways; pushes first.

        Raises `Unreachable`, `Unauthorized`, `Forbidden` or `NotFound`.
        """
        before = self._sums()
        if self._push is not None:
            self._push.recheck()
            await _restarting(self._run_push)
        if self._pull is not None:
            await _restarting(self._pull.run)
        after = self._sums()
        return Replicated(
            read=after.read - before.read,
            written=after.written - before.written,
            parked=after.parked[len(before.parked) :],
            skipped=after.skipped[len(before.skipped) :],
        )

    async def run_live(self, stop: asyncio.Event) -> None:
        """Until `stop`: pushes what the store gets, pulls what the hub gets, and waits out what is unreachable.

        Raises `Unauthorized`, `Forbidden` or `NotFound` when the hub says so; then call it again once the
        right is back. Call `wake` when the system tells that the network is back.
        """
        loop = asyncio.get_running_loop()

        def changed() -> None:
            loop.call_soon_threadsafe(self._changed.set)

        unsubscribe = self._store.subscribe(changed)
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
        if self._push is not None:
            tasks.append(asyncio.create_task(self._live("push", self._push_live)))
        if self._pull is not None:
            tasks.append(asyncio.create_task(self._live("pull", self._pull_live)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            unsubscribe()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            await task

    def wake(self) -> None:
        """Tries at once, instead of when the waiting time is over, and makes sure of what the hub has."""
        self._networked.set()
        self._recheck()

    # Inside

    async def _run_push(self) -> None:
        assert self._push is not None
        self._total["push"] = self._done["push"] + await self._push.pending()
        await self._push.run()

    async def _push_live(self) -> None:
        assert self._push is not None
        while True:
            self._changed.clear()
            await self._run_push()
            self._report("push")
            again_s = await self._push.next_try_in_s()
            try:
                async with asyncio.timeout(RECHECK_S if again_s is None else min(again_s, RECHECK_S)):
                    await self._changed.wait()
            except TimeoutError:
                self._recheck()

    async def _pull_live(self) -> None:
        assert self._pull is not None
        await self._pull.run(live=True)

    async def _live(self, direction: Direction, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            started, done = time.monotonic(), self._done[direction]
            try:
                await work()
            except Unreachable as error:
                lasted = time.monotonic() - started > QUIET_AFTER_S or self._done[direction] > done
                wait_s = FIRST_WAIT_S if lasted else wait_s
                if not isinstance(error, CheckpointLost) and not (lasted and error.connected):
                    self._report(direction, error)
                self._recheck()
                await self._pause(wait_s if error.connected else NO_NETWORK_WAIT_S)
                wait_s = min(wait_s * 2, self._longest_wait_s)

    def _recheck(self) -> None:
        """The hub that answers next may be another one, restored from an older copy."""
        if self._push is not None:
            self._push.recheck()
            self._changed.set()

    async def _pause(self, wait_s: float) -> None:
        self._networked.clear()
        try:
            async with asyncio.timeout(wait_s * random.uniform(0.5, 1.0)):  # noqa: S311 (jitter is no secret)
                await self._networked.wait()
        except TimeoutError:
            return

    def _pushed(self, count: int) -> None:
        self._done["push"] += count
        self._total["push"] = max(self._total["push"], self._done["push"])
        self._report("push")

    def _pulled(self, count: int, pending: int) -> None:
        self._done["pull"] += count
        self._total["pull"] = self._done["pull"] + pending
        self._report("pull")

    def _report(self, direction: Direction, error: Unreachable | None = None) -> None:
        if error is None:
            self._networked.set()  # what one direction has found the other need not wait for
        self._on_progress(Progress(direction, self._done[direction], self._total[direction], error))

    def _sums(self) -> Replicated:
        return Replicated(
            read=self._pull.read if self._pull else 0,
            written=self._push.written if self._push else 0,
            parked=tuple(self._push.parked) if self._push else (),
            skipped=tuple(self._pull.skipped) if self._pull else (),
        )


async def _restarting(work: Callable[[], Awaitable[None]]) -> None:
    for _ in range(MOST_RESTARTS - 1):
        try:
            return await work()
        except CheckpointLost:
            continue
    return await work()
