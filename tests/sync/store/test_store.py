import sqlite3
import threading

import pytest

from sync.errors import BadRequest, Conflict, MissingStub, NotFound, StoreError
from sync.store.models import Attachment, Document, Missing, MissingRev
from sync.store.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "one.db")
    yield store
    store.close()


def revision(doc_id, path, body=b"{}", *, deleted=False, attachments=None):
    return Document(doc_id, path[0], body, deleted, attachments or {}, tuple(path))


class TestOpen:
    def test_a_file_of_another_program_is_refused_and_left_alone(self, tmp_path):
        path = tmp_path / "other.db"
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE theirs(x)")
        other.commit()
        other.close()
        with pytest.raises(StoreError, match="another program"):
            Store.open(path)
        other = sqlite3.connect(path)
        assert [r[0] for r in other.execute("SELECT name FROM sqlite_master")] == ["theirs"]
        other.close()

    def test_a_file_that_is_no_database_is_refused(self, tmp_path):
        path = tmp_path / "text.db"
        path.write_bytes(b"not a database at all" * 100)
        with pytest.raises(StoreError, match="cannot be opened"):
            Store.open(path)

    def test_a_file_of_a_newer_version_is_refused(self, tmp_path):
        path = tmp_path / "new.db"
        Store.open(path).close()
        raw = sqlite3.connect(path)
        raw.execute("PRAGMA user_version=99")
        raw.close()
        with pytest.raises(StoreError, match="newer version"):
            Store.open(path)

    def test_everything_is_there_after_reopening(self, tmp_path):
        path = tmp_path / "again.db"
        store = Store.open(path, revs_limit=20)
        rev = store.put("a", b'{"k":1}')
        uuid = store.uuid
        store.close()
        store = Store.open(path)
        assert (store.uuid, store.revs_limit, store.update_seq) == (uuid, 20, 1)
        assert store.get("a") == Document("a", rev, b'{"k":1}', False, {}, (rev,))
        store.close()


class TestPut:
    def test_an_edit_on_an_old_revision_is_a_conflict(self, store):
        first = store.put("a", b'{"k":1}')
        second = store.put("a", b'{"k":2}', rev=first)
        with pytest.raises(Conflict):
            store.put("a", b'{"k":3}', rev=first)
        with pytest.raises(Conflict):
            store.put("a", b'{"k":3}')
        with pytest.raises(Conflict):
            store.put("b", b"{}", rev="1-abc")
        assert store.get("a").revisions == (second, first)

    def test_the_same_edit_has_the_same_revision_everywhere(self, store, tmp_path):
        other = Store.open(tmp_path / "two.db")
        assert store.put("a", b'{"k":1}') == other.put("a", b'{"k":1}')
        assert store.put("b", b'{"k":1}') != store.put("c", b'{"k":2}')
        other.close()

    def test_a_deleted_document_is_a_tombstone_in_changes_and_may_come_back(self, store):
        first = store.put("a", b'{"k":1}')
        store.put("a", b"{}", rev=first, deleted=True)
        assert store.get("a") is None
        assert store.get("a", deleted=True).deleted
        assert [(c.id, c.deleted) for c in store.changes()] == [("a", True)]
        assert store.info().doc_count == 0
        assert store.info().deleted_count == 1
        assert store.put("a", b'{"k":2}').startswith("3-")
        assert store.get("a").body == b'{"k":2}'

    def test_a_refused_edit_does_not_hinder_its_neighbours(self, store):
        store.put("a", b"{}")
        results = store.put_many([Document("a", "", b"{}"), Document("b", "", b"{}"), Document("b", "", b"{}")])
        assert isinstance(results[0], Conflict)
        assert results[1] == store.get("b").rev
        assert isinstance(results[2], Conflict)

    def test_the_content_before_last_is_dropped(self, store):
        first = store.put("a", b'{"k":1}')
        second = store.put("a", b'{"k":2}', rev=first)
        store.put("a", b'{"k":3}', rev=second)
        assert store.get("a", first) is None
        assert store.get("a", second).body == b'{"k":2}'
        store.compact()
        assert store.get("a", second) is None
        assert store.get("a").body == b'{"k":3}'


