import base64
import gzip
import json
import socket
from urllib.parse import quote, urlsplit

import pytest
import requests

LI = "/user_li_2026q4"
JSON = {"Content-Type": "application/json"}


class TestMalformed:
    @pytest.mark.parametrize(
        "body", [b"{", b"", b"[]", b'"x"', b'{"docs":1}', b'{"docs":[1]}', b'{"docs":[{"k":"\xff"}]}']
    )
    def test_a_bulk_write_that_cannot_be_read_is_a_bad_request(self, hub, li, body):
        answer = li("POST", LI + "/_bulk_docs", data=body or b"null", headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
        assert hub.store("user_li_2026q4").changes() == []

    @pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"a":1}}', b"[" * 100_000])
    def test_a_document_that_cannot_be_read_is_a_bad_request(self, li, body):
        answer = li("PUT", LI + "/a", data=body, headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")

    def test_an_unknown_underscore_field_is_refused_in_couchdbs_words(self, li):
        answer = li("PUT", LI + "/a", json={"_secret": 1})
        assert (answer.status_code, answer.json()["error"]) == (400, "doc_validation")

    def test_a_nul_in_a_text_is_taken_as_couchdb_takes_it(self, li):
        assert li("PUT", LI + "/a", json={"k": "a\u0000b"}).status_code == 201
        assert li("GET", LI + "/a").json()["k"] == "a\u0000b"

    def test_one_forged_revision_and_nothing_of_the_batch_is_kept(self, hub, li):
        docs = [{"_id": "good", "_rev": "1-a"}, {"_id": "bad", "_rev": "x"}]
        answer = li("POST", LI + "/_bulk_docs", json={"docs": docs, "new_edits": False})
        assert answer.status_code == 400
        assert hub.store("user_li_2026q4").changes() == []

    @pytest.mark.parametrize("query", ["since=abc", "limit=-1", "feed=longpoll&heartbeat=0", "filter=_doc_ids"])
    def test_a_feed_asked_for_in_nonsense_is_a_bad_request(self, li, query):
        assert li("GET", f"{LI}/_changes?{query}").status_code == 400

    @pytest.mark.parametrize("digits", [30, 5000])
    @pytest.mark.parametrize("query", ["_changes?since=", "_changes?limit=", "_all_docs?limit=", "_all_docs?skip="])
    def test_a_number_that_no_file_could_hold_is_a_bad_request(self, li, query, digits):
        assert li("GET", f"{LI}/{query}{'9' * digits}").status_code == 400

    def test_a_range_that_no_file_could_have_sends_all(self, li):
        li("PUT", LI + "/p/photo.jpg", data=b"picture")
        answer = li("GET", LI + "/p/photo.jpg", headers={"Range": "bytes=1-" + "9" * 5000})
        assert (answer.status_code, answer.content) == (200, b"picture")

    @pytest.mark.parametrize("name", ["Upper", "1x", "a.b", "..%2F..%2Fetc%2Fpasswd", "a%00b", "%E6%B0%94", "x" * 239])
    def test_a_database_name_that_couchdb_refuses_is_refused(self, hub, admin, name):
        before = sorted(hub.data_dir.parent.iterdir())
        answer = admin("PUT", "/" + name)
        assert (answer.status_code, answer.json()["error"]) == (400, "illegal_database_name")
        assert sorted(hub.data_dir.parent.iterdir()) == before

    @pytest.mark.parametrize("name", ["a/b", "x_$()+-/9", "a" + "/" * 237, "x" * 238])
    def test_an_administrator_names_a_database_as_couchdb_lets_him(self, hub, admin, name):
        path = "/" + quote(name, safe="")
        assert admin("PUT", path).status_code == 201
        assert admin("GET", path).json()["db_name"] == name
        assert admin("PUT", path + "/doc", json={}).status_code == 201
        assert name in admin("GET", "/_all_dbs").json()
        assert admin("DELETE", path).status_code == 200
        assert name not in admin("GET", "/_all_dbs").json()

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/_replicate"), ("POST", LI + "/_find"), ("GET", LI + "/_design/x/_view/y"), ("POST", LI + "/_purge"),
         ("GET", LI + "/_changes?filter=x/y"), ("GET", LI + "/_changes?feed=eventsource")],
    )  # fmt: skip
    def test_what_the_hub_lacks_is_said_so(self, admin, method, path):
        answer = admin(method, path, json={})
        assert (answer.status_code, answer.json()["error"]) == (501, "not_implemented")

    def test_a_wrong_method_is_said_so(self, li):
        assert li("PATCH", LI + "/a").status_code == 405

    def test_a_body_that_is_no_json_is_said_so(self, li):
        answer = li("POST", LI + "/_revs_diff", data=b"a=1", headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()["error"]) == (415, "bad_content_type")


