import json
import threading
import time

import jwt
import pytest
import requests

from tests.sync.endpoint.conftest import OTHER_KEY, token

LI = "/user_li_2026q4"


class TestToken:
    def test_a_phone_without_credentials_is_asked_for_them(self, running, hub):
        answer = requests.get(running.root + LI, timeout=5)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
        assert answer.json()["reason"] == "You are not authorized to access this db."

    @pytest.mark.parametrize(
        ("bearer", "reason"),
        [
            (token("device:li", seconds=-1), "token expired"),
            (token("device:li", key=OTHER_KEY), "not valid"),
            (token("device:li", kid="k9"), "unknown key"),
            (token("device:li", kid=None), "unknown key"),
            (token("device:li", exp=None), "exp"),
            (token("device:li", key="", algorithm="none"), "not valid"),
            (token("device:li", key="s" * 32, algorithm="HS256"), "not valid"),
            (token(**{"_couchdb.roles": "device:li"}), "must be a list"),
            ("not.a.token", "malformed"),
        ],
    )
    def test_a_token_that_does_not_hold_is_refused(self, client, bearer, reason):
        answer = client(bearer)("GET", LI)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
        assert reason in answer.json()["reason"]

    def test_a_changed_token_is_refused(self, client):
        head, _, sign = token("device:wang").split(".")
        forged = jwt.utils.base64url_encode(
            json.dumps({"sub": "li", "exp": int(time.time()) + 600, "_couchdb.roles": ["device:li"]}).encode()
        ).decode()
        assert client(f"{head}.{forged}.{sign}")("GET", LI).status_code == 401

    def test_a_known_token_is_refused_once_it_has_expired(self, client):
        li = client(token("device:li", seconds=1))
        assert li("GET", LI).status_code == 200
        deadline = time.monotonic() + 5
        while (answer := li("GET", LI)).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert (answer.status_code, answer.json()["reason"]) == (401, "token expired")

    def test_a_withdrawn_key_is_out_at_once(self, running, li):
        assert li("GET", LI).status_code == 200
        public = running.keys.pop("k1")
        try:
            assert li("GET", LI).status_code == 401
        finally:
            running.keys["k1"] = public

    def test_nobody_becomes_the_administrator_by_a_token(self, client):
        boss = client(token("_admin"))
        assert boss("GET", "/_all_dbs").status_code == 403
        assert boss("GET", LI).status_code == 403

    def test_session_tells_a_phone_who_it_is(self, li):
        answer = li("GET", "/_session").json()
        assert answer["userCtx"] == {"name": "li", "roles": ["device:li", "unit:7"]}


class TestDatabase:
    @pytest.mark.parametrize("path", ["", "/_changes", "/_all_docs", "/x", "/_local/x", "/_security"])
    def test_another_members_database_is_closed(self, li, path):
        answer = li("GET", "/user_wang_2026q4" + path)
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
        assert answer.json()["reason"] == "You are not allowed to access this db."

    def test_a_database_that_is_not_there_looks_the_same(self, li):
        assert li("GET", "/user_nobody_2026q4").status_code == 403

    def test_ones_own_is_open_for_reading_and_writing(self, li):
        assert li("PUT", LI + "/a", json={"k": 1}).status_code == 201
        assert li("GET", LI + "/a").json()["k"] == 1

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", "/new_db"),
            ("DELETE", LI),
            ("GET", "/_all_dbs"),
            ("GET", "/_dbs_info"),
            ("GET", "/_db_updates"),
            ("PUT", LI + "/_security"),
            ("PUT", LI + "/_revs_limit"),
            ("POST", LI + "/_compact"),
            ("PUT", LI + "/_design/x"),
        ],
    )
    def test_what_is_the_administrators_is_refused(self, li, method, path):
        assert li(method, path, json={}).status_code == 403

    def test_a_new_database_is_the_administrators_alone(self, admin, li):
        admin("PUT", "/fresh")
        assert li("GET", "/fresh").status_code == 403


class TestLocalDocuments:
    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_what_intake_knows_the_hub_by_is_not_a_phones_to_change(self, admin, li, method):
        admin("PUT", "/user_li_2026q4/_local/intake", json={"nonce": "n"})
        assert li(method, "/user_li_2026q4/_local/intake", json={"nonce": "x"}).status_code == 403
        assert li("GET", "/user_li_2026q4/_local/intake").json()["nonce"] == "n"

    @pytest.mark.parametrize("name", ["unit_7", "user_li_2026q4"])
    def test_a_member_does_not_fill_the_disk_with_them(self, hub, li, name):
        assert li("PUT", f"/{name}/_local/large", json={"x": "x" * 5000}).status_code == 413
        answers = [li("PUT", f"/{name}/_local/{number}", json={"v": 1}).status_code for number in range(22)]
        assert answers == [201] * 20 + [413] * 2
        assert li("PUT", f"/{name}/_local/3", json={"v": 2, "_rev": "0-1"}).status_code == 201

    def test_a_bulk_write_is_no_way_around(self, hub, li):
        body = {"docs": [{"_id": "_local/a", "_rev": "1-a"}], "new_edits": False}
        assert li("POST", "/user_li_2026q4/_bulk_docs", json=body).status_code == 501
        assert hub.store("user_li_2026q4").list_local() == []


