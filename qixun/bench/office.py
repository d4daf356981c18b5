"""A company with people and phones to record for, in a database of its own on a private PostGIS cluster."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql

from backend.accounts import service as accounts
from backend.accounts.schemas import DeviceIn
from backend.accounts.service.devices import register_device
from backend.cluster import Cluster
from backend.db import Database, new_key
from backend.migrations.run import upgrade
from backend.settings import Settings
from qixun import setup
from qixun.bench.documents import Person

PASSWORD = "bench-松河-2026"  # noqa: S105 - of people who live as long as the measurement
UNIT = "测速一班"
_EMPTY = "bench_empty"


class Office(msgspec.Struct, frozen=True):
    """`people` have the staff numbers B1, B2, ..."""

    settings: Settings
    people: tuple[Person, ...]

    @property
    def keys(self) -> list[str]:
        """Whoever's database names hold one of these."""
        return [key for person in self.people for key in (person.staff_id, person.unit_id)]


@asynccontextmanager
async def private_cluster(folder: Path) -> AsyncIterator[Cluster]:
    """As durable as the product's own; nothing of it is left."""
    cluster = Cluster(folder)
    starting = asyncio.ensure_future(asyncio.to_thread(cluster.start))
    try:
        # A thread goes on when its waiter is cancelled (Ctrl-C): what it starts is stopped all the same.
        await asyncio.shield(starting)
        yield cluster
    finally:
        await asyncio.wait([starting])
        await asyncio.to_thread(cluster.stop)
        shutil.rmtree(cluster.directory, ignore_errors=True)


async def found_office(cluster: Cluster, name: str, data_dir: Path, *, people: int) -> Office:
    url = await asyncio.to_thread(_migrated, cluster, name)
    settings = Settings(database_url=url, data_dir=data_dir)
    database = Database(settings)
    try:
        return Office(settings, await _hire(database, people))
    finally:
        await database.close()


def _migrated(cluster: Cluster, name: str) -> str:
    """A new database with all tables; those after the first are copies of one that is kept empty."""
    with psycopg.connect(cluster.url("postgres")) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_EMPTY]).fetchone()
    if known is None:
        upgrade(cluster.create_database(_EMPTY))
    return copy_database(cluster, _EMPTY, name)


async def _hire(database: Database, count: int) -> tuple[Person, ...]:
    people = []
    async with database.sessions() as session, session.begin():
        await setup.create_company(
            session, "测速燃气公司", units=[UNIT], administrator="B0", password=PASSWORD, min_length=8
        )
        unit_id = await setup.find_unit(session, UNIT)
        for number in range(1, count + 1):
            staff = await accounts.create_staff(
                session,
                None,
                staff_number=f"B{number}",
                name=f"测速员{number}",
                organisation_id=unit_id,
                password=PASSWORD,
                unit_ids=[unit_id],
            )
            device = DeviceIn(device_id=new_key(), name="bench")
            await register_device(session, staff, device)
            people.append(Person(staff.id, unit_id, device.device_id))
    return tuple(people)


def copy_database(cluster: Cluster, source: str, name: str) -> str:
    """Nobody may be connected to the source."""
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(source)))
    return cluster.url(name)
