"""Hub to PostGIS: what intake takes in a second, beside a bare COPY and upsert of the very rows it wrote.

The rows are read back from the tables after intake is done, and written once more, in one transaction, into a
copy of the database as it was before: the same tables, indexes and constraints, and nothing to decide.
"""

import asyncio
import gc
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql

from backend.accounts.keys import SigningKeys
from backend.cluster import Cluster
from backend.db import Database, import_models
from backend.intake.feed import Feed
from backend.intake.hub import HubClient
from backend.intake.running import setup_of, spare_collector
from qixun.bench.documents import write_documents
from qixun.bench.office import Office, copy_database, found_office
from qixun.bench.servers import BenchError, HubAdmin, run_client
from sync.databases import user_database

_TAKEN, _BARE = "bench_taken", "bench_bare"


class Throughput(msgspec.Struct, frozen=True):
    """`rows` were written for `documents`, into `tables` tables."""

    documents: int
    seconds: float
    docs_per_s: float
    rows: int
    tables: int
    copy_seconds: float
    copy_docs_per_s: float
    ratio_to_copy: float


class _Rows(msgspec.Struct, frozen=True):
    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    data: bytes
    count: int


async def measure_throughput(admin: HubAdmin, cluster: Cluster, folder: Path, count: int) -> Throughput:
    office = await found_office(cluster, _TAKEN, folder, people=1)
    name = user_database(office.people[0].staff_id, datetime.now(UTC))
    try:
        await _push(admin, name, office, folder, count)
        bare_url = await asyncio.to_thread(copy_database, cluster, _TAKEN, _BARE)
        print("  intake ...", file=sys.stderr, flush=True)
        seconds = await _take(admin.url, name, office, count)
    finally:
        await admin.drop_all_of(office.keys)
    print("  COPY ...", file=sys.stderr, flush=True)
    rows = await asyncio.to_thread(_read_rows, cluster.url(_TAKEN), bare_url)
    copy_seconds = await asyncio.to_thread(_write_rows, bare_url, rows)
    return Throughput(
        documents=count,
        seconds=seconds,
        docs_per_s=count / seconds,
        rows=sum(one.count for one in rows),
        tables=len(rows),
        copy_seconds=copy_seconds,
        copy_docs_per_s=count / copy_seconds,
        ratio_to_copy=copy_seconds / seconds,
    )


async def _push(admin: HubAdmin, name: str, office: Office, folder: Path, count: int) -> None:
    documents = folder / "records.ndjson"
    await asyncio.to_thread(write_documents, documents, count, office.people[0])
    await admin.create(name)
    store = str(folder / "intake-phone.db")
    await run_client([sys.executable, "-m", "qixun.bench.client", "push", admin.url, name, store, str(documents)])
    await admin.require_count(name, count)


async def _take(hub_url: str, name: str, office: Office, count: int) -> float:
    database, hub = Database(office.settings), HubClient(hub_url)
    try:
        setup = setup_of(office.settings, SigningKeys(office.settings.data_dir / "keys"))
        feed = Feed(database, hub, setup)
        spare_collector()
        begun = time.perf_counter()
        taken = await feed.read(name)
        seconds = time.perf_counter() - begun
    finally:
        gc.unfreeze()
        await hub.close()
        await database.close()
    if taken != count:
        raise BenchError(f"intake took {taken} records instead of {count}")
    return seconds


def _read_rows(taken_url: str, bare_url: str) -> list[_Rows]:
    """Of every table that intake wrote to, parents before children."""
    found = []
    with psycopg.connect(taken_url) as taken, psycopg.connect(bare_url) as bare:
        for table in import_models().sorted_tables:
            count, before = _count(taken, table.name), _count(bare, table.name)
            if count == before:
                continue
            columns = tuple(column.name for column in table.columns if column.computed is None)
            key = tuple(column.name for column in table.primary_key)
            copy = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)")
            with taken.cursor() as cursor, cursor.copy(copy.format(_names(columns), sql.Identifier(table.name))) as out:
                data = b"".join(bytes(block) for block in out)
            found.append(_Rows(table.name, columns, key, data, count - before))
    return found


def _write_rows(url: str, rows: list[_Rows]) -> float:
    with psycopg.connect(url) as connection:
        begun = time.perf_counter()
        for one in rows:
            _upsert(connection, one)
        connection.commit()
        return time.perf_counter() - begun


def _upsert(connection: psycopg.Connection, rows: _Rows) -> None:
    table, beside, columns = sql.Identifier(rows.table), sql.Identifier(f"new_{rows.table}"), _names(rows.columns)
    make = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
    connection.execute(make.format(beside, columns, table))
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(beside)) as to:
        to.write(rows.data)
    changed = [name for name in rows.columns if name not in rows.key]
    values = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changed)
    action = sql.SQL("DO UPDATE SET {}").format(values) if changed else sql.SQL("DO NOTHING")
    statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} ON CONFLICT ({}) {}")
    connection.execute(statement.format(table, columns, columns, beside, _names(rows.key), action))


def _count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


def _names(columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
