"""What a running server does with bad input, over its own HTTP and hub: a clear error, and nothing half-written.

docs/bad-input.md lists what a user sees for each, with these tests and those of the parts.
"""

import base64
import json
import socket
import sqlite3
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
import shapely
from cryptography.hazmat.primitives.asymmetric import ec

from backend.accounts.keys import SigningKeys
from backend.accounts.service.tokens import issue_access_token
from sync.documents.envelope import new_id
from tests.factories import records
from tests.factories.network import LAT, LON, pipe_row, write_layer
from tests.qixun.command import Server
from tests.qixun.conftest import PASSWORD
from tests.qixun.crew import Crew, Person

PROBLEM = "application/problem+json"
TOO_LARGE = (413, "document_too_large")
LINE = shapely.LineString([(LON, LAT), (LON + 0.001, LAT + 0.0005)])


@pytest.fixture(scope="module")
def crew(server: Server) -> Crew:
    return Crew(server)


def problem(answer: requests.Response) -> tuple[int, str]:
    """Status and code; in Chinese and English, as every error is."""
    assert answer.headers["content-type"].startswith(PROBLEM), answer.text
    told = answer.json()
    assert told["detail"]
    assert told["detail_en"]
    assert told["status"] == answer.status_code
    return answer.status_code, told["code"]


class TestWrongPassword:
    def test_api_and_console_refuse_it_and_the_right_one_still_opens(self, crew: Crew) -> None:
        body = {"staff_number": crew.wang.number, "password": "not this one"}
        refused = requests.post(f"{crew.server.url}/api/sign-in", json=body, timeout=30)
        assert problem(refused) == (401, "sign_in.wrong_password")
        page = requests.post(f"{crew.server.url}/sign-in", data=body, timeout=30, allow_redirects=False)
        assert (page.status_code, page.cookies.get_dict()) == (401, {})
        assert refused.json()["detail"] in page.text
        right = requests.post(f"{crew.server.url}/api/sign-in", json=body | {"password": PASSWORD}, timeout=30)
        assert right.status_code == 200


class TestToken:
    def spoilt(self, crew: Crew, fault: str) -> str:
        token = crew.li.signed_in["access_token"]
        if fault == "expired":
            keys = SigningKeys(crew.server.log.parent / "keys")
            company = crew.li.signed_in["staff"]["company_id"]
            return issue_access_token(
                keys, subject=crew.li.staff_id, organisation_id=company, lifetime_s=-60, device_id=crew.li.device_id
            )[0]
        claims = jwt.decode(token, options={"verify_signature": False})
        claims["_couchdb.roles"] = [f"device:{crew.wang.device_id}"]
        if fault == "signed by somebody else":
            key = ec.generate_private_key(ec.SECP256R1())
            return jwt.encode(claims, key, algorithm="ES256", headers={"kid": jwt.get_unverified_header(token)["kid"]})
        head, _, signature = token.split(".")
        forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        return f"{head}.{forged}.{signature}"

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ("expired", "sign_in.expired"),
            ("signed by somebody else", "sign_in.forged"),
            ("another's roles written in", "sign_in.forged"),
        ],
    )
    def test_it_opens_neither_api_nor_hub(self, crew: Crew, fault: str, code: str) -> None:
        token = self.spoilt(crew, fault)
        assert problem(crew.li.ask("GET", "/api/me", token=token)) == (401, code)
        before = crew.wang.ids(crew.wang.user), crew.li.ids(crew.li.user)
        for database in (crew.wang.user, crew.li.user):
            for method, path in (("GET", "_changes"), ("POST", "_bulk_docs")):
                body = {"new_edits": False, "docs": [{"_id": new_id("x"), "_rev": "1-a"}]}
                answer = crew.li.hub(method, f"{database}/{path}", token=token, json=body if method == "POST" else None)
                assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
        assert (crew.wang.ids(crew.wang.user), crew.li.ids(crew.li.user)) == before


class TestAnothersDatabase:
    @pytest.mark.parametrize("kind", ["user", "media"])
    def test_it_can_be_neither_read_nor_written(self, crew: Crew, kind: str) -> None:
        li, wang = crew.li, crew.wang
        database = getattr(wang, kind)
        before = wang.ids(database)
        foreign = records.document(li.hazard())
        tries = [
            li.hub("GET", database),
            li.hub("GET", f"{database}/_all_docs", params={"include_docs": "true"}),
            li.hub("GET", f"{database}/_changes"),
            li.hub("POST", f"{database}/_bulk_docs", json={"new_edits": False, "docs": [foreign]}),
            li.hub("PUT", f"{database}/{foreign['_id']}", json={}),
            li.hub("DELETE", database),
        ]
        assert {(each.status_code, each.json()["error"]) for each in tries} == {(403, "forbidden")}
        assert wang.ids(database) == before


