"""`qixun bench NAME`: measures, prints a table, and writes every figure as JSON where that is asked for."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from backend.db import new_key
from backend.settings import Settings
from qixun.bench import peer
from qixun.bench.documents import DOCUMENT_BYTES, Person, write_documents
from qixun.bench.intake import measure_throughput
from qixun.bench.machine import this_machine, versions
from qixun.bench.office import private_cluster
from qixun.bench.replication import measure_replication
from qixun.bench.report import Intake, SyncReport, as_json, as_table
from qixun.bench.servers import BenchError, HubAdmin, embedded_hub, without_password
from qixun.bench.visible import RATE_PER_S, measure_visible
from qixun.starting import StartError

# Long enough for a p95, whatever is moved besides.
_VISIBLE_S = 10


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        # On the disk that the product's data would lie on; nothing of the product's own is touched.
        with tempfile.TemporaryDirectory(prefix="bench-", dir=settings.data_dir) as folder:
            report = asyncio.run(_BENCHES[arguments.name](Path(folder).resolve(), arguments))
    except BenchError as error:
        raise StartError(f"测速中止 / the measurement was given up: {error}") from error
    if arguments.json:
        arguments.json.write_bytes(as_json(report))
    print(as_table(report))
    return 0


async def measure_sync(folder: Path, arguments: argparse.Namespace) -> SyncReport:
    machine, count, with_peer = this_machine(), arguments.documents, not arguments.without_peer
    if arguments.hub:
        async with HubAdmin(arguments.hub) as given:
            await given.require_hub()
    if with_peer:
        peer.prepare()
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(private_cluster(folder / "cluster"))
        hub = arguments.hub or await stack.enter_async_context(embedded_hub(folder / "hub"))
        admin = await stack.enter_async_context(HubAdmin(hub))
        documents = folder / "documents.ndjson"
        write_documents(documents, count, Person(new_key(), new_key(), new_key()))
        print("push, pull:", file=sys.stderr)
        moved = await measure_replication(admin, folder, documents, count, rounds=arguments.rounds, with_peer=with_peer)
        print("hub -> PostGIS:", file=sys.stderr)
        throughput = await measure_throughput(admin, cluster, folder / "intake", count)
        print(f"  {RATE_PER_S}/s ...", file=sys.stderr, flush=True)
        visible = await measure_visible(arguments.hub, cluster, folder / "visible", min(count, RATE_PER_S * _VISIBLE_S))
        return SyncReport(
            bench="sync",
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=_again(arguments),
            server=f"CouchDB {without_password(hub)}" if arguments.hub else "embedded hub",
            documents=count,
            document_bytes=DOCUMENT_BYTES,
            rounds=arguments.rounds,
            machine=machine,
            versions=versions(cluster, with_peer=with_peer),
            push=moved.push,
            pull=moved.pull,
            nothing_new=moved.nothing_new,
            intake=Intake(**msgspec.structs.asdict(throughput), visible=visible),
        )


def _again(arguments: argparse.Namespace) -> str:
    parts = [f"qixun bench {arguments.name} --documents {arguments.documents} --rounds {arguments.rounds}"]
    parts += [f"--hub {without_password(arguments.hub)}"] if arguments.hub else []
    parts += ["--without-peer"] if arguments.without_peer else []
    return " ".join(parts)


_BENCHES: Mapping[str, Callable[[Path, argparse.Namespace], Coroutine[Any, Any, SyncReport]]] = {"sync": measure_sync}
