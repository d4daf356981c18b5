"""Writing revisions: rows are read once, merged in memory, and written together at the end."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec
from msgspec import Struct

from sync.errors import BadRequest, Conflict, MissingStub, TooLarge
from sync.merge import (
    Node,
    Tree,
    check_path,
    check_revision,
    generation,
    grow,
    leaves,
    stem,
    superseded,
)
from sync.store.models import Attachment, Document
from sync.store.seal import OVERHEAD_BYTES, Seal, blob_place, body_place

# SQLite 3.32 and later take 32,766 parameters; smaller statements prepare faster and cache well.
IDS_PER_QUERY = 500

_TREE = msgspec.json.Decoder(Tree)
_ATTACHMENTS = msgspec.json.Decoder(dict[str, Attachment])


class Row(Struct):
    """One document's row; `tree` is None for a single revision without a past."""

    seq: int
    id: str
    rev: str
    deleted: bool
    body: int
    tree: Tree | None

    def full_tree(self) -> Tree:
        return self.tree or {self.rev: Node(None, self.deleted, self.body)}


def row_of(record: Sequence[object]) -> Row:
    """From `SELECT seq, id, rev, deleted, body, tree FROM docs`."""
    seq, doc_id, rev, deleted, body, tree = record
    return Row(
        seq,  # type: ignore[arg-type]
        doc_id,  # type: ignore[arg-type]
        rev,  # type: ignore[arg-type]
        bool(deleted),
        body,  # type: ignore[arg-type]
        _TREE.decode(tree) if tree else None,  # type: ignore[arg-type]
    )