class TestBody:
    @pytest.mark.parametrize("path", ["/api/sign-in", "/api/customers", "/api/patrol/plans"])
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b"{", (400, "request.malformed")),
            (b'{"name": "\xff\xfe"}', (400, "request.malformed")),
            (b"[" * 100_000, (400, "request.malformed")),
            (b'"' + b"x" * 1_000_001 + b'"', (413, "body.too_large")),
        ],
        ids=["cut off", "no UTF-8", "nested without end", "over the limit"],
    )
    def test_the_api_refuses_it(self, crew: Crew, path: str, body: bytes, expected: tuple[int, str]) -> None:
        before = crew.admin.get("/api/customers")["total"], crew.admin.get("/api/patrol/plans")
        answer = crew.admin.ask("POST", path, data=body, headers={"Content-Type": "application/json"})
        assert problem(answer) == expected
        assert (crew.admin.get("/api/customers")["total"], crew.admin.get("/api/patrol/plans")) == before

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b'{"docs": [', (400, "bad_request")),
            (b'{"new_edits": false, "docs": [%s, {"_id": "x", "_rev": "none"}]}', (400, "bad_request")),
            (
                b'{"new_edits": false, "docs": [%s, {"_id": "x", "_rev": "1-a", "k": "LONG"}]}',
                (413, "document_too_large"),
            ),
        ],
        ids=["cut off", "a revision that is none", "a document over the limit"],
    )
    def test_the_hub_refuses_the_batch_and_keeps_nothing_of_it(
        self, crew: Crew, body: bytes, expected: tuple[int, str]
    ) -> None:
        good = json.dumps(records.document(crew.li.hazard())).encode()
        body = body.replace(b"%s", good).replace(b"LONG", b"x" * 8_500_000)
        before = crew.li.ids(crew.li.user)
        path = f"{crew.li.user}/_bulk_docs"
        answer = crew.li.hub("POST", path, data=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]) == expected
        assert crew.li.ids(crew.li.user) == before


class TestRecord:
    """Pushed to the hub, read by intake, answered by a receipt, shown in the office; its neighbour comes in."""

    @pytest.mark.parametrize(
        ("spoil", "code"),
        [
            ({"_id": f"hazard.invented:{uuid.uuid4()}", "type": "hazard.invented"}, "unknown_type"),
            ({"hazard_type": "x" * 500}, "unreadable"),
            ({"position": {"lon": 226.3, "lat": 43.2, "accuracy_m": 4, "source": "gnss"}}, "unreadable"),
            ({"position": {"lon": 126.3, "lat": 43.2, "accuracy_m": -4, "source": "gnss"}}, "unreadable"),
        ],
        ids=["unknown type", "a word too long", "a longitude over 180", "an accuracy below zero"],
    )
    def test_what_cannot_be_read_is_held_and_answered(self, crew: Crew, spoil: dict[str, Any], code: str) -> None:
        good, bad = crew.li.hazard(), records.document(crew.li.hazard(), **spoil)
        crew.li.push(crew.li.user, bad, records.document(good))
        answer = crew.li.answer_to(bad["_id"])
        assert (answer["state"], answer["code"]) == ("refused", code)
        assert answer["reason_zh"]
        assert answer["action_zh"]
        (held,) = crew.held(bad["_id"])
        assert (held["code"], held["device_id"], held["state"]) == (code, crew.li.device_id, "open")
        kept = json.loads(crew.office.get(f"/api/quarantine/{held['id']}")["body"])
        assert kept == {name: value for name, value in bad.items() if not name.startswith("_")}
        assert crew.li.answer_to(good.id)["state"] == "accepted"
        assert good.id in crew.hazards()
        assert bad["_id"] not in crew.hazards()

    def test_a_clock_a_day_off_is_set_right_and_the_record_accepted(self, crew: Crew) -> None:
        now = datetime.now(UTC)
        moments = {
            "ahead": records.moment(now + timedelta(days=1), clock="unset", boot_id="ahead"),
            "behind": records.moment(now - timedelta(days=1), clock="unset", boot_id="behind", monotonic_s=40.0),
            "known": records.moment(now, clock="gnss", boot_id="behind", monotonic_s=100.0),
        }
        made = {name: crew.li.hazard(recorded=moment) for name, moment in moments.items()}
        crew.li.push(crew.li.user, *(records.document(each) for each in made.values()))
        assert {crew.li.answer_to(each.id)["state"] for each in made.values()} == {"accepted"}
        reported = {name: crew.hazards()[each.id]["reported_at"] for name, each in made.items()}
        away = {name: abs(datetime.fromisoformat(at) - now) for name, at in reported.items()}
        assert max(away.values()) < timedelta(minutes=5)

    def test_sent_again_and_again_it_is_there_once_and_a_second_wording_is_held(self, crew: Crew) -> None:
        record = crew.li.hazard(detail="第一次")
        document = records.document(record)
        for _ in range(3):
            crew.li.push(crew.li.user, document)
            assert crew.li.answer_to(record.id)["state"] == "accepted"
        crew.li.push(crew.li.user, document | {"_rev": f"1-{'f' * 32}", "detail": "第二次"})
        refused = crew.li.hazard()
        crew.li.push(crew.li.user, records.document(refused))
        crew.li.answer_to(refused.id)
        assert [held["code"] for held in crew.held(record.id)] == ["second_revision"]
        assert crew.office.get(f"/api/hazards/{record.id}")["detail"] == "第一次"
        assert record.id in crew.hazards()


