"""What intake does shows in `/metrics`."""

import asyncio

from prometheus_client import REGISTRY

from backend.intake.running import CHANGED, Worker
from tests.backend.intake.conftest import Person, World
from tests.factories import records


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def test_a_record_that_was_taken_is_counted_once_with_its_way(world: World, li: Person) -> None:
    before = value("qixun_records_taken_total", kind="user"), value("qixun_record_way_seconds_count")
    world.push(li.user, *(records.document(li.hazard()) for _ in range(3)))
    await world.feed.read(li.user)
    await world.feed.read(li.user)
    after = value("qixun_records_taken_total", kind="user"), value("qixun_record_way_seconds_count")
    assert after == (before[0] + 3, before[1] + 3)


async def test_what_is_not_read_yet_is_the_backlog_and_a_hub_that_answers_is_told(world: World, li: Person) -> None:
    worker, stop = Worker(world.database, world.client, world.setup), asyncio.Event()
    worker.mark(li.user, CHANGED)
    worker.mark(li.media, CHANGED)
    assert (worker.waiting("user"), worker.waiting("media")) == (1, 1)
    before = value("qixun_hub_read_timestamp_seconds")
    running = asyncio.create_task(worker.run(stop))
    async with asyncio.timeout(30):
        while value("qixun_hub_read_timestamp_seconds") == before or value(  # noqa: ASYNC110 - nothing tells when
            "qixun_hub_backlog_databases", kind="user"
        ):
            await asyncio.sleep(0.05)
    stop.set()
    await running
