"""A quarter goes when nothing of it can be lost any more: verified, archived, old, and settled on every phone."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import select, update

from backend import audit
from backend.accounts.models import Device
from backend.intake import quarters, service
from backend.intake.archives import ArchiveError, Archives
from backend.intake.dropped import reopen
from backend.intake.models import HubDatabase, HubManifest, IntakeEntry
from backend.intake.quarters import PhoneState, Quarter, close_old, end_of, is_old, may_still_hold, restore
from sync.databases import DatabaseName
from sync.documents.receipts import QuarterClosed, Receipt
from sync.signatures import read_signed
from tests.backend.intake.test_outbox import post, task
from tests.factories import records
from tests.sync.replication.hubs import ADMIN

LAST = "20262"
NOW = datetime.now(UTC)
LONG_AGO = end_of(LAST) + timedelta(days=1)


class TestRule:
    def test_a_quarter_ends_in_beijing(self):
        assert end_of("20264") == datetime(2026, 12, 31, 16, tzinfo=UTC)
        assert end_of("20262") == datetime(2026, 6, 30, 16, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("days", "backup_days", "changed_after", "old"),
        [(29, 7, 0, False), (31, 7, 0, True), (31, 60, 0, False), (61, 60, 0, True), (61, 7, 40, False)],
    )
    def test_it_is_kept_for_thirty_days_and_for_every_backup(self, days, backup_days, changed_after, old):
        changed = end_of(LAST) + timedelta(days=changed_after)
        assert is_old(LAST, changed, end_of(LAST) + timedelta(days=days), backup_days) is old

    @pytest.mark.parametrize(
        ("fields", "holds"),
        [
            ({}, False),
            ({"last_seen_at": None}, True),
            ({"last_seen_at": end_of(LAST) - timedelta(hours=1)}, True),
            ({"unsettled": ["user_li_20262"]}, True),
            ({"unsettled": ["user_li_20263"]}, False),
            ({"unsettled": None, "waiting": 1}, True),
            ({"unsettled": None, "waiting": None}, True),
            ({"unsettled": None, "waiting": 0}, False),
            ({"whole": False}, True),
        ],
    )
    def test_a_phone_may_hold_something_until_it_has_said_otherwise(self, fields, holds):
        good = {"last_seen_at": NOW, "waiting": 0, "unsettled": [], "whole": True}
        quarter = Quarter("li", LAST, ("media_li_20262", "user_li_20262"))
        assert may_still_hold(PhoneState(**{**good, **fields}), quarter) is holds


@pytest.fixture
async def old(world, li):
    return await make_old(world, li)


async def make_old(world, li):
    """Li's databases of a quarter that ended long ago, with two records, a photo and a task; all taken and answered."""
    names = DatabaseName("user", li.staff_id, LAST), DatabaseName("media", li.staff_id, LAST)
    async with world.database.sessions() as session, session.begin():
        session.add_all(
            HubDatabase(name=str(name), kind=name.kind, owner_id=li.staff_id, quarter=LAST) for name in names
        )
        await session.flush()
        await service.post_into(session, names[0], [task(li)])
    await world.carry()
    record, other, picture = li.hazard(), li.hazard(), records.jpeg()
    world.push(str(names[0]), records.document(record), records.document(other))
    li.number = 0
    photo = records.photo(picture, record.id, **li.who())
    data = base64.b64encode(picture).decode()
    attached = {"photo.jpg": {"content_type": "image/jpeg", "data": data}}
    world.push(str(names[1]), records.document(photo) | {"_attachments": attached})
    for name in names:
        await world.feed.read(str(name))
    await world.carry()
    await world.feed.read(str(names[0]))
    await settled(world, li)
    return Old(str(names[0]), str(names[1]), [record.id, other.id], photo.id)


class Old:
    def __init__(self, user, media, records, photo):
        self.user, self.media, self.records, self.photo = user, media, records, photo


