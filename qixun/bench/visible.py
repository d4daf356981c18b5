"""How long after its push a record is in PostGIS, seen from outside: phones that record and sync live, and the
whole product (`qixun serve`) as a process of its own.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import msgspec
import psycopg

from backend.accounts.schemas import SignedIn
from backend.cluster import Cluster
from qixun.bench.documents import Person, field_records
from qixun.bench.office import PASSWORD, found_office
from qixun.bench.servers import BenchError, HubAdmin, product
from sync.documents import FieldRecord
from sync.replication import RemoteDatabase, Replicator
from sync.store.records import RecordStore

RATE_PER_S = 200
PHONES = 4
LOOK_EVERY_S = 0.01
_LONGEST_S = 60.0
# A backlog is waited for, since how long it takes is the figure; one that hardly moves is given up.
_SLOWEST_PER_S = 10
_DATABASE = "bench_visible"


class Visible(msgspec.Struct, frozen=True):
    """Seconds from the hub's answer to a push to the row seen in PostGIS; `rate_per_s` as it was reached."""

    records: int
    rate_per_s: float
    p50_s: float
    p95_s: float
    longest_s: float


class Watch:
    """When each record was sent, and when it was seen."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self.recorded: list[str] = []
        self._looked_for: set[str] = set()

    def note_recorded(self, record_id: str) -> None:
        self.recorded.append(record_id)
        self._looked_for.add(record_id)

    def note_sent(self, ids: Sequence[str]) -> None:
        now = time.perf_counter()
        for doc_id in ids:
            self.sent.setdefault(doc_id, now)

    async def look(self, url: str, count: int) -> None:
        """Until `count` records were seen; a phone may hear of its push a moment after that."""
        async with asyncio.timeout(_LONGEST_S + count / _SLOWEST_PER_S):
            connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
            async with connection:
                while len(self.seen) < count or len(self.sent) < count:
                    rows = await connection.execute("SELECT id FROM facts WHERE id = ANY(%s)", [list(self._looked_for)])
                    found = [row[0] for row in await rows.fetchall()]
                    now = time.perf_counter()
                    self.seen |= dict.fromkeys(found, now)
                    self._looked_for -= set(found)
                    await asyncio.sleep(LOOK_EVERY_S)

    def delays_s(self) -> list[float]:
        return sorted(max(self.seen[doc_id] - self.sent[doc_id], 0.0) for doc_id in self.recorded)


class _Phone:
    """Signed in at a running server; its store replicates live until `stop`."""

    def __init__(self, signed_in: SignedIn, hub_url: str, person: Person, file: Path) -> None:
        self._token = signed_in.access_token
        self.database = signed_in.databases.user[0]
        self.hub_url = hub_url
        self.person = person
        self.store = RecordStore.open(file)

    async def token(self) -> str:
        return self._token

    async def wait_until_open(self) -> None:
        """Its database is made after the sign-in."""
        url, headers = f"{self.hub_url}/{self.database}", {"Authorization": f"Bearer {self._token}"}
        async with asyncio.timeout(_LONGEST_S), aiohttp.ClientSession(headers=headers) as http:
            while True:
                async with http.get(url) as answer:
                    if answer.status == 200:
                        return
                await asyncio.sleep(0.1)

    async def replicate(self, watch: Watch, stop: asyncio.Event) -> None:
        async with RemoteDatabase(self.hub_url, self.database, self.token) as remote:
            await Replicator(self.store, remote, push=True, pull=True, on_sent=watch.note_sent).run_live(stop)

    async def record(self, count: int, per_s: float, watch: Watch) -> None:
        begun = time.perf_counter()
        for done, record in enumerate(field_records(count, self.person)):
            await asyncio.sleep(max(begun + done / per_s - time.perf_counter(), 0))
            await asyncio.to_thread(self.store.append, _numbered(record))
            watch.note_recorded(record.id)


def _why(replicating: Sequence[asyncio.Task[None]]) -> str:
    failed = [repr(task.exception()) for task in replicating if task.done() and task.exception()]
    return f": {'; '.join(failed)}" if failed else ""


def _numbered(record: FieldRecord) -> Callable[[int], FieldRecord]:
    return lambda number: msgspec.structs.replace(record, record_number=number)


async def measure_visible(hub: str, cluster: Cluster, folder: Path, count: int) -> Visible:
    """`hub` is an Apache CouchDB's address with its administrator in it, or empty for the embedded hub."""
    office = await found_office(cluster, _DATABASE, folder, people=PHONES)
    try:
        async with product(folder, office.settings.database_url, hub) as server:
            phones = [
                await _sign_in(server, number, person, folder) for number, person in enumerate(office.people, start=1)
            ]
            try:
                return await _shift(phones, office.settings.database_url, count)
            finally:
                for phone in phones:
                    phone.store.close()
    finally:
        if hub:
            async with HubAdmin(hub) as admin:
                await admin.drop_all_of(office.keys)


async def _sign_in(server: str, number: int, person: Person, folder: Path) -> _Phone:
    device = {"device_id": person.device_id, "name": "bench"}
    asked = {"staff_number": f"B{number}", "password": PASSWORD, "device": device}
    async with aiohttp.ClientSession() as http, http.post(f"{server}/api/sign-in", json=asked) as answer:
        said = await answer.read()
        if answer.status >= 400:
            raise BenchError(f"sign-in: {answer.status} {said.decode(errors='replace')}")
    signed_in = msgspec.json.decode(said, type=SignedIn)
    hub_url = signed_in.hub_url if "://" in signed_in.hub_url else server + signed_in.hub_url
    phone = _Phone(signed_in, hub_url.rstrip("/"), person, folder / f"phone-{number}.db")
    await phone.wait_until_open()
    return phone


async def _shift(phones: Sequence[_Phone], database_url: str, count: int) -> Visible:
    watch, stop = Watch(), asyncio.Event()
    each = -(-count // len(phones))
    replicating = [asyncio.create_task(phone.replicate(watch, stop)) for phone in phones]
    looking = asyncio.create_task(watch.look(database_url, each * len(phones)))
    begun = time.perf_counter()
    try:
        await asyncio.gather(*(phone.record(each, RATE_PER_S / len(phones), watch) for phone in phones))
        recorded_s = time.perf_counter() - begun
        await looking
    except TimeoutError as error:
        raise BenchError(
            f"only {len(watch.seen)} of {each * len(phones)} records came to PostGIS{_why(replicating)}"
        ) from error
    finally:
        stop.set()
        looking.cancel()
        await asyncio.gather(*replicating, looking, return_exceptions=True)
    delays = watch.delays_s()
    return Visible(
        records=len(delays),
        rate_per_s=len(delays) / recorded_s,
        p50_s=statistics.median(delays),
        p95_s=delays[int(len(delays) * 0.95)],
        longest_s=delays[-1],
    )
