"""A power cut at any moment: what was told to be saved is there, whole, and the phone works on.

The store writes through SQLite as it always does; a recorder in SQLite's file layer writes down what reaches the disk
and when it is synced (`forgetful_disk`). Each test then cuts the power at hundreds of moments, lays out what the disk
may hold then, and opens it. It does not prove that a disk keeps what it says it has synced.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.documents.envelope import Moment, Record
from sync.documents.hazards import HazardReported
from sync.store.models import Attachment, Document
from sync.store.records import RecordStore
from tests.sync.store.forgetful_disk import Image, Recorder, images, quick_folder

KEY = bytes(range(16))
NAME = "user_li_20264.sqlite"
SEED = 20261123


def hazard(number: int, note: str) -> Record:
    return HazardReported(
        id=f"hazard.reported:{number}",
        schema_version=1,
        record_number=number,
        recorded=Moment(at=datetime(2026, 11, 23, tzinfo=UTC), boot_id="b", monotonic_s=1.0),
        staff_id="li",
        unit_id="u",
        device_id="d",
        hazard_type="exposed_pipe",
        note=note,
    )


def a_shift(recorder: Recorder, key: bytes | None) -> None:
    """Records, photos, drafts, pulled documents, states: each acknowledged when the call has returned."""
    chance = random.Random(SEED)
    store = RecordStore.open(recorder.folder / NAME, seal=key)
    with store.transaction() as connection:
        connection.execute("SELECT 1")
    store._writer.execute("PRAGMA wal_autocheckpoint=20")  # so that this short shift has many checkpoints
    for number in range(1, 13):
        note, photo = f"note {number}", chance.randbytes(chance.randint(1, 15_000))
        store.save_draft("hazard", note.encode(), {"1.jpg": photo[:3000]})
        recorder.acknowledge(("draft", number))
        store.append(
            lambda n, note=note: hazard(n, note),  # type: ignore[misc]
            attachments={"photo.jpg": ("image/jpeg", photo)},
            draft="hazard",
        )
        recorder.acknowledge(("record", number))
        if number % 5 == 0:
            store.write([Document(f"task:{number}:{n}", "1-a", b'{"n":%d}' % n) for n in range(5)])
            recorder.acknowledge(("tasks", number))
            store.mark_sent([f"hazard.reported:{n}" for n in range(number - 4, number)])
            recorder.acknowledge(("sent", number - 1))
    store.compact()
    store.append(lambda n: hazard(n, "last"))
    recorder.acknowledge(("record", 13))
    store.close()


def check(image: Image, folder: Path, key: bytes | None) -> None:
    image.lay_out(folder)
    store = RecordStore.open(folder / NAME, seal=key)
    with store.transaction() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], image.moment
    lines = {line.number: line for line in store.records(limit=1000)}
    told = {kind: [n for k, n in image.acknowledged if k == kind] for kind in ("record", "draft", "tasks", "sent")}
    last = max(told["record"], default=0)
    assert list(lines) in (list(range(last, 0, -1)), list(range(last + 1, 0, -1))), image.moment
    for number, line in lines.items():
        document = store.get(line.id)
        assert document is not None
        assert b'"note":"' in document.body
        for attachment in document.attachments.values():
            data = store.attachment(attachment.digest)
            assert Attachment.of("", data).digest == attachment.digest, image.moment
        assert line.state == "sent" or number not in {m for n in told["sent"] for m in range(n - 3, n + 1)}
    for number in told["tasks"]:
        assert len(store.winners([f"task:{number}:{n}" for n in range(5)])) == 5, image.moment
    draft = store.draft("hazard")
    if max(told["draft"], default=0) > len(lines):
        assert draft is not None, image.moment
        assert draft.body == b"note %d" % max(told["draft"])
    assert store.next_number() == len(lines) + 1
    store.append(lambda n: hazard(n, "after the cut"))
    store.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as path:
        yield path


@pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "clear"])
def test_what_was_told_to_be_saved_survives_a_power_cut_at_any_moment(folder: Path, key: bytes | None) -> None:
    with Recorder(folder / "phone") as recorder:
        a_shift(recorder, key)
    assert {event.kind for event in recorder.events} >= {"write", "sync", "truncate", "ack"}
    assert any(event.kind == "sync" and event.file == NAME for event in recorder.events)  # checkpoints
    cuts = 0
    for image in images(recorder, seed=SEED):
        check(image, folder / f"cut{cuts}", key)
        cuts += 1
    assert cuts > 100
