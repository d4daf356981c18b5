"""The checker is worth what it catches: each kind of loss and lie is planted in a healed town and must be found."""

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.faults.draws import Step
from tests.faults.evidence import Hub, read_journal
from tests.faults.hub import ADMIN
from tests.faults.playing import Player
from tests.faults.running import Town
from tests.faults.world import World

pytestmark = pytest.mark.timeout(400)

STEPS: list[Step] = [
    {"do": "record", "phone": 0, "kind": "hazard", "note": "", "photos": [(60, 1)], "count": 2, "wait": True},
    {"do": "record", "phone": 1, "kind": "works", "note": "一", "photos": [], "count": 1, "wait": True},
    {"do": "nul", "phone": 2},
]


class Healed:
    """A town where all came right and nothing moves any more: only the hub still answers."""

    def __init__(self, world: World, player: Player) -> None:
        self.world, self.player = world, player
        self.hub = Hub(world.hub_url, ADMIN)
        self.user = next(name for name in self.hub.names() if name.startswith(f"user_{world.people[0]['staff_id']}"))
        self.device = world.people[0]["device_id"]
        entries = [entry for entry in read_journal(world.journal(0)) if entry["database"] == "user"]
        self.first, self.last = entries[0]["id"], entries[-1]["id"]
        self.nul = next(entry["id"] for entry in read_journal(world.journal(2)) if "\0" in entry["body"]["note"])

    def office(self, *statements: str, **values: str) -> None:
        with psycopg.connect(self.world.url) as connection:
            for statement in statements:
                connection.execute(statement, values)  # type: ignore[arg-type]

    def on_phone(self, statement: str, *values: str) -> None:
        (path,) = self.world.phone_data(0).glob(f"stores/*/{self.user}.sqlite")
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute(statement, values).rowcount > 0
            connection.commit()

    def receipt(self, key: str, state: str, record_id: str, rev: str) -> None:
        """As only the office can write it: with its own key."""
        (path,) = (self.world.folder / "data" / "keys").glob("*.pem")
        signing = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(signing, EllipticCurvePrivateKey)
        entries = [{"record_id": record_id, "rev": rev, "state": state}]
        fields: dict[str, Any] = {"_id": f"receipt:{key}", "type": "receipt", "device_id": self.device}
        fields |= {"issued_at": "2030-01-01T00:00:00Z", "entries": entries}
        r, s = decode_dss_signature(signing.sign(rfc8785.dumps(fields), ECDSA(SHA256())))
        raw = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=").decode()
        self.put(fields["_id"], fields | {"signature": f"{path.stem}.{raw}"})

    def put(self, doc_id: str, fields: dict[str, Any]) -> None:
        self.hub.ask("PUT", f"{self.user}/{doc_id}", fields)

    def rev(self, doc_id: str) -> str:
        return str(self.hub.ask("GET", f"{self.user}/{doc_id}")["_rev"])

    def forget(self, doc_id: str) -> None:
        """Gone without a trace: from the office, the hub and the phone."""
        for table, column in (
            ("hazard_steps", "hazard_id"),
            ("hazards", "id"),
            ("intake_log", "doc_id"),
            ("facts", "id"),
        ):
            self.office(f"DELETE FROM {table} WHERE {column} = %(id)s", id=doc_id)
        self.hub.ask("DELETE", f"{self.user}/{doc_id}?rev={self.rev(doc_id)}")
        self.on_phone("DELETE FROM docs WHERE id = ?", doc_id)
        self.on_phone("DELETE FROM records WHERE id = ?", doc_id)


@pytest.fixture(scope="module")
def quiet(town: Town) -> Iterator[Healed]:
    world = town.world(0)
    player = Player(world)
    try:
        player.start()
        player.play([{**step, "pause_s": 0} for step in STEPS])
        player.heal(worker_anew=False, photo_by=[])
        assert player.findings() == []
        for program in (*world.phones, world.worker, world.office):
            world.kill(program)
        player.copies.keep()
        yield Healed(world, player)
    finally:
        world.stop()
        player.copies.drop()
        town.postgres.drop(world.database)


@pytest.fixture
def healed(quiet: Healed) -> Iterator[Healed]:
    """Put back after the test: each lie stands alone."""
    yield quiet
    quiet.player.put_all_back()
    assert quiet.player.check() == []


