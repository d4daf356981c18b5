"""What the checker goes by, read by its own means: the phones' SQLite files, the hub over HTTP, PostGIS over psycopg.

Nothing here or in `checker.py` imports the product: what the product believes about itself proves nothing.
"""

import base64
import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Body = dict[str, Any]
_ANSWER_S = 30


@dataclass(frozen=True)
class Leaf:
    """A current revision; `body` is None where its content is gone, `files` are name -> MD5 digest."""

    deleted: bool
    body: Body | None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """What a phone shows of one of its own records."""

    number: int
    rev: str
    state: str
    code: str
    answered: bool
    photos_arrived: int


@dataclass(frozen=True)
class Copy:
    """One database, on a phone or in the hub: document id -> revision -> leaf."""

    leaves: Mapping[str, Mapping[str, Leaf]]
    lines: Mapping[str, Line] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    rev: str
    database: str
    device_id: str
    number: int
    state: str
    body: Body
    photos: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """A row of the quarantine."""

    database: str
    doc_id: str
    rev: str
    state: str
    device_id: str
    deleted: bool
    body: bytes


@dataclass(frozen=True)
class Told:
    """An entry of a receipt that carries the backend's signature."""

    record_id: str
    rev: str
    state: str
    issued_at: str
    photos_arrived: int


