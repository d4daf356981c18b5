"""The file under a store: its connections, transactions, settings, local documents, and who waits for it."""

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sync.errors import BadRequest, StoreError
from sync.store.schema import extend
from sync.store.seal import Seal

# CouchDB's own default.
REVS_LIMIT = 1000


def _nothing() -> None: ...


def is_disk_error(error: BaseException) -> bool:
    """Whether the file failed, and not what was asked of it (a closed store, a row that is there already)."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


def disk_error(error: BaseException, path: Path, how: str = "failed") -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"The disk is full: nothing more could be written to {path}.", error="disk_full")
    damaged = code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    return StoreError(f"The document file {path} {how}: {error}.", error="damaged" if damaged else None)


class StoreFile:
    """What a `Store` stands on."""

    def __init__(
        self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection, seal: Seal | None = None
    ) -> None:
        self.path = path
        self._seal = seal  # None: contents are kept clear
        self._writer = writer
        self._reader = reader
        self._write_lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._write_depth = 0
        self._write_thread = 0
        self._listeners: dict[object, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self.uuid = self._meta("uuid")
        self.created = int(self._meta("created"))  # seconds since 1970, as `instance_start_time` tells it
        self._update_seq = self._last_seq()
        self._written_seq = 0  # by the transaction that is under way
        # The latest sequence, and for places in the feed how many changes came after them then.
        self._counted: tuple[int, dict[int, int]] = (0, {})
        self.closed = False
        self._revs_limit = int(self.get_meta("revs_limit") or REVS_LIMIT)
        # A hub's guard: each write costs as much as the document has current revisions; None: no end.
        self.most_leaves: int | None = None
        # A hub's, too: contents stay until `compact`, so that what a phone was told is saved can still be read
        # however often its author writes over it before the backend has.
        self.keeps_superseded = False
        # Called at the end of a transaction that wrote documents, inside it: what is derived from them (in tables of
        # one's own) is there whenever they are.
        self.on_written: Callable[[], None] = _nothing

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self.closed = True
            self._reader.close()
            self._writer.close()
        self.wake()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything written inside, by this store's calls or on the connection, is kept whole or not at all.

        Reads of the same thread see it at once. Transactions nest: the outermost one commits. `StoreError` where the
        disk is full or fails; the store can be used again when it does not.
        """
        with self._write_lock:
            outermost = self._write_depth == 0
            self._write_depth += 1
            try:
                if outermost:
                    self._writer.execute("BEGIN IMMEDIATE")
                    self._write_thread = threading.get_ident()
                    self._written_seq = 0
                yield self._writer
                if outermost:
                    if self._written_seq > self._update_seq:
                        self.on_written()
                    self._writer.execute("COMMIT")
            except BaseException as error:
                if outermost and self._writer.in_transaction:
                    with suppress(sqlite3.Error):
                        self._writer.execute("ROLLBACK")
                if is_disk_error(error):
                    raise disk_error(error, self.path) from error
                raise
            finally:
                self._write_depth -= 1
                if outermost:
                    self._write_thread = 0
            changed = outermost and self._written_seq > self._update_seq
            if changed:
                self._update_seq = self._written_seq
        if changed:
            self.wake()

    def extend(self, name: str, steps: Sequence[Sequence[str]]) -> None:
        """Tables of one's own in this file: each step is a list of statements, run once and in order."""
        with self.transaction() as connection:
            extend(connection, name, steps)

    def select(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of tables of one's own."""
        with self._reading() as connection:
            return connection.execute(statement, tuple(values)).fetchall()

    # Local documents: never replicated

    def get_local(self, key: str) -> tuple[str, bytes] | None:
        """(revision "0-N", body), or None."""
        with self._reading() as connection:
            found = connection.execute("SELECT rev, body FROM locals WHERE key = ?", (key,)).fetchone()
        return (f"0-{found[0]}", bytes(found[1])) if found else None

    def put_local(self, key: str, body: bytes, *, rev: str | None = None) -> str:
        """The new revision, counted on from `rev` (0-1 without): as in CouchDB, whatever was there is written over."""
        found = re.fullmatch(r"0-(\d{1,15})", rev or "0-0")
        if found is None:
            raise BadRequest("Invalid rev format")
        number = int(found[1]) + 1
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO locals VALUES (?, ?, ?)", (key, number, body))
        return f"0-{number}"

    def delete_local(self, key: str) -> bool:
        """Whether there was one."""
        with self.transaction() as connection:
            return connection.execute("DELETE FROM locals WHERE key = ?", (key,)).rowcount > 0

    def list_local(self, *, start: str = "", end: str = "\uffff", limit: int | None = None) -> list[tuple[str, str]]:
        """(key, revision) of the local documents, by key."""
        query = "SELECT key, rev FROM locals WHERE key >= ? AND key <= ? ORDER BY key LIMIT ?"
        with self._reading() as connection:
            records = connection.execute(query, (start, end, -1 if limit is None else limit)).fetchall()
        return [(key, f"0-{rev}") for key, rev in records]

    # Settings kept in the file

    def get_meta(self, key: str) -> str | None:
        """A setting of this file, such as its `security` object."""
        with self._reading() as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else None

    def set_meta(self, key: str, value: str) -> None:
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @property
    def revs_limit(self) -> int:
        return self._revs_limit

    def set_revs_limit(self, limit: int) -> None:
        """How much of each leaf's past is kept from now on (at least 1)."""
        if limit < 1:
            raise BadRequest("`revs_limit` must be a positive integer")
        self.set_meta("revs_limit", str(limit))
        self._revs_limit = limit

    # Waiting for changes

    @property
    def update_seq(self) -> int:
        return self._update_seq

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after every commit that wrote documents; returns the way to stop it.

        It runs in the committing thread, so it must be short.
        """
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    def wait_for_change(self, since: int, timeout_s: float) -> bool:
        """Whether there is a change after `since`, waiting at most so long for one (written by this process)."""
        with self._changed:
            self._changed.wait_for(lambda: self._update_seq > since or self.closed, timeout_s)
        return self._update_seq > since

    def wake(self) -> None:
        """Wakes whoever waits for changes, so that they look again (and see that the store is closed)."""
        with self._changed:
            self._changed.notify_all()
        for listener in tuple(self._listeners.values()):
            listener()

    # Inside

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot for all queries inside; the writing thread reads what it has written."""
        if self._write_thread == threading.get_ident():
            yield self._writer
            return
        with self._read_lock:
            try:
                self._reader.execute("BEGIN")
                yield self._reader
            except sqlite3.Error as error:
                if is_disk_error(error):
                    raise disk_error(error, self.path) from error
                raise
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("ROLLBACK")

    def _sealed(self, content: bytes, place: str) -> bytes:
        return content if self._seal is None else self._seal.seal(content, place)

    def _opened(self, kept: bytes, place: str) -> bytes:
        return kept if self._seal is None else self._seal.open(kept, place)

    def _last_seq(self) -> int:
        with self._reading() as connection:
            return int(connection.execute("SELECT coalesce(max(seq), 0) FROM docs").fetchone()[0])

    def _meta(self, key: str) -> str:
        value = self.get_meta(key)
        if value is None:
            raise StoreError(f"The document file {self.path} is damaged: it has no {key}.")
        return value