class TestTooLarge:
    def test_a_document_over_the_limit(self, hub, li):
        docs = [{"_id": "small", "_rev": "1-a"}, {"_id": "big", "_rev": "1-a", "k": "x" * 200_001}]
        answer = li("POST", LI + "/_bulk_docs", json={"docs": docs, "new_edits": False})
        assert (answer.status_code, answer.json()) == (413, {"error": "document_too_large", "reason": "big"})
        assert hub.store("user_li_2026q4").changes() == []

    def test_a_photo_over_the_limit(self, li):
        assert li("PUT", LI + "/p/photo.jpg", data=bytes(200_001)).status_code == 413

    @pytest.mark.parametrize("size", [1_000_001, 3_000_000])
    def test_a_request_over_the_limit(self, li, size):
        answer = li("POST", LI + "/_bulk_docs", data=b" " * size, headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")

    def test_a_small_gzip_file_that_unpacks_beyond_the_limit(self, li):
        bomb = gzip.compress(bytes(5_000_000))
        answer = li("POST", LI + "/_bulk_docs", data=bomb, headers={**JSON, "Content-Encoding": "gzip"})
        assert answer.status_code == 413

    def test_many_small_gzip_files_that_unpack_beyond_the_limit_together(self, li, monkeypatch):
        monkeypatch.setattr("sync.store.wire.UNZIPPED_LIMIT_BYTES", 150_000)
        packed = base64.b64encode(gzip.compress(bytes(60_000))).decode()
        listed = {str(number): {"data": packed, "encoding": "gzip"} for number in range(3)}
        doc = {"_id": "a", "_rev": "1-a", "_attachments": listed}
        answer = li("POST", LI + "/_bulk_docs", json={"docs": [doc], "new_edits": False})
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")

    def test_a_strangers_sign_in_is_short(self, running, hub):
        answer = requests.post(running.root + "/_session", json={"name": "a", "password": "x" * 1000}, timeout=10)
        assert answer.status_code == 413

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/_bulk_get?attachments=true", {"docs": [{"id": "p"}] * 40}),
            ("/_all_docs?include_docs=true&attachments=true", {"keys": ["p"] * 40}),
        ],
    )
    def test_a_short_question_has_no_endless_answer(self, li, path, body):
        li("PUT", LI + "/p/photo.jpg", data=bytes(100_000))
        answer = li("POST", LI + path, json=body)
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")

    def test_a_document_has_not_endlessly_many_conflicts(self, hub, li):
        docs = [{"_id": "a", "_rev": f"1-{number}"} for number in range(101)]
        assert li("POST", LI + "/_bulk_docs", json={"docs": docs[:100], "new_edits": False}).status_code == 201
        answer = li("POST", LI + "/_bulk_docs", json={"docs": docs, "new_edits": False})
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
        assert len(hub.store("user_li_2026q4").leaves("a")) == 100

    def test_a_revision_asked_for_a_hundred_times_comes_once(self, li):
        rev = li("PUT", LI + "/p", json={}).json()["rev"]
        asked = json.dumps([rev] * 100)
        answer = li("GET", LI + "/p", params={"open_revs": asked}, headers={"Accept": "application/json"})
        assert [each["ok"]["_rev"] for each in answer.json()] == [rev]

    @pytest.mark.parametrize("query", ["", "&descending=true", "&limit=3", "&descending=true&limit=3"])
    def test_a_feed_with_many_photos_comes_whole_though_in_small_pieces(self, li, monkeypatch, query):
        monkeypatch.setattr("sync.endpoint.feeds.BATCH_BYTES", 100_000)
        ids = [f"p{number}" for number in range(8)]
        for doc_id in ids:
            li("PUT", f"{LI}/{doc_id}/photo.jpg", data=bytes(60_000))
        answer = li("GET", f"{LI}/_changes?include_docs=true&attachments=true{query}").json()
        wanted = ids[::-1] if "descending" in query else ids
        assert [row["id"] for row in answer["results"]] == (wanted[:3] if "limit" in query else wanted)
        assert all(row["doc"]["_attachments"]["photo.jpg"]["data"] for row in answer["results"])


class TestTruncated:
    def raw(self, running, li, head, body):
        """Sends a request by hand and hangs up without finishing it."""
        address = urlsplit(running.root)
        lines = [*head, f"Host: {address.netloc}", f"Authorization: {li.session.headers['Authorization']}", "", ""]
        with socket.create_connection((address.hostname, address.port), timeout=5) as peer:
            peer.sendall("\r\n".join(lines).encode() + body)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(4096):
                pass

    def test_a_document_cut_off_on_its_way_leaves_nothing(self, running, hub, li):
        head = [f"PUT /sync{LI}/a HTTP/1.1", "Content-Type: application/json", "Content-Length: 1000"]
        self.raw(running, li, head, b'{"k":1}')
        assert hub.store("user_li_2026q4").changes() == []

    def test_a_gzip_body_cut_short_is_a_bad_request(self, li):
        body = gzip.compress(json.dumps({"docs": [{"_id": "a"}]}).encode())[:-6]
        answer = li("POST", LI + "/_bulk_docs", data=body, headers={**JSON, "Content-Encoding": "gzip"})
        assert answer.status_code == 400

    def test_a_multipart_upload_cut_short_leaves_nothing(self, hub, li):
        listed = {"p": {"follows": True, "content_type": "image/jpeg", "length": 5, "revpos": 1}}
        doc = {"_id": "m", "_rev": "1-abc", "_attachments": listed}
        body = b"--B\r\nContent-Type: application/json\r\n\r\n" + json.dumps(doc).encode() + b"\r\n--B\r\n\r\nhel"
        headers = {"Content-Type": 'multipart/related; boundary="B"'}
        assert li("PUT", LI + "/m?new_edits=false", data=body, headers=headers).status_code == 400
        # An end that is there, but of a file that is too short, is no better.
        assert li("PUT", LI + "/m?new_edits=false", data=body + b"\r\n--B--", headers=headers).status_code == 400
        assert hub.store("user_li_2026q4").changes() == []


class TestBrokenFile:
    def test_a_database_file_that_is_damaged_is_a_clear_error_and_hurts_no_other(self, hub, admin, li):
        (hub.data_dir / "broken.couch.db").write_bytes(b"garbage" * 1000)
        answer = admin("GET", "/broken")
        assert (answer.status_code, answer.json()["error"]) == (500, "damaged")
        assert li("GET", LI).status_code == 200
        (hub.data_dir / "broken.couch.db").unlink()
