"""A database that the command line itself has made, and servers on copies of it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from backend.cluster import Cluster
from tests.qixun.command import Command, Server

COMPANY, ADMINISTRATOR, PASSWORD, UNIT = "江城燃气有限公司", "A901", "江城-walks-2026", "巡线三班"


def drop(cluster: Cluster, name: str) -> None:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def founded(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """An empty database that `create-company` has migrated and filled; to be copied, not written."""
    name = f"founded_{uuid.uuid4().hex[:12]}"
    command = Command(database_url=cluster.create_database(name), data_dir=tmp_path_factory.mktemp("founded"))
    done = command("create-company", COMPANY, "--administrator", ADMINISTRATOR, "--unit", UNIT, said=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    assert COMPANY in done.stdout
    yield command
    drop(cluster, name)


def copy(cluster: Cluster, founded: Command, folder: Path) -> Command:
    name, source = f"command_{uuid.uuid4().hex[:12]}", founded.database_url.rpartition("/")[2]
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(source)))
    return Command(database_url=cluster.url(name), data_dir=folder)


@pytest.fixture
def qixun(cluster: Cluster, founded: Command, tmp_path: Path) -> Iterator[Command]:
    """The command line on a database of the test's own, with one company, its administrator and one unit."""
    command = copy(cluster, founded, tmp_path / "data")
    yield command
    drop(cluster, command.database_url.rpartition("/")[2])


@pytest.fixture(scope="session")
def server(cluster: Cluster, founded: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One running `qixun serve` for all tests that only ask it."""
    command = copy(cluster, founded, tmp_path_factory.mktemp("server"))
    running = Server(command)
    try:
        running.wait_until_ready()
        yield running
    finally:
        status = running.stop()
        drop(cluster, command.database_url.rpartition("/")[2])
    assert status in {0, 130}, running.log.read_text()
