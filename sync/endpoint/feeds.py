"""`_changes` and `_db_updates`: at once, waiting for the next change (longpoll), or going on (continuous).

A feed holds no thread while it waits: a commit wakes it. It ends when its reader goes away, when the
token it was opened with expires or the database is closed to its reader, and when the hub stops.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct

from sync.endpoint.access import ADMIN_ROLE, Principal
from sync.endpoint.databases import sequence
from sync.endpoint.hub import Hub
from sync.endpoint.messages import LONGEST_NUMBER, Receive, Request, Response, pack_stream
from sync.endpoint.reading import ReadOptions, document_json
from sync.endpoint.selector import Selector
from sync.endpoint.waiting import Waiter
from sync.errors import BadRequest, NotImplementedHere, SyncError
from sync.store.models import Change
from sync.store.store import Store
from sync.store.wire import encode

# Rows read at once: enough to keep the disk busy, few enough for a small memory.
BATCH = 1000
# With documents and their files a batch ends here, so that a thousand photos are not in memory at once.
BATCH_BYTES = 4 * 1024 * 1024

Feed = Callable[[Hub, Request, Receive], Awaitable[Response]]


class _FilterBody(Struct):
    doc_ids: list[str] | None = None
    selector: dict[str, Any] | None = None


def find(request: Request) -> Feed | None:
    """The feed that is asked for, if any."""
    if request.parts == ["_db_updates"] and request.method in {"GET", "HEAD"}:
        return _db_updates
    is_changes = len(request.parts) == 2 and request.parts[1] == "_changes"
    return _changes if is_changes and request.method in {"GET", "HEAD", "POST"} else None


# _changes


class ChangesQuery(Struct):
    """One reader's question, its filter and form included."""

    feed: str
    since: int
    limit: int | None
    all_leaves: bool
    descending: bool
    include_docs: bool
    options: ReadOptions
    doc_ids: frozenset[str] | None
    selector: Selector | None
    design_only: bool

    @classmethod
    def of(cls, request: Request, store: Store) -> "ChangesQuery":
        query = request.query
        body = _FilterBody()
        if request.method == "POST" and request.body:
            body = request.json(_FilterBody)
        kind = query.get("filter")
        if kind not in {None, "_doc_ids", "_selector", "_design"}:
            raise NotImplementedHere(f"The filter {kind} is not part of the embedded hub.")
        feed = query.get("feed", "normal")
        if feed not in {"normal", "longpoll", "continuous"}:
            raise NotImplementedHere(f"The feed {feed} is not part of the embedded hub.")
        doc_ids = body.doc_ids if body.doc_ids is not None else request.json_query("doc_ids", list[str])
        if kind == "_doc_ids" and doc_ids is None:
            raise BadRequest("`doc_ids` filter parameter is not a list of doc ids.")
        return cls(
            feed=feed,
            since=parse_since(query.get("since", "0"), store),
            limit=request.number("limit"),
            all_leaves=query.get("style") == "all_docs",
            descending=request.flag("descending"),
            include_docs=request.flag("include_docs"),
            options=ReadOptions.of(request),
            doc_ids=frozenset(doc_ids or ()) if kind == "_doc_ids" else None,
            selector=Selector(body.selector or {}) if kind == "_selector" else None,
            design_only=kind == "_design",
        )


def parse_since(text: str, store: Store) -> int:
    """The sequence in a peer's words; one of another life of the database starts from the beginning."""
    text = text.strip('"')
    if text == "now":
        return store.update_seq
    number, _, life = text.partition("-")
    if not number.isdecimal() or not number.isascii() or len(number) > LONGEST_NUMBER:
        raise BadRequest(f"Malformed sequence supplied in 'since' parameter: {text[:100]}")
    return int(number) if not life or life == store.uuid else 0


