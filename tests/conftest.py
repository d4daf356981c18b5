"""One private PostGIS cluster for the run, one schema, and each test in a transaction that is rolled back."""

import asyncio
import os
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker

from backend.app import create_app
from backend.cluster import Cluster
from backend.db import Database
from backend.migrations.run import upgrade
from backend.settings import Settings

# Started in a shell's background, this process and all that it starts would not hear a Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A test cluster forgets everything in a power cut, and is quick for it.
_UNSAFE_BUT_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Shared by all runs on this machine: the last one to end stops it."""
    running = Cluster(Path(tempfile.gettempdir()) / f"qixun-tests-{os.getuid()}", options=_UNSAFE_BUT_QUICK)
    running.start()
    yield running
    running.stop()


def _drop(cluster: Cluster, name: str) -> None:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
async def template(cluster: Cluster) -> AsyncIterator[str]:
    """The name of a database with PostGIS and every table, to be copied."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(upgrade, cluster.create_database(name))
    yield name
    _drop(cluster, name)


def _copy(cluster: Cluster, template: str) -> str:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return name


@pytest.fixture(scope="session")
async def settings(
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    """Settings of the run's database, which stays empty: tests roll back."""
    name = _copy(cluster, template)
    yield Settings(database_url=cluster.url(name), data_dir=tmp_path_factory.mktemp("data"), database_pool=4)
    _drop(cluster, name)


@pytest.fixture(scope="session")
async def _shared_database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.close()


@pytest.fixture
async def connection(_shared_database: Database) -> AsyncIterator[AsyncConnection]:
    async with _shared_database.engine.connect() as connection:
        transaction = await connection.begin()
        yield connection
        await transaction.rollback()


class RolledBack(Database):
    """The application's database whose every session is a savepoint on the test's one connection."""

    def __init__(self, settings: Settings, connection: AsyncConnection) -> None:
        super().__init__(settings)
        self.sessions = async_sessionmaker(
            connection,
            expire_on_commit=False,
            join_transaction_mode="create_savepoint",
            info={"settings": settings},
        )


@pytest.fixture
async def database(settings: Settings, connection: AsyncConnection) -> AsyncIterator[Database]:
    """What code under test opens sessions on; rolled back at the end."""
    database = RolledBack(settings, connection)
    yield database
    await database.close()


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    """Rolled back at the end; `client` sees what it has flushed."""
    async with database.sessions() as session:
        yield session


@pytest.fixture
async def own_settings(cluster: Cluster, template: str, settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """A database of the test's own, where commits are real: several connections, processes, notifications."""
    name = _copy(cluster, template)
    yield msgspec.structs.replace(settings, database_url=cluster.url(name), data_dir=tmp_path)
    _drop(cluster, name)


@pytest.fixture
async def own_database(own_settings: Settings) -> AsyncIterator[Database]:
    database = Database(own_settings)
    async with database.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    yield database
    await database.close()


@pytest.fixture
async def client(settings: Settings, database: Database) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """The application on the test's transaction; `tests.factories.accounts.bearer` signs somebody in."""
    async with AsyncTestClient(create_app(settings, database=database), raise_server_exceptions=False) as client:
        yield client
