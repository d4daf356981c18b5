"""The loops of intake and outbox: a change in the hub is read at once, a sweep every minute finds what was missed."""

import asyncio
import contextlib
import functools
import gc
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import and_, func, or_, select, text, update
from sqlalchemy.exc import DBAPIError

from backend import figures
from backend.accounts.keys import SigningKeys
from backend.db import Database
from backend.intake import service
from backend.intake.feed import BEGINNING, BusyError, Feed
from backend.intake.hub import HubClient, HubError, number_of
from backend.intake.models import HubDatabase, OutboxDocument
from backend.intake.outbox import Outbox
from backend.intake.service import OUTBOX_CHANNEL
from backend.intake.settling import settle_some
from backend.intake.takes import TAKES
from backend.intake.taking import Setup
from backend.photos.service import PhotoStore
from backend.settings import Settings
from sync.databases import parse_database, quarter_of

READERS = 4
# What a hint tells of is read first, then what a sweep found, then what is looked at only to be sure.
NEW, CHANGED, LATER = 0, 1, 2
SWEEP_S = 60.0
# A hub that cannot tell which databases changed is asked for all their sequences this often.
POLL_S = 0.5
_WAIT_S = 30.0
# Another worker has the database: by then it has read what this one was told of.
_BUSY_S = 1.0
_LAST_READS_S = 5.0
_NEWS_AFTER = 3
_BACK_OFF_S = (0.5, 30.0)
# A person's databases are carried on into the next quarter if he had one in the last half year.
_KNOWN_FOR = timedelta(days=190)
_SETTLED_AT_ONCE = 100
# New objects between two looks of the garbage collector at the youngest.
_COLLECT_EVERY = 50_000

_log = structlog.get_logger(__name__)


def setup_of(settings: Settings, keys: SigningKeys) -> Setup:
    return Setup(TAKES, keys.known_pems, PhotoStore.of(settings))


def spare_collector() -> None:
    """What lives when intake starts lives as long as it: the collector need not look at it again. A page of records
    makes tens of thousands of small objects that all live until it is written; looked through at every seven hundredth,
    they cost a third of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, 20, 20)


async def run(
    settings: Settings, database: Database, stop: asyncio.Event, *, hub_url: str, keys: SigningKeys | None = None
) -> None:
    """Intake and outbox until `stop`. `hub_url` carries the administrator's name and password."""
    spare_collector()
    keys = keys or SigningKeys(settings.data_dir / "keys")
    hub = HubClient(hub_url)
    worker = Worker(database, hub, setup_of(settings, keys))
    outbox = Outbox(database, hub, keys)
    try:
        await asyncio.gather(worker.run(stop), outbox.run(stop))
    finally:
        await hub.close()
        gc.unfreeze()  # what is left at the end is let go, or libraries complain of leaks