class _Reader:
    """Reads a database's changes for one query, batch by batch."""

    def __init__(self, store: Store, query: ChangesQuery) -> None:
        self.store = store
        self.query = query
        self.position = query.since
        # As in CouchDB a limit of 0 means 1; -1: no end.
        self.left = max(query.limit, 1) if query.limit is not None else -1
        # Of a feed that runs backwards: what is still to be sent. It ends with the first change there was.
        self._rest: Sequence[Change] | None = None

    @property
    def full(self) -> bool:
        return self.left == 0

    def next_rows(self) -> tuple[list[bytes], bool]:
        """Rows of the next batch that pass the filter, and whether the end is reached for now."""
        query = self.query
        # Without a filter nothing is read that is not sent.
        most = None if self._filters or self.left < 0 else self.left
        if query.descending:
            changes = self.store.changes(0, limit=most, descending=True) if self._rest is None else self._rest
            self._rest = ()
        else:
            changes = self.store.changes(self.position, limit=min(BATCH, most or BATCH))
        at_end = query.descending or len(changes) < BATCH
        rows: list[bytes] = []
        size = 0
        matching = self._matching(changes)
        for number, change in enumerate(matching):
            if self.full:
                return rows, True
            if size > BATCH_BYTES:
                self._rest = matching[number:]
                return rows, False
            rows.append(self._row(change))
            size += len(rows[-1])
            self.position = change.seq
            self.left -= 1 if self.left > 0 else 0
        if changes and not self.full:
            self.position = max(changes[-1].seq, changes[0].seq)
        return rows, at_end or self.full

    @property
    def _filters(self) -> bool:
        return self.query.doc_ids is not None or self.query.selector is not None or self.query.design_only

    def _matching(self, changes: Sequence[Change]) -> Sequence[Change]:
        query = self.query
        if query.doc_ids is not None:
            return [change for change in changes if change.id in query.doc_ids]
        if query.design_only:
            return [change for change in changes if change.id.startswith("_design/")]
        if query.selector is None:
            return changes
        winners = self.store.winners(change.id for change in changes)
        return [
            change for change in changes if change.id in winners and query.selector.matches_document(winners[change.id])
        ]

    def _row(self, change: Change) -> bytes:
        revs = change.revs if self.query.all_leaves else change.revs[:1]
        row = b'{"seq":"%s","id":%s,"changes":%s' % (
            sequence(self.store, change.seq).encode(),
            encode(change.id),
            encode([{"rev": rev} for rev in revs]),
        )
        if change.deleted:
            row += b',"deleted":true'
        if self.query.include_docs:
            document = self.store.get(change.id, change.revs[0])
            row += b',"doc":' + (
                b"null" if document is None else document_json(self.store, document, self.query.options)
            )
        return row + b"}"

    def tail(self) -> tuple[bytes, int]:
        """The last sequence and how many changes come after it."""
        position = min(self.position, self.store.update_seq)
        pending = 0 if self.query.descending else self.store.pending(position)
        return sequence(self.store, position).encode(), pending


async def _changes(hub: Hub, request: Request, receive: Receive) -> Response:
    name = request.parts[0]
    store = await asyncio.to_thread(hub.store, name)
    query = ChangesQuery.of(request, store)
    headers = {"content-type": "application/json"}
    if query.feed == "normal" and request.method != "POST":
        # The same question has the same answer until something is written.
        headers["etag"] = f'"{sequence(store, store.update_seq)}"'
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(304, headers=headers)
    reader = _Reader(store, query)
    may_read = _still_member(hub, name, request.principal)
    if query.feed == "normal" or request.method == "HEAD":
        stream = _normal(reader)
        if request.takes_gzip:
            stream = pack_stream(stream)
            headers |= {"content-encoding": "gzip", "vary": "accept-encoding, user-agent"}
    elif query.feed == "longpoll":
        stream = _longpoll(reader, Waiter(hub, request, receive), may_read)
    else:
        stream = _continuous(reader, Waiter(hub, request, receive), may_read)
    return Response(200, headers=headers, stream=stream)


def _still_member(hub: Hub, name: str, principal: Principal) -> Callable[[], bool]:
    def may_read() -> bool:
        try:
            hub.security(name).require_member(principal)
        except SyncError:  # not a member any more, or the database is gone
            return False
        return True

    return may_read if ADMIN_ROLE not in principal.roles else lambda: hub.has_database(name)


