"""A phone's side of a measurement, as a process of its own, so that it is timed as the peer's process is.

`python -m qixun.bench.client push|pull HUB DATABASE STORE_FILE DOCUMENTS_FILE` writes one JSON line (`Measured`).
Times begin with an open store and end when all is durable; what is synced in between is told apart.
"""

import asyncio
import base64
import resource
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from qixun.bench.documents import read_documents
from sync.documents import FieldRecord
from sync.replication import RemoteDatabase, Replicator
from sync.store.records import RecordStore

_KEPT_AT_ONCE = 1000
# The app seals what lies on a phone; so does this.
PHONE_KEY = bytes(range(16))


class Leg(msgspec.Struct, frozen=True):
    """One timed synchronisation."""

    seconds: float
    documents: int
    requests: int


class Measured(msgspec.Struct, frozen=True):
    """`nothing_new` is a further sync when all is the same on both sides; both ways after a push."""

    moved: Leg
    nothing_new: Leg
    peak_mib: float


class _Remote(RemoteDatabase):
    """A database of the hub, reached as the administrator, whose requests are counted."""

    def __init__(self, hub: str, name: str) -> None:
        parts = urlsplit(hub)
        super().__init__(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), name, self._no_token)
        self._basic = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        self.requests = 0

    @staticmethod
    async def _no_token() -> str:
        return ""

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        self.requests += 1
        request.headers["Authorization"] = f"Basic {self._basic}"
        return await handler(request)


async def _sync(store: RecordStore, hub: str, name: str, *, push: bool = False, pull: bool = False) -> Leg:
    begun = time.perf_counter()
    async with _Remote(hub, name) as remote:
        done = await Replicator(store, remote, push=push, pull=pull).run_once()
        seconds = time.perf_counter() - begun
    if done.parked or done.skipped:
        sys.exit(f"{len(done.parked)} documents were refused, {len(done.skipped)} could not be taken")
    return Leg(seconds, done.written if push else done.read, remote.requests)


def keep(store: RecordStore, records: Iterable[FieldRecord]) -> None:
    """As if recorded on this phone, but with one sync of the disk for a thousand."""

    def numbered(record: FieldRecord) -> Callable[[int], FieldRecord]:
        return lambda number: msgspec.structs.replace(record, record_number=number)

    waiting = iter(records)
    while some := list(islice(waiting, _KEPT_AT_ONCE)):
        with store.transaction():
            for record in some:
                store.append(numbered(record))


async def measure(way: str, hub: str, name: str, store: RecordStore, documents: Path) -> Measured:
    if way == "push":
        keep(store, read_documents(documents))
        moved = await _sync(store, hub, name, push=True)
        # The phone's own documents come by once, before it knows that it has them all.
        await _sync(store, hub, name, push=True, pull=True)
    else:
        moved = await _sync(store, hub, name, pull=True)
    nothing_new = await _sync(store, hub, name, push=way == "push", pull=True)
    return Measured(moved, nothing_new, peak_mib())


def peak_mib() -> float:
    """Of this process alone: what `getrusage` tells on Linux begins with the size of the one that started it."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line.split()[1] for line in status if line.startswith("VmHWM:"))) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    way, hub, name, store_file, documents = sys.argv[1:]
    store = RecordStore.open(Path(store_file), seal=PHONE_KEY)
    try:
        print(msgspec.json.encode(asyncio.run(measure(way, hub, name, store, Path(documents)))).decode())
    finally:
        store.close()


if __name__ == "__main__":
    main()
