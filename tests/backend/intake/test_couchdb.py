"""The hub that QIXUN_COUCHDB_URL names is prepared, opened to phones and followed, with nothing done by hand.

Runs against our own hub in a process of its own, against the same behind CouchDB 3.5's administrative calls (each of
the backend's requests must be a documented one), and against a real Apache CouchDB where QIXUN_COUCHDB_URL is set.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from backend.accounts.keys import LEAD_S, SigningKeys
from backend.accounts.service.tokens import issue_access_token
from backend.db import Database
from backend.intake import service
from backend.intake.feed import Feed
from backend.intake.hub import HubClient
from backend.intake.hub_admin import one_line, show_keys, tell_updates
from backend.intake.keeping import KeysShown
from backend.intake.outbox import Outbox
from backend.intake.quarters import close_old, restore
from backend.intake.running import run
from backend.intake.takes import TAKES
from backend.intake.taking import Setup
from backend.photos.service import PhotoStore
from sync.databases import unit_database
from tests.backend.intake.conftest import Person, hire
from tests.backend.intake.couchdb import NODE, REAL, AsCouchDB, RealCouchDB, ServedHub, ask
from tests.backend.intake.test_quarters import make_old
from tests.factories import records

HUBS = ["served", "as-couchdb", *(["couchdb"] if REAL else [])]


class World:
    """What `hire` needs, on any hub."""

    def __init__(self, url: str, look_url: str, database: Database, keys: SigningKeys, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self._look_url = look_url
        self.database = database
        self.keys = keys
        self.client = HubClient(url)
        self.outbox = Outbox(database, self.client, keys)
        self.photos = PhotoStore(folder / "photos")
        self.feed = Feed(database, self.client, Setup(TAKES, keys.known_pems, self.photos))

    def push(self, database: str, *documents) -> None:
        pushed = {"new_edits": False, "docs": list(documents)}
        assert ask(self._look_url, "POST", f"{database}/_bulk_docs", json=pushed)[0] == 201

    async def carry(self) -> None:
        for _ in range(20):
            if not await self.outbox.carry():
                return
        raise AssertionError("the outbox never comes to rest")

    async def ask(self, method, path, *, headers=None, **options):
        """What a test itself looks at goes past the list of documented requests."""
        url = self.url if headers else self._look_url
        return await asyncio.to_thread(ask, url, method, path, headers=headers, **options)

    def token(self, person: Person, *units: str, seconds: int = 600) -> dict[str, str]:
        token, _ = issue_access_token(
            self.keys,
            subject=person.staff_id,
            organisation_id=person.company_id,
            lifetime_s=seconds,
            device_id=person.device_id,
            unit_ids=units,
        )
        return {"Authorization": f"Bearer {token}"}

    async def status(self, path: str, headers: dict[str, str], *, method: str = "GET", **options) -> int:
        return (await self.ask(method, path, headers=headers, **options))[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedHub, SigningKeys]]:
    folder = tmp_path_factory.mktemp("served")
    keys = SigningKeys(folder / "keys")
    hub = ServedHub(folder, folder / "keys")
    yield hub, keys
    hub.stop()


@pytest.fixture
async def couch(served: tuple[ServedHub, SigningKeys]) -> AsyncIterator[AsCouchDB]:
    """Every request that the backend made of it is one that CouchDB documents."""
    proxy = AsCouchDB(served[0])
    await proxy.start()
    yield proxy
    await proxy.stop()
    assert proxy.strange == []


@pytest.fixture(params=HUBS)
async def world(
    request: pytest.FixtureRequest,
    served: tuple[ServedHub, SigningKeys],
    couch: AsCouchDB,
    own_database: Database,
    tmp_path: Path,
) -> AsyncIterator[World]:
    hub = {"served": served[0], "as-couchdb": couch}.get(request.param) or RealCouchDB()
    world = World(hub.url, served[0].url if hub is couch else hub.url, own_database, served[1], tmp_path)
    await tell_updates(world.client)
    await show_keys(world.client, world.keys)
    before = set(await world.client.list_databases())
    yield world
    # Somebody's CouchDB is left as it was found.
    for name in set(await world.client.list_databases()) - before:
        await world.ask("DELETE", name)
    await world.client.close()


@pytest.fixture
async def li(world: World) -> Person:
    return await hire(world)


async def until(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.05)


class TestProvisioning:
    async def test_a_persons_database_has_one_shard_and_is_his_devices(self, world: World, li: Person) -> None:
        assert (await world.ask("GET", li.user))[1]["cluster"]["q"] == 1
        _, security = await world.ask("GET", f"{li.user}/_security")
        assert security["members"] == {"names": [], "roles": [f"device:{li.device_id}"]}
        assert security["admins"]["names"] == []

    async def test_a_unit_is_guarded_keeps_few_revisions_and_is_read_by_its_members(
        self, world: World, li: Person
    ) -> None:
        unit = unit_database(li.unit_id)
        async with world.database.sessions() as session, session.begin():
            await service.provision_unit(session, li.unit_id)
        await world.carry()
        member = world.token(li, li.unit_id)
        _, guard = await world.ask("GET", f"{unit}/_design/guard")
        assert "_admin" in guard["validate_doc_update"]
        assert (await world.ask("GET", f"{unit}/_revs_limit"))[1] == 20
        assert await world.status(f"{unit}/_changes", member) == 200
        assert await world.status(f"{unit}/x", member, method="PUT", json={}) == 403
        assert await world.status(f"{unit}/_local/place", member, method="PUT", json={}) == 201

    async def test_an_old_quarter_is_archived_dropped_and_brought_back(
        self, world: World, li: Person, own_settings
    ) -> None:
        old = await make_old(world, li)
        before = await world.ask("GET", f"{old.media}/{old.photo}?attachments=true&revs=true")
        settings = msgspec.structs.replace(own_settings, data_dir=world.folder)
        (closed,) = await close_old(settings, world.database, world.client, now=datetime.now(UTC))
        assert set(closed.names) == {old.user, old.media}
        assert {old.user, old.media}.isdisjoint(await world.client.list_databases())
        await restore(settings, world.database, world.client, old.media)
        await world.carry()
        assert await world.ask("GET", f"{old.media}/{old.photo}?attachments=true&revs=true") == before
        assert await world.status(old.media, world.token(li)) == 200


class TestTokens:
    async def test_a_phone_opens_its_own_database_alone(self, world: World, li: Person) -> None:
        wang = await hire(world)
        assert await world.status(li.user, world.token(li)) == 200
        assert await world.status(wang.user, world.token(li)) == 403
        assert await world.status(li.user, world.token(li, seconds=-60)) == 401

    async def test_a_rotated_key_shuts_nobody_out_and_the_old_one_ends(
        self, world: World, li: Person, served: tuple[ServedHub, SigningKeys], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys = served[1]
        showing = KeysShown(world.client, keys)
        monkeypatch.setattr(keys, "_clock", lambda: time.time() + 10 * LEAD_S)
        before = world.token(li)
        keys.rotate()
        await showing.look()
        monkeypatch.setattr(keys, "_clock", lambda: time.time() + LEAD_S + 30)
        after = world.token(li)
        assert [await world.status(li.user, token) for token in (before, after)] == [200, 200]
        monkeypatch.setattr(keys, "_clock", lambda: time.time() + 10 * LEAD_S)
        assert keys.retire_old(600)
        await showing.look()
        assert [await world.status(li.user, token) for token in (before, after)] == [401, 200]


class TestFollowing:
    @pytest.mark.parametrize("keeps_updates", [True, False])
    async def test_what_a_phone_pushes_is_taken_and_answered(
        self, world: World, li: Person, couch: AsCouchDB, own_settings, *, keeps_updates: bool
    ) -> None:
        """With `_db_updates`, and without: then all databases are asked for their sequences."""
        couch.has_updates, couch.keeps_updates = keeps_updates, keeps_updates
        record = li.hazard()
        settings = msgspec.structs.replace(own_settings, couchdb_url=world.url)
        stop = asyncio.Event()
        running = asyncio.create_task(run(settings, world.database, stop, hub_url=world.url, keys=world.keys))
        pushed = {"new_edits": False, "docs": [records.document(record)]}
        assert await world.status(f"{li.user}/_bulk_docs", world.token(li), method="POST", json=pushed) == 201

        async def answered() -> bool:
            _, listed = await world.ask("GET", f"{li.user}/_all_docs")
            return any(row["id"].startswith("receipt:") for row in listed["rows"])

        await until(answered)
        stop.set()
        await running


class TestShowKeys:
    async def test_each_node_of_a_cluster_is_told(self, served: tuple[ServedHub, SigningKeys]) -> None:
        couch = AsCouchDB(served[0], nodes=("couchdb@a.example", "couchdb@b.example"))
        await couch.start()
        hub = HubClient(couch.url)
        await show_keys(hub, served[1])
        await hub.close()
        await couch.stop()
        expected = {f"ec:{key}": one_line(pem) for key, pem in served[1].token_pems().items()}
        assert list(couch.keys.values()) == [expected, expected]
        assert couch.strange == []

    async def test_what_it_knows_is_not_written_again(
        self, couch: AsCouchDB, served: tuple[ServedHub, SigningKeys]
    ) -> None:
        hub = HubClient(couch.url)
        await show_keys(hub, served[1])
        couch.asked.clear()
        await show_keys(hub, served[1])
        await hub.close()
        assert {method for method, _ in couch.asked} == {"GET"}

    async def test_somebody_elses_key_stays(self, couch: AsCouchDB, served: tuple[ServedHub, SigningKeys]) -> None:
        couch.keys[NODE]["hmac:other"] = "c2VjcmV0"
        hub = HubClient(couch.url)
        await show_keys(hub, served[1])
        await hub.close()
        assert couch.keys[NODE]["hmac:other"] == "c2VjcmV0"

    async def test_a_hub_that_keeps_no_updates_is_polled(self, couch: AsCouchDB) -> None:
        couch.keeps_updates = False
        hub = HubClient(couch.url)
        await tell_updates(hub)
        await hub.close()
        assert not couch.has_updates