class TestWrite:
    def test_the_winner_follows_couchdbs_rule_in_any_order(self, store, tmp_path):
        revisions = [
            revision("c", ["2-bb", "1-aa"], b'{"v":1}'),
            revision("c", ["2-cc", "1-aa"], b'{"v":2}'),
            revision("c", ["3-dd", "2-cc", "1-aa"], deleted=True),
        ]
        store.write(revisions)
        other = Store.open(tmp_path / "two.db")
        for one in reversed(revisions):
            other.write([one])
        for each in (store, other):
            assert each.get("c").rev == "2-bb"
            assert each.changes()[0].revs == ("2-bb", "3-dd")
            assert not each.changes()[0].deleted
        other.close()

    def test_writing_twice_changes_nothing(self, store):
        one = revision("c", ["2-bb", "1-aa"], b'{"v":1}')
        store.write([one])
        store.write([one, one])
        assert store.update_seq == 1
        assert store.get("c").body == b'{"v":1}'

    def test_a_document_shows_once_at_its_latest_sequence(self, store):
        store.write([revision("a", ["1-a"]), revision("b", ["1-b"]), revision("a", ["2-a", "1-a"])])
        assert [(c.seq, c.id, c.revs) for c in store.changes()] == [(2, "b", ("1-b",)), (3, "a", ("2-a",))]
        assert [c.id for c in store.changes(2)] == ["a"]
        assert [c.id for c in store.changes(descending=True, limit=1)] == ["a"]
        assert store.pending(2) == 1

    def test_one_bad_document_and_nothing_of_the_batch_is_kept(self, store):
        stub = Attachment("image/jpeg", "md5-AAAA", 1, 1)
        with pytest.raises(MissingStub):
            store.write([revision("a", ["1-a"]), revision("b", ["1-b"], attachments={"p": stub})])
        assert store.changes() == []
        assert store.get("a") is None

    def test_histories_are_cut_at_the_limit(self, tmp_path):
        store = Store.open(tmp_path / "short.db", revs_limit=3)
        store.write([revision("a", [f"{n}-x{n}" for n in range(9, 0, -1)])])
        assert store.get("a").revisions == ("9-x9", "8-x8", "7-x7")
        rev = store.put("a", b"{}", rev="9-x9")
        assert store.get("a").revisions == (rev, "9-x9", "8-x8")
        store.close()


class TestMissing:
    def test_unknown_revisions_are_told_with_possible_ancestors(self, store):
        store.write([revision("c", ["2-bb", "1-aa"]), revision("c", ["2-cc", "1-aa"])])
        assert store.missing({"c": ["2-cc", "3-dd"], "zz": ["1-a"], "c2": []}) == {
            "c": Missing(("3-dd",), ("2-cc", "2-bb")),
            "zz": Missing(("1-a",)),
        }

    def test_more_documents_than_one_query_takes(self, store):
        ids = [f"d{n:04}" for n in range(1200)]
        store.write([revision(i, ["1-a"]) for i in ids])
        assert store.missing({i: ["1-a"] for i in ids}) == {}
        assert len(store.winners(ids)) == 1200


class TestOpenRevs:
    def test_latest_follows_to_the_leaf_and_names_what_is_missing(self, store):
        store.write([revision("c", ["3-ee", "2-cc", "1-aa"]), revision("c", ["2-bb", "1-aa"])])
        found = store.open_revs("c", ["2-cc", "9-zz"], latest=True)
        assert [d.rev for d in found] == ["3-ee", "9-zz"]
        assert isinstance(found[1], MissingRev)
        assert [d.rev for d in store.open_revs("c", "all")] == ["2-bb", "3-ee"]
        assert store.open_revs("none", ["1-a"]) == [MissingRev("none", "1-a")]


