"""The app's own way to replicate: for as long as it runs, over a network that comes and goes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from sync.errors import Forbidden, Unauthorized
from sync.replication import Progress, RemoteDatabase, Replicator
from sync.store.records import RecordStore
from tests.sync.replication.hubs import USER, bearer, hazard, states, until

Live = Callable[[RemoteDatabase], list[Progress]]


@pytest.fixture
async def live(store: RecordStore) -> AsyncIterator[Live]:
    """`live(remote)` replicates until the test is over; the progress that it tells."""
    stop = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    def start(remote: RemoteDatabase) -> list[Progress]:
        progress: list[Progress] = []
        replicator = Replicator(store, remote, push=True, pull=True, on_progress=progress.append)
        tasks.append(asyncio.create_task(replicator.run_live(stop)))
        return progress

    yield start
    stop.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


def caught_up(progress: list[Progress]) -> bool:
    return {p.direction for p in progress if p.error is None} == {"push", "pull"}


class TestRunLive:
    async def test_a_record_is_pushed_as_it_is_saved(self, hub, store, remote, live) -> None:
        progress = live(remote())
        await until(lambda: caught_up(progress))
        started = time.monotonic()
        await asyncio.to_thread(store.append, hazard())
        await until(lambda: states(store) == {"sent": 1})
        assert time.monotonic() - started < 1.5

    async def test_a_task_comes_as_it_is_written(self, hub, store, remote, live) -> None:
        progress = live(remote())
        await until(lambda: caught_up(progress))
        started = time.monotonic()
        await asyncio.to_thread(hub.put, USER, "task.patrol:1", title="河东")
        await until(lambda: store.get("task.patrol:1"))
        assert time.monotonic() - started < 1.5

    async def test_what_was_recorded_without_a_network_goes_when_it_is_back(
        self, hub, store, remote, live, cable
    ) -> None:
        progress = live(remote(url=f"http://127.0.0.1:{cable.port}/sync"))
        await until(lambda: caught_up(progress))
        await cable.cut()
        for _ in range(20):
            await asyncio.to_thread(store.append, hazard())
        hub.put(USER, "task.patrol:1", title="河东")
        await until(lambda: any(p.error for p in progress))
        assert states(store) == {"saved": 20}
        await cable.restore()
        restored = time.monotonic()
        await until(lambda: states(store) == {"sent": 20} and store.get("task.patrol:1"))
        assert time.monotonic() - restored < 2.5
        assert len(hub.ids(USER)) == 21

    async def test_a_network_that_flaps_loses_nothing(self, hub, store, remote, live, cable) -> None:
        live(remote(url=f"http://127.0.0.1:{cable.port}/sync"))
        for _ in range(8):
            await asyncio.to_thread(store.append, hazard(note="远" * 500))
            await asyncio.sleep(0.05)
            cable.reset()
        await until(lambda: states(store) == {"sent": 8})
        assert sorted(hub.ids(USER)) == sorted(line.id for line in store.records())

    async def test_a_hub_restored_beneath_it_gets_the_records_again(self, hub, store, remote, live) -> None:
        store.append(hazard())
        progress = live(remote())
        await until(lambda: states(store) == {"sent": 1} and caught_up(progress))
        backup = await asyncio.to_thread(hub.copy)
        await asyncio.to_thread(store.append, hazard())
        await until(lambda: states(store) == {"sent": 2})
        await asyncio.to_thread(hub.restore, backup)
        await until(lambda: len(hub.ids(USER)) == 2)

    async def test_a_token_that_runs_out_is_replaced_without_a_word(self, hub, store, remote, live) -> None:
        async def short() -> str:
            return bearer("device:li", seconds=2)

        progress = live(remote(token=short))
        await until(lambda: caught_up(progress))
        await asyncio.sleep(0.9)
        await asyncio.to_thread(store.append, hazard())
        await until(lambda: states(store) == {"sent": 1})
        await asyncio.to_thread(hub.put, USER, "task.patrol:1", title="河东")
        await until(lambda: store.get("task.patrol:1"))
        assert not any(p.error for p in progress)

    async def test_a_parked_record_that_is_retried_goes_at_once(self, hub, store, remote, live) -> None:
        store.append(hazard())
        record_id = store.records()[0].id
        store.park(record_id, "forbidden", "不接收")
        live(remote())
        await until(lambda: record_id in hub.ids(USER) or states(store) == {"sent": 1})
        store.retry([record_id])
        await until(lambda: states(store) == {"sent": 1})


class TestRunLiveRefused:
    async def test_a_withdrawn_right_is_told_and_the_records_stay(self, hub, store, remote) -> None:
        store.append(hazard())
        with pytest.raises(Forbidden):
            await Replicator(store, remote("user_wang_20264"), push=True, pull=True).run_live(asyncio.Event())
        assert states(store) == {"saved": 1}

    async def test_an_expired_sign_in_is_told(self, hub, store, remote) -> None:
        async def expired() -> str:
            return bearer("device:li", seconds=-5)

        with pytest.raises(Unauthorized):
            await Replicator(store, remote(token=expired), push=True, pull=True).run_live(asyncio.Event())
