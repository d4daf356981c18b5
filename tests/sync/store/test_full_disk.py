"""A disk that is full in the middle of any call: it is said, nothing is half written, and the phone goes on later."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync.errors import StoreError
from sync.store.records import RecordStore
from tests.sync.store.forgetful_disk import Recorder, quick_folder
from tests.sync.store.test_power_cut import hazard

PHOTO = bytes(range(256)) * 200


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as path:
        yield path


def record(store: RecordStore) -> None:
    store.append(lambda n: hazard(n, "note"), attachments={"photo.jpg": ("image/jpeg", PHOTO)}, draft="hazard")


def refused_with(work: Callable[[], object]) -> StoreError | None:
    try:
        work()
    except StoreError as error:
        return error
    return None


def test_whichever_write_finds_no_room_the_record_is_there_whole_or_refused(folder: Path) -> None:
    with Recorder(folder / "phone") as recorder:
        store = RecordStore.open(folder / "phone" / "s.sqlite")
        refused = 0
        while True:
            store.save_draft("hazard", b"draft")
            before = store.counts()["saved"]
            recorder.room = refused
            refusal = refused_with(lambda: record(store))
            recorder.room = None
            if refusal is None:
                break
            assert (refusal.error, refusal.reason[:16]) == ("disk_full", "The disk is full")
            refused += 1
            assert store.counts()["saved"] == before == store.next_number() - 1
            assert store.draft("hazard") is not None
        assert refused > 10
        assert store.counts()["saved"] == 1
        assert store.draft("hazard") is None
        with store.transaction() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        store.close()
    store = RecordStore.open(folder / "phone" / "s.sqlite")
    assert store.counts()["saved"] == 1
    store.close()


def test_a_file_that_may_not_grow_says_so_and_reads_on(folder: Path) -> None:
    store = RecordStore.open(folder / "s.sqlite")
    record(store)
    with store.transaction() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="disk is full"):
        store.save_draft("hazard", PHOTO)
    assert store.draft("hazard") is None
    assert [line.number for line in store.records()] == [1]
    with store.transaction() as connection:
        connection.execute("PRAGMA max_page_count=1000000")
    record(store)
    assert [line.number for line in store.records()] == [2, 1]
    store.close()


def test_a_full_disk_at_the_opening_leaves_a_file_that_opens_later(folder: Path) -> None:
    """New, or clear and to be sealed."""
    for room in range(40):
        path = folder / f"phone{room}" / "s.sqlite"
        with Recorder(path.parent) as recorder:
            recorder.room = room
            for key in (None, bytes(16)):
                refusal = refused_with(lambda: RecordStore.open(path, seal=key).close())  # noqa: B023
                assert refusal is None or refusal.error == "disk_full"
        store = RecordStore.open(path, seal=bytes(16))
        record(store)
        assert store.counts()["saved"] == 1
        store.close()


LIMITED = """
import resource, sys
from pathlib import Path
from sync.errors import StoreError
from sync.store.store import Store

resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
store = Store.open(Path(sys.argv[1]))
kept = 0
try:
    for number in range(1000):
        store.put(str(number), b'{"x":"%s"}' % (b"x" * 5000))
        kept += 1
except StoreError as error:
    assert error.error in ("disk_full", "store_error"), error.error
    assert store.info().doc_count == kept
    assert store.get(str(kept - 1)) is not None
    print(kept)
"""


def test_what_the_operating_system_refuses_to_write_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "limited.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    kept = int(done.stdout)
    assert 0 < kept < 200
    store = RecordStore.open(path)
    assert store.info().doc_count == kept
    record(store)
    store.close()
