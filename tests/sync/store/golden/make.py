"""Writes a store file of this schema version as SQL, and all that it holds as JSON, for later versions to be held to.

`python tests/sync/store/golden/make.py NAME`, run once for each version before it is left: see sync/README.md. It uses
only calls that every version has.
"""

import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from sync.documents.envelope import Moment
from sync.documents.hazards import HazardReported
from sync.documents.receipts import Receipt, ReceiptEntry
from sync.store.models import Attachment, Document
from sync.store.records import RecordStore

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
KEY = bytes(range(16))


def fill(store: RecordStore) -> None:
    """Records in every state, with a photo, conflicts, a tombstone, drafts with and without photos."""
    for number in range(1, 8):
        store.append(
            lambda n: HazardReported(
                id=f"hazard.reported:{n}",
                schema_version=1,
                record_number=n,
                recorded=Moment(at=NOON, boot_id="b", monotonic_s=1.0),
                staff_id="li",
                unit_id="u",
                device_id="d",
                hazard_type="exposed_pipe",
                note=f"阀井积水 {n}",
            ),
            attachments={"photo.jpg": ("image/jpeg", b"jpeg" * 300)} if number == 2 else None,
        )
    store.mark_sent([f"hazard.reported:{number}" for number in (1, 2, 3, 4)])
    for number, state in ((1, "accepted"), (2, "waiting"), (3, "refused")):
        document = store.get(f"hazard.reported:{number}")
        assert document is not None
        entry = ReceiptEntry(
            record_id=document.id, rev=document.rev, state=state, code="c", reason_zh="原因", action_zh="怎么办"
        )
        at = NOON + timedelta(minutes=number)
        store.take_receipt(Receipt(id=f"receipt:{number}", device_id="d", issued_at=at, entries=(entry,)))
    store.park("hazard.reported:5", "too_large", "太大", action_zh="联系办公室")
    store.park("hazard.reported:6", "too_large", "太大")
    store.retry(["hazard.reported:6"])
    for rev in ("2-b", "2-c"):
        store.write([Document("task:1", rev, b'{"v":"%s"}' % rev.encode(), revisions=(rev, "1-a"))])
    gone = store.put("task:2", b'{"v":1}')
    store.put("task:2", b"{}", rev=gone, deleted=True)
    first = store.put("task:3", b'{"v":1}', attachments={"f": Attachment.of("text/plain", b"file")})
    store.put("task:3", b'{"v":2}', rev=first)
    store.save_draft("hazard", "草稿".encode(), {"1.jpg": b"one", "2.jpg": b"two" * 900})
    store.save_draft("patrol", b"{}")
    store.put_local("checkpoint", b'{"seq":7}')
    store.set_meta("office_news_seq", "3")


def contents(store: RecordStore) -> Any:
    """Everything that can be read, as plain values."""
    changes = store.changes()
    ids = [change.id for change in changes]
    documents = [d for found in store.read_revs([(doc_id, "all") for doc_id in ids]) for d in found]
    files = {att.digest for d in documents if isinstance(d, Document) for att in d.attachments.values()}
    lines = [msgspec.structs.asdict(line) for line in store.records(limit=1000)]
    for line in lines:  # the moment when it was made, and what later versions know besides
        for name in ("changed_at", "saved_at", "sent_at", "answered_at"):
            line.pop(name, None)
    found = {
        "uuid": store.uuid,
        "records": lines,
        "counts": store.counts(),
        "next": store.next_number(),
        "again": store.to_retry(),
        "changes": changes,
        "documents": documents,
        "files": {digest: store.attachment(digest) for digest in sorted(files)},
        "drafts": [(d.key, d.body, dict(d.blobs)) for key in ("hazard", "patrol") if (d := store.draft(key))],
        "local": store.get_local("checkpoint"),
        "meta": store.get_meta("office_news_seq"),
    }
    return msgspec.json.decode(msgspec.json.encode(found))


def main(name: str, *, sealed: bool) -> None:
    here = Path(__file__).parent
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        store = RecordStore.open(path, seal=KEY) if sealed else RecordStore.open(path)
        fill(store)
        expected = contents(store)
        store.close()
        raw = sqlite3.connect(path)
        pragmas = [
            f"PRAGMA {p}={raw.execute(f'PRAGMA {p}').fetchone()[0]};" for p in ("application_id", "user_version")
        ]
        (here / f"{name}.sql").write_text("\n".join([*pragmas, *raw.iterdump(), ""]), encoding="utf-8")
        raw.close()
    (here / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(expected)) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sealed="sealed" in sys.argv[1])
