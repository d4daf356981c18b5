"""`qixun bench NAME`: measures, prints a table, and writes every figure as JSON where that is asked for."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.cluster import Cluster
from backend.db import new_key
from backend.settings import Settings
from qixun.bench import PARTS, PHONES, PHOTOS, app, phones
from qixun.bench.cylinders import CylinderReport, measure_cylinders
from qixun.bench.documents import DOCUMENT_BYTES, Person, write_documents
from qixun.bench.hub_alone import HubAlone, measure_hub
from qixun.bench.intake import Throughput, measure_throughput
from qixun.bench.machine import this_machine, versions
from qixun.bench.office import private_cluster
from qixun.bench.peer import prepare
from qixun.bench.replication import Replication, measure_replication, nothing_news, ways
from qixun.bench.report import Intake, SyncReport, as_json, as_table
from qixun.bench.servers import BenchError, HubAdmin, embedded_hub, without_password
from qixun.bench.visible import RATE_PER_S, Visible, measure_visible
from qixun.starting import StartError

# Push, pull and a sync with nothing new are steps of one measurement.
_REPLICATION = frozenset({"push", "pull", "nothing_new"})
# Between them the page of documentation has the table.
_MARKS = {
    "sync": ("<!-- measured -->", "<!-- /measured -->"),
    "cylinders": ("<!-- cylinders measured -->", "<!-- /cylinders measured -->"),
}
# Long enough for a p95, whatever is moved besides.
_VISIBLE_S = 10


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    page = _page(arguments.docs, arguments.name)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        # On the disk that the product's data would lie on; nothing of the product's own is touched.
        with tempfile.TemporaryDirectory(prefix="bench-", dir=settings.data_dir) as folder:
            report = asyncio.run(_BENCHES[arguments.name](Path(folder).resolve(), arguments))
    except BenchError as error:
        raise StartError(f"测速中止 / the measurement was given up: {error}") from error
    if arguments.json:
        arguments.json.write_bytes(as_json(report))
    table = report.table() if isinstance(report, CylinderReport) else as_table(report)
    if arguments.docs:
        before, after = page
        begin, end = _MARKS[arguments.name]
        arguments.docs.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
    print(table)
    return 0


def _page(file: Path | None, name: str) -> tuple[str, str]:
    """What stands before and after the table; told before an hour of measuring, not after."""
    if file is None:
        return "", ""
    begin, end = _MARKS[name]
    before, begins, rest = file.read_text(encoding="utf-8").partition(begin)
    _, ends, after = rest.partition(end)
    if not begins or not ends:
        raise StartError(f"{file} 里没有 {begin} 和 {end} / has no {begin} and {end} for the table")
    return before, after


class Bench:
    """What the parts share: started when the first of them needs it, gone when the stack is left."""

    def __init__(self, folder: Path, arguments: argparse.Namespace, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.counts: Sequence[int] = arguments.documents
        self.rounds: int = arguments.rounds
        self.with_peer: bool = not arguments.without_peer
        self.given_hub: str = arguments.hub
        self.phones: int = arguments.phones
        self.photos: int = arguments.photos
        self.server = f"CouchDB {without_password(arguments.hub)}" if arguments.hub else "embedded hub"
        self.started: Cluster | None = None
        self._stack = stack
        self._admin: HubAdmin | None = None

    async def cluster(self) -> Cluster:
        if self.started is None:
            self.started = await self._stack.enter_async_context(private_cluster(self.folder / "cluster"))
        return self.started

    async def admin(self) -> HubAdmin:
        if self._admin is None:
            hub = self.given_hub or await self._stack.enter_async_context(embedded_hub(self.folder / "hub"))
            self._admin = await self._stack.enter_async_context(HubAdmin(hub))
        return self._admin

    async def documents(self, count: int) -> Path:
        file = self.folder / f"documents-{count}.ndjson"
        if not await asyncio.to_thread(file.exists):
            person = Person(new_key(), new_key(), new_key())
            await asyncio.to_thread(write_documents, file, count, person)
        return file


async def measure_sync(folder: Path, arguments: argparse.Namespace) -> SyncReport:
    machine = this_machine()
    asked = set(arguments.only or PARTS)
    if arguments.hub:
        async with HubAdmin(arguments.hub) as given:
            await given.require_hub()
    async with AsyncExitStack() as stack:
        bench = Bench(folder, arguments, stack)
        with_peer = bench.with_peer and bool(asked & _REPLICATION)
        if with_peer:
            prepare()
        moved = await _replication(bench) if asked & _REPLICATION else []
        hub = await _hub(bench) if "hub" in asked else None
        start = await _app_start(bench) if "app_start" in asked else None
        throughput = await _intake(bench) if "intake" in asked else None
        visible = await _visible(bench) if "visible" in asked else None
        slow_link = await _slow_link(bench) if "slow_link" in asked else None
        many = await _phones(bench) if "phones" in asked else None
        return SyncReport(
            bench="sync",
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=_again(arguments),
            server=bench.server,
            documents=list(bench.counts),
            document_bytes=DOCUMENT_BYTES,
            rounds=bench.rounds,
            machine=machine,
            versions=versions(bench.started, with_peer=with_peer),
            push=ways([one.push for one in moved]) if moved else None,
            pull=ways([one.pull for one in moved]) if moved else None,
            nothing_new=nothing_news([one.nothing_new for one in moved]) if moved else None,
            hub=hub,
            app_start=start,
            intake=Intake.of(throughput, visible),
            slow_link=slow_link,
            phones=many,
        )


async def _replication(bench: Bench) -> list[Replication]:
    found = []
    for count in bench.counts:
        _say(f"push, pull, nothing new, {count:,} documents")
        documents, admin = await bench.documents(count), await bench.admin()
        # What takes ten times as long needs no repeating: other work on the machine comes and goes within it.
        rounds = max(1, bench.rounds * bench.counts[0] // count)
        found.append(
            await measure_replication(admin, bench.folder, documents, count, rounds=rounds, with_peer=bench.with_peer)
        )
    return found


async def _hub(bench: Bench) -> HubAlone:
    _say("the hub alone")
    documents = await bench.documents(bench.counts[0])
    return await measure_hub(await bench.admin(), documents, bench.counts[0], rounds=bench.rounds)


async def _app_start(bench: Bench) -> app.AppStart:
    count = bench.counts[-1]
    _say(f"start of the app, {count:,} records")
    documents = await bench.documents(count)
    return await app.measure_app_start(await bench.cluster(), bench.folder / "start", documents, count)


async def _intake(bench: Bench) -> Throughput:
    _say("hub -> PostGIS")
    return await measure_throughput(
        await bench.admin(), await bench.cluster(), bench.folder / "intake", bench.counts[0]
    )


async def _visible(bench: Bench) -> Visible:
    _say(f"pushed -> visible, {RATE_PER_S}/s")
    count = min(bench.counts[0], RATE_PER_S * _VISIBLE_S)
    return await measure_visible(bench.given_hub, await bench.cluster(), bench.folder / "visible", count)


async def _slow_link(bench: Bench) -> app.SlowLinkFigures:
    _say(f"{bench.photos} photos over a slow link")
    folder = bench.folder / "slow-link"
    return await app.measure_slow_link(bench.given_hub, await bench.cluster(), folder, photos=bench.photos)


async def _phones(bench: Bench) -> phones.Phones:
    _say(f"{bench.phones} phones at once")
    folder = bench.folder / "phones"
    return await phones.measure_phones(bench.given_hub, await bench.cluster(), folder, phones=bench.phones)


def _say(what: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S} {what}:", file=sys.stderr, flush=True)


def _again(arguments: argparse.Namespace) -> str:
    counts = ",".join(map(str, arguments.documents))
    parts = [f"qixun bench {arguments.name} --documents {counts} --rounds {arguments.rounds}"]
    parts += [f"--only {','.join(arguments.only)}"] if arguments.only else []
    parts += [f"--hub {without_password(arguments.hub)}"] if arguments.hub else []
    parts += ["--without-peer"] if arguments.without_peer else []
    asked: Collection[str] = arguments.only or PARTS
    parts += [f"--photos {arguments.photos}"] if "slow_link" in asked and arguments.photos != PHOTOS else []
    parts += [f"--phones {arguments.phones}"] if "phones" in asked and arguments.phones != PHONES else []
    return " ".join(parts)


_Report = SyncReport | CylinderReport
_BENCHES: Mapping[str, Callable[[Path, argparse.Namespace], Coroutine[Any, Any, _Report]]] = {
    "sync": measure_sync,
    "cylinders": measure_cylinders,
}
