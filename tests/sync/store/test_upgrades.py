"""A file of any earlier version opens with all that it held, cut off at whatever moment; a newer one is left alone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sync.errors import StoreError
from sync.store import records, schema
from sync.store.records import RecordStore
from tests.sync.store.forgetful_disk import Recorder, images, quick_folder
from tests.sync.store.golden.make import KEY, contents

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.sql"))


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as path:
        yield path


def lay_out(name: str, path: Path) -> None:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.executescript((GOLDEN / f"{name}.sql").read_text(encoding="utf-8"))
    connection.close()


def key_for(name: str) -> bytes | None:
    return KEY if "sealed" in name else None


def check(path: Path, name: str, key: bytes | None) -> None:
    store = RecordStore.open(path, seal=key)
    try:
        expected = msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes())
        assert contents(store) == expected
        number = store.next_number()
        store.put("after", b"{}")
        assert store.next_number() == number
    finally:
        store.close()


def test_each_version_has_its_golden_file() -> None:
    """Also this one: once it is left, its code is no longer there to write it."""
    versions = {tuple(int(part.lstrip("storecd")) for part in name.split("_")[:2]) for name in NAMES}
    assert {store for store, _ in versions} == set(range(1, len(schema.MIGRATIONS) + 1))
    assert {own for _, own in versions} == set(range(1, len(records._STEPS) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_there_after_the_upgrade(folder: Path, name: str) -> None:
    lay_out(name, folder / "phone" / "s.sqlite")
    for _ in range(2):
        store = RecordStore.open(folder / "phone" / "s.sqlite", seal=key_for(name))
        store.close()
    check(folder / "phone" / "s.sqlite", name, key_for(name))


@pytest.mark.parametrize("name", [name for name in NAMES if "sealed" not in name])
def test_it_is_sealed_on_the_way_where_there_is_a_key(folder: Path, name: str) -> None:
    lay_out(name, folder / "phone" / "s.sqlite")
    check(folder / "phone" / "s.sqlite", name, KEY)
    with pytest.raises(StoreError, match="sealed"):
        RecordStore.open(folder / "phone" / "s.sqlite")


@pytest.mark.parametrize(
    ("name", "key"), [(NAMES[0], None), (NAMES[0], KEY), (NAMES[-1], KEY)], ids=["clear", "and sealed", "sealed before"]
)
def test_a_power_cut_in_the_middle_of_an_upgrade_loses_nothing(folder: Path, name: str, key: bytes | None) -> None:
    lay_out(name, folder / "phone" / "s.sqlite")
    with Recorder(folder / "phone") as recorder:
        RecordStore.open(folder / "phone" / "s.sqlite", seal=key).close()
    for number, image in enumerate(images(recorder, seed=1, every=3)):
        image.lay_out(folder / f"cut{number}")
        check(folder / f"cut{number}" / "s.sqlite", name, key)


@pytest.mark.parametrize(
    "statement",
    [f"PRAGMA user_version={len(schema.MIGRATIONS) + 1}", "UPDATE extensions SET version = 99 WHERE name = 'records'"],
)
def test_a_newer_file_is_refused_and_left_as_it_is(folder: Path, statement: str) -> None:
    path = folder / "phone" / "s.sqlite"
    lay_out(NAMES[-1], path)
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute(statement)
    raw.commit()
    raw.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer version") as refusal:
        RecordStore.open(path, seal=key_for(NAMES[-1]))
    assert refusal.value.error == "newer_version"
    assert path.read_bytes() == before