class TestAttachments:
    def test_a_stub_keeps_the_file_and_a_wrong_one_is_refused(self, store):
        photo = Attachment.of("image/jpeg", b"hello")
        first = store.put("p", b"{}", attachments={"photo": photo})
        kept = store.get("p").attachments
        assert (kept["photo"].revpos, kept["photo"].digest, kept["photo"].data) == (1, photo.digest, None)
        store.put("p", b'{"n":1}', rev=first, attachments=kept)
        assert store.attachment(store.get("p").attachments["photo"].digest) == b"hello"
        with pytest.raises(MissingStub):
            store.put("q", b"{}", attachments=kept)

    def test_a_file_that_nothing_holds_is_deleted(self, store):
        photo = Attachment.of("image/jpeg", b"hello")
        first = store.put("p", b"{}", attachments={"photo": photo})
        store.put("p", b"{}", rev=first)
        assert store.attachment(photo.digest) == b"hello"
        store.compact()
        with pytest.raises(NotFound):
            store.attachment(photo.digest)


class TestLocal:
    def test_as_in_couchdb_a_local_document_is_written_over_whatever_revision_is_named(self, store):
        store.put_local("ck", b'{"v":1}')
        assert store.put_local("ck", b'{"v":2}', rev="0-7") == "0-8"
        assert store.get_local("ck") == ("0-8", b'{"v":2}')

    def test_local_documents_have_their_own_revisions_and_never_replicate(self, store):
        assert store.put_local("ck", b'{"v":1}') == "0-1"
        assert store.put_local("ck", b'{"v":2}', rev="0-1") == "0-2"
        assert store.get_local("ck") == ("0-2", b'{"v":2}')
        assert store.put_local("ck", b'{"v":3}') == "0-1"
        with pytest.raises(BadRequest):
            store.put_local("ck", b"{}", rev="1-a")
        assert store.list_local() == [("ck", "0-1")]
        assert store.changes() == []
        assert store.delete_local("ck")
        assert store.get_local("ck") is None


class TestTransaction:
    def test_a_document_and_a_row_of_an_extension_are_kept_whole_or_not_at_all(self, store):
        store.extend("numbers", [["CREATE TABLE numbers(n INTEGER)"]])

        def submit_twice():
            with store.transaction() as connection:
                connection.execute("INSERT INTO numbers VALUES (1)")
                store.put("a", b"{}")
                assert store.get("a") is not None
                store.put("a", b"{}")

        with pytest.raises(Conflict):
            submit_twice()
        assert store.get("a") is None
        with store.transaction() as connection:
            assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (0,)

    def test_an_extension_is_upgraded_once(self, store):
        store.extend("x", [["CREATE TABLE x(a)"]])
        store.extend("x", [["CREATE TABLE x(a)"], ["ALTER TABLE x ADD COLUMN b"]])
        with store.transaction() as connection:
            connection.execute("INSERT INTO x(a, b) VALUES (1, 2)")


class TestList:
    def test_documents_come_by_their_prefix(self, store):
        for doc_id in ("patrol:1", "patrol:2", "task:1"):
            store.put(doc_id, b"{}")
        assert [d.id for d in store.list(start="patrol:", end="patrol:\uffff")] == ["patrol:1", "patrol:2"]
        assert [d.id for d in store.list(descending=True, limit=1)] == ["task:1"]


class TestWaiting:
    def test_a_write_wakes_who_waits(self, store):
        woken = []
        waiter = threading.Thread(target=lambda: woken.append(store.wait_for_change(0, 5)))
        waiter.start()
        store.put("a", b"{}")
        waiter.join(5)
        assert woken == [True]
        assert not store.wait_for_change(1, 0.01)

    def test_a_listener_is_told_until_it_stops(self, store):
        told = []
        stop = store.subscribe(lambda: told.append(store.update_seq))
        store.put("a", b"{}")
        stop()
        store.put("b", b"{}")
        assert told == [1]

    def test_threads_write_and_read_at_once_without_losing_anything(self, store):
        def work(name):
            for n in range(30):
                store.put(f"{name}:{n}", b"{}")
                assert store.get(f"{name}:{n}") is not None

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [c.seq for c in store.changes()] == list(range(1, 121))
