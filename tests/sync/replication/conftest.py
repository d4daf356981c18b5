from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from qixun.demo.cable import Cable
from sync.replication import RemoteDatabase
from sync.store.records import RecordStore
from tests.sync.replication.hubs import MEDIA, UNIT, USER, HubProcess, bearer


@pytest.fixture(scope="session")
def running_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    hub = HubProcess(tmp_path_factory.mktemp("replication"))
    hub.start()
    yield hub
    hub.kill()


@pytest.fixture
def hub(running_hub: HubProcess) -> Iterator[HubProcess]:
    """The hub with Li's databases and his unit's."""
    for name, role in ((USER, "device:li"), (MEDIA, "device:li"), (UNIT, "unit:7"), ("user_wang_20264", "device:w")):
        running_hub.create(name, role)
    yield running_hub
    for name in running_hub.ask("GET", "_all_dbs"):
        running_hub.ask("DELETE", name)


@pytest.fixture
async def cable(hub: HubProcess) -> AsyncIterator[Cable]:
    """The network between phone and hub."""
    network = Cable("127.0.0.1", hub.port)
    await network.restore()
    yield network
    await network.cut()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordStore]:
    opened = RecordStore.open(tmp_path / "phone" / "user.db")
    yield opened
    opened.close()


Remote = Callable[..., RemoteDatabase]


@pytest.fixture
async def remote(hub: HubProcess) -> AsyncIterator[Remote]:
    """Li's way to a database, `remote(name)`, over the hub's own address or a cable's."""
    opened: list[RemoteDatabase] = []

    def open_remote(
        name: str = USER, *, url: str = "", token: Callable[[], Awaitable[str]] | None = None
    ) -> RemoteDatabase:
        async def fresh() -> str:
            return bearer("device:li", "unit:7")

        opened.append(RemoteDatabase(url or hub.url, name, token or fresh))
        return opened[-1]

    yield open_remote
    for one in opened:
        await one.close()
