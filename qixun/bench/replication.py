"""Push and pull of the phone's store and replicator, side by side with PouchDB against the same server.

Each figure is the best of several rounds: another program's work on the machine can only slow a round down.
"""

import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uuid_utils

from qixun.bench import peer
from qixun.bench.client import Leg, Measured
from qixun.bench.servers import BenchError, HubAdmin, run_client

OURS = "qixun"


class Way(msgspec.Struct, frozen=True):
    """One direction; `rounds_s` are the seconds of every round, by who it was."""

    documents: int
    docs_per_s: float
    rounds_s: dict[str, list[float]]
    peak_mib: dict[str, float]
    pouchdb_100_docs_per_s: float | None = None
    pouchdb_1000_docs_per_s: float | None = None
    ratio_to_pouchdb: float | None = None


class NothingNew(msgspec.Struct, frozen=True):
    """A sync both ways with `documents` on the phone, when both sides hold the same."""

    documents: int
    seconds: float
    requests: int
    pouchdb_seconds: float | None = None
    pouchdb_requests: int | None = None


class Replication(msgspec.Struct, frozen=True):
    push: Way
    pull: Way
    nothing_new: NothingNew


class Ways(Way, frozen=True):
    """The fewest documents; beside it what each number gave, and how the cost of one document grew to the most."""

    by_documents: dict[str, Way] = {}
    growth: float | None = None


class NothingNews(NothingNew, frozen=True):
    """With the most documents, beside it each number."""

    by_documents: dict[str, NothingNew] = {}


def ways(found: list[Way]) -> Ways:
    fewest, most = found[0], found[-1]
    growth = fewest.docs_per_s / most.docs_per_s if len(found) > 1 else None
    beside = {str(one.documents): one for one in found}
    return Ways(**msgspec.structs.asdict(fewest), by_documents=beside, growth=growth)


def nothing_news(found: list[NothingNew]) -> NothingNews:
    beside = {str(one.documents): one for one in found}
    return NothingNews(**msgspec.structs.asdict(found[-1]), by_documents=beside)


Contender = Callable[[str, str, Path], Awaitable[Measured]]


async def measure_replication(
    admin: HubAdmin, folder: Path, documents: Path, count: int, *, rounds: int, with_peer: bool
) -> Replication:
    """`documents` is the file with the `count` records that everybody moves."""
    contenders = _contenders(admin.url, documents, with_peer=with_peer)
    pushed: dict[str, list[Measured]] = {who: [] for who in contenders}
    pulled: dict[str, list[Measured]] = {who: [] for who in contenders}
    for number in range(rounds):
        # Nobody is always the first after a pause, or always the last on a filled disk cache.
        order = list(contenders) if number % 2 == 0 else list(reversed(contenders))
        for who in order:
            print(f"  {number + 1}/{rounds} {who} ...", file=sys.stderr, flush=True)
            name = f"bench_{uuid_utils.uuid7().hex}"
            await admin.create(name)
            pushed[who].append(await contenders[who]("push", name, folder / "push"))
            await admin.require_count(name, count)
            pulled[who].append(await contenders[who]("pull", name, folder / "pull"))
            for measured in (pushed[who][-1], pulled[who][-1]):
                if measured.moved.documents != count:
                    raise BenchError(f"{who} moved {measured.moved.documents} documents instead of {count}")
            await admin.drop(name)
            shutil.rmtree(folder / "push")
            shutil.rmtree(folder / "pull")
    return Replication(_way(pushed), _way(pulled), _nothing_new(pushed, count))


def _contenders(hub: str, documents: Path, *, with_peer: bool) -> dict[str, Contender]:
    async def ours(way: str, name: str, folder: Path) -> Measured:
        command = [sys.executable, "-m", "qixun.bench.client", way, hub, name, str(folder / "store.db"), str(documents)]
        return msgspec.json.decode(await run_client(command), type=Measured)

    def pouchdb(batch: int) -> Contender:
        return lambda way, name, folder: peer.measure(way, hub, name, folder, documents, batch=batch)

    peers = {_peer(batch): pouchdb(batch) for batch in peer.BATCHES} if with_peer else {}
    return {OURS: ours, **peers}


def _peer(batch: int) -> str:
    return f"pouchdb_{batch}"


def _best(measured: list[Measured], leg: Callable[[Measured], Leg]) -> Leg:
    return min((leg(one) for one in measured), key=lambda found: found.seconds)


def _way(measured: dict[str, list[Measured]]) -> Way:
    best = {who: _best(found, lambda one: one.moved) for who, found in measured.items()}
    rates = {who: leg.documents / leg.seconds for who, leg in best.items()}
    peers = [rates[who] for who in rates if who != OURS]
    return Way(
        documents=best[OURS].documents,
        docs_per_s=rates[OURS],
        rounds_s={who: [one.moved.seconds for one in found] for who, found in measured.items()},
        peak_mib={who: max(one.peak_mib for one in found) for who, found in measured.items()},
        pouchdb_100_docs_per_s=rates.get(_peer(100)),
        pouchdb_1000_docs_per_s=rates.get(_peer(1000)),
        ratio_to_pouchdb=rates[OURS] / max(peers) if peers else None,
    )


def _nothing_new(pushed: dict[str, list[Measured]], count: int) -> NothingNew:
    ours = _best(pushed[OURS], lambda one: one.nothing_new)
    peers = [one for who, found in pushed.items() if who != OURS for one in found]
    theirs = _best(peers, lambda one: one.nothing_new) if peers else None
    return NothingNew(
        documents=count,
        seconds=ours.seconds,
        requests=ours.requests,
        pouchdb_seconds=theirs.seconds if theirs else None,
        pouchdb_requests=theirs.requests if theirs else None,
    )