def find_rows(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for chunk in _chunks(ids):
        marks = ",".join("?" * len(chunk))
        query = f"SELECT seq, id, rev, deleted, body, tree FROM docs WHERE id IN ({marks})"  # noqa: S608 (marks)
        for record in connection.execute(query, chunk):
            rows[record[1]] = row_of(record)
    return rows


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(ids)
    while chunk := list(islice(iterator, IDS_PER_QUERY)):
        yield chunk


def decode_attachments(raw: bytes | None) -> dict[str, Attachment]:
    return _ATTACHMENTS.decode(raw) if raw else {}


class Batch:
    """Revisions on their way into the file, within the caller's transaction.

    Every revision takes a sequence; a document shows in `_changes` at its latest one.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        ids: Iterable[str],
        *,
        revs_limit: int,
        most_leaves: int | None = None,
        keep_superseded: bool = False,
        seal: Seal | None = None,
    ) -> None:
        self._connection = connection
        self._seal = seal
        self._revs_limit = revs_limit
        self._most_leaves = most_leaves
        self._keep_superseded = keep_superseded
        self._rows = find_rows(connection, ids)
        self._seq = int(connection.execute("SELECT coalesce(max(seq), 0) FROM docs").fetchone()[0])
        self._moved: list[tuple[int]] = []  # sequences that are left behind
        self._touched: dict[str, Row] = {}
        self._bodies: list[tuple[int, bytes | None, bytes]] = []
        self._dropped: list[int] = []

    def edit(self, document: Document) -> str:
        """A new edit on top of `document.rev` ("" for a new document): its revision, or `Conflict`."""
        parent = self._parent_of(document)
        number = generation(parent) + 1 if parent else 1
        attachments = self._take_attachments(document, number, stubs_from=parent)
        rev = f"{number}-{_revision_id(parent, document, attachments)}"
        self._add(document, rev, (rev, parent) if parent else (rev,), attachments)
        return rev

    def merge(self, document: Document) -> None:
        """A revision made elsewhere, with its history; nothing happens where it is known already."""
        path = document.revisions or (document.rev,)
        if path[0] != document.rev:
            raise BadRequest("Document has _rev and _revisions that disagree")
        check_path(path)
        row = self._rows.get(document.id)
        if row is not None and document.rev in row.full_tree():
            return
        attachments = self._take_attachments(document, generation(document.rev), stubs_from=None)
        self._add(document, document.rev, path, attachments)

    def flush(self) -> int:
        """Writes everything; the latest sequence."""
        execute = self._connection.executemany
        execute("DELETE FROM docs WHERE seq = ?", self._moved)
        execute(
            "INSERT INTO docs(seq, id, rev, deleted, body, tree) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (r.seq, r.id, r.rev, r.deleted, r.body, None if r.tree is None else msgspec.json.encode(r.tree))
                for r in self._touched.values()
            ],
        )
        execute("INSERT INTO bodies(num, attachments, body) VALUES (?, ?, ?)", self._bodies)
        drop_bodies(self._connection, self._dropped)
        return self._seq

    def _parent_of(self, document: Document) -> str:
        row = self._rows.get(document.id)
        if row is None:
            if document.rev:
                raise Conflict
            return ""
        if document.rev:
            check_revision(document.rev)
            if document.rev not in leaves(row.full_tree()):
                raise Conflict
            return document.rev
        # Only a deleted document may be written again without naming a revision.
        if not row.deleted or document.deleted:
            raise Conflict
        return row.rev

    def _add(self, document: Document, rev: str, path: Sequence[str], attachments: Mapping[str, Attachment]) -> None:
        self._seq += 1
        row = self._rows.get(document.id)
        if row is None and len(path) == 1:
            row = Row(self._seq, document.id, rev, document.deleted, self._seq, None)
        else:
            tree = row.full_tree() if row else {}
            tree = grow(tree, path[: self._revs_limit], deleted=document.deleted, body=self._seq)
            if row is not None and row.id not in self._touched:
                self._moved.append((row.seq,))
            row = self._row_from(document.id, tree)
        self._rows[document.id] = self._touched[document.id] = row
        body = document.body
        if self._seal is not None:
            body = self._seal.seal(body, body_place(document.id, rev))
        self._bodies.append((self._seq, self._store_attachments(attachments), body))

    def _row_from(self, doc_id: str, tree: Tree) -> Row:
        stemmed = stem(tree, self._revs_limit)
        self._dropped += [node.body for rev, node in tree.items() if node.body and rev not in stemmed]
        for rev in () if self._keep_superseded else superseded(stemmed, keep_parents=True):
            self._dropped.append(stemmed[rev].body)
            stemmed[rev] = Node(stemmed[rev].parent, stemmed[rev].deleted, 0)
        tips = leaves(stemmed)
        if self._most_leaves is not None and len(tips) > self._most_leaves:
            raise TooLarge(f"{doc_id[:100]} has too many conflicting revisions")
        winner = tips[0]
        node = stemmed[winner]
        return Row(self._seq, doc_id, winner, node.deleted, node.body, stemmed)

    def _take_attachments(self, document: Document, number: int, *, stubs_from: str | None) -> Mapping[str, Attachment]:
        """What the revision will carry; a stub must name a file that is here already."""
        taken: dict[str, Attachment] = {}
        for name, attachment in document.attachments.items():
            if attachment.data is not None:
                taken[name] = msgspec.structs.replace(attachment, revpos=attachment.revpos or number)
                continue
            known = self._known_attachment(document.id, name, attachment, stubs_from)
            if known is None:
                raise MissingStub(f"Invalid attachment stub in {document.id} for {name}")
            taken[name] = known
        return taken

    def _known_attachment(self, doc_id: str, name: str, stub: Attachment, parent: str | None) -> Attachment | None:
        if parent is None:
            found = self._connection.execute(
                "SELECT length(data) FROM blobs WHERE digest = ?", (stub.digest,)
            ).fetchone()
            over = OVERHEAD_BYTES if self._seal is not None else 0
            return msgspec.structs.replace(stub, length=int(found[0]) - over) if found else None
        row = self._rows.get(doc_id)
        if row is None or not parent:
            return None
        number = row.full_tree()[parent].body
        pending = next((raw for num, raw, _ in self._bodies if num == number), None)
        if pending is None:
            record = self._connection.execute("SELECT attachments FROM bodies WHERE num = ?", (number,)).fetchone()
            pending = record[0] if record else None
        known = decode_attachments(pending).get(name)
        # As in CouchDB: the parent's file of that name, unless the stub says that it means another one.
        same = known is not None and (stub.digest == known.digest or stub.revpos in {0, known.revpos})
        return known if same else None

    def _store_attachments(self, attachments: Mapping[str, Attachment]) -> bytes | None:
        if not attachments:
            return None
        for attachment in attachments.values():
            if attachment.data is not None:
                self._store_blob(attachment.digest, attachment.data)
            self._connection.execute("INSERT OR IGNORE INTO holds VALUES (?, ?)", (self._seq, attachment.digest))
        stubs = {name: msgspec.structs.replace(att, data=None) for name, att in attachments.items()}
        return msgspec.json.encode(stubs)

    def _store_blob(self, digest: str, data: bytes) -> None:
        if self._seal is not None:
            if self._connection.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchone():
                return
            data = self._seal.seal(data, blob_place(digest))
        self._connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, data))


def drop_bodies(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Deletes contents, and the files that nothing holds any more."""
    if not numbers:
        return
    keys = [(number,) for number in numbers]
    digests = {
        record[0] for key in keys for record in connection.execute("SELECT digest FROM holds WHERE body = ?", key)
    }
    connection.executemany("DELETE FROM bodies WHERE num = ?", keys)
    connection.executemany("DELETE FROM holds WHERE body = ?", keys)
    connection.executemany(
        "DELETE FROM blobs WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM holds WHERE digest = ?1)",
        [(digest,) for digest in digests],
    )


def _revision_id(parent: str, document: Document, attachments: Mapping[str, Attachment]) -> str:
    """The same edit on the same parent has the same id wherever it is made, so it is no conflict."""
    digest = hashlib.md5(usedforsecurity=False)
    files = sorted((name, att.digest, att.content_type) for name, att in attachments.items())
    digest.update(msgspec.json.encode((parent, document.deleted, files)))
    digest.update(document.body)
    return digest.hexdigest()
