"""Many phones at once from one server: each pulls its unit's reference data and pushes its records.

Phones are tasks in a few client processes (`python -m qixun.bench.phones PLAN_FILE`), each with the phone's own stores
and replicators in files of its own; the server is one `qixun serve` with intake inside.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import msgspec
import psycopg

from backend.accounts.schemas import SignedIn
from backend.cluster import Cluster
from backend.db import new_key
from qixun.bench.client import keep
from qixun.bench.documents import Person, field_records
from qixun.bench.office import PASSWORD, Office, found_office
from qixun.bench.servers import BenchError, HubAdmin, Product, running_product
from sync.databases import unit_database
from sync.errors import Unreachable
from sync.replication import RemoteDatabase, Replicator
from sync.store.records import RecordStore
from sync.store.store import Store

PULLED, PUSHED = 1000, 200
# What each client process carries: enough processes that the clients are not what is measured.
_PHONES_A_PROCESS = 50
# A phone that takes longer has failed.
LONGEST_S = 120.0
# In PostGIS within so long of the last push.
_INTAKE_S = 600.0
_BATCH = 500
_LOOK_EVERY_S = 0.5
_DATABASE = "bench_phones"


class Phones(msgspec.Struct, frozen=True):
    """Seconds of each phone from the common start to its last document; the server's memory at its peak."""

    phones: int
    pulled_each: int
    pushed_each: int
    failed: int
    retries: int
    total_s: float
    p50_s: float
    p95_s: float
    longest_s: float
    in_postgis: int
    in_postgis_after_s: float
    server_peak_mib: float


class _Plan(msgspec.Struct, frozen=True):
    """What one client process does; `people` have the staff numbers `first`, `first` + 1, ..."""

    server: str
    folder: str
    first: int
    people: tuple[Person, ...]
    pulled: int
    pushed: int


class _Done(msgspec.Struct, frozen=True):
    """`ended` by the machine's monotonic clock; `error` of a phone that did not get through."""

    ended: float
    retries: int = 0
    error: str = ""


# The measuring side


async def measure_phones(hub: str, cluster: Cluster, folder: Path, *, phones: int) -> Phones:
    """`hub` is an Apache CouchDB's address with its administrator in it, or empty for the embedded hub."""
    print("  people ...", file=sys.stderr, flush=True)
    office = await found_office(cluster, _DATABASE, folder, people=phones)
    try:
        async with running_product(folder, office.settings.database_url, hub) as server:
            async with HubAdmin(server.hub_url) as admin:
                await _write_reference(admin, unit_database(office.people[0].unit_id))
            return await _rush(server, office, folder)
    finally:
        if hub:
            async with HubAdmin(hub) as admin:
                await admin.drop_all_of(office.keys)


async def _write_reference(admin: HubAdmin, name: str) -> None:
    """The unit's database is made by the server; it may not be there yet."""
    async with asyncio.timeout(60):
        while name not in await admin.ask("GET", "_all_dbs"):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.1)
    person = Person(new_key(), new_key(), new_key())
    notes = [record.note for record in field_records(PULLED, person)]
    documents = [{"_id": f"reference.bench:{n:05}", "note": note} for n, note in enumerate(notes)]
    for at in range(0, PULLED, _BATCH):
        await admin.ask("POST", f"{name}/_bulk_docs", {"docs": documents[at : at + _BATCH]})


async def _rush(server: Product, office: Office, folder: Path) -> Phones:
    count = len(office.people)
    firsts = range(0, count, _PHONES_A_PROCESS)
    plans = [
        _Plan(server.url, str(folder), 1 + at, office.people[at : at + _PHONES_A_PROCESS], PULLED, PUSHED)
        for at in firsts
    ]
    async with AsyncExitStack() as stack:
        clients = [await _start(stack, plan, folder) for plan in plans]
        print("  signing in ...", file=sys.stderr, flush=True)
        for client in clients:
            await _line(client)  # ready
        print(f"  {count} phones ...", file=sys.stderr, flush=True)
        begun = time.monotonic()
        for client in clients:
            assert client.stdin is not None
            client.stdin.write(b"go\n")
        said = [msgspec.json.decode(await _line(client), type=list[_Done]) for client in clients]
    done = [one for some in said for one in some]
    failed = [one for one in done if one.error]
    if failed:
        print(f"  {failed[0].error}", file=sys.stderr, flush=True)
    seconds = sorted(one.ended - begun for one in done)
    last = max(one.ended for one in done)
    found = await _arrived(office.settings.database_url, (count - len(failed)) * PUSHED)
    return Phones(
        phones=count,
        pulled_each=PULLED,
        pushed_each=PUSHED,
        failed=len(failed),
        retries=sum(one.retries for one in done),
        total_s=seconds[-1],
        p50_s=statistics.median(seconds),
        p95_s=seconds[min(int(count * 0.95), count - 1)],
        longest_s=seconds[-1],
        in_postgis=found,
        in_postgis_after_s=time.monotonic() - last,
        server_peak_mib=_peak_mib_of(server.pid),
    )


