"""Which cylinder a scan means, found in the unit's file itself: as quick with 100,000 cylinders as with ten.

The keys of each cylinder (number, tag, former tags, public token) lie hashed beside the documents, so that the sealed
file shows none of them. They are written with the documents, as these arrive: no scan waits for them.
"""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from sync.documents import decode_backend
from sync.documents.reference import Cylinder
from sync.store.store import Store

_TAG = "reference.cylinder:"
_NAME = "cylinder_index"
_STEPS = (
    (
        "CREATE TABLE cylinder_keys(key BLOB NOT NULL, doc TEXT NOT NULL, PRIMARY KEY(key, doc)) WITHOUT ROWID",
        "CREATE INDEX cylinder_keys_doc ON cylinder_keys(doc)",
    ),
)
_SEEN = "cylinder_index_seen"
_CHUNK = 2000
_KEY_BYTES = 16
# A number wins over another cylinder's tag, a tag over one that was replaced.
_KINDS = ("code", "tag", "token", "former")


def follow(store: Store) -> None:
    """From now on whatever is written to this file is found as soon as it is there."""
    store.extend(_NAME, _STEPS)
    store.on_written = lambda: _take_up(store)


def catch_up(store: Store) -> None:
    """Takes up what was written while nothing followed."""
    if int(store.get_meta(_SEEN) or 0) < store.update_seq:
        store.extend(_NAME, _STEPS)
        _take_up(store)


def _take_up(store: Store) -> None:
    """A transaction a chunk, so that a kill costs one chunk."""
    while True:
        seen = int(store.get_meta(_SEEN) or 0)
        changes = store.changes(seen, limit=_CHUNK)
        if not changes:
            return
        ids = [change.id for change in changes if change.id.startswith(_TAG)]
        rows = [(key, doc_id) for doc_id, cylinder in _read(store, ids) for key in _keys_of(cylinder)]
        with store.transaction() as connection:
            connection.executemany("DELETE FROM cylinder_keys WHERE doc = ?", [(doc_id,) for doc_id in ids])
            connection.executemany("INSERT OR IGNORE INTO cylinder_keys VALUES (?, ?)", rows)
            store.set_meta(_SEEN, str(changes[-1].seq))


def find(store: Store, wanted: str) -> Cylinder | None:
    """`wanted` in capitals; a public page's address counts by its last part."""
    catch_up(store)
    if store.get_meta(_SEEN) is None:
        return None
    value = wanted.rstrip("/").rpartition("/")[2] if "://" in wanted else wanted
    for kind in _KINDS:
        ids = store.select(
            "SELECT doc FROM cylinder_keys WHERE key = ? ORDER BY doc LIMIT 1", (_key(kind, _plain(kind, value)),)
        )
        for _, cylinder in _read(store, [row[0] for row in ids]):
            return cylinder
    return None


def _read(store: Store, ids: Iterable[str]) -> Iterator[tuple[str, Cylinder]]:
    for document in store.winners(ids).values():
        if document.deleted:
            continue
        try:
            found = decode_backend(document.id, document.body)
        except msgspec.MsgspecError:
            continue  # a newer server's shape: the rest stays of use
        if isinstance(found, Cylinder):
            yield document.id, found


def _keys_of(cylinder: Cylinder) -> Iterator[bytes]:
    named = (("code", cylinder.code), ("tag", cylinder.tag_uid), ("token", cylinder.public_token))
    for kind, value in (*named, *(("former", uid) for uid in cylinder.former_tags)):
        plain = _plain(kind, value.upper())
        if plain:
            yield _key(kind, plain)


def _plain(kind: str, value: str) -> str:
    # A tag's number is one number, with colons or without.
    return "".join(filter(str.isalnum, value)) if kind in ("tag", "former") else value.strip()


def _key(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}:{value}".encode()).digest()[:_KEY_BYTES]
