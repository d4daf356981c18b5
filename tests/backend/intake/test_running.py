"""The loops: a pushed record is a row within a second, and one worker's end is not another's."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from backend.db import Database
from backend.intake.hub import HubClient, HubError
from backend.intake.models import HubDatabase
from backend.intake.running import Worker, run
from sync.databases import quarter_of
from tests.backend.intake.conftest import hire
from tests.factories import records
from tests.sync.replication.hubs import HubProcess


async def until(true, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 (what is waited for is in PostGIS)
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def shared_hub(tmp_path_factory):
    """This module's own: a worker looks at every database, also at other tests'."""
    hub = HubProcess(tmp_path_factory.mktemp("hub"))
    hub.start()
    yield hub
    hub.kill()


@asynccontextmanager
async def working(*runs):
    """These loops, until the test is done with them."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(run(stop)) for run in runs]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def test_a_pushed_record_is_taken_within_a_second(world, li):
    """p95 over 40 single pushes, from before the push to the committed row."""
    waited = []
    async with working(Worker(world.database, world.client, world.setup).run):
        for _ in range(40):
            record = li.hazard()
            began = time.monotonic()
            await asyncio.to_thread(world.push, li.user, records.document(record))

            async def there(wanted=record.id):
                return wanted in await world.facts(li)

            await until(there)
            waited.append(time.monotonic() - began)
    assert sorted(waited)[37] < 1.0


async def test_a_hub_that_cannot_tell_what_changed_is_asked(world, li, monkeypatch):
    async def unknown(self):
        raise HubError(404, "not_found")

    monkeypatch.setattr(HubClient, "updates_now", unknown)
    record = li.hazard()
    async with working(Worker(world.database, world.client, world.setup).run):
        await asyncio.to_thread(world.push, li.user, records.document(record))

        async def there():
            return record.id in await world.facts(li)

        await until(there)


async def test_two_workers_share_the_databases(world, li, own_settings):
    wang = await hire(world)
    documents = {p.user: [records.document(p.hazard()) for _ in range(60)] for p in (li, wang)}
    other = Database(own_settings)  # as in another process: a pool carries the readers of one worker
    workers = [Worker(database, world.client, world.setup) for database in (world.database, other)]
    async with working(*(worker.run for worker in workers)):
        for start in range(0, 60, 6):
            for name, found in documents.items():
                await asyncio.to_thread(world.push, name, *found[start : start + 6])

        async def all_there():
            return len(await world.facts(li)) == len(await world.facts(wang)) == 60

        await until(all_there)
    await other.close()
    assert len(world.taken) == len(set(world.taken)) == 120


async def test_everything_together_answers_the_phone(world, li, own_settings):
    record = li.hazard()
    url = world.hub.url.replace("://", "://admin:adminpw@")

    async def everything(stop):
        await run(own_settings, world.database, stop, hub_url=url, keys=world.keys)

    async def answered():
        return any(doc_id.startswith("receipt:") for doc_id in await asyncio.to_thread(world.hub.ids, li.user))

    async with working(everything):
        await asyncio.to_thread(world.push, li.user, records.document(record))
        await until(answered)
    assert (await world.answers(li))[record.id].state == "accepted"


async def test_a_database_lost_by_the_hub_is_made_again(world, li):
    await asyncio.to_thread(world.hub.ask, "DELETE", li.user)
    await Worker(world.database, world.client, world.setup).sweep()
    await world.carry()
    assert world.hub.ask("GET", f"{li.user}/_security")["members"]["roles"] == [f"device:{li.device_id}"]


async def test_whoever_had_databases_gets_those_of_the_quarter(world, li):
    last = "20263"
    async with world.database.sessions() as session, session.begin():
        for row in await session.scalars(select(HubDatabase).where(HubDatabase.owner_id == li.staff_id)):
            await session.delete(row)
        session.add(HubDatabase(name=f"user_{li.staff_id}_{last}", kind="user", owner_id=li.staff_id, quarter=last))
    await Worker(world.database, world.client, world.setup)._provision_ahead(datetime(2026, 12, 28, tzinfo=UTC))
    async with world.database.sessions() as session:
        rows = await session.execute(
            select(HubDatabase.kind, HubDatabase.quarter).where(HubDatabase.owner_id == li.staff_id)
        )
        found = {(kind, quarter) for kind, quarter in rows}
    assert {("user", quarter_of(datetime.now(UTC))), ("media", quarter_of(datetime.now(UTC)))} <= found


async def test_a_page_comes_with_its_documents_in_one_request(world, li):
    world.push(li.user, *(records.document(li.hazard()) for _ in range(5)))
    page = await world.client.changes(li.user, "0", 100)
    assert [changed.winner is not None for changed in page.documents] == [True] * 5


async def test_a_hub_that_is_away_is_one_clear_error():
    client = HubClient("http://admin:x@127.0.0.1:9/sync")
    with pytest.raises(HubError, match="does not answer"):
        await client.list_databases()
    await client.close()