class Worker:
    """Knows which databases have something new, and lets a few readers at them."""

    def __init__(self, database: Database, hub: HubClient, setup: Setup) -> None:
        self._database = database
        self._hub = hub
        self._setup = setup
        self._feed = Feed(database, hub, setup)
        self._queue: asyncio.PriorityQueue[tuple[int, int, str]] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        # What is queued, and how urgently; an entry that does not agree with it was overtaken by a more urgent one.
        self._queued: dict[str, int] = {}
        self._reading: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._read_one = asyncio.Event()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        for kind in ("user", "media"):
            figures.BACKLOG.labels(kind).set_function(functools.partial(self.waiting, kind))
        hints = [asyncio.create_task(self._endlessly(step)) for step in (self._watch, self._sweep_and_rest)]
        readers = [asyncio.create_task(self._endlessly(self._read_next)) for _ in range(READERS)]
        try:
            await stop.wait()
            self._stopping = True
            await _end(hints)
            # What is being read is read to its end; cut off, it would only be read again.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_READS_S):
                    while self._reading:
                        await self._read_one.wait()
        finally:
            await _end([*hints, *readers])

    async def _endlessly(self, step: Callable[[], Awaitable[None]]) -> None:
        """The outer loop: whatever fails is logged and tried again, ever more slowly."""
        failures = 0
        while True:
            try:
                await step()
                failures = 0
            except (HubError, DBAPIError, OSError) as error:
                failures += 1
                reason = str(error)[:300]
                _log.log(_level(failures), "intake.stopped", step=step.__name__, reason=reason, failures=failures)
            except Exception:  # noqa: BLE001 - the worker's outer loop
                failures += 1
                _log.exception("intake.failed", step=step.__name__, failures=failures)
            if failures:
                await asyncio.sleep(_back_off(failures))

    def mark(self, name: str, urgency: int = NEW) -> None:
        """Something may be new in this database; a lower number is read earlier."""
        if self._stopping:
            return
        parsed = parse_database(name)
        if parsed is None or parsed.kind == "unit":
            return
        if name in self._reading:
            self._again.add(name)
        elif urgency < self._queued.get(name, LATER + 1):
            self._queued[name] = urgency
            self._queue.put_nowait((urgency, next(self._numbers), name))

    def waiting(self, kind: str) -> int:
        """Databases of this kind that are known to hold something new and wait for a reader."""
        return sum(1 for name, urgency in self._queued.items() if urgency < LATER and name.startswith(f"{kind}_"))

    # Reading

    async def _read_next(self) -> None:
        urgency, _, name = await self._queue.get()
        if self._stopping or self._queued.get(name) != urgency:
            return
        del self._queued[name]
        self._reading.add(name)
        wait_s: float | None = None
        try:
            await self._feed.read(name)
            self._failures.pop(name, None)
        except BusyError:
            wait_s = _BUSY_S
        except HubError as error:
            # 404: the database is gone, and the sweep asks for it again if it should be there.
            if error.status != 404:
                wait_s = self._failed(name, str(error))
        except DBAPIError as error:
            wait_s = self._failed(name, str(error.orig))
        except Exception:  # noqa: BLE001 - one database's fault must not stop the others
            _log.exception("intake.read_failed", database=name)
            wait_s = self._failed(name, "see above")
        finally:
            self._reading.discard(name)
            self._read_one.set()
            self._read_one.clear()
        if name in self._again:
            self._again.discard(name)
            wait_s = wait_s or 0.0
        if wait_s is not None:
            asyncio.get_running_loop().call_later(wait_s, self.mark, name)

    def _failed(self, name: str, reason: str) -> float:
        self._failures[name] = self._failures.get(name, 0) + 1
        failures = self._failures[name]
        _log.log(_level(failures), "intake.read_stopped", database=name, reason=reason[:300], failures=failures)
        return _back_off(failures)

    # Hints

    async def _watch(self) -> None:
        """Ends with `HubError` when the hub goes away; begun anew it looks at every database."""
        try:
            since = await self._hub.updates_now()
        except HubError as error:
            if error.status == 0:
                raise
            await self._poll()
            return
        await self._mark_changed()
        for name in await self._hub.list_databases():
            self.mark(name, LATER)
        while True:
            names, since = await self._hub.updates(since, _WAIT_S)
            figures.HUB_READ.set_to_current_time()
            for name in names:
                self.mark(name)

    async def _poll(self) -> None:
        for _ in range(int(SWEEP_S / POLL_S)):
            await self._mark_changed()
            await asyncio.sleep(POLL_S)

    async def _mark_changed(self) -> set[str]:
        """Marks each database whose newest sequence is not the one read last; answers which there are."""
        names = await self._hub.list_databases()
        figures.HUB_READ.set_to_current_time()
        there = set(names)
        phones = [name for name in names if (parsed := parse_database(name)) and parsed.kind != "unit"]
        newest = await self._hub.sequences(phones)
        async with self._database.sessions() as session:
            rows = await session.execute(select(HubDatabase.name, HubDatabase.seq))
            read = {name: seq for name, seq in rows}  # noqa: C416 (rows are not pairs to dict)
        for name, seq in newest.items():
            if number_of(seq) != number_of(read.get(name, BEGINNING)):
                self.mark(name, CHANGED)
        return there

    # The sweep

    async def _sweep_and_rest(self) -> None:
        await self.sweep()
        await asyncio.sleep(SWEEP_S * random.uniform(0.9, 1.1))  # noqa: S311 (spreads workers)

    async def sweep(self) -> None:
        """Finds what hints missed: changed databases, lost ones, the next quarter's, and facts that may be settled."""
        there = await self._mark_changed()
        await self._restore_lost(there)
        await self._provision_ahead(datetime.now(UTC))
        async with self._database.sessions() as session, session.begin():
            await settle_some(session, self._setup.takes, _SETTLED_AT_ONCE)

    async def _restore_lost(self, there: set[str]) -> None:
        """Databases that the hub had and has no more are made and filled again."""
        async with self._database.sessions() as session, session.begin():
            kept = select(HubDatabase.name).where(HubDatabase.provisioned, HubDatabase.dropped_at.is_(None))
            rows = await session.scalars(kept)
            lost = [name for name in rows if name not in there]
            if not lost:
                return
            _log.warning("intake.databases_lost", databases=lost[:20], count=len(lost))
            await session.execute(
                update(HubDatabase)
                .where(HubDatabase.name.in_(lost))
                .values(provisioned=False, wish=HubDatabase.wish + 1)
            )
            await session.execute(
                update(OutboxDocument).where(OutboxDocument.database.in_(lost)).values(sent_version=0)
            )
            await session.execute(text(f"NOTIFY {OUTBOX_CHANNEL}"))

    async def _provision_ahead(self, now: datetime) -> None:
        """Whoever had databases gets those of this quarter, and of the next one when it is near."""
        later = now + service.AHEAD
        missing = [
            HubDatabase.owner_id.not_in(
                select(HubDatabase.owner_id).where(HubDatabase.kind == "media", HubDatabase.quarter == quarter)
            )
            for quarter in {quarter_of(now), quarter_of(later)}
        ]
        async with self._database.sessions() as session, session.begin():
            owners = await session.scalars(
                select(HubDatabase.owner_id)
                .where(
                    and_(HubDatabase.kind == "user", HubDatabase.quarter >= quarter_of(now - _KNOWN_FOR)), or_(*missing)
                )
                .group_by(HubDatabase.owner_id)
                .order_by(func.min(HubDatabase.name))
            )
            for owner_id in owners.all():
                await service.provision(session, owner_id, renew=False)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _level(failures: int) -> int:
    """A hub that starts after intake, or stops before it, is no news; one that stays away is."""
    return logging.INFO if failures < _NEWS_AFTER else logging.WARNING


def _back_off(failures: int) -> float:
    first, most = _BACK_OFF_S
    return min(most, first * 2.0 ** min(failures - 1, 10)) * random.uniform(0.8, 1.2)  # noqa: S311 (spreads retries)
