"""`qixun bench cylinders`: a million cylinders with twenty million movements, and what is asked of them all day."""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.cylinders import service as cylinders
from backend.cylinders.models import CylinderStay
from backend.cylinders.schemas import DueFilters
from backend.db import Database, libpq_url
from backend.intake.rules import Arrived
from backend.intake.takes import TAKES
from backend.intake.taking import Setup, take_batch
from backend.photos.service import PhotoStore
from backend.scope import RIGHTS, Caller, Grant
from qixun.bench.cylinder_data import CUSTOMERS, DRIVERS, STATIONS, Town, write_town
from qixun.bench.documents import Person
from qixun.bench.machine import Machine, this_machine, versions
from qixun.bench.office import Office, found_office, private_cluster
from qixun.bench.scan_to_verdict import ScanFigures, measure_scans
from qixun.bench.servers import BenchError
from qixun.bench.spread import Spread
from sync.databases import parse_database, user_database
from sync.documents.cylinders import CylinderScan, CylindersLoaded
from sync.documents.envelope import Moment, encode_body, new_id

RATE_A_MINUTE = 3000
_SECONDS = 60
# A driver's scans that come as one record.
_IN_A_RECORD = 5
_PEOPLE = 20
_WORKERS = 2
_ASKED = 300
_CHECKED = 200
_GOAL_CHAIN_MS, _GOAL_STOCK_MS, _GOAL_SCAN_MS, _GOAL_DUE_MS = 20, 50, 50, 200


class Loading(msgspec.Struct, frozen=True):
    """The town written by COPY, its indexes made, and every station's and vehicle's stock balanced for every day."""

    copy_seconds: float
    rows: int
    balance_seconds: float
    balanced_days: int
    gib: float


class CylinderReport(msgspec.Struct, frozen=True):
    bench: str
    measured_at: str
    command: str
    machine: Machine
    versions: dict[str, str]
    cylinders: int
    movements: int
    loading: Loading
    rate_a_minute: int
    taking: Spread
    chain: Spread
    chain_movements: float
    stock: Spread
    due: Spread
    scan: ScanFigures

    def table(self) -> str:
        machine, loading = self.machine, self.loading
        rows = [
            ("what", "Qixun", "goal"),
            ("---", "---", "---"),
            (
                f"taking a record of {_IN_A_RECORD} movements at {self.rate_a_minute:,} movements a minute",
                *_p95(self.taking, None),
            ),
            (f"a cylinder's chain ({self.chain_movements:.0f} movements)", *_p95(self.chain, _GOAL_CHAIN_MS)),
            ("stock of a station, today, by size", *_p95(self.stock, _GOAL_STOCK_MS)),
            ("due list of the company, the first page", *_p95(self.due, _GOAL_DUE_MS)),
            (f"scan to verdict, {self.scan.cylinders:,} cylinders on the phone", *_p95(self.scan.warm, _GOAL_SCAN_MS)),
            ("the same, the office having changed one since", *_p95(self.scan.after_change, _GOAL_SCAN_MS)),
            ("the first scan after all of them were downloaded", f"{self.scan.first_ms:.1f} ms", "50 ms"),
            (
                f"COPY of {loading.rows:,} rows with their indexes",
                f"{loading.copy_seconds:.0f} s, {loading.gib:.1f} GiB",
                "",
            ),
            (f"balancing {loading.balanced_days:,} days of all places at once", f"{loading.balance_seconds:.0f} s", ""),
        ]
        named = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return "\n".join(
            [
                f"- `{self.command}`, {self.measured_at}",
                f"- {self.cylinders:,} cylinders, {self.movements:,} movements",
                f"- {machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}",
                f"- load average when it began: {machine.load_average} (an idle machine has less than 0.2)",
                f"- {named}",
                "",
                *(f"| {' | '.join(row)} |" for row in rows),
            ]
        )


def _p95(spread: Spread, goal_ms: int | None) -> tuple[str, str]:
    times = f"p50 {spread.p50_ms:.1f} ms, p95 {spread.p95_ms:.1f} ms, longest {spread.longest_ms:.1f} ms"
    return times, f"p95 {goal_ms} ms" if goal_ms else ""


