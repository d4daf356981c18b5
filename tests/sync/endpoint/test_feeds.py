import gzip
import json
import threading
import time

import pytest
import requests
from litestar import Litestar, asgi

from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub
from sync.store.models import Document
from tests.sync.endpoint.conftest import ADMIN, serve

LI = "/user_li_2026q4"
STORE = "user_li_2026q4"


def rows(answer):
    return [row["id"] for row in answer.json()["results"]]


class TestNormal:
    def test_pages_join_without_gap_or_overlap(self, hub, li):
        hub.store(STORE).put_many([_new(n) for n in range(2500)])
        seen, since, pending = [], "0", 1
        for _ in range(10):
            page = li("GET", f"{LI}/_changes?limit=700&since={since}").json()
            seen += [row["id"] for row in page["results"]]
            since, pending = page["last_seq"], page["pending"]
            assert pending == 2500 - len(seen)
            if not pending:
                break
        assert seen == [f"d{n:04}" for n in range(2500)]

    def test_a_filter_over_many_documents_finds_the_one(self, hub, li):
        hub.store(STORE).put_many([_new(n) for n in range(2500)])
        answer = li("POST", f"{LI}/_changes?filter=_selector&limit=1", json={"selector": {"n": 2400}})
        assert rows(answer) == ["d2400"]
        assert li("GET", f"{LI}/_changes?since={answer.json()['last_seq']}").json()["pending"] == 0

    def test_a_sequence_of_another_life_of_the_database_starts_from_the_beginning(self, hub, admin):
        admin("PUT", "/again")
        for doc_id in "abc":
            admin("PUT", f"/again/{doc_id}", json={})
        old = admin("GET", "/again").json()["update_seq"]
        admin("DELETE", "/again")
        admin("PUT", "/again")
        admin("PUT", "/again/new", json={})
        assert rows(admin("GET", f"/again/_changes?since={old}")) == ["new"]

    def test_only_design_documents(self, admin):
        admin("PUT", LI + "/a", json={})
        admin("PUT", LI + "/_design/x", json={})
        assert rows(admin("GET", LI + "/_changes?filter=_design")) == ["_design/x"]