async def settled(world, li, **fields):
    """The phone says that it holds nothing, and nothing has come for long."""
    own = {"last_seen_at": NOW, "waiting": 0, "unsettled": []}
    async with world.database.sessions() as session, session.begin():
        await session.execute(update(Device).where(Device.id == li.device_id).values(**{**own, **fields}))
        await session.execute(
            update(HubDatabase)
            .where(HubDatabase.owner_id == li.staff_id, HubDatabase.quarter == LAST)
            .values(read_at=LONG_AGO)
        )


@pytest.fixture
def close(world, own_settings):
    """With the world's own folder of photos."""

    async def closing():
        return [q.names for q in await close_old(own_settings, world.database, world.client, now=datetime.now(UTC))]

    return closing


def picture_of(world, old):
    url = f"{world.hub.url}/{old.media}/{old.photo}/photo.jpg"
    return requests.get(url, auth=ADMIN, timeout=10).content


async def row_of(world, table, key):
    async with world.database.sessions() as session:
        return await session.get(table, key)


class TestClose:
    async def test_the_databases_go_the_archive_stays_and_the_phone_is_told(self, world, li, old, close, own_settings):
        before = await world.facts(li)
        assert await close() == [(old.media, old.user)]
        await world.carry()
        there = set(await world.client.list_databases())
        assert not {old.user, old.media} & there
        assert li.user in there
        assert set(await world.facts(li)) == set(before)
        kept = await row_of(world, HubManifest, old.user)
        with gzip.open(own_settings.data_dir / "archives" / kept.archive_path) as archive:
            head, *lines = map(json.loads, archive)
        assert (head["database"], head["documents"]) == (old.user, len(lines))
        assert set(old.records) <= {line["_id"] for line in lines}
        doc_id = f"quarter.closed:{li.staff_id}_{LAST}"
        told = world.hub.ask("GET", f"{li.user}/{doc_id}")
        body = json.dumps({k: v for k, v in told.items() if not k.startswith("_")}).encode()
        assert isinstance(read_signed(doc_id, body, world.keys.public_pems()), QuarterClosed)
        async with world.database.sessions() as session:
            row = await session.scalar(select(audit.AuditEntry).where(audit.AuditEntry.action == "quarter.closed"))
        assert row.facts[old.user]["sha256"] == kept.archive_sha256.hex()

    async def test_a_phone_that_may_hold_something_holds_it_up_until_it_is_revoked(self, world, li, old, close):
        long_silent, older_app, honest = (
            {"last_seen_at": LONG_AGO - timedelta(days=9)},
            {"unsettled": None, "waiting": 3},
            {"unsettled": [old.user]},
        )
        for says in (long_silent, older_app, honest):
            await settled(world, li, **says)
            assert await close() == []
        assert old.user in await world.client.list_databases()
        await settled(world, li, unsettled=[old.user], revoked_at=NOW)
        assert await close() == [(old.media, old.user)]

    async def test_a_number_that_never_came_holds_it_up(self, world, li, old, close):
        li.number = 5
        world.push(old.user, records.document(li.hazard()))
        await world.feed.read(old.user)
        await world.carry()
        await world.feed.read(old.user)
        await settled(world, li)
        assert await close() == []

    async def test_a_record_that_was_not_taken_holds_it_up(self, world, li, old, close):
        async with world.database.sessions() as session, session.begin():
            entry = await session.scalar(select(IntakeEntry).where(IntakeEntry.doc_id == old.records[0]))
            await session.delete(entry)
        assert await close() == []
        assert old.user in await world.client.list_databases()

    async def test_what_comes_at_the_last_moment_keeps_the_door_open(self, world, li, old, close, monkeypatch):
        async def late(self, name, roles):
            await shut(self, name, roles)
            if name == old.user and roles == [quarters.NOBODY]:
                world.push(old.user, records.document(li.hazard()))

        shut = type(world.client).set_members
        monkeypatch.setattr(type(world.client), "set_members", late)
        assert await close() == []
        await world.carry()
        roles = world.hub.ask("GET", f"{old.user}/_security")["members"]["roles"]
        assert roles == [f"device:{li.device_id}"]

    async def test_a_worker_that_ended_before_the_deed_is_followed_by_one_that_does_it(
        self, world, li, old, close, monkeypatch
    ):
        async def never(hub, name):
            raise OSError("the worker was killed")

        with monkeypatch.context() as broken:
            broken.setattr(quarters, "drop_database", never)
            assert await close() == []
        assert old.user in await world.client.list_databases()
        await close()
        assert {old.user, old.media}.isdisjoint(await world.client.list_databases())

    async def test_an_archive_that_cannot_be_kept_drops_nothing(self, world, li, old, close, own_settings):
        (own_settings.data_dir / "archives").mkdir(exist_ok=True)
        (own_settings.data_dir / "archives" / LAST).write_text("a file where the folder should be")
        assert await close() == []
        assert old.user in await world.client.list_databases()


