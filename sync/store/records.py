"""A phone's own records on top of its document store: numbers without a gap, what became of each, and drafts.

All in the store's SQLite file, so that number, document and state are one transaction. A record is never
dropped here: not when it was sent, not when it was refused.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from msgspec import Struct

from sync.documents.envelope import Record, encode_body, tag_of
from sync.documents.receipts import Receipt, ReceiptEntry
from sync.errors import SyncError
from sync.store.models import Attachment
from sync.store.seal import draft_file_place, draft_place
from sync.store.store import Store

# 已存, 已传, 已收 (both accepted and waiting), 退回.
RecordState = Literal["saved", "sent", "accepted", "waiting", "refused"]
_STATES: tuple[RecordState, ...] = get_args(RecordState)

# Where two receipts carry the same moment, the one that says more wins on every phone.
_FINALITY = "CASE state WHEN 'accepted' THEN 3 WHEN 'refused' THEN 2 WHEN 'waiting' THEN 1 ELSE 0 END"

_STEPS = (
    (
        """CREATE TABLE records(
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rev TEXT NOT NULL, tag TEXT NOT NULL,
            state TEXT NOT NULL, code TEXT NOT NULL DEFAULT '',
            reason_zh TEXT NOT NULL DEFAULT '', reason_en TEXT NOT NULL DEFAULT '',
            action_zh TEXT NOT NULL DEFAULT '', action_en TEXT NOT NULL DEFAULT '',
            photos_arrived INTEGER NOT NULL DEFAULT 0, changed_at REAL NOT NULL,
            receipt_at REAL NOT NULL DEFAULT 0, again INTEGER NOT NULL DEFAULT 0)""",
        "CREATE INDEX records_state ON records(state, number)",
        "CREATE INDEX records_again ON records(number) WHERE again = 1",
        "CREATE TABLE drafts(key TEXT PRIMARY KEY, body BLOB NOT NULL, changed_at REAL NOT NULL)",
        "CREATE TABLE draft_files(key TEXT, name TEXT, data BLOB NOT NULL, PRIMARY KEY(key, name))",
    ),
    (
        # When it reached each step, 0 where that is not known (yet).
        "ALTER TABLE records ADD COLUMN saved_at REAL NOT NULL DEFAULT 0",
        "ALTER TABLE records ADD COLUMN sent_at REAL NOT NULL DEFAULT 0",
        "UPDATE records SET saved_at = changed_at WHERE state = 'saved'",
        "UPDATE records SET sent_at = changed_at WHERE state = 'sent'",
    ),
    (
        # A list by type, and the numbers on the first screen, cost the same with 100,000 records as with ten.
        "CREATE INDEX records_tag ON records(tag, state, number)",
        "CREATE TABLE record_counts(state TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO record_counts SELECT state, count(*) FROM records GROUP BY state",
        """CREATE TRIGGER records_added AFTER INSERT ON records BEGIN
            INSERT INTO record_counts VALUES (NEW.state, 1) ON CONFLICT(state) DO UPDATE SET count = count + 1;
        END""",
        """CREATE TRIGGER records_moved AFTER UPDATE OF state ON records WHEN OLD.state <> NEW.state BEGIN
            UPDATE record_counts SET count = count - 1 WHERE state = OLD.state;
            INSERT INTO record_counts VALUES (NEW.state, 1) ON CONFLICT(state) DO UPDATE SET count = count + 1;
        END""",
        """CREATE TRIGGER records_removed AFTER DELETE ON records BEGIN
            UPDATE record_counts SET count = count - 1 WHERE state = OLD.state;
        END""",
    ),
)
_NEXT_NUMBER = "next_record_number"
_LINE = (
    "id, tag, number, state, code, reason_zh, reason_en, action_zh, action_en, changed_at, photos_arrived, saved_at,"
    " sent_at, receipt_at"
)


class RecordLine(Struct, frozen=True):
    """One record and what became of it; the words are the office's own.

    `saved_at` and `sent_at` are by this phone's clock, `answered_at` (the latest receipt) is by the office's.
    """

    id: str
    tag: str
    number: int
    state: RecordState
    code: str
    reason_zh: str
    reason_en: str
    action_zh: str
    action_en: str
    changed_at: datetime
    photos_arrived: int = 0
    saved_at: datetime | None = None
    sent_at: datetime | None = None
    answered_at: datetime | None = None


class Draft(Struct, frozen=True):
    """Work that is not submitted yet; `blobs` are its photos, by name (left out where drafts are listed)."""

    key: str
    body: bytes
    changed_at: datetime
    blobs: Mapping[str, bytes] = {}


class RecordStore(Store):
    """The store of one `user_` or `media_` database on the phone that records into it."""

    @classmethod
    def open(cls, path: Path, *, revs_limit: int | None = None, seal: bytes | None = None) -> "RecordStore":
        store = super().open(path, revs_limit=revs_limit, seal=seal)
        assert isinstance(store, RecordStore)
        try:
            store.extend("records", _STEPS)
        except SyncError:
            store.close()
            raise
        return store

    # Records

    def next_number(self) -> int:
        """The number that the next record will carry, counting from 1."""
        return int(self.get_meta(_NEXT_NUMBER) or 1)

    def seed_number(self, number: int) -> None:
        """Goes on counting at `number`, where a new quarter's file follows an older one; never backwards."""
        with self.transaction():
            self.set_meta(_NEXT_NUMBER, str(max(number, self.next_number())))

    def append(
        self,
        make: Callable[[int], Record],
        *,
        attachments: Mapping[str, tuple[str, bytes]] | None = None,
        draft: str = "",
    ) -> str:
        """Keeps the record that `make` builds around its number, and its revision; on the disk when it returns.

        `attachments`: name -> (content type, bytes). `draft` is the draft it was made from, dropped with it,
        so that a kill in between can neither lose nor double it. Raises `Conflict` for an id that is taken.
        """
        with self.transaction() as connection:
            number = self.next_number()
            record = make(number)
            if record.record_number != number:
                raise ValueError(f"the record carries number {record.record_number} instead of {number}")
            files = {name: Attachment.of(kind, data) for name, (kind, data) in (attachments or {}).items()}
            rev = self._put_in(connection, record.id, encode_body(record), attachments=files)
            connection.execute(
                "INSERT INTO records(number, id, rev, tag, state, changed_at, saved_at)"
                " VALUES (?1, ?2, ?3, ?4, 'saved', ?5, ?5)",
                (number, record.id, rev, tag_of(record.id), _now()),
            )
            self.set_meta(_NEXT_NUMBER, str(number + 1))
            if draft:
                self.drop_draft(draft)
        return rev

    def adopt(self, found: Iterable[tuple[str, int]]) -> int:
        """Takes records of this phone back that the hub still had, (id, record number); how many were not known here.

        A phone that was put back to an older copy of itself meets its own later records as the hub's documents. Its
        numbers go on after theirs. Where it has given a number again meanwhile, the one from the hub stands in the
        list under a number below zero: two rows cannot share one.
        """
        adopted = 0
        with self.transaction() as connection:
            for record_id, number in found:
                row = connection.execute("SELECT rev FROM docs WHERE id = ? AND deleted = 0", (record_id,)).fetchone()
                if row is None or self.own([record_id]):
                    continue
                taken = connection.execute("SELECT 1 FROM records WHERE number = ?", (number,)).fetchone()
                lowest = connection.execute("SELECT min(0, coalesce(min(number), 0)) FROM records").fetchone()[0]
                place = lowest - 1 if taken else number
                connection.execute(
                    "INSERT INTO records(number, id, rev, tag, state, changed_at, sent_at)"
                    " VALUES (?1, ?2, ?3, ?4, 'sent', ?5, ?5)",
                    (place, record_id, row[0], tag_of(record_id), _now()),
                )
                self.seed_number(number + 1)
                adopted += 1
        return adopted

    def records(
        self,
        *,
        states: Sequence[RecordState] | None = None,
        tags: Sequence[str] | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[RecordLine]:
        """The latest first; `before` is the number that the previous page ended with."""
        last = 2**62 if before is None else before
        picked: Sequence[tuple[str, ...]]
        # One search of an index for each: a query for several at once reads and sorts all that there are.
        if tags is not None:
            wanted = _STATES if states is None else states
            where, picked = "tag = ? AND state = ? AND", [(tag, state) for tag in set(tags) for state in set(wanted)]
        elif states is not None:
            where, picked = "state = ? AND", [(state,) for state in set(states)]
        else:
            where, picked = "", [()]
        query = f"SELECT {_LINE} FROM records WHERE {where} number < ? ORDER BY number DESC LIMIT ?"  # noqa: S608
        with self._reading() as connection:
            rows = [row for values in picked for row in connection.execute(query, (*values, last, limit)).fetchall()]
        if len(picked) > 1:
            rows.sort(key=lambda row: -int(row[2]))
            del rows[limit:]
        return [_line(row) for row in rows]

    def record(self, record_id: str) -> RecordLine | None:
        with self._reading() as connection:
            found = connection.execute("SELECT number FROM records WHERE id = ?", (record_id,)).fetchone()
        return self.records(limit=1, before=found[0] + 1)[0] if found else None

    def counts(self) -> dict[str, int]:
        """How many records are in each state, those with none among them."""
        with self._reading() as connection:
            rows = connection.execute("SELECT state, count FROM record_counts").fetchall()
        return dict.fromkeys(get_args(RecordState), 0) | dict(rows)

    def oldest_open_at(self) -> datetime | None:
        """When the oldest record was saved that has no answer yet, by this phone's clock."""
        query = "SELECT coalesce(nullif(saved_at, 0), changed_at) FROM records WHERE state = ? ORDER BY number LIMIT 1"
        with self._reading() as connection:
            found = [row[0] for state in ("saved", "sent") for row in connection.execute(query, (state,)).fetchall()]
        return datetime.fromtimestamp(min(found), UTC) if found else None

    def made_after(self, number: int, tag: str) -> list[str]:
        """The records of one type with a later number."""
        query = "SELECT number, id FROM records WHERE tag = ? AND state = ? AND number > ?"
        with self._reading() as connection:
            found = [row for state in _STATES for row in connection.execute(query, (tag, state, number)).fetchall()]
        return [record_id for _, record_id in sorted(found)]

    def count_types(self, states: Sequence[RecordState]) -> dict[str, int]:
        """How many records of each type are in these states."""
        # By this index alone: the planner would look every row up.
        query = "SELECT tag, state, count(*) FROM records INDEXED BY records_tag GROUP BY tag, state"
        found: dict[str, int] = {}
        with self._reading() as connection:
            for tag, state, number in connection.execute(query).fetchall():
                if state in states:
                    found[tag] = found.get(tag, 0) + number
        return found

    # What became of them

    def mark_sent(self, ids: Iterable[str]) -> None:
        """The hub holds these; what a receipt has said already stays."""
        now = _now()
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE records SET sent_at = ?1, changed_at = CASE state WHEN 'saved' THEN ?1 ELSE changed_at END,"
                " state = CASE state WHEN 'saved' THEN 'sent' ELSE state END"
                ", again = 0 WHERE id = ?2 AND (state = 'saved' OR sent_at = 0 OR again = 1)",
                [(now, record_id) for record_id in ids],
            )

    def take_receipt(self, receipt: Receipt) -> None:
        """What the backend says of records of this phone; the latest issued wins, in whatever order they come.

        The caller has verified the signature (`sync.signatures.read_signed`). An entry about another
        revision than the one recorded here is about somebody else's document and is passed over.
        """
        issued_at = receipt.issued_at.timestamp()
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE records SET state = ?1, code = ?2, reason_zh = ?3, reason_en = ?4, action_zh = ?5,"  # noqa: S608
                " action_en = ?6, photos_arrived = ?7, changed_at = ?8, receipt_at = ?9, again = 0"
                " WHERE id = ?10 AND rev = ?11 AND (receipt_at < ?9 OR (receipt_at = ?9 AND ?12 >= "
                f"{_FINALITY}))",
                [_receipt_row(entry, issued_at) for entry in receipt.entries],
            )

    def park(
        self,
        record_id: str,
        code: str,
        reason_zh: str,
        *,
        reason_en: str = "",
        action_zh: str = "",
        action_en: str = "",
    ) -> None:
        """The hub will not take this record: it stays here, shown as refused, and `retry` sends it again."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE records SET state = 'refused', code = ?, reason_zh = ?, reason_en = ?, action_zh = ?,"
                " action_en = ?, changed_at = ?, again = 0 WHERE id = ? AND receipt_at = 0",
                (code, reason_zh, reason_en, action_zh, action_en, _now(), record_id),
            )

    def retry(self, ids: Iterable[str]) -> None:
        """Sends parked records once more with the next push; what the backend itself refused stays refused."""
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE records SET state = 'saved', code = '', reason_zh = '', reason_en = '', action_zh = '',"
                " action_en = '', changed_at = ?, again = 1 WHERE id = ? AND state = 'refused' AND receipt_at = 0",
                [(_now(), record_id) for record_id in ids],
            )
        self.wake()

    def send_apart(self, ids: Iterable[str]) -> None:
        """The push may pass these by: each is sent with `to_retry` until the hub has it."""
        with self.transaction() as connection:
            connection.executemany("UPDATE records SET again = 1 WHERE id = ?", [(record_id,) for record_id in ids])

    def to_retry(self) -> list[str]:
        """Records that the push has passed by already and that are to be sent once more."""
        with self._reading() as connection:
            rows = connection.execute("SELECT id FROM records WHERE again = 1 ORDER BY number").fetchall()
        return [row[0] for row in rows]

    def own(self, ids: Iterable[str]) -> set[str]:
        """Which of these were recorded on this phone: only those are pushed."""
        with self._reading() as connection:
            found = (connection.execute("SELECT id FROM records WHERE id = ?", (doc_id,)).fetchone() for doc_id in ids)
            return {row[0] for row in found if row}

    # Drafts: never replicated

    def save_draft(self, key: str, body: bytes, blobs: Mapping[str, bytes] | None = None) -> None:
        """Keeps unfinished work across a kill. `blobs` is the whole set of its photos; None leaves them alone."""
        with self.transaction() as connection:
            sealed = self._sealed(body, draft_place(key))
            connection.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?)", (key, sealed, _now()))
            if blobs is None:
                return
            known = self._draft_files(connection, key)
            # An unchanged photo is not written again: a draft is saved every few seconds.
            gone = [(key, name) for name, data in known.items() if blobs.get(name) != data]
            connection.executemany("DELETE FROM draft_files WHERE key = ? AND name = ?", gone)
            new = [(key, name, data) for name, data in blobs.items() if known.get(name) != data]
            connection.executemany(
                "INSERT INTO draft_files VALUES (?, ?, ?)",
                [(key, name, self._sealed(data, draft_file_place(key, name))) for key, name, data in new],
            )

    def draft(self, key: str) -> Draft | None:
        with self._reading() as connection:
            row = connection.execute("SELECT body, changed_at FROM drafts WHERE key = ?", (key,)).fetchone()
            files = self._draft_files(connection, key)
        if row is None:
            return None
        return Draft(key, self._opened(row[0], draft_place(key)), datetime.fromtimestamp(row[1], UTC), files)

    def drafts(self) -> list[Draft]:
        """All drafts by key, without their photos."""
        with self._reading() as connection:
            rows = connection.execute("SELECT key, body, changed_at FROM drafts ORDER BY key").fetchall()
        return [Draft(k, self._opened(body, draft_place(k)), datetime.fromtimestamp(at, UTC)) for k, body, at in rows]

    def drop_draft(self, key: str) -> None:
        with self.transaction() as connection:
            connection.execute("DELETE FROM drafts WHERE key = ?", (key,))
            connection.execute("DELETE FROM draft_files WHERE key = ?", (key,))

    def _draft_files(self, connection: sqlite3.Connection, key: str) -> dict[str, bytes]:
        rows = connection.execute("SELECT name, data FROM draft_files WHERE key = ?", (key,))
        return {name: self._opened(data, draft_file_place(key, name)) for name, data in rows.fetchall()}


def _line(row: Sequence[Any]) -> RecordLine:
    *words, changed_at, photos_arrived, saved_at, sent_at, receipt_at = row
    steps = [datetime.fromtimestamp(at, UTC) if at else None for at in (saved_at, sent_at, receipt_at)]
    fields = [*words, datetime.fromtimestamp(changed_at, UTC), photos_arrived, *steps]
    return RecordLine(*fields)


def _receipt_row(entry: ReceiptEntry, issued_at: float) -> tuple[object, ...]:
    finality = {"accepted": 3, "refused": 2, "waiting": 1}[entry.state]
    words = (entry.code, entry.reason_zh, entry.reason_en, entry.action_zh, entry.action_en)
    return entry.state, *words, entry.photos_arrived, _now(), issued_at, entry.record_id, entry.rev, finality


def _now() -> float:
    return datetime.now(UTC).timestamp()
