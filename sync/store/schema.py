"""The tables of a document file, and the way from each older version to this one.

`docs` has one small row for each document, keyed by its latest sequence, so that `_changes` is a
sequential read; `bodies` has the contents, keyed by the sequence they were written with. The tree of a
document with one revision and no known past (nearly all of them) is not written at all.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from sync.errors import StoreError
from sync.store.seal import Seal, begin_sealing, unlock

# "QXdb": tells our files from any other SQLite file.
APPLICATION_ID = 0x51586462

# One entry for each version; an entry is never changed once released, only followed by another.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE docs(
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rev TEXT NOT NULL,
            deleted INTEGER NOT NULL, body INTEGER NOT NULL, tree BLOB)""",
        "CREATE INDEX docs_deleted ON docs(seq) WHERE deleted = 1",
        "CREATE TABLE bodies(num INTEGER PRIMARY KEY, attachments BLOB, body BLOB NOT NULL)",
        "CREATE TABLE blobs(digest TEXT PRIMARY KEY, data BLOB NOT NULL)",
        "CREATE TABLE holds(body INTEGER, digest TEXT, PRIMARY KEY(body, digest)) WITHOUT ROWID",
        "CREATE INDEX holds_digest ON holds(digest)",
        "CREATE TABLE locals(key TEXT PRIMARY KEY, rev INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID",
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE extensions(name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO meta VALUES ('uuid', lower(hex(randomblob(16))))",
        "INSERT INTO meta VALUES ('created', CAST(strftime('%s', 'now') AS TEXT))",
    ),
    # 2: contents may be sealed. A program of before would hand them out as they are, so it must refuse the file.
    (),
)

# How long a connection waits for another one's write, in seconds.
BUSY_TIMEOUT_S = 15.0


def connect(path: Path) -> sqlite3.Connection:
    """A connection with full durability: what a commit returned from survives a power cut."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection, path: Path, key: bytes | None = None) -> Seal | None:
    """Creates the tables or brings them up to date, and opens the seal; a clear file gets one where there is a key.

    `StoreError` for a file that is not ours or not for this key; nothing is changed then.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        _check_ours(connection, path)
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            _refuse_newer(str(path))
        seal = unlock(connection, key) if version else None
        for step in MIGRATIONS[version:]:
            for statement in step:
                connection.execute(statement)
        if seal is None and key is not None:
            seal = begin_sealing(connection, key)
        if version < len(MIGRATIONS):  # an opening that upgrades nothing writes nothing
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk may have ended the transaction already
            connection.execute("ROLLBACK")
        raise
    return seal


def _refuse_newer(what: str) -> NoReturn:
    raise StoreError(
        f"{what} was written by a newer version of Qixun; please update the program.", error="newer_version"
    )


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION_ID and (application or tables):
        raise StoreError(f"{path} is an SQLite file of another program, not a Qixun document file.")


def extend(connection: sqlite3.Connection, name: str, steps: Sequence[Sequence[str]]) -> None:
    """Brings the tables of an extension up to date, inside the caller's transaction."""
    row = connection.execute("SELECT version FROM extensions WHERE name = ?", (name,)).fetchone()
    version = int(row[0]) if row else 0
    if version > len(steps):
        _refuse_newer(f"What {name} keeps")
    for step in steps[version:]:
        for statement in step:
            connection.execute(statement)
    if version < len(steps):
        connection.execute("INSERT OR REPLACE INTO extensions VALUES (?, ?)", (name, len(steps)))