async def measure_cylinders(folder: Path, arguments: argparse.Namespace) -> CylinderReport:
    machine = this_machine()
    async with private_cluster(folder / "cluster") as cluster:
        office = await found_office(cluster, "bench_cylinders", folder, people=_PEOPLE)
        database = Database(office.settings)
        try:
            town = await _town(database, office, arguments)
            _say(f"COPY of {town.cylinders:,} cylinders and {town.movements:,} movements")
            loading = await _load(database, town)
            caller = await _caller(database, town)
            _say("is it what the fold would have written?")
            await _check(database, town)
            _say("chains")
            chain, met = await _chains(database, caller, town)
            _say("stock")
            stock = await _each(database, [*town.stations] * 6, lambda session, key: _stock(session, caller, key))
            _say("due list")
            due = await _each(database, ["-"] * 50, lambda session, _: _due(session, caller))
            _say(f"taking {RATE_A_MINUTE:,} movements a minute for {_SECONDS} s")
            taking = await _taking(database, office, town, folder)
        finally:
            await database.close()
        named = versions(cluster, with_peer=False)
    _say("scan to verdict")
    scan = await measure_scans(folder / "phone", min(arguments.on_phone, town.cylinders))
    return CylinderReport(
        bench="cylinders",
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=f"qixun bench cylinders --cylinders {arguments.cylinders} --movements {arguments.movements}",
        machine=machine,
        versions=named,
        cylinders=town.cylinders,
        movements=sum(town.steps_of(number) for number in range(town.cylinders)),
        loading=loading,
        rate_a_minute=RATE_A_MINUTE,
        taking=taking,
        chain=chain,
        chain_movements=met,
        stock=stock,
        due=due,
        scan=scan,
    )


async def _town(database: Database, office: Office, arguments: argparse.Namespace) -> Town:
    people = [person.staff_id for person in office.people]
    async with database.sessions() as session, session.begin():
        company = await accounts.find_company(session, office.people[0].unit_id)
        units = [
            await accounts.create_organisation(session, None, parent_id=company.id, kind="unit", name=f"测速站{n}")
            for n in range(STATIONS)
        ]
    drivers = people + [f"{number:032x}" for number in range(len(people), DRIVERS)]
    customers = [f"c{number:031x}" for number in range(CUSTOMERS)]
    return Town(
        company_id=company.id,
        stations=[unit.id for unit in units],
        drivers=drivers,
        customers=customers,
        cylinders=arguments.cylinders,
        movements=arguments.movements,
        now=datetime.now(UTC).replace(second=0, microsecond=0),
    )


async def _load(database: Database, town: Town) -> Loading:
    begun = time.perf_counter()
    await asyncio.to_thread(write_town, libpq_url(database.url), town)
    copied = time.perf_counter()
    _say("balancing")
    done = 1
    while done:
        async with database.sessions() as session, session.begin():
            done = await cylinders.balance_stock(session)
    balanced = time.perf_counter()
    async with database.sessions() as session:
        connection = await session.connection()
        tables = ("cylinders", "cylinder_movements", "cylinder_stays")
        count = f"SELECT {' + '.join(f'(SELECT count(*) FROM {table})' for table in tables)}"  # noqa: S608 - our names
        rows = await connection.exec_driver_sql(count)
        days = await connection.exec_driver_sql("SELECT count(*) FROM stock_balances")
        size = await connection.exec_driver_sql("SELECT pg_database_size(current_database())")
        return Loading(
            copied - begun, rows.scalar_one(), balanced - copied, days.scalar_one(), size.scalar_one() / 2**30
        )


async def _caller(database: Database, town: Town) -> Caller:
    async with database.sessions() as session:
        company = await accounts.find_organisation(session, town.company_id)
        return Caller(staff_id="", company_id=company.id, grants=(Grant(company.id, company.path, RIGHTS),))


async def _check(database: Database, town: Town) -> None:
    """Some cylinders folded anew: nothing may change, or what is measured is no town of ours."""
    some = sorted(random.Random(1).sample(range(town.cylinders), min(_CHECKED, town.cylinders)))  # noqa: S311
    ids = [town.id_of(number) for number in some]
    query = select(CylinderStay.cylinder_id, CylinderStay.number, CylinderStay.holder_id, CylinderStay.since)
    query = query.where(CylinderStay.cylinder_id.in_(ids)).order_by(CylinderStay.cylinder_id, CylinderStay.number)
    async with database.sessions() as session, session.begin():
        before = (await session.execute(query)).all()
        await cylinders.refold(session, ids)
        after = (await session.execute(query)).all()
        if before != after:
            raise BenchError("the fold makes something else of the movements than was written")
        await session.rollback()


async def _each(database: Database, keys: Sequence[str], ask: Callable[..., Awaitable[object]]) -> Spread:
    """One after another, each in a transaction of its own; the first few, which prepare statements, do not count."""
    took = []
    for number, key in enumerate([*keys[:5], *keys]):
        async with database.sessions() as session:
            begun = time.perf_counter()
            await ask(session, key)
            if number >= len(keys[:5]):
                took.append(time.perf_counter() - begun)
    return Spread.of(took)


