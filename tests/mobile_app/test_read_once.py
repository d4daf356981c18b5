from collections.abc import Iterator
from pathlib import Path

import pytest

from mobile_app.read_once import ReadOnce
from sync.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "s.sqlite")
    yield opened
    opened.close()


def ids(reader: ReadOnce, store: Store) -> list[str]:
    return [document.id for document in reader.of(store)]


class TestReadOnce:
    def test_all_come_at_first_and_then_only_what_is_new(self, store: Store) -> None:
        for doc_id in ("a:1", "b:1", "ab:1", "c:1"):
            store.put(doc_id, b"{}")
        reader = ReadOnce(["a", "c"])
        assert ids(reader, store) == ["a:1", "c:1"]
        assert ids(reader, store) == []
        store.put("b:2", b"{}")
        rev = store.put("c:2", b"{}")
        assert ids(reader, store) == ["c:2"]
        store.put("c:2", b"{}", rev=rev, deleted=True)
        assert ids(reader, store) == []

    def test_more_than_one_page(self, store: Store) -> None:
        reader = ReadOnce(["a"])
        with store.transaction():
            for number in range(1100):
                store.put(f"a:{number:04}", b"{}")
        assert ids(reader, store) == [f"a:{number:04}" for number in range(1100)]
        with store.transaction():
            for number in range(1100, 1700):
                store.put(f"a:{number:04}", b"{}")
        assert ids(reader, store) == [f"a:{number:04}" for number in range(1100, 1700)]

    def test_what_is_written_while_it_reads_comes_too(self, store: Store) -> None:
        store.put("a:1", b"{}")
        reader = ReadOnce(["a"])
        found = []
        for document in reader.of(store):
            found.append(document.id)
            if len(found) == 1:
                store.put("a:0", b"{}")
        assert found == ["a:1", "a:0"]
        assert ids(reader, store) == []

    def test_a_reading_that_was_broken_off_begins_again(self, store: Store) -> None:
        for number in range(3):
            store.put(f"a:{number}", b"{}")
        reader = ReadOnce(["a"])
        next(reader.of(store))
        assert ids(reader, store) == ["a:0", "a:1", "a:2"]
