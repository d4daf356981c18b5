"""Hub and PostGIS are compared whole: what either lacks is found, repaired and reported; what has not changed is not
read.
"""

import pytest
from sqlalchemy import delete, func, select, update

from backend import audit
from backend.intake import manifest
from backend.intake.gaps import missing_numbers
from backend.intake.models import Fact, HubDatabase, HubManifest, IntakeEntry, OutboxDocument, RecordNumbers
from tests.backend.intake.test_outbox import post, task
from tests.factories import records


async def compare(world, name):
    return await manifest.compare(world.database, world.client, world.photos, name)


async def seen(world, action):
    async with world.database.sessions() as session:
        rows = await session.scalars(select(audit.AuditEntry).where(audit.AuditEntry.action == action))
        return [(row.subject_id, row.facts) for row in rows]


class Asked:
    """Which requests went to the hub."""

    def __init__(self, world, monkeypatch):
        self.paths = []
        ask = world.client.ask

        async def noting(method, path, **options):
            self.paths.append(path)
            return await ask(method, path, **options)

        monkeypatch.setattr(world.client, "ask", noting)


class TestReconcile:
    async def test_what_agrees_is_verified_and_then_costs_one_number(self, world, li, monkeypatch):
        world.push(li.user, *(records.document(li.hazard()) for _ in range(3)))
        await world.feed.read(li.user)
        await world.receipts(li)
        # The receipts came into the database, too.
        await world.feed.read(li.user)
        (finding,) = [f for f in await manifest.reconcile(world.database, world.client, world.photos) if f.documents]
        assert (finding.database, finding.documents, finding.verified) == (li.user, 3, True)
        asked = Asked(world, monkeypatch)
        assert await manifest.reconcile(world.database, world.client, world.photos) == []
        assert asked.paths == ["/_dbs_info"]

    async def test_a_database_that_cannot_be_read_hides_no_other(self, world, li, monkeypatch):
        async def away(hub, name):
            if name == li.media:
                raise manifest.HubError(500, "a broken file")
            return await listed(hub, name)

        listed = manifest.list_leaves
        monkeypatch.setattr(manifest, "list_leaves", away)
        found = await manifest.reconcile(world.database, world.client, world.photos)
        assert li.user in {finding.database for finding in found}

    async def test_one_worker_at_a_time_compares(self, world, li):
        async with world.database.alone(manifest._LOCK) as alone:
            assert alone
            assert await manifest.reconcile(world.database, world.client, world.photos) == []


class TestRepair:
    async def test_a_record_that_intake_never_met_is_taken(self, world, li):
        """As after a fault of ours: the cursor has passed a record that nobody took."""
        record, other = li.hazard(), li.hazard()
        world.push(li.user, records.document(record), records.document(other))
        await world.feed.read(li.user)
        async with world.database.sessions() as session, session.begin():
            await session.execute(delete(Fact).where(Fact.id == record.id))
            await session.execute(delete(IntakeEntry).where(IntakeEntry.doc_id == record.id))
        finding = await compare(world, li.user)
        assert (finding.missed, finding.verified) == (1, False)
        assert await world.feed.read(li.user) == 1
        assert set(await world.facts(li)) == {record.id, other.id}
        assert (await compare(world, li.user)).verified
        assert await seen(world, "hub.repaired") == [(li.user, {"missed": 1, "gone": 0, "unwritten": 0})]

    async def test_what_intake_has_not_come_to_yet_is_no_fault(self, world, li):
        world.push(li.user, records.document(li.hazard()))
        finding = await compare(world, li.user)
        assert (finding.behind, finding.missed, finding.verified) == (True, 0, False)
        assert await seen(world, "hub.repaired") == []

    async def test_a_task_that_the_hub_lost_is_written_again(self, world, li):
        await post(world, task(li), staff_id=li.staff_id)
        await world.carry()
        rev = world.hub.ask("GET", f"{li.user}/task.patrol:t1")["_rev"]
        world.hub.ask("DELETE", f"{li.user}/task.patrol:t1", params={"rev": rev})
        assert (await compare(world, li.user)).unwritten == 1
        await world.carry()
        assert world.hub.ask("GET", f"{li.user}/task.patrol:t1")["title"] == "巡线"
        assert (await compare(world, li.user)).verified

    async def test_records_that_the_hub_lost_are_given_back_to_it(self, world, li):
        """Byte for byte with their pictures, so that another phone of the same person finds them."""
        record, picture = li.hazard(), records.jpeg()
        photo = records.photo(picture, record.id, **li.who(record_number=1))
        world.push(li.user, records.document(record))
        world.push_photo(li, photo, picture)
        for name in (li.user, li.media):
            await world.feed.read(name)
            before = world.hub.revisions(name)
            world.hub.ask("DELETE", name)
            async with world.database.sessions() as session, session.begin():
                await session.execute(update(HubDatabase).where(HubDatabase.name == name).values(provisioned=False))
            await world.carry()
            assert (await compare(world, name)).gone == 1
            fact = photo.id if name == li.media else record.id
            assert world.hub.revisions(name)[fact] == before[fact]
            await world.feed.read(name)
            assert (await compare(world, name)).gone == 0
        assert len(await world.facts(li)) == 2

    async def test_a_tampered_record_is_no_gap(self, world, li):
        """An edit stands in quarantine: hub and log know the same revisions."""
        record = li.hazard()
        world.push(li.user, records.document(record))
        await world.feed.read(li.user)
        rev = world.hub.ask("GET", f"{li.user}/{record.id}")["_rev"]
        world.hub.put(li.user, record.id, _rev=rev, type="hazard.reported")
        await world.feed.read(li.user)
        finding = await compare(world, li.user)
        assert (finding.missed, finding.gone) == (0, 0)


