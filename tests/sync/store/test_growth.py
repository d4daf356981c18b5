"""What a phone does all day costs as much with many documents as with few: in SQLite's own steps, not in time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync.documents.hazards import HazardReported
from sync.store.records import RecordStore
from tests.sync.store.test_records import WHO

FEW, MANY = 250, 5000
# A B-tree that is a level deeper costs a few steps more; a walk over all rows would cost twenty times as many.
GROWTH = 1.2


def made(count: int, folder: Path) -> RecordStore:
    store = RecordStore.open(folder / f"{count}.sqlite")
    with store.transaction():
        for number in range(1, count + 1):
            doc_id = "rare:1" if number == count // 2 else f"h:{number:06}"
            store.append(lambda n, doc_id=doc_id: HazardReported(id=doc_id, record_number=n, hazard_type="x", **WHO))  # type: ignore[misc]
    store.mark_sent([f"h:{number:06}" for number in range(1, count - 50)])
    store.park("h:000003", "too_large", "太大")
    return store


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RecordStore]]:
    folder = tmp_path_factory.mktemp("growth")
    both = [made(FEW, folder), made(MANY, folder)]
    yield both
    for store in both:
        store.close()


def steps(store: RecordStore, work: Callable[[RecordStore], object]) -> int:
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    for connection in (store._reader, store._writer):
        connection.set_progress_handler(count, 1)
    try:
        work(store)
    finally:
        for connection in (store._reader, store._writer):
            connection.set_progress_handler(None, 0)
    return counted


def last_id(store: RecordStore) -> str:
    return f"h:{store.update_seq:06}"


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda s: s.records(limit=50), id="first list"),
        pytest.param(lambda s: s.records(limit=50, before=s.update_seq - 60), id="next page"),
        pytest.param(lambda s: s.records(states=("refused",)), id="what came back"),
        pytest.param(lambda s: s.records(states=("saved", "refused"), limit=20), id="two states"),
        pytest.param(lambda s: s.records(tags=("rare", "patrol.started")), id="rare types"),
        pytest.param(lambda s: s.records(tags=("h",), states=("sent",), limit=20), id="type and state"),
        pytest.param(lambda s: s.counts(), id="counts"),
        pytest.param(lambda s: s.record(last_id(s)), id="one record"),
        pytest.param(lambda s: s.get(last_id(s)), id="get"),
        pytest.param(lambda s: s.list(start="h:000100", limit=20), id="page of documents"),
        pytest.param(lambda s: s.list(start="task.", end="task.\uffff"), id="none of a type"),
        pytest.param(lambda s: s.changes(s.update_seq - 10), id="changes"),
        pytest.param(lambda s: s.pending(s.update_seq - 10), id="pending"),
        pytest.param(lambda s: s.missing({last_id(s): ["1-a"], "x": ["1-a"]}), id="revs_diff"),
        pytest.param(lambda s: s.own([last_id(s), "x"]), id="own"),
        pytest.param(lambda s: s.to_retry(), id="to retry"),
        pytest.param(lambda s: s.draft("hazard"), id="draft"),
        pytest.param(lambda s: s.put(f"new:{s.update_seq}", b"{}"), id="put"),
        pytest.param(lambda s: s.mark_sent([last_id(s)]), id="mark sent"),
    ],
)
def test_the_cost_does_not_grow(stores: list[RecordStore], work: Callable[[RecordStore], object]) -> None:
    few, many = (steps(store, work) for store in stores)
    assert few > 0
    assert many <= few * GROWTH + 10


def test_paging_through_the_feed_counts_each_document_once_or_twice(stores: list[RecordStore]) -> None:
    def page_through(store: RecordStore) -> None:
        seq = 0
        while changes := store.changes(seq, limit=25):
            seq = changes[-1].seq
            assert store.pending(seq) == store.update_seq - seq  # nothing was ever edited here

    few, many = (steps(store, page_through) for store in stores)
    assert many / few <= MANY / FEW * GROWTH


def test_what_is_pending_stays_right_while_documents_move_and_places_jump(tmp_path: Path) -> None:
    store = RecordStore.open(tmp_path / "s.sqlite")
    revs = {}
    for number in range(30):
        revs[number] = store.put(str(number), b"{}")
    for turn in range(60):
        since = turn * 17 % (store.update_seq + 3)
        seqs = [change.seq for change in store.changes()]
        assert store.pending(since) == sum(seq > since for seq in seqs)
        assert store.info().doc_count == 30
        if turn % 3 == 0:
            number = turn % 30
            revs[number] = store.put(str(number), b'{"n":%d}' % turn, rev=revs[number])
        if turn % 7 == 0:
            with pytest.raises(ZeroDivisionError):
                undone(store)
    store.close()


def undone(store: RecordStore) -> None:
    with store.transaction():
        store.put("undone", b"{}")
        assert store.pending(0) == 31
        raise ZeroDivisionError