class TestAfterwards:
    async def test_a_late_word_and_a_task_that_goes_on_go_into_this_quarters_database(self, world, li, old, close):
        """As a receipt of what the office took after all."""
        await close()
        await post(world, task(li, title="巡线（改）"), staff_id=li.staff_id)
        receipt = Receipt(id="receipt:late", device_id=li.device_id, issued_at=NOW, entries=())
        async with world.database.sessions() as session, session.begin():
            await service.post_into(session, DatabaseName("user", li.staff_id, LAST), [receipt])
        await world.carry()
        assert "receipt:late" in world.hub.ids(li.user)
        assert old.user not in await world.client.list_databases()
        assert world.hub.ask("GET", f"{li.user}/task.patrol:t1")["title"] == "巡线（改）"

    async def test_a_phone_that_still_has_something_gets_it_open_again(self, world, li, old, close):
        """A revoked phone that was found: it sends everything of the quarter; only what is new is taken."""
        await settled(world, li, unsettled=[old.user], revoked_at=NOW)
        held = records.document(li.hazard(record_number=77))
        await close()
        async with world.database.sessions() as session, session.begin():
            await session.execute(update(Device).where(Device.id == li.device_id).values(revoked_at=None))
            assert await reopen(session, "somebody else", [old.user]) == []
            assert await reopen(session, li.staff_id, [old.user, li.user, "nonsense"]) == [old.user]
        await world.carry()
        world.push(old.user, held)
        assert await world.feed.read(old.user) == 1
        assert len(await world.facts(li)) == 4

    async def test_an_archive_comes_back_whole(self, world, li, old, close, own_settings):
        before = {name: world.hub.revisions(name) for name in (old.user, old.media)}
        picture = picture_of(world, old)
        assert picture[:2] == b"\xff\xd8"
        await close()
        for name in (old.user, old.media):
            await restore(own_settings, world.database, world.client, name)
        await world.carry()
        assert {name: world.hub.revisions(name) for name in (old.user, old.media)} == before
        assert picture_of(world, old) == picture
        assert await world.feed.read(old.user) == 0


class TestArchive:
    async def test_a_picture_that_lies_nowhere_else_is_inside(self, world, li, old, own_settings, tmp_path):
        """Without the photo store, as for a picture that was never taken."""
        nowhere = type(world.photos)(tmp_path / "empty")
        kept = await Archives(tmp_path / "archives", nowhere).keep(world.client, old.media)
        with gzip.open(tmp_path / "archives" / kept.path) as archive:
            (photo,) = [line for line in map(json.loads, archive) if line.get("_id") == old.photo]
        assert photo["_attachments"]["photo.jpg"]["data"]

    async def test_one_that_reads_back_otherwise_is_refused(self, world, li, old, tmp_path, monkeypatch):
        archives = Archives(tmp_path / "archives", world.photos)

        async def short(path):
            data = await read(path)
            return data[: len(data) // 2]

        read = archives._read
        monkeypatch.setattr(archives, "_read", short)
        with pytest.raises(ArchiveError):
            await archives.keep(world.client, old.user)
