"""What lies sealed tells nothing, opens with its own key alone, and a clear file is sealed without losing anything."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.errors import StoreError
from sync.store import seal as sealing
from sync.store.models import Attachment, Document
from sync.store.records import RecordStore
from sync.store.store import Store

KEY = bytes(range(16))
OTHER_KEY = bytes(16)
MARK = "井盖下有异味-4711".encode()
PHOTO = MARK * 10_000  # larger than a page many times over


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "phone" / "user_li_20264.sqlite"


@pytest.fixture
def sealed(path: Path) -> Iterator[RecordStore]:
    store = RecordStore.open(path, seal=KEY)
    yield store
    store.close()


def fill(store: RecordStore) -> dict[str, Any]:
    """Every kind of content that a phone keeps: edited, in conflict, deleted, with photos, drafts."""
    first = store.put("hazard:1", b'{"note":"%s 1"}' % MARK, attachments={"p": Attachment.of("image/jpeg", PHOTO)})
    attached = store.winners(["hazard:1"])["hazard:1"].attachments
    store.put(
        "hazard:1",
        b'{"note":"%s 2"}' % MARK,
        rev=first,
        attachments=attached,
    )
    for rev in ("2-b", "2-c"):
        store.write([Document("hazard:2", rev, b'{"note":"%s %s"}' % (MARK, rev.encode()), revisions=(rev, "1-a"))])
    gone = store.put("hazard:3", b'{"note":"%s 3"}' % MARK)
    store.put("hazard:3", b'{"why":"%s"}' % MARK, rev=gone, deleted=True)
    for number in range(12):
        store.put(f"plain:{number}", b'{"note":"%s %d"}' % (MARK, number))
    store.save_draft("hazard", b"%s draft" % MARK, {"1.jpg": PHOTO + b"1", "2.jpg": b"two"})
    store.put_local("checkpoint", b'{"seq":7}')
    return contents(store)


def contents(store: RecordStore) -> dict[str, Any]:
    """All that can be read."""
    ids = [change.id for change in store.changes()]
    draft = store.draft("hazard")
    assert draft is not None
    return {
        "changes": store.changes(),
        "leaves": store.read_revs([(doc_id, "all") for doc_id in ids]),
        "winners": store.winners(ids),
        "list": store.list(),
        "photo": store.attachment(Attachment.of("", PHOTO).digest),
        "draft": (draft.body, draft.blobs, [d.body for d in store.drafts()]),
        "local": store.get_local("checkpoint"),
        "uuid": store.uuid,
        "old": store.get("hazard:1", store.winners(["hazard:1"])["hazard:1"].revisions[1]),
    }


def bytes_on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


class TestSealed:
    def test_no_content_is_readable_in_the_files_and_all_is_read_back(self, sealed: RecordStore, path: Path) -> None:
        kept = fill(sealed)
        assert MARK not in bytes_on_disk(path)  # the log included
        sealed.close()
        assert MARK not in bytes_on_disk(path)
        again = RecordStore.open(path, seal=KEY)
        assert contents(again) == kept
        again.close()

    def test_it_says_the_same_as_a_clear_one(self, sealed: RecordStore, tmp_path: Path) -> None:
        clear = RecordStore.open(tmp_path / "clear.sqlite")
        one, two = fill(sealed), fill(clear)
        clear.close()
        assert {**one, "uuid": ""} == {**two, "uuid": ""}

    def test_a_photo_that_is_here_already_keeps_its_length_as_a_stub(self, sealed: RecordStore) -> None:
        photo = Attachment.of("image/jpeg", PHOTO)
        sealed.put("photo:1", b"{}", attachments={"p": photo})
        stub = Attachment("image/jpeg", photo.digest, 0, 1)
        sealed.write([Document("photo:2", "1-a", b"{}", attachments={"p": stub})])
        document = sealed.get("photo:2")
        assert document is not None
        assert document.attachments["p"].length == len(PHOTO)

    def test_an_unchanged_photo_of_a_draft_is_not_written_again(self, sealed: RecordStore) -> None:
        sealed.save_draft("hazard", b"{}", {"1.jpg": PHOTO})
        with sealed.transaction() as connection:
            [before] = connection.execute("SELECT data FROM draft_files").fetchall()
        sealed.save_draft("hazard", b'{"a":1}', {"1.jpg": PHOTO})
        with sealed.transaction() as connection:
            assert connection.execute("SELECT data FROM draft_files").fetchall() == [before]


class TestKey:
    @pytest.mark.parametrize(("key", "error"), [(None, "no_key"), (OTHER_KEY, "wrong_key")])
    def test_without_its_key_a_file_is_refused_and_left_as_it_is(
        self, sealed: RecordStore, path: Path, key: bytes | None, error: str
    ) -> None:
        kept = fill(sealed)
        sealed.close()
        before = bytes_on_disk(path)
        with pytest.raises(StoreError, match="sealed") as refusal:
            RecordStore.open(path, seal=key)
        assert refusal.value.error == error
        assert bytes_on_disk(path) == before
        again = RecordStore.open(path, seal=KEY)
        assert contents(again) == kept
        again.close()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE bodies SET body = (SELECT body FROM bodies WHERE num = 2) WHERE num = 1",
            "UPDATE docs SET body = 2 WHERE id = 'a'",
            "UPDATE docs SET rev = (SELECT rev FROM docs WHERE id = 'b') WHERE id = 'a'",
            "UPDATE bodies SET body = substr(body, 1, 20) WHERE num = 1",
            "UPDATE bodies SET body = x'00' WHERE num = 1",
        ],
    )
    def test_a_content_in_another_place_is_noticed(self, sealed: RecordStore, statement: str) -> None:
        sealed.put("a", b'{"n":1}')
        sealed.put("b", b'{"n":2}')
        with sealed.transaction() as connection:
            connection.execute(statement)
        with pytest.raises(StoreError, match="altered"):
            sealed.get("a")
        document = sealed.get("b")
        assert document is not None
        assert document.body == b'{"n":2}'

    def test_a_content_from_another_file_is_noticed(self, sealed: RecordStore, tmp_path: Path) -> None:
        other = Store.open(tmp_path / "other.sqlite", seal=KEY)
        for store in (sealed, other):
            store.put("a", b'{"n":1}')
        with other.transaction() as connection:
            [foreign] = connection.execute("SELECT body FROM bodies").fetchone()
        other.close()
        with sealed.transaction() as connection:
            connection.execute("UPDATE bodies SET body = ?", (foreign,))
        with pytest.raises(StoreError, match="altered"):
            sealed.get("a")


class TestSealingAClearFile:
    @pytest.fixture
    def kept(self, path: Path) -> dict[str, Any]:
        store = RecordStore.open(path)
        for number in range(5):  # free pages and the log hold clear bytes too
            store.save_draft("dropped", MARK * 3000 + b"%d" % number)
        store.drop_draft("dropped")
        kept = fill(store)
        store.close()
        assert MARK in bytes_on_disk(path)
        return kept

    def test_it_is_sealed_whole_and_nothing_clear_stays(self, path: Path, kept: dict[str, Any]) -> None:
        store = RecordStore.open(path, seal=KEY)
        assert MARK not in bytes_on_disk(path)
        assert contents(store) == kept
        store.put("after", b"{}")
        store.close()
        with pytest.raises(StoreError, match="sealed"):
            RecordStore.open(path)

    def test_a_kill_after_any_step_is_gone_on_from(
        self, path: Path, kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for table in sealing._STEP_ROWS:
            monkeypatch.setitem(sealing._STEP_ROWS, table, 3)
        real = sealing._step
        steps = 0

        def count(*args: Any) -> int:
            nonlocal steps
            steps += 1
            shutil.copytree(path.parent, tmp_path / f"killed{steps}")  # as it lies on the disk at this moment
            return real(*args)

        monkeypatch.setattr(sealing, "_step", count)
        RecordStore.open(path, seal=KEY).close()
        monkeypatch.setattr(sealing, "_step", real)
        assert steps > 8
        for number in range(1, steps + 1):
            copy = tmp_path / f"killed{number}" / path.name
            store = RecordStore.open(copy, seal=KEY)
            assert contents(store) == kept
            assert MARK not in bytes_on_disk(copy)
            store.close()

    def test_clear_bytes_that_a_reader_kept_alive_go_with_the_next_opening(
        self, path: Path, kept: dict[str, Any]
    ) -> None:
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM docs").fetchone()
        store = RecordStore.open(path, seal=KEY)
        assert contents(store) == kept
        store.close()
        reader.close()
        store = RecordStore.open(path, seal=KEY)
        assert MARK not in bytes_on_disk(path)
        assert contents(store) == kept
        store.close()
