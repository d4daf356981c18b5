import asyncio
import contextlib

from backend import events
from backend.db import Database


async def _feed(database: Database) -> tuple[events.EventFeed, asyncio.Task[None]]:
    feed = events.EventFeed(database)
    task = asyncio.create_task(feed.run())
    await asyncio.wait_for(feed.listening.wait(), 5)
    return feed, task


class TestEventFeed:
    async def test_a_committed_event_reaches_every_subscriber(self, own_database: Database) -> None:
        feed, task = await _feed(own_database)
        async with feed.subscribe() as one, feed.subscribe() as two:
            async with own_database.sessions() as session, session.begin():
                await events.announce(session, "hazard.reported", "h1", "u1", grade="major")
            got = [await asyncio.wait_for(queue.get(), 5) for queue in (one, two)]
        task.cancel()
        assert got == [events.Event("hazard.reported", "h1", "u1", {"grade": "major"})] * 2

    async def test_a_rolled_back_event_is_never_heard(self, own_database: Database) -> None:
        feed, task = await _feed(own_database)
        async with feed.subscribe() as queue:
            async with own_database.sessions() as session:
                await events.announce(session, "lost", "1", "u1")
                await session.rollback()
            async with own_database.sessions() as session, session.begin():
                await events.announce(session, "kept", "2", "u1")
            got = await asyncio.wait_for(queue.get(), 5)
        task.cancel()
        assert got.kind == "kept"

    async def test_facts_too_long_for_a_notification_are_left_out(self, own_database: Database) -> None:
        feed, task = await _feed(own_database)
        async with feed.subscribe() as queue:
            async with own_database.sessions() as session, session.begin():
                await events.announce(session, "long", "1", "u1", note="长" * 5000)
            got = await asyncio.wait_for(queue.get(), 5)
        task.cancel()
        assert (got.kind, got.facts) == ("long", {})

    async def test_many_of_one_kind_in_one_unit_are_one_word(self, own_database: Database) -> None:
        feed, task = await _feed(own_database)
        async with feed.subscribe() as queue:
            async with own_database.sessions() as session, session.begin(), events.together(session):
                await events.announce(session, "hazard.changed", "h1", "u1")
                await events.announce(session, "hazard.changed", "h2", "u2", stage="closed")
                await events.announce(session, "hazard.changed", "h3", "u1")
            got = [await asyncio.wait_for(queue.get(), 5) for _ in range(2)]
        task.cancel()
        assert got == [
            events.Event("hazard.changed", "", "u1", {"count": 2}),
            events.Event("hazard.changed", "h2", "u2", {"stage": "closed"}),
        ]

    async def test_nothing_is_told_of_what_failed(self, own_database: Database) -> None:
        feed, task = await _feed(own_database)
        async with feed.subscribe() as queue:
            async with own_database.sessions() as session, session.begin():
                with contextlib.suppress(RuntimeError):
                    async with session.begin_nested(), events.together(session):
                        await events.announce(session, "lost", "1", "u1")
                        raise RuntimeError
                await events.announce(session, "kept", "2", "u1")
            got = await asyncio.wait_for(queue.get(), 5)
        task.cancel()
        assert got.kind == "kept"