class TestPhoto:
    @pytest.mark.parametrize(
        ("picture", "code"),
        [
            (b"<html>no picture</html>", "not_an_image"),
            (records.jpeg(5)[: len(records.jpeg(5)) // 2], "not_an_image"),
        ],
        ids=["a page of text", "a picture that ends in the middle"],
    )
    def test_what_is_no_picture_is_held_and_its_record_stays_without_it(
        self, crew: Crew, picture: bytes, code: str
    ) -> None:
        hazard = crew.li.hazard()
        photo = crew.li.photo(picture, hazard.id)
        document = records.document(photo)
        data = base64.b64encode(picture).decode()
        document["_attachments"] = {"photo.jpg": {"content_type": "image/jpeg", "data": data}}
        crew.li.push(crew.li.user, records.document(hazard, photos=[photo.id]))
        crew.li.push(crew.li.media, document)
        answer = crew.li.answer_to(photo.id)
        assert (answer["state"], answer["code"]) == ("refused", code)
        assert [held["code"] for held in crew.held(photo.id)] == [code]
        assert crew.li.answer_to(hazard.id)["state"] == "accepted"
        assert crew.office.get("/api/photos", record_id=hazard.id) == []
        assert problem(crew.office.ask("GET", f"/api/photos/{photo.id}")) == (404, "photo.missing")
        stored = crew.server.log.parent / "photos"
        assert not [path for path in stored.rglob("*") if path.name == photo.id.removeprefix("photo:")]


class TestTruncatedUpload:
    def hang_up(self, person: Person, head: list[str], body: bytes) -> bytes:
        """Announces twice as many bytes as are sent, and hangs up."""
        lines = [
            *head,
            f"Host: 127.0.0.1:{person.server.port}",
            f"Authorization: Bearer {person.signed_in['access_token']}",
            f"Content-Length: {2 * len(body)}",
        ]
        with socket.create_connection(("127.0.0.1", person.server.port), timeout=10) as peer:
            peer.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            peer.shutdown(socket.SHUT_WR)
            heard = b""
            while part := peer.recv(4096):
                heard += part
        return heard

    def test_a_photo_cut_off_on_its_way_leaves_nothing_and_may_come_again(self, crew: Crew) -> None:
        picture = records.jpeg(6)
        photo = crew.li.photo(picture, "hazard.reported:x")
        document = records.document(photo)
        data = base64.b64encode(picture).decode()
        document["_attachments"] = {"photo.jpg": {"content_type": "image/jpeg", "data": data}}
        body = json.dumps({"new_edits": False, "docs": [document]}).encode()
        head = [f"POST /sync/{crew.li.media}/_bulk_docs HTTP/1.1", "Content-Type: application/json"]
        self.hang_up(crew.li, head, body)
        assert photo.id not in crew.li.ids(crew.li.media)
        crew.li.push(crew.li.media, document)
        assert crew.li.answer_to(photo.id)["state"] == "accepted"
        assert crew.office.ask("GET", f"/api/photos/{photo.id}").content == picture

    def test_a_network_file_cut_off_on_its_way_imports_nothing(self, crew: Crew, tmp_path: Path) -> None:
        code = f"CUT-{uuid.uuid4().hex[:6]}"
        content = write_layer(tmp_path / "a.geojson", [(pipe_row(code), LINE)]).read_bytes()
        part = 'Content-Disposition: form-data; name="{}"'
        file = part.format("file") + '; filename="a.geojson"'
        form = "\r\n".join(["--B", part.format("organisation_id"), "", crew.unit_id, "--B", file, "", ""]).encode()
        head = ["POST /api/network/imports HTTP/1.1", "Content-Type: multipart/form-data; boundary=B"]
        heard = self.hang_up(crew.engineer, head, form + content + b"\r\n--B--\r\n")
        assert not heard.startswith(b"HTTP/1.1 2")
        assert code not in crew.engineer.ask("GET", "/api/network/pipes.geojson").text

    def test_a_network_file_that_ends_in_the_middle_is_told_so(self, crew: Crew, tmp_path: Path) -> None:
        rows = [(pipe_row(f"HALF-{n}"), LINE) for n in range(200)]
        whole = write_layer(tmp_path / "a.gpkg", rows).read_bytes()
        answer = upload(crew, "a.gpkg", whole[: len(whole) // 2])
        assert problem(answer) == (422, "import.unreadable")
        assert "HALF-" not in crew.engineer.ask("GET", "/api/network/pipes.geojson").text


def upload(crew: Crew, name: str, content: bytes, **form: Any) -> requests.Response:
    return crew.engineer.ask(
        "POST",
        "/api/network/imports",
        data={"organisation_id": crew.unit_id, **form},
        files={"file": (name, content)},
    )


class TestBrokenGeometry:
    def geopackage(self, folder: Path, codes: list[str]) -> bytes:
        """Four pipes; the second one's geometry is cut short, the third one's is empty bytes."""
        path = write_layer(folder / "a.gpkg", [(pipe_row(code), LINE) for code in codes])
        with sqlite3.connect(path) as database:
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                database.execute(f'DROP TRIGGER "{name}"')
            whole = database.execute('SELECT geom FROM "管段" WHERE fid = 2').fetchone()[0]
            database.execute('UPDATE "管段" SET geom = ? WHERE fid = 2', (whole[: len(whole) - 20],))
            database.execute('UPDATE "管段" SET geom = ? WHERE fid = 3', (b"",))
        return path.read_bytes()

    def test_each_broken_row_is_listed_and_the_good_ones_come_in(self, crew: Crew, tmp_path: Path) -> None:
        codes = [f"GEO-{uuid.uuid4().hex[:6]}-{n}" for n in range(4)]
        answer = upload(crew, "a.gpkg", self.geopackage(tmp_path, codes))
        assert answer.status_code == 200, answer.text
        (layer,) = answer.json()["layers"]
        assert (layer["read"], layer["accepted"]) == (4, 2)
        told = [(row["row"], row["pipe_or_facility"], row["code"]) for row in layer["rejected"]]
        assert told == [(2, codes[1], "no_geometry"), (3, codes[2], "no_geometry")]
        assert all(row["reason_zh"] and row["reason_en"] for row in layer["rejected"])
        shown = crew.engineer.ask("GET", "/api/network/pipes.geojson").text
        assert [code in shown for code in codes] == [True, False, False, True]

    @pytest.mark.parametrize(
        ("broken", "code"),
        [
            (f"LINESTRING ({LON} {LAT}, {LON}", "no_geometry"),
            ("LINESTRING (nan nan, nan nan)", "outside"),
            ("LINESTRING EMPTY", "no_geometry"),
            (f"LINESTRING ({LON} {LAT}, {LON} {LAT})", "zero_length"),
            (f"POLYGON (({LON} {LAT}, {LON} {LAT}, {LON} {LAT}, {LON} {LAT}))", "wrong_geometry"),
        ],
    )
    def test_a_broken_line_of_a_table_is_refused_alone(self, crew: Crew, broken: str, code: str) -> None:
        codes = [f"CSV-{uuid.uuid4().hex[:6]}-{n}" for n in range(2)]
        rows = [f'{codes[0]},中压A,"{LINE.wkt}"', f'{codes[1]},中压A,"{broken}"']
        table = "\n".join(["管段编号,压力级制,WKT", *rows, ""])
        answer = upload(crew, "管段.csv", table.encode(), crs="EPSG:4490")
        assert answer.status_code == 200, answer.text
        (layer,) = answer.json()["layers"]
        assert [(row["row"], row["code"]) for row in layer["rejected"]] == [(2, code)]
        shown = crew.engineer.ask("GET", "/api/network/pipes.geojson").text
        assert [each in shown for each in codes] == [True, False]
