"""What services post reaches the hub signed, once, and only where its owner's devices may read it."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
import requests
from sqlalchemy import select, update

from backend.accounts.models import Device
from backend.intake import service
from backend.intake.feed import Feed
from backend.intake.models import HubDatabase, OutboxDocument
from backend.intake.outbox import sign_anew
from backend.intake.taking import Setup
from sync.databases import unit_database
from sync.documents.receipts import Membership
from sync.documents.reference import Cylinder
from sync.documents.tasks import PatrolTask
from sync.signatures import read_signed
from tests.backend.intake.conftest import build, hire
from tests.factories import records
from tests.sync.replication.hubs import bearer


def cylinder(**fields):
    return Cylinder(**{"id": "reference.cylinder:c1", "code": "吉A0001", "specification": "YSP35.5", **fields})


def task(person, **fields):
    now = datetime.now(UTC)
    own = {"id": "task.patrol:t1", "staff_id": person.staff_id, "unit_id": person.unit_id, "title": "巡线"}
    rest = {
        "area_name": "站前街",
        "pressure_levels": ("low",),
        "start_at": now,
        "due_at": now,
        "pipe_ids": (),
        "length_m": 1,
    }
    return PatrolTask(**{**own, **rest, **fields})


def status(url, *, method="GET", **options):
    return requests.request(method, url, timeout=5, **options).status_code


async def post(world, document, **target):
    async with world.database.sessions() as session, session.begin():
        await service.post(session, document=document, **target)


def read(world, database, doc_id):
    document = world.hub.ask("GET", f"{database}/{doc_id}")
    body = {k: v for k, v in document.items() if not k.startswith("_")}
    return document["_rev"], read_signed(doc_id, msgspec.json.encode(body), world.keys.public_pems())


class TestPost:
    async def test_nothing_is_written_before_the_commit(self, world, li):
        async with world.database.sessions() as session:
            await service.post(session, staff_id=li.staff_id, document=task(li))
            await world.carry()
            await session.rollback()
        await world.carry()
        assert "task.patrol:t1" not in world.hub.ids(li.user)

    async def test_a_task_arrives_signed(self, world, li):
        await post(world, task(li), staff_id=li.staff_id)
        await world.carry()
        assert read(world, li.user, "task.patrol:t1")[1].title == "巡线"

    async def test_a_changed_task_is_a_further_revision(self, world, li):
        await post(world, task(li), staff_id=li.staff_id)
        await world.carry()
        await post(world, task(li, status="withdrawn"), staff_id=li.staff_id)
        await world.carry()
        rev, document = read(world, li.user, "task.patrol:t1")
        assert rev.startswith("2-")
        assert document.status == "withdrawn"

    async def test_a_task_of_last_quarter_is_changed_where_the_phone_has_it(self, world, li):
        old = f"user_{li.staff_id}_20261"
        async with world.database.sessions() as session, session.begin():
            session.add(HubDatabase(name=old, kind="user", owner_id=li.staff_id, quarter="20261"))
            session.add(OutboxDocument(database=old, doc_id="task.patrol:t1", body=b"{}", sha256=b"x"))
        await post(world, task(li, status="done"), staff_id=li.staff_id)
        await world.carry()
        assert read(world, old, "task.patrol:t1")[1].status == "done"
        assert "task.patrol:t1" not in world.hub.ids(li.user)

    async def test_unchanged_reference_data_is_not_written_again(self, world, li):
        for _ in range(3):
            await post(world, cylinder(), unit_id=li.unit_id)
            await world.carry()
        assert read(world, unit_database(li.unit_id), "reference.cylinder:c1")[0].startswith("1-")

    async def test_withdrawn_reference_data_is_deleted_and_may_come_back(self, world, li):
        unit = unit_database(li.unit_id)
        await post(world, cylinder(), unit_id=li.unit_id)
        await world.carry()
        async with world.database.sessions() as session, session.begin():
            await service.withdraw(session, unit_id=li.unit_id, document_id="reference.cylinder:c1")
        await world.carry()
        assert "reference.cylinder:c1" not in world.hub.ids(unit)
        await post(world, cylinder(), unit_id=li.unit_id)
        await world.carry()
        assert read(world, unit, "reference.cylinder:c1")[0].startswith("3-")

    async def test_many_documents_at_once(self, world, li):
        many = [cylinder(id=f"reference.cylinder:{n}", code=str(n)) for n in range(450)]
        async with world.database.sessions() as session, session.begin():
            await service.post_all(session, documents=many, unit_id=li.unit_id)
        await world.carry()
        found = [i for i in world.hub.ids(unit_database(li.unit_id)) if i.startswith("reference.")]
        assert len(found) == 450

    async def test_a_document_needs_one_address(self, world, li):
        async with world.database.sessions() as session:
            with pytest.raises(ValueError, match="member of staff or to a unit"):
                await service.post(session, document=cylinder())

    async def test_what_a_phone_overwrote_is_put_right(self, world, li):
        await post(world, task(li), staff_id=li.staff_id)
        await world.carry()
        rev, _ = read(world, li.user, "task.patrol:t1")
        world.hub.put(li.user, "task.patrol:t1", _rev=rev, type="task.patrol", title="forged")
        await world.feed.read(li.user)
        await world.carry()
        assert [held.code for held in await world.quarantine(li)] == ["forged"]
        assert read(world, li.user, "task.patrol:t1")[1].title == "巡线"

    async def test_what_a_phone_deleted_is_there_again(self, world, li):
        await post(world, task(li), staff_id=li.staff_id)
        await world.carry()
        rev, _ = read(world, li.user, "task.patrol:t1")
        world.hub.ask("DELETE", f"{li.user}/task.patrol:t1?rev={rev}")
        await world.feed.read(li.user)
        await world.carry()
        assert read(world, li.user, "task.patrol:t1")[1].title == "巡线"

    async def test_a_refused_document_is_tried_again_later_and_holds_up_nobody(self, world, li):
        too_large = tuple(f"{n:0100d}" for n in range(4000))  # more than the test hub takes
        await post(world, task(li, pipe_ids=too_large), staff_id=li.staff_id)
        await post(world, task(li, id="task.patrol:t2"), staff_id=li.staff_id)
        await world.outbox.carry()
        assert "task.patrol:t2" in world.hub.ids(li.user)
        async with world.database.sessions() as session:
            row = await session.get(OutboxDocument, (li.user, "task.patrol:t1"))
        assert row.attempts == 1
        assert "too_large" in row.last_error
        assert row.due_at > datetime.now(UTC)


class TestProvision:
    async def test_only_the_owners_devices_may_read(self, world, li):
        security = world.hub.ask("GET", f"{li.user}/_security")
        assert security["members"]["roles"] == [f"device:{li.device_id}"]

    async def test_a_revoked_device_is_shut_out_and_the_other_is_not(self, world, li):
        second = "second-" + li.device_id
        async with world.database.sessions() as session, session.begin():
            row = Device(
                id=second, staff_id=li.staff_id, organisation_id=li.unit_id, name="b", platform="x", app_version="1"
            )
            session.add(row)
            await session.execute(update(Device).where(Device.id == li.device_id).values(revoked_at=datetime.now(UTC)))
            await service.provision(session, li.staff_id)
        await world.carry()
        for name in (li.user, li.media):
            assert world.hub.ask("GET", f"{name}/_security")["members"]["roles"] == [f"device:{second}"]
        lost = {"Authorization": f"Bearer {bearer(f'device:{li.device_id}')}"}
        assert status(f"{world.hub.url}/{li.user}", headers=lost) == 403

    async def test_somebody_without_a_device_has_a_database_open_to_nobody(self, world, li):
        async with world.database.sessions() as session, session.begin():
            await session.execute(update(Device).where(Device.id == li.device_id).values(revoked_at=datetime.now(UTC)))
            await service.provision(session, li.staff_id)
        await world.carry()
        assert world.hub.ask("GET", f"{li.user}/_security")["members"]["roles"] == ["_admin"]

    async def test_a_unit_database_is_read_only_for_its_members(self, world, li):
        await post(world, cylinder(), unit_id=li.unit_id)
        await world.carry()
        unit = unit_database(li.unit_id)
        assert world.hub.ask("GET", f"{unit}/_revs_limit") == 20
        member = {"Authorization": f"Bearer {bearer(f'unit:{li.unit_id}')}"}
        url = f"{world.hub.url}/{unit}/reference.cylinder:c1"
        assert status(url, headers=member) == 200
        assert status(url, method="PUT", headers=member, json={}) == 403

    async def test_a_membership_goes_to_each_of_his_databases_and_into_the_next_quarters(self, world, li):
        now = datetime.now(UTC)
        document = Membership(id=f"membership:{li.staff_id}", staff_id=li.staff_id, version=1, issued_at=now, units=())
        await post(world, document, staff_id=li.staff_id)
        async with world.database.sessions() as session, session.begin():
            await service._wish(session, f"user_{li.staff_id}_20994")
        await world.carry()
        for name in (li.user, f"user_{li.staff_id}_20994"):
            assert read(world, name, document.id)[1].version == 1


class TestRun:
    async def test_a_commit_wakes_it(self, world, li):
        stop = asyncio.Event()
        running = asyncio.create_task(world.outbox.run(stop))
        try:
            await post(world, task(li), staff_id=li.staff_id)
            await until_sent(world, li.user)
        finally:
            stop.set()
            await running
        assert "task.patrol:t1" in world.hub.ids(li.user)

    async def test_a_hub_that_is_away_costs_only_time(self, own_hub, own_database, tmp_path):
        world = await build(own_hub, own_database, tmp_path)
        li = await hire(world)
        own_hub.kill()
        stop = asyncio.Event()
        running = asyncio.create_task(world.outbox.run(stop))
        try:
            await post(world, task(li), staff_id=li.staff_id)
            await asyncio.sleep(0.3)
            assert not await sent(world, li.user)
            await asyncio.to_thread(own_hub.start)
            await until_sent(world, li.user)
        finally:
            stop.set()
            await running
            await world.client.close()
        assert "task.patrol:t1" in own_hub.ids(li.user)


async def sent(world, database):
    async with world.database.sessions() as session:
        rows = await session.scalars(select(OutboxDocument).where(OutboxDocument.database == database))
        return all(row.sent_version == row.version for row in rows.all())


async def until_sent(world, database):
    async with asyncio.timeout(20):
        while not await sent(world, database):  # noqa: ASYNC110 (what is waited for is in PostGIS)
            await asyncio.sleep(0.02)


class TestSignAnew:
    async def test_after_a_stolen_key_phones_believe_everything_again(self, world, li):
        """Tasks and receipts carry the new key's signature; what the old one signed is no forgery to the office."""
        record = li.hazard()
        await post(world, task(li), staff_id=li.staff_id)
        world.push(li.user, records.document(record))
        await world.feed.read(li.user)
        await world.carry()
        world.setup = Setup(world.setup.takes, world.keys.known_pems, world.photos)
        world.feed = Feed(world.database, world.client, world.setup)
        world.keys.rotate(revoke_old=True)
        assert await world.answers(li) == {}
        async with world.database.sessions() as session, session.begin():
            await sign_anew(session)
        await world.feed.read(li.user)
        assert (await world.answers(li))[record.id].state == "accepted"
        assert read(world, li.user, "task.patrol:t1")[1] is not None
        assert await world.quarantine(li) == []
        assert len(await world.facts(li)) == 1