class TestQuestions:
    """Each way to ask, in each kind of feed."""

    questions = (
        ("since=0", None, "abcd"),
        ("since=0&limit=2", None, "ab"),
        ("descending=true", None, "dcba"),
        ("descending=true&limit=1", None, "d"),
        ('filter=_doc_ids&doc_ids=["c","a","x"]', None, "ac"),
        ("filter=_doc_ids", {"doc_ids": ["c", "a", "x"]}, "ac"),
        ("filter=_doc_ids&limit=1", {"doc_ids": ["c", "d"]}, "c"),
        ("filter=_doc_ids&descending=true&limit=1", {"doc_ids": ["a", "b"]}, "b"),
        ("filter=_selector", {"selector": {"n": {"$gt": 2}}}, "b"),
        ("filter=_selector", {"selector": {"_deleted": True}}, "d"),
        ("filter=_selector", {"selector": {"$or": [{"n": 1}, {"_id": {"$gte": "d"}}]}}, "ad"),
        ("filter=_selector", {"selector": {}}, "abcd"),
        ("since=now", None, ""),
    )

    @pytest.fixture
    def written(self, hub, admin):
        docs = [
            {"_id": "a", "_rev": "1-aa", "n": 1},
            {"_id": "b", "_rev": "2-bb", "_revisions": {"start": 2, "ids": ["bb", "aa"]}, "n": 2},
            {"_id": "b", "_rev": "2-cc", "_revisions": {"start": 2, "ids": ["cc", "aa"]}, "n": 3},
            {"_id": "b", "_rev": "3-dd", "_revisions": {"start": 3, "ids": ["dd", "ee", "aa"]}, "_deleted": True},
            {"_id": "c", "_rev": "1-aa", "_attachments": {"p": {"content_type": "image/jpeg", "data": "AAEC"}}},
            {"_id": "d", "_rev": "2-bb", "_revisions": {"start": 2, "ids": ["bb", "aa"]}, "_deleted": True},
        ]
        assert admin("POST", LI + "/_bulk_docs", json={"docs": docs, "new_edits": False}).status_code == 201

    def ask(self, client, feed, query, body=None):
        """The rows, whatever the feed."""
        method = "GET" if body is None else "POST"
        answer = client(method, f"{LI}/_changes?feed={feed}&timeout=1&{query}", json=body)
        assert answer.status_code == 200
        if feed != "continuous":
            return answer.json()["results"]
        *found, last = [json.loads(line) for line in answer.text.split("\n") if line]
        assert set(last) == {"last_seq", "pending"}
        return found

    @pytest.mark.parametrize("feed", ["normal", "longpoll", "continuous"])
    def test_the_rows_are_those_asked_for(self, written, li, feed):
        found = [self.ask(li, feed, query, body) for query, body, _ in self.questions]
        assert ["".join(row["id"] for row in rows) for rows in found] == [ids for _, _, ids in self.questions]

    @pytest.mark.parametrize("feed", ["normal", "longpoll", "continuous"])
    def test_the_style_tells_the_winner_or_every_leaf(self, written, li, feed):
        winners = {row["id"]: row["changes"] for row in self.ask(li, feed, "since=0")}
        leaves = {row["id"]: row["changes"] for row in self.ask(li, feed, "since=0&style=all_docs")}
        assert (winners["b"], len(winners)) == ([{"rev": "2-cc"}], 4)
        assert [change["rev"] for change in leaves["b"]] == ["2-cc", "2-bb", "3-dd"]

    @pytest.mark.parametrize("feed", ["normal", "longpoll", "continuous"])
    def test_documents_come_with_their_conflicts_and_files_when_asked(self, written, li, feed):
        plain = {row["id"]: row["doc"] for row in self.ask(li, feed, "since=0&include_docs=true")}
        assert plain["b"] == {"_id": "b", "_rev": "2-cc", "n": 3}
        assert (plain["c"]["_attachments"]["p"]["stub"], plain["d"]["_deleted"]) == (True, True)
        query = "since=0&include_docs=true&conflicts=true&attachments=true"
        full = {row["id"]: row["doc"] for row in self.ask(li, feed, query)}
        assert full["b"]["_conflicts"] == ["2-bb"]
        assert full["c"]["_attachments"]["p"]["data"] == "AAEC"

    def test_many_rows_come_packed_to_who_takes_it(self, hub, li):
        hub.store(STORE).put_many([_new(n) for n in range(2500)])
        plain = li("GET", LI + "/_changes", headers={"Accept-Encoding": "identity"})
        packed = li("GET", LI + "/_changes", stream=True)
        raw = packed.raw.read(decode_content=False)
        assert (packed.headers["content-encoding"], gzip.decompress(raw)) == ("gzip", plain.content)
        assert len(raw) < len(plain.content) // 2

    def test_a_reader_who_asks_the_same_again_is_told_when_nothing_changed(self, written, li):
        etag = li("GET", LI + "/_changes").headers["etag"]
        assert li("GET", LI + "/_changes", headers={"If-None-Match": etag}).status_code == 304
        assert li("HEAD", LI + "/_changes").headers["etag"] == etag
        li("PUT", LI + "/new", json={})
        assert li("GET", LI + "/_changes", headers={"If-None-Match": etag}).status_code == 200


class TestLongpoll:
    def test_what_a_filter_holds_back_does_not_end_the_wait(self, hub, li):
        def write():
            hub.store(STORE).put("other", b"{}")
            hub.store(STORE).put("mine", b"{}")

        timer = threading.Timer(0.3, write)
        timer.start()
        answer = li("GET", f'{LI}/_changes?feed=longpoll&filter=_doc_ids&doc_ids=["mine"]&timeout=5000')
        timer.join()
        assert rows(answer) == ["mine"]

    def test_a_change_wakes_every_reader_at_once(self, running, hub, li):
        answers = []

        def read():
            answer = requests.get(
                f"{running.root}{LI}/_changes?feed=longpoll&timeout=8000",
                headers={"Authorization": li.session.headers["Authorization"]},
                timeout=10,
            )
            answers.append((rows(answer), time.monotonic()))

        readers = [threading.Thread(target=read) for _ in range(20)]
        for reader in readers:
            reader.start()
        time.sleep(0.5)
        written = time.monotonic()
        hub.store(STORE).put("a", b"{}")
        for reader in readers:
            reader.join(10)
        assert [ids for ids, _ in answers] == [["a"]] * 20
        assert max(at for _, at in answers) - written < 1.5


