"""Sealing at rest: contents, attachments and drafts of a store as SM4-GCM, so that a copied file tells little.

Each file has a data key of its own, kept in it wrapped under the device's key: a wrong key is known before anything
is read, and moving to another device key would rewrite one row. What is sealed names where it belongs (document and
revision, digest, draft), so that bytes moved to another row do not open. Ids, revisions, sequences, types, states,
sizes, attachments' names and digests, local documents and settings stay clear: the store works by them.

SM4 is GB/T 32907-2016; GCM is NIST SP 800-38D with random 96-bit nonces (at most 2^32 for a key).
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msgspec import Struct

from sync.errors import StoreError
from sync.merge import Node, Tree

KEY_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
# What a sealed content has over the clear one.
OVERHEAD_BYTES = _NONCE_BYTES + _TAG_BYTES

_WRAPPED = "seal"
_PROGRESS = "sealing"
# Rows to a transaction while a clear file is being sealed: a few megabytes of photos, half a second on a phone.
_STEP_ROWS = {"bodies": 500, "blobs": 10, "drafts": 10, "draft_files": 10}

_trees = msgspec.json.Decoder(Tree)


class Seal:
    """Seals and opens what one file holds."""

    def __init__(self, key: bytes) -> None:
        self._cipher = algorithms.SM4(key)

    def seal(self, content: bytes, place: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        sealing = Cipher(self._cipher, modes.GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(place.encode())
        return b"".join((nonce, sealing.update(content), sealing.finalize(), sealing.tag))

    def open(self, sealed: bytes, place: str) -> bytes:
        """The content; `StoreError` for one that was altered or belongs to another place."""
        try:
            opening = Cipher(self._cipher, modes.GCM(sealed[:_NONCE_BYTES], sealed[-_TAG_BYTES:])).decryptor()
            opening.authenticate_additional_data(place.encode())
            return opening.update(sealed[_NONCE_BYTES:-_TAG_BYTES]) + opening.finalize()
        except (InvalidTag, ValueError) as error:
            raise StoreError(f"What the file holds as {place[:100]} was altered.", error="damaged") from error


# Where a content belongs. A revision has no space, so each of these can be read in one way only.


def body_place(doc_id: str, rev: str) -> str:
    return f"body {rev} {doc_id}"


def blob_place(digest: str) -> str:
    return f"blob {digest}"


def draft_place(key: str) -> str:
    return f"draft {key}"


def draft_file_place(key: str, name: str) -> str:
    return f"file {len(key)} {key} {name}"


# A file's key


def unlock(connection: sqlite3.Connection, key: bytes | None) -> Seal | None:
    """The seal of this file, None for a clear one; `StoreError` where the key is missing or another's."""
    wrapped = _meta(connection, _WRAPPED)
    if wrapped is None:
        return None
    if key is None:
        raise StoreError("The document file is sealed and no key was given.", error="no_key")
    try:
        return Seal(Seal(key).open(bytes.fromhex(wrapped), _key_place(connection)))
    except StoreError as error:
        raise StoreError("The document file is sealed with another key.", error="wrong_key") from error


def is_sealed(path: Path) -> bool:
    """Whether a file needs a key; what is no document file needs none."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as file:
        return _meta(file, _WRAPPED) is not None
    return False


def begin_sealing(connection: sqlite3.Connection, key: bytes) -> Seal:
    """Gives the file a key of its own, in the caller's transaction; what it holds already is yet to be sealed."""
    own = os.urandom(KEY_BYTES)
    wrapped = Seal(key).seal(own, _key_place(connection)).hex()
    connection.execute("INSERT INTO meta VALUES (?, ?)", (_WRAPPED, wrapped))
    if connection.execute("SELECT EXISTS (SELECT 1 FROM bodies)").fetchone()[0] or _has_rows(connection, "drafts"):
        connection.execute("INSERT INTO meta VALUES (?, '')", (_PROGRESS,))
    return Seal(own)


def _key_place(connection: sqlite3.Connection) -> str:
    # A file that was copied into another database's place does not pass for it.
    return f"key {_meta(connection, 'uuid')}"


def _meta(connection: sqlite3.Connection, key: str) -> str | None:
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(found[0]) if found else None


def _has_rows(connection: sqlite3.Connection, table: str) -> bool:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
    return bool(known and connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0])  # noqa: S608


# Sealing a file that was clear


class _Progress(Struct, frozen=True):
    """Everything before this row of this table is sealed."""

    table: str = "bodies"
    row: int = 0


def finish_sealing(connection: sqlite3.Connection, seal: Seal) -> None:
    """Seals in place what was there before the key: a step a transaction, going on where a killed one stopped.

    At the end the file is rebuilt and its log emptied, since both still hold clear bytes that no row points to. Where
    that fails (no space, another reader) the store can be used, and the next opening tries again.
    """
    kept = _meta(connection, _PROGRESS)
    if kept is None:
        return
    progress = msgspec.json.decode(kept, type=_Progress) if kept else _Progress()
    tables = list(_STEPS)
    for table in tables[tables.index(progress.table) :]:
        row = progress.row if table == progress.table else 0
        while _has_rows(connection, table) and (last := _step(connection, seal, table, row)):
            row = last
    waits_ms = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout=100")
    with suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not busy:
            connection.execute("DELETE FROM meta WHERE key = ?", (_PROGRESS,))
    connection.execute(f"PRAGMA busy_timeout={waits_ms}")


def _step(connection: sqlite3.Connection, seal: Seal, table: str, after: int) -> int:
    """Seals the next rows; the last of them, 0 when there are none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        last = _STEPS[table](connection, seal, after, _STEP_ROWS[table])
        mark = msgspec.json.encode(_Progress(table, last or after)).decode()
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (mark, _PROGRESS))
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return last


def _seal_bodies(connection: sqlite3.Connection, seal: Seal, after: int, limit: int) -> int:
    query = "SELECT seq, id, rev, deleted, body, tree FROM docs WHERE seq > ? ORDER BY seq LIMIT ?"
    last = 0
    for seq, doc_id, winner, deleted, number, raw in connection.execute(query, (after, limit)).fetchall():
        tree = _trees.decode(raw) if raw else {winner: Node(None, bool(deleted), number)}
        for rev, node in tree.items():
            found = connection.execute("SELECT body FROM bodies WHERE num = ?", (node.body,)).fetchone()
            if found:
                sealed = seal.seal(found[0], body_place(doc_id, rev))
                connection.execute("UPDATE bodies SET body = ? WHERE num = ?", (sealed, node.body))
        last = seq
    return last


def _sealer(
    table: str, names: str, content: str, place: Callable[..., str]
) -> Callable[[sqlite3.Connection, Seal, int, int], int]:
    def step(connection: sqlite3.Connection, seal: Seal, after: int, limit: int) -> int:
        query = f"SELECT rowid, {content}, {names} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
        last = 0
        for row, clear, *named in connection.execute(query, (after, limit)).fetchall():
            sealed = seal.seal(clear, place(*named))
            connection.execute(f"UPDATE {table} SET {content} = ? WHERE rowid = ?", (sealed, row))  # noqa: S608
            last = row
        return last

    return step


# In this order; the drafts' tables are only in a phone's own files.
_STEPS = {
    "bodies": _seal_bodies,
    "blobs": _sealer("blobs", "digest", "data", blob_place),
    "drafts": _sealer("drafts", "key", "body", draft_place),
    "draft_files": _sealer("draft_files", "key, name", "data", draft_file_place),
}