Plant = Callable[[Healed], None]
_REST = "tag, rev, database, organisation_id, company_id, staff_id, device_id, record_number, recorded_at, received_at"
COPY_FACT = (
    f"INSERT INTO facts (id, {_REST}, state, body) SELECT {{}}, {_REST}, state, body FROM facts WHERE id = %(id)s"
)
PLANTS: dict[str, tuple[Plant, str]] = {
    "a row is lost": (
        lambda town: town.office("DELETE FROM facts WHERE id = %(id)s", id=town.first),
        "was acknowledged and is not in PostGIS",
    ),
    "a row is there twice": (
        lambda town: town.office(
            "ALTER TABLE facts DROP CONSTRAINT pk_facts CASCADE",
            COPY_FACT.format("id"),
            id=town.first,
        ),
        "is in PostGIS 2 times",
    ),
    "a row that nobody recorded": (
        lambda town: town.office(COPY_FACT.format("id || 'x'"), id=town.first),
        "no phone has recorded it",
    ),
    "a row with another content": (
        lambda town: town.office(
            "UPDATE facts SET body = convert_to(replace(convert_from(body, 'UTF8'), 'exposed_pipe', 'other'), 'UTF8')"
            " WHERE id = %(id)s",
            id=town.first,
        ),
        "another content than was recorded",
    ),
    "a fact that is no hazard in the office": (
        lambda town: town.office(
            "DELETE FROM hazard_steps WHERE hazard_id = %(id)s", "DELETE FROM hazards WHERE id = %(id)s", id=town.first
        ),
        "has 0 rows in hazards",
    ),
    "a refused record that the office does not have": (
        lambda town: town.office("DELETE FROM quarantine WHERE doc_id = %(id)s", id=town.nul),
        "was acknowledged and is not in PostGIS",
    ),
    "a good record that is held back": (
        lambda town: town.office(
            "INSERT INTO quarantine"
            " (id, database, doc_id, rev, seq, code, organisation_id, staff_id, body, received_at)"
            " SELECT 'q', database, id, rev, '1', 'not_taken', organisation_id, staff_id, body, received_at FROM facts"
            " WHERE id = %(id)s",
            "DELETE FROM facts WHERE id = %(id)s",
            id=town.first,
        ),
        "is held back although nothing speaks against it",
    ),
    "a receipt for what is not there": (
        lambda town: town.receipt("a", "accepted", "hazard.reported:none", "1-0"),
        "and PostGIS does not have it",
    ),
    "a receipt that refuses what was taken": (
        lambda town: town.receipt("b", "refused", town.first, town.rev(town.first)),
        "the office has never seen it",
    ),
    "a receipt with a forged signature": (
        lambda town: town.put("receipt:c", {"type": "receipt", "entries": [], "signature": "k.AAAA"}),
        "does not carry the office's signature",
    ),
    "a phone that believes a forged receipt": (
        lambda town: town.on_phone("UPDATE records SET state = 'refused', receipt_at = 1 WHERE id = ?", town.first),
        "is refused on its phone, and the office does not say so",
    ),
    "a phone that was never told": (
        lambda town: town.on_phone("UPDATE records SET state = 'sent' WHERE id = ?", town.first),
        "is still sent on its phone",
    ),
    "a phone that counts its photos wrong": (
        lambda town: town.on_phone("UPDATE records SET photos_arrived = 7 WHERE id = ?", town.first),
        "photos have arrived, says its phone",
    ),
    "a document that the phone has lost": (
        lambda town: town.on_phone("DELETE FROM docs WHERE id = ?", town.first),
        "phone [], hub",
    ),
    "a document that intake has overlooked": (
        lambda town: town.put("hazard.reported:d", {"type": "hazard.reported"}),
        "PostGIS has neither taken nor held it",
    ),
    "a task that the hub has lost": (
        lambda town: town.hub.ask(
            "DELETE",
            f"{town.user}/membership:{town.world.people[0]['staff_id']}"
            f"?rev={town.rev('membership:' + town.world.people[0]['staff_id'])}",
        ),
        "is not what the office wants it to be",
    ),
    "a number that nothing shows to be missing": (
        lambda town: town.forget(town.last),
        "is missing, and no later number shows it",
    ),
    "a number on two records": (
        lambda town: town.office("UPDATE facts SET record_number = 2 WHERE id = %(id)s", id=town.first),
        "(user) is on 2 records",
    ),
    "a number that the office counts as missing": (
        lambda town: town.office("UPDATE intake_log SET record_number = 7 WHERE doc_id = %(id)s", id=town.first),
        "is not counted as come",
    ),
    "a document that is never written to the hub": (
        lambda town: town.office("UPDATE outbox SET sent_version = 0"),
        "is not written to the hub",
    ),
    "a job that failed": (
        lambda town: town.office(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('q', 'count', 'failed')"
        ),
        "is a job that failed or never ran",
    ),
}


@pytest.mark.parametrize("lie", PLANTS)
def test_it_is_caught(healed: Healed, lie: str) -> None:
    plant, finding = PLANTS[lie]
    plant(healed)
    found = healed.player.check()
    assert any(finding in sentence for sentence in found), found


def test_the_checker_shares_no_code_with_the_product() -> None:
    script = (
        "import sys, json, tests.faults.checker\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, cwd=Path(__file__).parents[2]
    )
    imported = set(json.loads(said.stdout))
    assert "psycopg" in imported
    assert imported.isdisjoint({"backend", "sync", "mobile_app", "qixun", "device_bridge", "web_console"})
