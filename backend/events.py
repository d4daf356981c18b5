"""What just happened, for whoever watches: PostgreSQL's NOTIFY, sent with the commit, fanned out to the console.

A notification is a hint with few facts; whoever needs the row reads it. One connection listens for a whole process.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.db import Database, libpq_url

CHANNEL = "qixun_events"
# PostgreSQL takes notifications of less than 8000 bytes.
_MAX_BYTES = 7900
# A console that does not read for this many events is told to load anew.
_QUEUE = 500
_RECONNECT_S = 1.0
_NOTIFY = text(
    "SELECT pg_notify(channel, payload)"
    " FROM unnest(CAST(:channels AS text[]), CAST(:payloads AS text[])) AS told (channel, payload)"
)
# Where a session keeps what is to go out together.
_TOLD = "events.told"

_log = structlog.get_logger(__name__)


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    kind: str
    subject_id: str
    organisation_id: str
    facts: dict[str, Any] = {}


# What a subscriber gets when events were lost: whatever he shows may be stale.
RELOAD = Event("reload", "", "")


async def announce(session: AsyncSession, kind: str, subject_id: str, organisation_id: str, **facts: Any) -> None:
    """Heard by every listener once the transaction has committed, never if it is rolled back."""
    await announce_all(session, [Event(kind, subject_id, organisation_id, facts)])


async def announce_all(session: AsyncSession, events: Iterable[Event]) -> None:
    """In one statement; several of one kind in one unit are told as one, without a subject, and their `count`."""
    await _tell(session, _Told(list(events), {}))


async def notify(session: AsyncSession, channel: str) -> None:
    """A word without content, to whoever waits for work; the same word twice in a transaction is heard once."""
    await _tell(session, _Told([], {channel: None}))


@asynccontextmanager
async def together(session: AsyncSession) -> AsyncIterator[None]:
    """What is announced in the body goes out in one statement at its end; nothing of it where the body raises."""
    before, mine = session.info.get(_TOLD), _Told([], {})
    session.info[_TOLD] = mine
    try:
        yield
    finally:
        session.info[_TOLD] = before
    await _tell(session, mine)


class _Told(msgspec.Struct):
    events: list[Event]
    channels: dict[str, None]


async def _tell(session: AsyncSession, told: _Told) -> None:
    gathered: _Told | None = session.info.get(_TOLD)
    if gathered is not None:
        gathered.events += told.events
        gathered.channels |= told.channels
        return
    same: dict[tuple[str, str], list[Event]] = {}
    for event in told.events:
        same.setdefault((event.kind, event.organisation_id), []).append(event)
    sent = [(CHANNEL, _payload(events)) for events in same.values()] + [(channel, "") for channel in told.channels]
    if sent:
        given = {"channels": [channel for channel, _ in sent], "payloads": [payload for _, payload in sent]}
        await session.execute(_NOTIFY, given)


def _payload(same: Sequence[Event]) -> str:
    first = same[0]
    told = first if len(same) == 1 else Event(first.kind, "", first.organisation_id, {"count": len(same)})
    payload = msgspec.json.encode(told)
    if len(payload) > _MAX_BYTES:
        payload = msgspec.json.encode(Event(told.kind, told.subject_id, told.organisation_id))
    return payload.decode()


async def listen(database: Database, channel: str = CHANNEL) -> AsyncGenerator[str, None]:
    """Raw payloads from a connection of its own; ends with `psycopg.OperationalError` when that is lost."""
    connection = await psycopg.AsyncConnection.connect(libpq_url(database.url), autocommit=True)
    async with connection:
        await connection.execute(f"LISTEN {channel}".encode())
        async for notification in connection.notifies():
            yield notification.payload


class EventFeed:
    """One listening connection for the process; `subscribe` gives each console its own queue."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queues: set[asyncio.Queue[Event]] = set()
        self.listening = asyncio.Event()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[asyncio.Queue[Event]]:
        queue: asyncio.Queue[Event] = asyncio.Queue(_QUEUE)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def run(self) -> None:
        """Until cancelled; reconnects, and tells subscribers to reload after a gap."""
        while True:
            try:
                await self._listen()
            except psycopg.OperationalError as error:
                _log.warning("events.lost", reason=str(error))
                self._publish(RELOAD)
            self.listening.clear()
            await asyncio.sleep(_RECONNECT_S)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(libpq_url(self._database.url), autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            self.listening.set()
            async for notification in connection.notifies():
                self._publish(msgspec.json.decode(notification.payload, type=Event))

    def _publish(self, event: Event) -> None:
        for queue in self._queues:
            if queue.full():
                # The oldest half goes; the reader learns that he missed something.
                while queue.qsize() > _QUEUE // 2:
                    queue.get_nowait()
                queue.put_nowait(RELOAD)
            queue.put_nowait(event)
