"""What real peers asked and Apache CouchDB 3.5.0 answered, replayed against the embedded hub.

For each recorded request the hub's status, error word and body shape (keys and JSON types, all the way down) are
CouchDB's. Revisions, sequences and made-up ids differ, so those of the recording are exchanged for the hub's own.
"""

import base64
import json
from email.parser import BytesParser
from pathlib import Path

import pytest
import requests

RECORDINGS = Path(__file__).parents[1] / "recordings"
TRANSCRIPT = "couchdb-3.5-transcript.jsonl"

# What the hub refuses with 501, and why: this list is in sync/README.md too.
REFUSED = {
    ("GET", "/chk600dff99/_changes?filter=_view&view=x/k"): "views",
    ("GET", "/chk600dff99/_design/x/_view/k"): "views",
    ("GET", "/chk600dff99/_changes?filter=x/f&w=a"): "functions of design documents",
    ("GET", "/chk600dff99/_changes?feed=eventsource&since=0&limit=1"): "eventsource",
    ("POST", "/chk600dff99/_find"): "Mango",
    ("POST", "/chk600dff99/_purge"): "purge",
}
# What differs in consequence, by its place in the recording.
IN_CONSEQUENCE = {
    71: "the function validate_doc_update did not refuse this document",
    72: "the function validate_doc_update did not refuse this document",
    99: "these two documents are there, and nothing was purged",
}

# Whose values are a server's own: what the recording has is exchanged for what the hub said in its place.
OWN = {"rev", "_rev", "id", "_id", "seq", "last_seq", "update_seq"}
# Revisions and ids that the recording's author chose are shorter, and the same here.
SHORTEST_OWN = 20


def read(name):
    return [json.loads(line) for line in (RECORDINGS / name).read_text().splitlines()]


