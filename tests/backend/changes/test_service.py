"""The cursor of the regulator's feeds: nothing that commits late is ever passed by."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Organisation
from backend.changes import service as changes
from backend.db import Database
from backend.scope import Caller, Grant
from tests.factories.accounts import make_company


class Feed:
    """Commits are real here; a reader of everything."""

    def __init__(self, database: Database, unit: Organisation) -> None:
        self.database, self.unit = database, unit
        grant = Grant(unit.id, unit.path, frozenset())
        self.caller = Caller(staff_id="", client_id="r", company_id=unit.id, grants=(grant,))

    async def write(self, session: AsyncSession, subject: str, *, deleted: bool = False) -> None:
        await changes.changed(session, "T2-14", subject, self.unit.id, deleted=deleted)

    async def commit(self, *subjects: str) -> None:
        async with self.database.sessions() as session, session.begin():
            for subject in subjects:
                await self.write(session, subject)

    async def read(self, after: int = 0, limit: int = 100) -> tuple[list[tuple[str, int]], int]:
        async with self.database.sessions() as session, session.begin():
            lines = await changes.read_changes(session, self.caller, "T2-14", after=after, limit=limit)
        return [(line.subject_id, line.version) for line in lines], lines[-1].position if lines else after


@pytest.fixture
async def feed(own_database: Database) -> AsyncIterator[Feed]:
    async with own_database.sessions() as session, session.begin():
        company = await make_company(session)
    return Feed(own_database, company.unit)


async def test_a_transaction_that_commits_late_is_read_later(feed: Feed) -> None:
    async with feed.database.sessions() as slow, slow.begin():
        await feed.write(slow, "slow")
        await feed.commit("quick")
        found, cursor = await feed.read()
        assert found == [("quick", 1)]
    assert (await feed.read(cursor))[0] == [("slow", 1)]


async def test_a_record_that_changes_again_comes_again_with_its_next_version(feed: Feed) -> None:
    await feed.commit("a", "b")
    _, cursor = await feed.read()
    await feed.commit("a")
    assert (await feed.read(cursor))[0] == [("a", 2)]
    assert (await feed.read())[0] == [("b", 1), ("a", 2)]


async def test_a_place_is_never_given_twice(feed: Feed) -> None:
    await feed.commit("a")
    _, cursor = await feed.read()
    await feed.commit("a")
    _, after = await feed.read(cursor)
    await feed.commit("a")
    found, last = await feed.read(after)
    assert found == [("a", 3)]
    assert cursor < after < last


async def test_a_reader_never_waits_for_a_writer_of_what_it_reads(feed: Feed) -> None:
    await feed.commit("a", "b")
    async with feed.database.sessions() as writing, writing.begin():
        await feed.write(writing, "a")
        found, cursor = await feed.read()
        assert found == [("b", 1)]
    assert (await feed.read(cursor))[0] == [("a", 2)]


async def test_pages_join_without_gap_or_overlap(feed: Feed) -> None:
    await feed.commit(*(f"r{number:02d}" for number in range(25)))
    cursor, seen = 0, []
    for _ in range(4):
        found, cursor = await feed.read(cursor, limit=7)
        seen += found
    assert sorted(seen) == [(f"r{number:02d}", 1) for number in range(25)]


async def test_another_units_records_do_not_show(feed: Feed) -> None:
    async with feed.database.sessions() as session, session.begin():
        other = await make_company(session)
        await changes.changed(session, "T2-14", "theirs", other.unit.id)
    await feed.commit("ours")
    assert (await feed.read())[0] == [("ours", 1)]