async def _start(stack: AsyncExitStack, plan: _Plan, folder: Path) -> asyncio.subprocess.Process:
    file = folder / f"plan-{plan.first}.json"
    await asyncio.to_thread(file.write_bytes, msgspec.json.encode(plan))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "qixun.bench.phones", str(file),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24,
    )  # fmt: skip
    stack.push_async_callback(_end, process)
    return process


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def _line(client: asyncio.subprocess.Process) -> bytes:
    assert client.stdout is not None
    line = await client.stdout.readline()
    if not line:
        raise BenchError("a process with phones has ended before its time")
    return line


async def _arrived(database_url: str, count: int) -> int:
    """Waits until so many records are in PostGIS, or no more come."""
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    found = 0
    async with connection:
        deadline = time.monotonic() + _INTAKE_S
        while found < count and time.monotonic() < deadline:
            row = await (await connection.execute("SELECT count(*) FROM facts")).fetchone()
            found = int(row[0]) if row else 0
            await asyncio.sleep(_LOOK_EVERY_S if found < count else 0)
    return found


def _peak_mib_of(pid: int) -> float:
    """0 where the system does not tell it of another process."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    lines = status.read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024


# A client process


class _Phone:
    def __init__(self, server: str, signed_in: SignedIn, folder: Path) -> None:
        url = signed_in.hub_url if "://" in signed_in.hub_url else server + signed_in.hub_url
        self._hub_url = url.rstrip("/")
        self._token = signed_in.access_token
        self.user, self.unit = signed_in.databases.user[0], signed_in.databases.units[0]
        self.records = RecordStore.open(folder / "user.db")
        self.reference = Store.open(folder / "unit.db")

    async def token(self) -> str:
        return self._token

    def remote(self, name: str) -> RemoteDatabase:
        return RemoteDatabase(self._hub_url, name, self.token)

    async def wait_until_open(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with asyncio.timeout(60), aiohttp.ClientSession(headers=headers) as http:
            for name in (self.user, self.unit):
                while not await self._is_open(http, name):  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.2)

    async def _is_open(self, http: aiohttp.ClientSession, name: str) -> bool:
        async with http.get(f"{self._hub_url}/{name}") as answer:
            return answer.status == 200

    async def shift(self, plan: _Plan) -> _Done:
        """As the app does it: records first, then the office's answers, then reference data; a break is retried."""
        retries = 0
        try:
            async with asyncio.timeout(LONGEST_S):
                for store, name, push in ((self.records, self.user, True), (self.reference, self.unit, False)):
                    async with self.remote(name) as remote:
                        replicator = Replicator(store, remote, push=push, pull=True)
                        while True:
                            try:
                                await replicator.run_once()
                                break
                            except Unreachable:
                                retries += 1
                                await asyncio.sleep(1)
            error = self._why_not(plan)
        except (TimeoutError, Exception) as failure:  # noqa: BLE001 - told, and counted as a phone that failed
            error = repr(failure)
        return _Done(time.monotonic(), retries, error)

    def _why_not(self, plan: _Plan) -> str:
        unsent, pulled = self.records.counts()["saved"], self.reference.info().doc_count
        return f"{unsent} records unsent, {pulled} documents pulled" if unsent or pulled < plan.pulled else ""

    def close(self) -> None:
        self.records.close()
        self.reference.close()


async def _sign_in(plan: _Plan, number: int, person: Person) -> _Phone:
    asked = {
        "staff_number": f"B{number}",
        "password": PASSWORD,
        "device": {"device_id": person.device_id, "name": "bench"},
    }
    async with aiohttp.ClientSession() as http, http.post(f"{plan.server}/api/sign-in", json=asked) as answer:
        said = await answer.read()
        if answer.status >= 400:
            sys.exit(f"sign-in: {answer.status} {said.decode(errors='replace')}")
    folder = Path(plan.folder) / f"many-{number}"
    phone = await asyncio.to_thread(_Phone, plan.server, msgspec.json.decode(said, type=SignedIn), folder)
    await asyncio.to_thread(keep, phone.records, field_records(plan.pushed, person, seed=number))
    await phone.wait_until_open()
    return phone


async def _run(plan: _Plan) -> Sequence[_Done]:
    phones = [await _sign_in(plan, number, person) for number, person in enumerate(plan.people, start=plan.first)]
    try:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        return await asyncio.gather(*(phone.shift(plan) for phone in phones))
    finally:
        for phone in phones:
            phone.close()


def main() -> None:
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=_Plan)
    print(msgspec.json.encode(asyncio.run(_run(plan))).decode(), flush=True)


if __name__ == "__main__":
    main()