async def _read(reader: _Reader) -> tuple[list[bytes], bool]:
    """The next rows; none where the database was deleted under the reader."""
    try:
        return await asyncio.to_thread(reader.next_rows)
    except sqlite3.ProgrammingError:
        if not reader.store.closed:
            raise
        return [], True


async def _tail(reader: _Reader) -> tuple[bytes, int]:
    try:
        return await asyncio.to_thread(reader.tail)
    except sqlite3.ProgrammingError:
        if not reader.store.closed:
            raise
        return b"0", 0


async def _normal(reader: _Reader) -> AsyncGenerator[bytes, None]:
    """Everything there is, as one JSON object."""
    yield b'{"results":[\n'
    separator = b""
    at_end = False
    while not at_end:
        rows, at_end = await _read(reader)
        if rows:
            yield separator + b",\r\n".join(rows)
            separator = b",\r\n"
    yield b'\n],\n"last_seq":"%s","pending":%d}\n' % await _tail(reader)


async def _longpoll(reader: _Reader, waiter: Waiter, may_read: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    """As `_normal`, but not before there is a row or the time is over."""
    stop = reader.store.subscribe(waiter.wake)
    try:
        yield b'{"results":[\n'
        rows, at_end = await _read(reader)
        while not rows and not (at_end and (waiter.over or reader.store.closed or not may_read())):
            if at_end:
                async for beat in waiter.beats():
                    yield beat
            if may_read():
                rows, at_end = await _read(reader)
        yield b",\r\n".join(rows) + b'\n],\n"last_seq":"%s","pending":%d}\n' % await _tail(reader)
    finally:
        stop()
        waiter.close()


async def _continuous(reader: _Reader, waiter: Waiter, may_read: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    """One row a line, for as long as the reader stays and may."""
    stop = reader.store.subscribe(waiter.wake)
    try:
        while not reader.store.closed and may_read():
            rows, at_end = await _read(reader)
            if rows:
                waiter.sent()
                yield b"".join(row + b"\n" for row in rows)
            if reader.full or waiter.over:
                break
            if at_end:
                async for beat in waiter.beats():
                    yield beat
        yield b'{"last_seq":"%s","pending":%d}\n' % await _tail(reader)
    finally:
        stop()
        waiter.close()


# _db_updates


async def _db_updates(hub: Hub, request: Request, receive: Receive) -> Response:
    feed = request.query.get("feed", "normal")
    if feed not in {"normal", "longpoll", "continuous"}:
        raise NotImplementedHere(f"The feed {feed} is not part of the embedded hub.")
    text = request.query.get("since", "now" if feed == "continuous" else "0").strip('"')
    number, _, life = text.partition("-")
    known = life == hub.uuid and number.isdecimal() and len(number) <= LONGEST_NUMBER
    since = hub.event_seq if text == "now" else int(number) if known else 0
    waiter = Waiter(hub, request, receive) if feed != "normal" and request.method == "GET" else None
    stream = _events(hub, since, waiter, lines=feed == "continuous")
    return Response(200, headers={"content-type": "application/json"}, stream=stream)


async def _events(hub: Hub, since: int, waiter: Waiter | None, *, lines: bool) -> AsyncGenerator[bytes, None]:
    stop = hub.subscribe(waiter.wake) if waiter else None
    try:
        if not lines:
            yield b'{"results":[\n'
        while True:
            events = hub.events(since)
            rows = [
                encode({"db_name": event.db_name, "type": event.type, "seq": f"{event.seq}-{hub.uuid}"})
                for event in events
            ]
            since = events[-1].seq if events else since
            if rows:
                yield b"".join(row + b"\n" for row in rows) if lines else b",\n".join(rows)
            if waiter is None or waiter.over or (rows and not lines):
                break
            if rows:
                waiter.sent()
            async for beat in waiter.beats():
                yield beat
        end = b'{"last_seq":"%d-%s"}\n' if lines else b'\n],\n"last_seq":"%d-%s"}\n'
        yield end % (since, hub.uuid.encode())
    finally:
        if stop is not None and waiter is not None:
            stop()
            waiter.close()