class TestState:
    async def test_one_row_says_how_hub_and_office_agree(self, world, li):
        world.push(li.user, records.document(li.hazard()))
        await world.feed.read(li.user)
        await compare(world, li.user)
        async with world.database.sessions() as session:
            state = await manifest.hub_state(session)
            databases = await session.scalar(select(func.count()).select_from(HubDatabase))
        assert (state.databases, state.verified, state.missed, state.dropped) == (databases, 1, 0, 0)
        assert state.oldest_comparison_at is not None


class TestNumbers:
    @pytest.fixture
    async def gap(self, world, li):
        """Number 2 is missing."""
        first, lost, third = li.hazard(), li.hazard(), li.hazard()
        world.push(li.user, records.document(first), records.document(third))
        await world.feed.read(li.user)
        await compare(world, li.user)
        return lost

    async def counted(self, world, li):
        async with world.database.sessions() as session:
            return await session.get(RecordNumbers, (li.device_id, "user"))

    async def test_a_number_that_never_came_is_reported_once(self, world, li, gap):
        world.push(li.user, records.document(li.hazard()))
        await world.feed.read(li.user)
        await compare(world, li.user)
        counted = await self.counted(world, li)
        assert (counted.whole_up_to, counted.highest, counted.missing) == (1, 4, 1)
        facts = {"of": "user", "missing": 1, "after": 1}
        assert await seen(world, "records.missing") == [(li.device_id, facts)]
        async with world.database.sessions() as session:
            assert [(g.first, g.last) for g in await missing_numbers(session, li.device_id)] == [(2, 2)]
            assert (await manifest.hub_state(session)).devices_with_gaps == 1

    async def test_it_closes_when_the_record_comes(self, world, li, gap):
        world.push(li.user, records.document(gap))
        await world.feed.read(li.user)
        await compare(world, li.user)
        counted = await self.counted(world, li)
        assert (counted.whole_up_to, counted.missing, counted.missing_since) == (3, 0, None)

    async def test_a_phone_put_back_to_a_backup_is_noticed_by_numbers_that_come_twice(self, world, li, gap):
        """It counts on from an old number: a record that was lost with it would leave no gap."""
        for _ in range(2):
            li.number = 2
            world.push(li.user, records.document(li.hazard()))
            await world.feed.read(li.user)
            await compare(world, li.user)
        assert (await self.counted(world, li)).twice == 1
        assert await seen(world, "records.number_twice") == [(li.device_id, {"of": "user", "twice": 1})]

    async def test_nobody_else_makes_a_gap_for_this_phone(self, world, li, gap):
        """Anybody can write any device's id into his own database."""
        world.push(li.user, records.document(gap))
        await world.feed.read(li.user)
        async with world.database.sessions() as session, session.begin():
            session.add(
                IntakeEntry(
                    database="user_wang_20264",
                    doc_id="hazard.reported:x",
                    rev="1-a",
                    seq="1",
                    sha256=b"",
                    kind="user",
                    device_id=li.device_id,
                    record_number=10**12,
                    outcome="quarantined",
                )
            )
        await compare(world, li.user)
        assert (await self.counted(world, li)).missing == 0


async def test_only_what_was_written_is_expected(world, li):
    """A task that waits for the hub is not missing there."""
    await post(world, task(li), staff_id=li.staff_id)
    finding = await compare(world, li.user)
    assert finding.unwritten == 0
    async with world.database.sessions() as session:
        row = await session.get(OutboxDocument, (li.user, "task.patrol:t1"))
        assert await session.get(HubManifest, li.user) is not None
    assert row.version != row.sent_version
