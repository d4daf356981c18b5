"""One database in one SQLite file, with CouchDB's model: the phone's store and the embedded hub's.

Synchronous and safe to use from several threads: one connection writes, one reads, each under its lock,
so that a feed is read while a batch is being written (WAL). Event loops call it with `asyncio.to_thread`.
What a writing call returned from is on the disk.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from sync.errors import BadRequest, NotFound, SyncError
from sync.merge import Node, Tree, ancestry, generation, leaves, leaves_of, possible_ancestors, superseded
from sync.store.batch import Batch, Row, decode_attachments, drop_bodies, find_rows, row_of
from sync.store.file import StoreFile, disk_error
from sync.store.models import (
    NO_ATTACHMENTS,
    Attachment,
    Change,
    Document,
    Missing,
    MissingRev,
    StoreInfo,
)
from sync.store.schema import connect, prepare
from sync.store.seal import Seal, blob_place, body_place, finish_sealing

# Inside `Store`, `list` is the method: its annotations need the type by other names.
_Documents = list[Document]
_Found = list[Document | MissingRev]
_Changes = list[Change]
_Results = list[str | SyncError]

_DOCS = "SELECT seq, id, rev, deleted, docs.body, tree FROM docs "
_WINNERS = (
    "SELECT seq, id, rev, deleted, docs.body, tree, bodies.attachments, bodies.body "
    "FROM docs JOIN bodies ON bodies.num = docs.body "
)


class Store(StoreFile):
    """Open with `Store.open`; close when done."""

    @classmethod
    def open(cls, path: Path, *, revs_limit: int | None = None, seal: bytes | None = None) -> "Store":
        """The store in this file, made if it is not there; `StoreError` if the file is not ours or broken.

        Without `revs_limit` the one kept in the file counts (1,000 in a new one). `seal` is the device's key of 16
        bytes: contents are sealed with it, those of a file that was clear too. A sealed file does not open without it.
        """
        connections: list[sqlite3.Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connections.append(connect(path))
            sealed = prepare(connections[0], path, seal)
            if sealed is not None:
                finish_sealing(connections[0], sealed)
            connections.append(connect(path))
            store = cls(path, connections[0], connections[1], sealed)
            if revs_limit is not None and revs_limit != store.revs_limit:
                store.set_revs_limit(revs_limit)
        except (sqlite3.Error, OSError, SyncError) as error:
            for connection in connections:
                connection.close()
            if isinstance(error, SyncError):
                raise
            raise disk_error(error, path, "cannot be opened") from error
        return store

    def info(self) -> StoreInfo:
        with self._reading() as connection:
            seq = connection.execute("SELECT coalesce(max(seq), 0) FROM docs").fetchone()[0]
            total = self._count_after(connection, 0, seq)
            deleted = connection.execute("SELECT count(*) FROM docs WHERE deleted = 1").fetchone()[0]
        size = 0
        for name in (self.path, self.path.with_name(self.path.name + "-wal")):
            with suppress(OSError):  # the log comes and goes
                size += name.stat().st_size
        return StoreInfo(total - deleted, deleted, seq, size)

    # Reading

    def get(self, doc_id: str, rev: str | None = None, *, deleted: bool = False) -> Document | None:
        """The winner, or this very revision; None where it is not here. A winner that is a tombstone comes
        only when `deleted` asks for it.
        """
        with self._reading() as connection:
            row = find_rows(connection, [doc_id]).get(doc_id)
            if row is None or (rev is None and row.deleted and not deleted):
                return None
            return self._revision(connection, row, rev or row.rev)

    def leaves(self, doc_id: str) -> tuple[str, ...]:
        """The current revisions, the winner first; empty for an unknown document."""
        return leaves(self.tree(doc_id))

    def tree(self, doc_id: str) -> Tree:
        with self._reading() as connection:
            row = find_rows(connection, [doc_id]).get(doc_id)
        return row.full_tree() if row else {}

    def open_revs(self, doc_id: str, revs: Sequence[str] | Literal["all"], *, latest: bool = False) -> _Found:
        """The named revisions, or all leaves; with `latest`, the leaves that came of the named ones."""
        return self.read_revs([(doc_id, revs)], latest=latest)[0]

    def read_revs(
        self, wanted: Sequence[tuple[str, Sequence[str] | Literal["all"]]], *, latest: bool = False
    ) -> Sequence[_Found]:
        """`open_revs` for many documents at once (`_bulk_get`), in the order asked."""
        with self._reading() as connection:
            rows = find_rows(connection, dict.fromkeys(doc_id for doc_id, _ in wanted))
            return [self._open_revs(connection, rows.get(doc_id), doc_id, revs, latest) for doc_id, revs in wanted]

    def list(
        self,
        *,
        start: str = "",
        end: str = "\uffff",
        limit: int | None = None,
        descending: bool = False,
        deleted: bool = False,
    ) -> _Documents:
        """Winners with `start <= id <= end`, by id (`start` is the lower end in either direction)."""
        query = _WINNERS + "WHERE id >= ? AND id <= ?" + ("" if deleted else " AND deleted = 0")
        query += " ORDER BY id DESC LIMIT ?" if descending else " ORDER BY id LIMIT ?"
        with self._reading() as connection:
            records = connection.execute(query, (start, end, -1 if limit is None else limit)).fetchall()
        seal = self._seal
        return [_document(seal, row_of(record[:6]), record[2], record[6], record[7]) for record in records]

    def winners(self, ids: Iterable[str]) -> dict[str, Document]:
        """The winners of these documents, tombstones included; unknown ones are left out."""
        with self._reading() as connection:
            rows = find_rows(connection, dict.fromkeys(ids))
            found = ((doc_id, self._revision(connection, row, row.rev)) for doc_id, row in rows.items())
            return {doc_id: document for doc_id, document in found if document is not None}

    def changes(self, since: int = 0, *, limit: int | None = None, descending: bool = False) -> _Changes:
        """Each changed document once, at its latest sequence, after `since`; newest first if descending."""
        query = _DOCS + "WHERE seq > ? ORDER BY seq" + (" DESC" if descending else "") + " LIMIT ?"
        with self._reading() as connection:
            records = connection.execute(query, (since, -1 if limit is None else limit)).fetchall()
        return [
            Change(row.seq, row.id, leaves(row.tree) if row.tree else (row.rev,), row.deleted)
            for row in map(row_of, records)
        ]

    def pending(self, since: int) -> int:
        """How many changes come after this sequence."""
        with self._reading() as connection:
            last = connection.execute("SELECT coalesce(max(seq), 0) FROM docs").fetchone()[0]
            return self._count_after(connection, since, last)

    def _count_after(self, connection: sqlite3.Connection, since: int, last: int) -> int:
        """How many documents changed after `since`, `last` being the latest sequence.

        Counting is a walk over the rows, and a feed asks at every page: from what was counted before only the rows in
        between are walked. The same latest sequence means the same rows.
        """
        count = "SELECT count(*) FROM docs WHERE seq > ? AND seq <= ?"
        of, known = self._counted
        known = known if of == last else {}
        at, number = min([(last, 0), *known.items()], key=lambda pair: abs(pair[0] - since))
        between = int(connection.execute(count, sorted((at, since))).fetchone()[0])
        number += between if since < at else -between
        if connection is self._reader:  # what a transaction sees may yet be rolled back
            self._counted = (last, {place: known[place] for place in known if place == 0} | {since: number})
        return number

    def missing(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, Missing]:
        """What of this is not here, as `_revs_diff` answers; documents that lack nothing are left out."""
        with self._reading() as connection:
            rows = find_rows(connection, wanted)
        answer: dict[str, Missing] = {}
        for doc_id, revs in wanted.items():
            row = rows.get(doc_id)
            if row is None:
                absent = tuple(revs)
                ancestors: tuple[str, ...] = ()
            else:
                tree = row.full_tree()
                absent = tuple(rev for rev in revs if rev not in tree)
                ancestors = possible_ancestors(tree, absent)
            if absent:
                answer[doc_id] = Missing(absent, ancestors)
        return answer

    def attachment(self, digest: str) -> bytes:
        """A file's bytes; `NotFound` where no document here holds it."""
        with self._reading() as connection:
            found = connection.execute("SELECT data FROM blobs WHERE digest = ?", (digest,)).fetchone()
        if found is None:
            raise NotFound("Document is missing attachment")
        return self._opened(found[0], blob_place(digest))

    # Writing

    def put(
        self,
        doc_id: str,
        body: bytes,
        *,
        rev: str | None = None,
        deleted: bool = False,
        attachments: Mapping[str, Attachment] | None = None,
    ) -> str:
        """A new edit on top of `rev`, and its revision; `Conflict` if `rev` is not a current one."""
        with self.transaction() as connection:
            return self._put_in(
                connection, doc_id, body, rev=rev, deleted=deleted, attachments=attachments or NO_ATTACHMENTS
            )

    def put_many(self, documents: Iterable[Document]) -> _Results:
        """New edits on top of each one's `rev` ("" for none), in one transaction; what is refused is told
        in its place and does not hinder its neighbours.
        """
        edits = list(documents)
        with self.transaction() as connection:
            batch = self._batch(connection, dict.fromkeys(d.id for d in edits))
            results: _Results = []
            for document in edits:
                try:
                    results.append(batch.edit(document))
                except SyncError as refusal:
                    results.append(refusal)
            self._written_seq = batch.flush()
        return results

    def write(self, documents: Iterable[Document]) -> None:
        """Revisions made elsewhere (`new_edits=false`), all or none, in one transaction."""
        revisions = list(documents)
        ids = dict.fromkeys(d.id for d in revisions)
        with self.transaction() as connection:
            batch = self._batch(connection, ids, most_leaves=self.most_leaves)
            for document in revisions:
                batch.merge(document)
            self._written_seq = batch.flush()

    def _batch(self, connection: sqlite3.Connection, ids: Iterable[str], *, most_leaves: int | None = None) -> Batch:
        return Batch(
            connection,
            ids,
            revs_limit=self._revs_limit,
            most_leaves=most_leaves,
            keep_superseded=self.keeps_superseded,
            seal=self._seal,
        )

    def _put_in(
        self,
        connection: sqlite3.Connection,
        doc_id: str,
        body: bytes,
        *,
        rev: str | None = None,
        deleted: bool = False,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> str:
        if not doc_id:
            raise BadRequest("Document id must not be empty")
        batch = self._batch(connection, [doc_id])
        new = batch.edit(Document(doc_id, rev or "", body, deleted, attachments))
        self._written_seq = batch.flush()
        return new

    def compact(self) -> None:
        """Drops contents that are no current revision's, and gives the space back to the disk."""
        with self.transaction() as connection:
            for record in connection.execute(_DOCS + "WHERE tree IS NOT NULL").fetchall():
                row = row_of(record)
                tree = row.full_tree()
                stale = superseded(tree, keep_parents=False)
                drop_bodies(connection, [tree[rev].body for rev in stale])
                tree |= {rev: Node(tree[rev].parent, tree[rev].deleted, 0) for rev in stale}
                if stale:
                    connection.execute("UPDATE docs SET tree = ? WHERE seq = ?", (msgspec.json.encode(tree), row.seq))
        with self._write_lock, self._read_lock:
            self._writer.execute("VACUUM")
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # Inside

    def _open_revs(
        self,
        connection: sqlite3.Connection,
        row: Row | None,
        doc_id: str,
        revs: Sequence[str] | Literal["all"],
        latest: bool,  # noqa: FBT001
    ) -> _Found:
        tree: Tree = row.full_tree() if row else {}
        named = sorted(leaves(tree), key=generation) if revs == "all" else list(dict.fromkeys(revs))
        answer: dict[str, Document | MissingRev] = {}
        for rev in named:
            for found in (leaves_of(tree, rev) if latest else ()) or (rev,):
                document = self._revision(connection, row, found) if row else None
                answer.setdefault(found, document or MissingRev(doc_id, rev))
        return list(answer.values())

    def _revision(self, connection: sqlite3.Connection, row: Row, rev: str) -> Document | None:
        tree = row.full_tree()
        node = tree.get(rev)
        if node is None or not node.body:
            return None
        record = connection.execute("SELECT attachments, body FROM bodies WHERE num = ?", (node.body,)).fetchone()
        return _document(self._seal, row, rev, record[0], record[1]) if record else None


def _document(seal: Seal | None, row: Row, rev: str, attachments: bytes | None, body: bytes) -> Document:
    if seal is not None:
        body = seal.open(body, body_place(row.id, rev))
    if row.tree is None:
        return Document(row.id, rev, body, row.deleted, decode_attachments(attachments), (rev,))
    path = ancestry(row.tree, rev)
    return Document(row.id, rev, body, row.tree[rev].deleted, decode_attachments(attachments), path)