def shape(value):
    """Keys and types all the way down; of a list, the shapes of its members in any order."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        if all(isinstance(inner, str) for inner in value):
            return ["text"] if value else []
        return sorted((shape(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True))
    kinds = {bool: "flag", int: "number", float: "number", str: "text", type(None): "null"}
    return kinds[type(value)]


def parsed(content_type, body):
    """JSON, lines of JSON, the parts of a multipart message, or the bytes."""
    if content_type.startswith("multipart/"):
        message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        return [parsed(part.get_content_type(), _payload(part)) for part in message.get_payload()]
    if content_type == "application/json" and body.strip():
        return json.loads(body)
    return body.decode("latin-1")


def _payload(part):
    return part.as_bytes().partition(b"\n\n")[2] if part.is_multipart() else part.get_payload(decode=True)


class Replay:
    """The recording against the hub, one request after the other."""

    def __init__(self, root):
        self.root = root
        self.own = {}
        self.admin, self.user, self.visitor = (requests.Session() for _ in range(3))
        self.admin.auth = ("admin", "adminpw")
        self.user.auth = ("u6a4db1", "pw")

    def session(self, record):
        if record["auth"] is not None:
            return {"admin": self.admin, "user": self.user}[record["auth"]]
        # The cookie was shown to `_session` alone.
        return self.visitor if record["path"] == "/_session" else requests

    def ask(self, record):
        body = record["body"]
        if isinstance(body, dict):
            body = base64.b64decode(body["base64"])
        elif body is not None:
            body = self._translated(body).encode()
        headers = {name: self._translated(text) for name, text in record["headers"].items()}
        answer = self.session(record).request(
            record["method"],
            self.root + self._translated(record["path"]),
            headers=headers,
            data=body,
            stream=True,
            timeout=30,
        )
        if record["response"] is None:  # a feed without end
            answer.close()
            return answer.status_code, answer.headers, None
        return answer.status_code, answer.headers, answer.content

    def _translated(self, text):
        for theirs, ours in self.own.items():
            text = text.replace(theirs, ours)
        return text

    def learn(self, theirs, ours):
        """Pairs what the servers made up themselves, where it is certain that both speak of the same."""
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for key in sorted(theirs.keys() & ours.keys(), reverse=True):  # rows before `last_seq`, which counts
                self.learn(theirs[key], ours[key])
                if key in OWN and isinstance(theirs[key], str) and len(theirs[key]) >= SHORTEST_OWN:
                    self.own[theirs[key]] = ours[key]
        elif isinstance(theirs, list) and isinstance(ours, list):
            by_id = {each["id"]: each for each in ours if isinstance(each, dict) and "id" in each}
            for each in theirs:
                if isinstance(each, dict) and "id" in each:
                    self.learn(each, by_id.get(self.own.get(each["id"], each["id"])))


def recorded(record):
    response = record["response"]
    if isinstance(response, dict):
        return base64.b64decode(response["base64"])
    return response.encode() if response is not None else None


@pytest.fixture(scope="module")
def replayed(running):
    """Of each recorded request: itself, what CouchDB answered, what the hub answers (status, content type, body)."""
    replay = Replay(running.root)
    running.hub.create_database("chk600dff99x")  # was there when the recording began
    seen = []
    for record in read(TRANSCRIPT):
        status, headers, body = replay.ask(record)
        theirs, their_kind = recorded(record), record["response_headers"]["content-type"]
        theirs = None if theirs is None else parsed(their_kind, theirs)
        ours = None if body is None else parsed(headers["content-type"], body)
        replay.learn(theirs, ours)
        seen.append((record, (record["status"], their_kind, theirs), (status, headers["content-type"], ours)))
    yield seen
    for name in running.hub.list_databases():
        running.hub.delete_database(name)


def is_refused(record):
    return (record["method"], record["path"]) in REFUSED


COMPARED = [
    pytest.param(number, id=f"{number} {record['method']} {record['path'][:60]}")
    for number, record in enumerate(read(TRANSCRIPT))
    if not is_refused(record) and number not in IN_CONSEQUENCE
]


class TestTranscript:
    @pytest.mark.parametrize("number", COMPARED)
    def test_the_hub_answers_as_couchdb_did(self, replayed, number):
        _, theirs, ours = replayed[number]
        assert (ours[0], ours[1].partition(";")[0]) == (theirs[0], theirs[1].partition(";")[0])
        assert shape(ours[2]) == shape(theirs[2])
        assert error_word(ours[2]) == error_word(theirs[2])

    def test_what_is_not_part_of_the_hub_is_refused_as_such(self, replayed):
        refused = [ours for record, _, ours in replayed if is_refused(record)]
        assert len(refused) >= len(REFUSED)
        assert {status for status, _, _ in refused} == {501}
        assert {error_word(body) for _, _, body in refused if body} == {"not_implemented"}

    def test_nothing_is_excused_that_agrees(self, replayed):
        agreeing = [
            number
            for number in IN_CONSEQUENCE
            if shape(replayed[number][1][2]) == shape(replayed[number][2][2])
            and replayed[number][1][0] == replayed[number][2][0]
        ]
        assert agreeing == []


def error_word(body):
    return body.get("error") if isinstance(body, dict) else None


# What the databases of the recorded replications held when they began, as far as the requests name it.
BEFORE = [
    {"_id": "a", "_rev": "1-bc5db6a055cbe3e54ca8ad7ae009e9e5", "x": 1},
    {"_id": "cf", "_rev": "2-cc", "_revisions": {"start": 2, "ids": ["cc", "aa"]}},
    {"_id": "cf", "_rev": "2-bb", "_revisions": {"start": 2, "ids": ["bb", "aa"]}},
    {"_id": "live1", "_rev": "1-6af3056dadf680b7505ab9b7a115f4b7"},
    {"_id": "_design/v", "_rev": "1-9ecce13de128fc1c0f93926a6ced406c", "views": {}},
    *(
        {
            "_id": "b",
            "_rev": f"{len(ids)}-{ids[0]}",
            "_revisions": {"start": len(ids), "ids": ids},
            "_attachments": {"f.bin": {"content_type": "application/octet-stream", "data": "AAEC"}},
        }
        for ids in (
            ["b8a7c147492191ae3d2c8d98e3332a13"],
            ["9f3690046c32066489bea58bb429578c", "b8a7c147492191ae3d2c8d98e3332a13"],
        )
    ),
]


# The recording keeps so much of a body.
KEPT = 400
FILES = {"r.bin": bytes(range(256)) * 273, "f.bin": b"a" * 1000}


def completed(record):
    """The recorded body; where it was cut, one of the same kind."""
    body = record["body"]
    if body is None or len(body) < KEPT:
        return body
    if "_local/" in record["path"]:
        return body.partition('"history"')[0].rstrip(",") + "}"
    if record["path"].endswith("_bulk_docs"):
        return json.dumps({"docs": BEFORE, "new_edits": False})
    boundary = body.partition("\r\n")[0]
    listed = {
        name: {"content_type": "application/octet-stream", "revpos": 2, "length": len(data), "follows": True}
        for name, data in FILES.items()
    }
    document = json.dumps({**BEFORE[-1], "_attachments": listed}).encode()
    parts = [b"\r\nContent-Type: application/json\r\n\r\n" + document]
    for name, data in FILES.items():
        head = f'\r\nContent-Disposition: attachment; filename="{name}"\r\nContent-Length: {len(data)}\r\n\r\n'
        parts.append(head.encode() + data)
    return b"".join(boundary.encode() + part + b"\r\n" for part in parts) + boundary.encode() + b"--"


class TestReplicators:
    """Every request that a real replicator made gets the status and the kind of answer that it got."""

    @pytest.mark.parametrize("name", ["couchdb-3.5-replicator-requests.jsonl", "pouchdb-9-requests.jsonl"])
    def test_each_request_is_answered_as_it_was(self, running, hub, admin, name):
        records = read(name)
        made = {record["path"].strip("/") for record in records if record["method"] == "PUT"}
        for database in {record["path"].split("/")[1] for record in records} - {"", "_session"} - made:
            admin("PUT", f"/{database}")
            admin("POST", f"/{database}/_bulk_docs", json={"docs": BEFORE, "new_edits": False})
        different = []
        for record in records:
            status, kind = self.answered(admin, record)
            if "filter=_view" in record["path"]:
                assert status == 501
            elif (status, kind) != (record["status"], record["response_type"].partition(";")[0]):
                different.append((record["method"], record["path"][:90], status, record["status"], kind))
        assert different == []

    def answered(self, admin, record):
        names = {"accept": record["accept"], "content-type": record["content_type"]}
        headers = {name: text for name, text in names.items() if text}
        with admin(record["method"], record["path"], headers=headers, data=completed(record), stream=True) as answer:
            return answer.status_code, answer.headers["content-type"].partition(";")[0]
