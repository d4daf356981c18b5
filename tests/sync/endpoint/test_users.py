"""Accounts that an administrator makes for other programs."""

import pytest
import requests

LI = "/user_li_2026q4"
REPORT = "/_users/org.couchdb.user:report"
ACCOUNT = {"name": "report", "type": "user", "roles": ["device:li"], "password": "开阀前确认"}


@pytest.fixture
def account(admin):
    return admin("PUT", REPORT, json=ACCOUNT).json()


@pytest.fixture
def report(running):
    """The program that holds the account."""

    def ask(method, path, password=ACCOUNT["password"], **options):
        auth = (b"report", password.encode())
        return requests.request(method, running.root + path, auth=auth, timeout=30, **options)

    return ask


class TestAccount:
    def test_a_phone_can_neither_see_nor_make_accounts(self, running, account, li):
        assert li("GET", REPORT).status_code == 403
        assert li("PUT", "/_users/org.couchdb.user:me", json=ACCOUNT).status_code == 403
        assert li("GET", "/_users/_all_docs").status_code == 403
        assert requests.get(running.root + REPORT, timeout=30).status_code == 401

    def test_it_reads_what_its_roles_allow_and_nothing_else(self, hub, account, report):
        hub.store("user_li_2026q4").put("a", b"{}")
        assert report("GET", LI + "/a").status_code == 200
        assert report("GET", "/user_wang_2026q4/a").status_code == 403
        assert report("GET", "/_all_dbs").status_code == 403
        assert report("GET", REPORT).status_code == 403

    def test_a_wrong_password_is_refused(self, account, report):
        answer = report("GET", LI, password="wrong")
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")

    def test_its_password_is_kept_nowhere(self, hub, account, admin):
        told = admin("GET", REPORT).json()
        assert "password" not in told
        assert told["password_scheme"] == "pbkdf2"
        files = [file.read_bytes() for file in hub.data_dir.glob("_users*")]
        assert files
        assert not any(ACCOUNT["password"].encode() in content for content in files)

    def test_a_session_ends_with_the_password(self, running, account, admin):
        session = requests.Session()
        credentials = {"name": "report", "password": ACCOUNT["password"]}
        assert session.post(running.root + "/_session", json=credentials, timeout=30).json()["roles"] == ["device:li"]
        assert session.get(running.root + LI, timeout=30).status_code == 200
        admin("PUT", REPORT, json={**ACCOUNT, "_rev": account["rev"], "password": "another"})
        assert session.get(running.root + LI, timeout=30).status_code == 401

    def test_a_deleted_account_is_shut_out_at_once(self, account, admin, report):
        assert report("GET", LI).status_code == 200
        admin("DELETE", f"{REPORT}?rev={account['rev']}")
        assert report("GET", LI).status_code == 401

    @pytest.mark.parametrize(
        "wrong",
        [
            {"roles": ["_admin"]},
            {"roles": "device:li"},
            {"roles": None},
            {"name": "other"},
            {"name": 7},
            {"type": "robot"},
            {"password": 7},
        ],
    )
    def test_what_is_no_account_is_refused(self, admin, wrong):
        answer = admin("PUT", REPORT, json=ACCOUNT | wrong)
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
        bulk = admin("POST", "/_users/_bulk_docs", json={"docs": [{"_id": REPORT[8:], **ACCOUNT, **wrong}]})
        assert bulk.status_code == 403

    def test_an_account_in_the_administrators_name_opens_nothing(self, running, admin):
        body = {**ACCOUNT, "name": "admin", "roles": []}
        assert admin("PUT", "/_users/org.couchdb.user:admin", json=body).status_code == 201
        answer = requests.get(running.root + "/_all_dbs", auth=("admin", "pw"), timeout=30)
        assert answer.status_code == 401

    def test_a_copied_account_that_asks_for_endless_work_is_refused(self, admin, report):
        copied = {**ACCOUNT, "password_scheme": "pbkdf2", "pbkdf2_prf": "sha256", "salt": "a", "derived_key": "b"}
        copied |= {"iterations": 10**12}
        del copied["password"]
        assert admin("PUT", REPORT, json=copied).status_code == 201
        assert report("GET", LI).status_code == 401