async def _chains(database: Database, caller: Caller, town: Town) -> tuple[Spread, float]:
    chance = random.Random(2)  # noqa: S311 - the same in every run
    keys = [town.id_of(chance.randrange(town.cylinders)) for _ in range(_ASKED)]
    met: list[int] = []

    async def ask(session: AsyncSession, key: str) -> None:
        met.append(len((await cylinders.find_cylinder(session, caller, key)).chain))

    return await _each(database, keys, ask), sum(met) / len(met)


async def _stock(session: AsyncSession, caller: Caller, key: str) -> None:
    lines = await cylinders.list_stock(session, caller, holder_kind="station", holder_id=key)
    if not lines:
        raise BenchError("a station holds nothing")


async def _due(session: AsyncSession, caller: Caller) -> None:
    await cylinders.list_due(session, caller, DueFilters(), limit=100)


async def _taking(database: Database, office: Office, town: Town, folder: Path) -> Spread:
    """From the moment when each record is due, whatever became of the one before, to its commit: waiting counts."""
    standing = [n for n in range(town.cylinders) if town.holder(n, town.steps_of(n) - 1)[0] == "station"]
    random.Random(3).shuffle(standing)  # noqa: S311
    seconds = min(_SECONDS, len(standing) * 60 // RATE_A_MINUTE - 1)
    count = seconds * RATE_A_MINUTE // 60 // _IN_A_RECORD
    taken_with = Setup(TAKES, dict, PhotoStore(folder / "photos"))
    begun = time.perf_counter() + 1
    # As intake does: what waits of one person is taken together, so that whoever falls behind catches up.
    waiting: dict[int, list[tuple[float, Arrived]]] = {person: [] for person in range(_PEOPLE)}
    took: list[float] = []

    async def record(number: int) -> None:
        due = begun + number * 60 * _IN_A_RECORD / RATE_A_MINUTE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        mine = standing[number * _IN_A_RECORD : (number + 1) * _IN_A_RECORD]
        made = _loaded(town, office.people[number % _PEOPLE], number, mine)
        arrived = Arrived(id=made.id, rev=f"1-{number:032x}", seq=str(number), body=encode_body(made))
        waiting[number % _PEOPLE].append((due, arrived))

    async def take(people: Sequence[int]) -> None:
        while len(took) < count:
            for person in people:
                batch, waiting[person] = waiting[person], []
                if batch:
                    await _take(database, office.people[person], [arrived for _, arrived in batch], taken_with)
                    took.extend(time.perf_counter() - due for due, _ in batch)
            await asyncio.sleep(0.005)

    workers = (take(range(one, _PEOPLE, _WORKERS)) for one in range(_WORKERS))
    await asyncio.gather(*(record(number) for number in range(count)), *workers)
    await _require_moved(database, town, standing[: count * _IN_A_RECORD])
    return Spread.of(took)


async def _take(database: Database, person: Person, batch: Sequence[Arrived], taken_with: Setup) -> None:
    now = datetime.now(UTC)
    name = parse_database(user_database(person.staff_id, now))
    assert name is not None
    async with database.sessions() as session, session.begin():
        await take_batch(session, name, batch, taken_with, received_at=now)


def _loaded(town: Town, person: Person, number: int, numbers: Sequence[int]) -> CylindersLoaded:
    now = datetime.now(UTC)
    return CylindersLoaded(
        id=new_id("cylinders.loaded"),
        schema_version=1,
        record_number=number // _PEOPLE + 1,
        recorded=Moment(at=now, boot_id="bench", monotonic_s=float(number), clock="server"),
        staff_id=person.staff_id,
        unit_id=person.unit_id,
        device_id=person.device_id,
        station_id=town.station_of(numbers[0]),
        vehicle="吉·测速01",
        cylinders=tuple(CylinderScan(code=town.code_of(n), method="qr", cylinder_id=town.id_of(n)) for n in numbers),
    )


async def _require_moved(database: Database, town: Town, numbers: Sequence[int]) -> None:
    ids = [town.id_of(n) for n in numbers]
    query = select(CylinderStay.cylinder_id).where(
        CylinderStay.cylinder_id.in_(ids),
        CylinderStay.holder_kind == "vehicle",
        CylinderStay.until.is_(None),
        CylinderStay.since > datetime.now(UTC) - timedelta(minutes=30),
    )
    async with database.sessions() as session:
        moved = len((await session.scalars(query)).all())
    if moved != len(ids):
        raise BenchError(f"{moved} of {len(ids)} cylinders moved")


def _say(what: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S} {what} ...", file=sys.stderr, flush=True)