@dataclass
class Evidence:
    journal: dict[str, Body] = field(default_factory=dict)
    ledger: dict[str, Any] = field(default_factory=dict)
    phones: list[dict[str, Copy]] = field(default_factory=list)
    hub: dict[str, Copy] = field(default_factory=dict)
    facts: list[tuple[str, Fact]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    logged: dict[tuple[str, str], tuple[str, int | None]] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    unsigned: set[str] = field(default_factory=set)
    outbox: dict[tuple[str, str], Body | None] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    read_up_to: dict[str, int] = field(default_factory=dict)
    hub_sequences: dict[str, int] = field(default_factory=dict)


def gather(folder: Path, hub_url: str, admin: tuple[str, str], database_url: str) -> Evidence:
    found = Evidence()
    for path in sorted((folder / "journals").glob("*.jsonl")):
        found.journal |= {entry["id"]: entry for entry in read_journal(path)}
    ledger = folder / "ledger.json"
    found.ledger = json.loads(ledger.read_text()) if ledger.exists() else {}
    for phone in sorted((folder / "phones").iterdir()):
        found.phones.append({path.stem: read_phone(path) for path in sorted(phone.glob("stores/*/*.sqlite"))})
    hub = Hub(hub_url, admin)
    found.hub = {name: hub.read(name) for name in hub.names()}
    found.hub_sequences = {name: hub.sequence(name) for name in found.hub}
    with psycopg.connect(database_url) as connection:
        _read_postgres(connection, found)
    _read_receipts(found, list(_public_keys(folder / "data" / "keys")))
    return found


def read_journal(path: Path) -> Iterable[Body]:
    """What the phone said was saved; a line that was cut off (killed, disk full) was not said."""
    for line in path.read_bytes().splitlines():
        with suppress(ValueError):
            yield json.loads(line)


# Phones


def read_phone(path: Path) -> Copy:
    """One of a phone's files; the key that it is sealed with lies beside the folder of the stores."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        connection.execute("BEGIN")
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return Copy({}, {})  # just being made
        opened = _Opened(connection, path.parents[2] / "seal.key")
        rows = connection.execute("SELECT id, rev, deleted, body, tree FROM docs").fetchall()
        leaves = {row[0]: dict(_leaves(opened, row)) for row in rows}
        has_records = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'records'").fetchone()
        query = "SELECT id, number, rev, state, code, receipt_at, photos_arrived FROM records"
        lines = {
            row[0]: Line(row[1], row[2], row[3], row[4], bool(row[5]), row[6])
            for row in (connection.execute(query) if has_records else ())
        }
    return Copy(leaves, lines)


def _leaves(opened: "_Opened", row: tuple[Any, ...]) -> Iterable[tuple[str, Leaf]]:
    doc_id, rev, deleted, body, tree = row
    nodes = json.loads(tree) if tree else {rev: [None, bool(deleted), body]}
    full = {name: [*node, *(None, False, 0)[len(node) :]] for name, node in nodes.items()}
    parents = {node[0] for node in full.values()}
    for name, (_, gone, number) in full.items():
        if name not in parents:
            yield name, Leaf(bool(gone), *opened.content(doc_id, name, number))


class _Opened:
    """A phone's file with its key: SM4-GCM, nonce first, tag last, bound to the place that a content belongs to."""

    def __init__(self, connection: sqlite3.Connection, key_file: Path) -> None:
        self._connection = connection
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        self._key = b""
        if "seal" in meta:
            device_key = bytes.fromhex(key_file.read_text())
            self._key = _unsealed(bytes.fromhex(meta["seal"]), device_key, f"key {meta['uuid']}")

    def content(self, doc_id: str, rev: str, number: int) -> tuple[Body | None, dict[str, str]]:
        query = "SELECT body, attachments FROM bodies WHERE num = ?"
        found = self._connection.execute(query, (number,)).fetchone()
        if found is None:
            return None, {}
        raw = _unsealed(found[0], self._key, f"body {rev} {doc_id}") if self._key else found[0]
        files = json.loads(found[1]) if found[1] else {}
        return json.loads(raw), {name: _digest(stub) for name, stub in files.items()}


def _unsealed(sealed: bytes, key: bytes, place: str) -> bytes:
    opening = Cipher(algorithms.SM4(key), modes.GCM(sealed[:12], sealed[-16:])).decryptor()
    opening.authenticate_additional_data(place.encode())
    return opening.update(sealed[12:-16]) + opening.finalize()


def _digest(stub: Any) -> str:
    return str(stub["digest"] if isinstance(stub, dict) else next(v for v in stub if str(v).startswith("md5-")))


# The hub


class Hub:
    def __init__(self, url: str, admin: tuple[str, str]) -> None:
        self._url = url
        self._authorization = "Basic " + base64.b64encode(":".join(admin).encode()).decode()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:
            return json.loads(answer.read())

    def names(self) -> list[str]:
        return [name for name in self.ask("GET", "_all_dbs") if name.startswith(("user_", "media_", "unit_"))]

    def sequence(self, name: str) -> int:
        return int(str(self.ask("GET", name)["update_seq"]).partition("-")[0])

    def read(self, name: str) -> Copy:
        rows = self.ask("GET", f"{name}/_changes?style=all_docs")["results"]
        wanted = [{"id": row["id"], "rev": change["rev"]} for row in rows for change in row["changes"]]
        if not wanted:
            return Copy({})
        leaves: dict[str, dict[str, Leaf]] = {}
        for result in self.ask("POST", f"{name}/_bulk_get", {"docs": wanted})["results"]:
            for document in (each["ok"] for each in result["docs"]):
                files = {n: stub["digest"] for n, stub in document.get("_attachments", {}).items()}
                body = {key: value for key, value in document.items() if not key.startswith("_")}
                leaf = Leaf(document.get("_deleted", False), body, files)
                leaves.setdefault(document["_id"], {})[document["_rev"]] = leaf
        return Copy(leaves)


# PostGIS


def _read_postgres(connection: psycopg.Connection[Any], found: Evidence) -> None:
    named: dict[str, list[str]] = {}
    for fact_id, photo_id in connection.execute("SELECT fact_id, photo_id FROM fact_photos ORDER BY 1, 2"):
        named.setdefault(fact_id, []).append(photo_id)
    columns = "id, rev, database, device_id, record_number, state, body"
    for fact_id, *rest, body in connection.execute(f"SELECT {columns} FROM facts ORDER BY id"):
        found.facts.append((fact_id, Fact(*rest, json.loads(body), tuple(named.get(fact_id, ())))))
    columns = "database, doc_id, rev, state, device_id, deleted, body"
    found.held = [Held(*row) for row in connection.execute(f"SELECT {columns} FROM quarantine ORDER BY received_at")]
    rows = connection.execute("SELECT doc_id, rev, device_id, record_number FROM intake_log")
    found.logged = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    for table in ("hazards", "third_party_works_reports", "photos"):
        ids = connection.execute(f"SELECT id, count(*) FROM {table} GROUP BY id")
        found.counts[table] = dict(ids.fetchall())
    rows = connection.execute("SELECT database, doc_id, body FROM outbox")
    found.outbox = {(row[0], row[1]): json.loads(row[2]) if row[2] else None for row in rows}
    found.read_up_to = {
        name: int(str(seq).partition("-")[0])
        for name, seq in connection.execute("SELECT name, seq FROM hub_databases WHERE kind <> 'unit'")
    }
    found.unfinished = [
        *_unfinished(
            connection, "SELECT doc_id FROM outbox WHERE version <> sent_version", "is not written to the hub"
        ),
        *_unfinished(connection, "SELECT name FROM hub_databases WHERE NOT provisioned", "is not provisioned"),
        *_unfinished(
            connection,
            "SELECT id || ' ' || task_name FROM procrastinate_jobs"
            " WHERE status = 'failed' OR (status = 'todo' AND scheduled_at IS NULL)",
            "is a job that failed or never ran",
        ),
        *_unfinished(
            connection,
            "SELECT pid || ' ' || query FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%' AND now() - state_change > '20 s'",
            "hangs in its transaction",
        ),
    ]


def _unfinished(connection: psycopg.Connection[Any], query: Any, what: str) -> list[str]:
    return [f"{row[0]} {what}" for row in connection.execute(query)]


# Receipts


def _public_keys(folder: Path) -> Iterable[tuple[str, EllipticCurvePublicKey]]:
    for path in sorted(folder.glob("*.pem")):
        key = load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(key, EllipticCurvePrivateKey)
        yield path.stem, key.public_key()


def signed(doc_id: str, body: Body, keys: Iterable[tuple[str, EllipticCurvePublicKey]]) -> bool:
    """ES256 over the RFC 8785 form of the document with its id and without its signature."""
    key_id, _, text = str(body.get("signature", "")).partition(".")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        message = rfc8785.dumps({key: value for key, value in body.items() if key != "signature"} | {"_id": doc_id})
    except (ValueError, rfc8785.CanonicalizationError):
        return False
    for name, key in keys:
        if name == key_id and len(raw) == 64:
            try:
                key.verify(signature, message, ECDSA(SHA256()))
            except InvalidSignature:
                return False
            return True
    return False


def _read_receipts(found: Evidence, keys: list[tuple[str, EllipticCurvePublicKey]]) -> None:
    for copy in found.hub.values():
        for doc_id, leaves in copy.leaves.items():
            kind = doc_id.partition(":")[0]
            if not kind.startswith(("receipt", "task.", "membership")):
                continue
            for leaf in leaves.values():
                if leaf.deleted or leaf.body is None:
                    continue
                if not signed(doc_id, leaf.body, keys):
                    found.unsigned.add(doc_id)
                elif kind == "receipt":
                    found.told += [_told(leaf.body, entry) for entry in leaf.body["entries"]]
    found.told.sort(key=lambda told: told.issued_at)


def _told(receipt: Body, entry: Body) -> Told:
    return Told(entry["record_id"], entry["rev"], entry["state"], receipt["issued_at"], entry.get("photos_arrived", 0))