class TestDesignDocuments:
    @pytest.mark.parametrize("new_edits", [True, False])
    def test_a_members_is_refused_and_its_neighbours_are_not(self, hub, li, new_edits):
        docs = [{"_id": "a"}, {"_id": "_design/a"}, {"_id": "b"}]
        named = [{**doc, "_rev": "1-a"} for doc in docs]
        answer = li(
            "POST", "/user_li_2026q4/_bulk_docs", json={"docs": docs if new_edits else named, "new_edits": new_edits}
        )
        refused = [each for each in answer.json() if "error" in each]
        assert (answer.status_code, [each["id"] for each in refused]) == (201, ["_design/a"])
        assert refused[0]["error"] == "forbidden"
        assert [change.id for change in hub.store("user_li_2026q4").changes()] == ["a", "b"]

    def test_a_members_alone_is_forbidden(self, li):
        assert li("POST", "/user_li_2026q4", json={"_id": "_design/a"}).status_code == 403
        assert li("PUT", "/user_li_2026q4/_design/a", json={}).status_code == 403

    def test_a_databases_own_administrator_writes_them(self, admin, li):
        security = {"admins": {"names": [], "roles": ["device:li"]}, "members": {"names": [], "roles": ["device:li"]}}
        admin("PUT", "/user_li_2026q4/_security", json=security)
        answer = li("POST", "/user_li_2026q4/_bulk_docs", json={"docs": [{"_id": "_design/a"}]})
        assert answer.json()[0]["ok"]


class TestUnitDatabase:
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PUT", "/a", {}),
            ("POST", "", {}),
            ("POST", "/_bulk_docs", {"docs": [{"_id": "x", "_rev": "1-a"}], "new_edits": False}),
            ("DELETE", "/task", None),
            ("PUT", "/task/photo", None),
        ],
    )
    def test_a_member_does_not_write(self, hub, li, method, path, body):
        rev = hub.store("unit_7").put("task", b"{}")
        answer = li(method, f"/unit_7{path}?rev={rev}", json=body)
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
        assert [change.id for change in hub.store("unit_7").changes()] == ["task"]

    def test_a_member_reads_and_keeps_checkpoints(self, hub, li):
        hub.store("unit_7").put("pipe:1", b'{"dn":110}')
        assert li("GET", "/unit_7/pipe:1").json()["dn"] == 110
        assert li("POST", "/unit_7/_revs_diff", json={"pipe:1": ["1-x"]}).status_code == 200
        assert li("POST", "/unit_7/_bulk_get", json={"docs": [{"id": "pipe:1"}]}).status_code == 200
        assert li("PUT", "/unit_7/_local/ck", json={"v": 1}).status_code == 201
        assert li("GET", "/unit_7/_local/ck").json()["v"] == 1

    def test_the_administrator_writes(self, admin):
        assert admin("PUT", "/unit_7/pipe:2", json={}).status_code == 201

    def test_the_guard_that_couchdb_needs_is_taken_and_changes_nothing(self, admin, li):
        """The backend writes it to whatever hub there is."""
        guard = {"language": "javascript", "validate_doc_update": "function (n, o, u) { throw({forbidden: 'no'}) }"}
        assert admin("PUT", "/unit_7/_design/guard", json=guard).status_code == 201
        assert admin("PUT", "/unit_7/pipe:2", json={}).status_code == 201
        assert li("PUT", "/unit_7/pipe:3", json={}).status_code == 403
        assert li("PUT", "/unit_7/_design/guard", json={}).status_code == 403

    def test_its_history_is_kept_short(self, admin):
        assert admin("GET", "/unit_7/_revs_limit").json() == 20


class TestFeed:
    @pytest.mark.parametrize("feed", ["continuous", "longpoll"])
    def test_an_open_feed_ends_when_its_token_expires(self, running, hub, feed):
        bearer = token("device:li", seconds=2)
        started = time.monotonic()
        answer = requests.get(
            f"{running.root}{LI}/_changes",
            params={"feed": feed, "heartbeat": 300},
            headers={"Authorization": f"Bearer {bearer}"},
            timeout=10,
        )
        assert 0.5 < time.monotonic() - started < 4
        assert b'"last_seq"' in answer.content

    def test_an_open_feed_ends_when_its_reader_is_no_member_any_more(self, running, hub, li):
        timer = threading.Timer(0.3, hub.set_security, ("user_li_2026q4", ["device:new"]))
        timer.start()
        answer = li("GET", LI + "/_changes?feed=continuous&heartbeat=60000")
        timer.join()
        assert b'"last_seq"' in answer.content

    def test_an_open_feed_ends_when_its_database_is_deleted(self, hub, admin):
        hub.create_database("short_lived")
        timer = threading.Timer(0.3, hub.delete_database, ("short_lived",))
        timer.start()
        answer = admin("GET", "/short_lived/_changes?feed=continuous&heartbeat=60000")
        timer.join()
        assert answer.status_code == 200


class TestAdministrator:
    def test_a_wrong_password_is_refused(self, running):
        answer = requests.get(running.root + "/_all_dbs", auth=("admin", "wrong"), timeout=5)
        assert (answer.status_code, answer.json()["reason"]) == (401, "Name or password is incorrect.")

    @pytest.mark.parametrize("credentials", ["é", "=", "w6k6w6k", "//8="])
    def test_credentials_that_are_no_text_are_refused(self, running, credentials):
        headers = {"Authorization": f"Basic {credentials}".encode("latin-1")}
        assert requests.get(running.root + "/_session", headers=headers, timeout=10).status_code == 401

    def test_a_forged_cookie_is_nobodys(self, running):
        answer = requests.get(running.root + "/_all_dbs", cookies={"AuthSession": "YWRtaW46RkZGRkZGRkY6YWI"}, timeout=5)
        assert answer.status_code == 401

    def test_the_session_cookie_opens_what_is_the_administrators(self, running):
        session = requests.Session()
        session.post(running.root + "/_session", json={"name": "admin", "password": "adminpw"}, timeout=5)
        assert session.get(running.root + "/_all_dbs", timeout=5).status_code == 200
        session.delete(running.root + "/_session", timeout=5)
        assert session.get(running.root + "/_all_dbs", timeout=5).status_code == 401
