"""Exactly once, whatever happens between the hub and PostGIS."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from backend.db import Database
from backend.intake import receipts
from backend.intake.feed import BusyError, Feed
from backend.intake.hub import HubClient, HubError
from backend.intake.models import Fact, HubDatabase, IntakeEntry
from tests.backend.intake.conftest import World, build, hire
from tests.factories import records
from tests.sync.replication.hubs import HubProcess


@pytest.fixture
async def alone(own_hub: HubProcess, own_database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """With a hub that the test may kill, copy and restore."""
    world = await build(own_hub, own_database, tmp_path)
    yield world
    await world.client.close()


class NonceLost(HubClient):
    """The way to the hub breaks after PostGIS has committed and before the nonce is left."""

    async def put_local(self, name, fields):
        raise HubError(0, "cut")


async def counts(world: World) -> tuple[int, int]:
    async with world.database.sessions() as session:
        facts = await session.scalar(select(func.count()).select_from(Fact))
        entries = await session.scalar(select(func.count()).select_from(IntakeEntry))
        return facts, entries


async def test_a_thousand_records_are_taken_once(world, li):
    documents = [records.document(li.hazard()) for _ in range(1000)]
    world.push(li.user, *documents)
    assert await world.feed.read(li.user) == 1000
    assert sorted(world.taken) == sorted(d["_id"] for d in documents)
    assert await counts(world) == (1000, 1000)
    answers = await world.answers(li)
    assert {answers[d["_id"]].state for d in documents} == {"accepted"}


async def test_documents_much_larger_than_a_record_come_in_small_pages(world, li, monkeypatch):
    monkeypatch.setattr("backend.intake.hub._PAGE_BYTES", 50_000)
    good = [li.hazard() for _ in range(30)]
    world.push(li.user, *({"_id": f"junk:{number}", "_rev": "1-a", "x": "x" * 20_000} for number in range(30)))
    world.push(li.user, *map(records.document, good))
    assert len((await world.client.changes(li.user, "0", 500)).documents) < 30
    assert await world.feed.read(li.user) == 30
    assert len(await world.quarantine(li)) == 30


async def test_two_workers_at_once_take_each_record_once(world, li):
    documents = [records.document(li.hazard()) for _ in range(300)]
    others = [Feed(world.database, world.client, world.setup) for _ in range(3)]

    async def read(feed: Feed) -> None:
        for _ in range(12):
            try:
                await feed.read(li.user)
            except BusyError:
                await asyncio.sleep(0.02)

    readers = [asyncio.create_task(read(feed)) for feed in others]
    for start in range(0, 300, 30):
        await asyncio.to_thread(world.push, li.user, *documents[start : start + 30])
    await asyncio.gather(*readers)
    await world.feed.read(li.user)
    assert sorted(world.taken) == sorted(d["_id"] for d in documents)
    assert await counts(world) == (300, 300)


async def test_records_and_photos_read_at_the_same_moment_leave_no_photo_uncounted(world, li, monkeypatch):
    count = receipts.count_photos

    async def count_slowly(session, fact_ids):
        counted = await count(session, fact_ids)
        await asyncio.sleep(1.5)  # the photo's batch would begin and end in here
        return counted

    world.push(li.user, records.document(li.hazard()))
    await world.feed.read(li.user)  # its clock is known from now on: nothing about it is written any more
    monkeypatch.setattr(receipts, "count_photos", count_slowly)
    picture = records.jpeg()
    photo = records.photo(picture, "hazard.reported:any", **li.who())
    hazard = li.hazard(photos=(photo.id,))
    world.push(li.user, records.document(hazard))
    world.push_photo(li, photo, picture)
    await asyncio.gather(world.feed.read(li.user), world.feed.read(li.media))
    assert (await world.answers(li))[hazard.id].photos_arrived == 1


async def test_without_the_lock_the_checkpoint_alone_keeps_it_once(world, li, monkeypatch):
    documents = [records.document(li.hazard()) for _ in range(200)]
    world.push(li.user, *documents)

    def unlocked(feed, name):
        return contextlib.nullcontext()

    monkeypatch.setattr(Feed, "_alone", unlocked)
    feeds = [Feed(world.database, world.client, world.setup) for _ in range(4)]
    taken = await asyncio.gather(*(feed.read(li.user) for feed in feeds))
    assert sum(taken) == 200
    assert await counts(world) == (200, 200)


async def test_a_crash_after_the_commit_takes_nothing_twice(world, li):
    documents = [records.document(li.hazard()) for _ in range(5)]
    world.push(li.user, *documents)
    crashing = NonceLost(world.hub.url.replace("://", "://admin:adminpw@"))
    with pytest.raises(HubError):
        await Feed(world.database, crashing, world.setup).read(li.user)
    await crashing.close()
    world.push(li.user, records.document(li.hazard()))
    assert await world.feed.read(li.user) == 1
    assert len(world.taken) == 6
    assert await counts(world) == (6, 6)


async def test_a_crash_before_the_commit_loses_nothing(world, li, monkeypatch):
    world.push(li.user, *(records.document(li.hazard()) for _ in range(5)))

    async def crash(*args, **options):
        raise OSError("the worker dies")

    with monkeypatch.context() as patch:
        patch.setattr("backend.intake.feed.take_batch", crash)
        with pytest.raises(OSError):
            await world.feed.read(li.user)
    assert await counts(world) == (0, 0)
    assert await world.feed.read(li.user) == 5


async def test_a_lost_connection_to_postgis_is_no_fault_of_the_record(world, li, monkeypatch):
    world.push(li.user, *(records.document(li.hazard()) for _ in range(4)))
    failures = iter([True, False])
    take = world.setup.takes["hazard.reported"]

    async def cut_once(session, taken):
        if next(failures, False):
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return await take(session, taken)

    monkeypatch.setitem(world.setup.takes, "hazard.reported", cut_once)
    assert await world.feed.read(li.user) == 4
    assert await world.quarantine(li) == []


async def test_a_hub_restored_from_an_older_copy_is_read_from_the_beginning(alone):
    li = await hire(alone)
    alone.push(li.user, *(records.document(li.hazard()) for _ in range(10)))
    await alone.feed.read(li.user)
    backup = alone.hub.copy()
    lost = [records.document(li.hazard()) for _ in range(30)]
    alone.push(li.user, *lost)
    await alone.feed.read(li.user)
    await alone.receipts(li)

    alone.hub.restore(backup)
    new = [records.document(li.hazard()) for _ in range(30)]
    alone.push(li.user, *lost[:10], *new)
    assert await alone.feed.read(li.user) == 30
    assert len(await alone.facts(li)) == 70
    answers = await alone.answers(li)
    assert {answers[d["_id"]].state for d in [*lost[:10], *new]} == {"accepted"}


async def test_what_a_restored_hub_gets_back_later_is_answered_again(alone):
    li = await hire(alone)
    backup = alone.hub.copy()
    lost = records.document(li.hazard())
    alone.push(li.user, lost)
    await alone.feed.read(li.user)
    await alone.carry()

    alone.hub.restore(backup)
    await alone.feed.read(li.user)
    alone.push(li.user, lost)
    assert await alone.feed.read(li.user) == 0
    assert (await alone.answers(li))[lost["_id"]].state == "accepted"


@pytest.mark.parametrize("deleted", [False, True], ids=["edited", "deleted"])
async def test_a_record_that_is_edited_or_deleted_before_it_is_read_is_taken_as_it_was_recorded(world, li, deleted):
    record = records.document(li.hazard())
    first = record["_rev"].partition("-")[2]
    second = "f" * 32
    history = {"start": 2, "ids": [second, first]}
    edit = {"_id": record["_id"], "_rev": f"2-{second}", "_revisions": history, "note": "edited"}
    world.push(li.user, record)
    world.push(li.user, {**edit, "_deleted": True} if deleted else record | edit)
    assert await world.feed.read(li.user) == 1
    assert (await world.facts(li))[record["_id"]].rev == record["_rev"]
    assert [held.rev for held in await world.quarantine(li)] == [f"2-{second}"]
    entries = [entry for receipt in await world.receipts(li) for entry in receipt.entries]
    assert {entry.rev: entry.state for entry in entries} == {record["_rev"]: "accepted", f"2-{second}": "refused"}


class PutBackMeanwhile(HubClient):
    """The hub is put back to an older copy, with the nonce of then, while a page that was read is written."""

    async def changes(self, name, since, limit):
        page = await super().changes(name, since, limit)
        await self.put_local(name, {**(await self.local(name) or {}), "nonce": "of an older copy"})
        return page


async def test_a_hub_put_back_while_a_page_is_written_is_read_from_the_beginning(world, li):
    world.push(li.user, records.document(li.hazard()))
    await world.feed.read(li.user)
    world.push(li.user, records.document(li.hazard()))
    other = PutBackMeanwhile(world.hub.url.replace("://", "://admin:adminpw@"))
    with pytest.raises(HubError):
        await Feed(world.database, other, world.setup).read(li.user)
    await other.close()
    # Its nonce was not overwritten: what the older copy lost is written again.
    async with world.database.sessions() as session:
        wish = (await session.get(HubDatabase, li.user)).wish
    assert await world.feed.read(li.user) == 0
    async with world.database.sessions() as session:
        assert (await session.get(HubDatabase, li.user)).wish == wish + 1
    assert await counts(world) == (2, 2)


async def test_a_hub_that_fell_behind_is_read_from_the_beginning(world, li):
    world.push(li.user, *(records.document(li.hazard()) for _ in range(3)))
    await world.feed.read(li.user)
    async with world.database.sessions() as session, session.begin():
        row = await session.get(HubDatabase, li.user)
        row.seq = "500"
    world.push(li.user, records.document(li.hazard()))
    assert await world.feed.read(li.user) == 1


async def test_one_database_is_read_by_one_worker_at_a_time(world, li):
    async with world.feed._alone(li.user):
        with pytest.raises(BusyError):
            await Feed(world.database, world.client, world.setup).read(li.user)
    assert await world.feed.read(li.user) == 0