class TestContinuous:
    def test_every_write_of_many_arrives_once_and_in_order(self, running, hub, li):
        store = hub.store(STORE)
        writer = threading.Thread(target=lambda: [store.put(f"d{n:03}", b"{}") for n in range(200)])
        seen = []
        with li("GET", f"{LI}/_changes?feed=continuous&heartbeat=500", stream=True) as answer:
            writer.start()
            for line in answer.iter_lines():
                if line:
                    seen.append(json.loads(line)["id"])
                if len(seen) == 200:
                    break
        writer.join()
        assert seen == [f"d{n:03}" for n in range(200)]

    def test_a_reader_that_leaves_is_forgotten(self, hub, li):
        store = hub.store(STORE)
        with li("GET", f"{LI}/_changes?feed=continuous&heartbeat=200", stream=True) as answer:
            next(answer.iter_content(1))
            assert len(store._listeners) == 2
        li.session.close()
        deadline = time.monotonic() + 5
        while len(store._listeners) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(store._listeners) == 1


class TestDatabaseUpdates:
    def test_the_intake_hears_which_databases_changed(self, hub, admin, li):
        since = admin("GET", "/_db_updates").json()["last_seq"]
        timer = threading.Timer(0.3, hub.store(STORE).put, ("a", b"{}"))
        timer.start()
        told = admin("GET", f"/_db_updates?feed=longpoll&timeout=5000&since={since}").json()
        timer.join()
        assert [(event["db_name"], event["type"]) for event in told["results"]] == [(STORE, "updated")]
        hub.create_database("fresh")
        told = admin("GET", f"/_db_updates?since={told['last_seq']}").json()
        assert [(event["db_name"], event["type"]) for event in told["results"]] == [("fresh", "created")]

    def test_a_checkpoint_is_no_change(self, admin, li):
        since = admin("GET", "/_db_updates").json()["last_seq"]
        li("PUT", LI + "/_local/ck", json={"v": 1})
        assert admin("GET", f"/_db_updates?since={since}").json()["results"] == []

    def test_the_sweep_tells_every_databases_sequence(self, hub, admin):
        hub.store(STORE).put("a", b"{}")
        told = admin("POST", "/_dbs_info", json={"keys": [STORE, "nope"]}).json()
        assert told[0]["info"]["update_seq"].startswith("1-")
        assert told[1] == {"key": "nope", "error": "not_found"}


class TestManyDatabases:
    def test_more_databases_than_are_kept_open_serve_and_wake(self, hub, admin):
        names = [f"many_{n}" for n in range(150)]
        held = hub.store(STORE)
        for name in names:
            hub.create_database(name)
            hub.store(name).put("a", b"{}")
        assert len(hub._stores) <= 66
        assert hub.store(STORE) is held
        assert all(len(rows(admin("GET", f"/{name}/_changes"))) == 1 for name in names[::10])


class TestStop:
    def test_a_stopping_hub_ends_its_feeds(self, tmp_path):
        hub = Hub(tmp_path, ADMIN, dict)
        hub.create_database("one")
        address, stop = serve(hub_app(hub))
        timer = threading.Timer(0.3, hub.end_feeds)
        timer.start()
        answer = requests.get(f"{address}/sync/one/_changes?feed=continuous&heartbeat=60000", auth=ADMIN, timeout=10)
        timer.join()
        assert b"last_seq" in answer.content
        stop()
        hub.close()


class TestMount:
    @pytest.mark.parametrize("prefix", ["/sync", ""])
    def test_the_hub_is_served_inside_the_backends_own_application(self, tmp_path, prefix):
        hub = Hub(tmp_path, ADMIN, dict)
        mounted = asgi(prefix or "/", is_mount=True, copy_scope=True)(hub_app(hub, prefix))
        address, stop = serve(Litestar([mounted], openapi_config=None))
        root = address + prefix
        assert requests.get(root + "/", timeout=5).json()["couchdb"] == "Welcome"
        assert requests.put(root + "/a%2Fb", auth=ADMIN, timeout=5).status_code == 201
        assert requests.put(root + "/a%2Fb/x%2Fy/z", data=b"1", auth=ADMIN, timeout=5).status_code == 201
        assert requests.get(root + "/a%2Fb/_all_docs", auth=ADMIN, timeout=5).json()["rows"][0]["id"] == "x/y"
        assert requests.get(root + "/_up", timeout=5).status_code == 200
        stop()
        hub.close()


def _new(number):
    return Document(f"d{number:04}", "", b'{"n":%d}' % number)
