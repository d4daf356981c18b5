"""However a day's records are cut into pages, in whatever order they come: the same tables and contradictions."""

import random
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.deliveries import service as deliveries
from backend.deliveries.schemas import Reassign
from backend.intake.rules import Arrived
from backend.intake.takes import TAKES
from backend.intake.taking import Setup, take_batch
from backend.patrol import service as patrol
from backend.photos.service import PhotoStore
from sync.databases import parse_database, user_database
from sync.documents.deliveries import DeliveryChecked, DeliveryCheckItem
from sync.documents.envelope import Record, encode_body
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported
from sync.documents.patrol import (
    CheckPointVisited,
    PatrolFinished,
    PatrolPaused,
    PatrolStarted,
    ShiftChecked,
    ShiftCheckItem,
)
from tests.factories.accounts import make_device, make_staff
from tests.factories.deliveries import checked, completed, loaded, make_cylinder, make_order, make_station, missed
from tests.factories.patrol import chunk, make_plan, make_street
from tests.factories.records import moment
from tests.factories.taken import HERE, MORNING, office, record

# What a table holds that tells when or in what order a row came, and is not what was recorded.
_OF_THE_WAY = {
    "facts": (),
    "fact_references": (),
    "intake_log": ("seq", "taken_at"),
    "hazards": ("number", "version", "stage_since"),
    "hazard_steps": ("id", "at", "staff_id"),
    "suspected_leaks": (),
    "third_party_works": (),
    "third_party_works_reports": (),
    "shift_checks": (),
    "patrols": (),
    "patrol_tasks": (),
    "patrol_track_chunks": (),
    "patrol_visits": (),
    "patrol_pauses": (),
    "cylinders": (),
    "cylinder_movements": ("id",),
    "delivery_orders": (),
    "deliveries": ("signature_sealed",),
    "delivery_checks": (),
    "failed_visits": (),
    "conflicts": ("id", "opened_at"),
    "staff_positions": (),
    "regulator_changes": ("version", "changed_at", "position"),
}


class Day(msgspec.Struct):
    """What several people recorded, and in whose databases it came."""

    setup: Setup
    records: list[tuple[Staff, Record]] = []
    phones: dict[str, str] = {}
    revs: dict[str, str] = {}

    def write(self, staff: Staff, made: Record, minute: float) -> Record:
        at = MORNING + timedelta(minutes=minute)
        placed = msgspec.structs.replace(
            made,
            staff_id=staff.id,
            device_id=self.phones[staff.id],
            record_number=len(self.records) + 1,
            recorded=moment(at, monotonic_s=minute * 60),
        )
        self.records.append((staff, placed))
        self.revs[placed.id] = f"1-{uuid.uuid4().hex}"
        return placed

    async def arrive(self, session: AsyncSession, page: Sequence[tuple[Staff, Record]]) -> None:
        """One page for each person of whom there are records."""
        for staff in {staff.id: staff for staff, _ in page}.values():
            name = parse_database(user_database(staff.id, MORNING))
            assert name is not None
            arrived = [
                Arrived(id=made.id, rev=self.revs[made.id], seq="1", body=encode_body(made))
                for who, made in page
                if who is staff
            ]
            await take_batch(session, name, arrived, self.setup, received_at=MORNING + timedelta(days=1))


async def make_day(session: AsyncSession, folder: Path) -> Day:
    day = Day(Setup(TAKES, dict, PhotoStore(folder)))
    await _walks(session, day)
    await _deliveries(session, day)
    return day


async def _walks(session: AsyncSession, day: Day) -> None:
    """A walk with somebody else's records in it, and what two people found beside it."""
    street = await make_street(session)
    await make_plan(session, street)
    (task,) = (await patrol.list_tasks(session, office(street.company, street.dispatcher))).items
    detail = await patrol.find_task(session, office(street.company, street.dispatcher), task.id)
    li, zhou = street.inspector, await make_staff(session, street.company, name="演示-周巡检")
    day.phones |= {staff.id: (await make_device(session, staff)).id for staff in (li, zhou)}
    items = (ShiftCheckItem(item="battery", result="warning"),)
    day.write(li, record(ShiftChecked, li, items=items, position=HERE), 0)
    start = day.write(li, record(PatrolStarted, li, task_id=task.id, position=HERE), 1)
    walk: dict[str, Any] = {"task_id": task.id, "patrol_id": start.id}
    for number in range(3):
        at = MORNING + timedelta(minutes=2 + number)
        day.write(
            li, chunk(street, start.id, task_id=task.id, number=number, first=23 * number, points=24, at=at), 2 + number
        )
    point = detail.check_points[0]["check_point_id"]
    day.write(li, record(CheckPointVisited, li, check_point_id=point, proof="gps", result="normal", **walk), 5)
    day.write(li, record(PatrolPaused, li, **walk), 6)
    figures = {"chunks": 3, "assigned_m": 81.3, "covered_m": 80.0, "visited": 1, "check_points": 2}
    day.write(li, record(PatrolFinished, li, **walk, **figures), 9)
    day.write(zhou, chunk(street, start.id, task_id=task.id, number=7, first=60, points=5), 7)
    day.write(zhou, record(PatrolPaused, zhou, **walk), 7.5)
    day.write(zhou, record(PatrolFinished, zhou, **walk, **(figures | {"chunks": 9})), 8)
    first = day.write(li, record(HazardReported, li, hazard_type="other", photos=("photo:a",), position=HERE), 10)
    day.write(zhou, record(HazardReported, zhou, hazard_type="corrosion", photos=("photo:b",), corrects=first.id), 12)
    day.write(li, record(HazardReported, li, hazard_type="occupation", photos=("photo:c",), corrects=first.id), 11)
    given = {"reading_ppm": 3200.0, "alarm_limit_ppm": 500.0, "instrument_id": "JL-1", "position": HERE}
    leak = day.write(li, record(LeakSuspected, li, **given), 13)
    day.write(zhou, record(LeakSuspected, zhou, corrects=leak.id, action="cordoned", **given), 14)
    found = day.write(li, record(ThirdPartyWorksReported, li, contractor="演示路桥", position=HERE), 15)
    for who, minute in ((zhou, 16), (li, 17)):
        guarding = record(ThirdPartyWorksReported, who, kind="guarding", works_id=found.id, progress=f"{minute}")
        day.write(who, guarding, minute)


async def _deliveries(session: AsyncSession, day: Day) -> None:
    """Two drivers with the same cylinder, an order in vain and then done, one taken away, a check that failed."""
    station = await make_station(session)
    wang, liu = station.driver, station.other_driver
    day.phones |= {staff.id: (await make_device(session, staff)).id for staff in (wang, liu)}
    for code in ("35-1", "35-2", "35-3"):
        await make_cylinder(session, station, code)
    order, taken_away, stopped = [(await make_order(session, station)).order.id for _ in range(3)]
    day.write(wang, loaded(station, "35-1", "35-2"), 1)
    day.write(liu, loaded(station, "35-1", by=liu), 2)
    day.write(wang, missed(station, order), 30)
    check = day.write(wang, checked(station, order), 60)
    day.write(wang, completed(station, order, "35-1", check_id=check.id, returned=("35-3",)), 61)
    day.write(liu, completed(station, "", "35-1", check_id="delivery.checked:never", by=liu), 90)
    await deliveries.reassign_order(session, station.caller, taken_away, Reassign(staff_id=liu.id))
    late = day.write(wang, checked(station, taken_away), 95)
    day.write(wang, completed(station, taken_away, "35-2", check_id=late.id), 96)
    failing = record(
        DeliveryChecked,
        wang,
        customer_id=station.customer_id,
        task_id=stopped,
        items=(DeliveryCheckItem(item="hose", result="fail", photo="photo:h"),),
        passed=False,
        photos=("photo:h",),
    )
    failed = day.write(wang, failing, 100)
    told = {
        "hazard_type": "other",
        "source": "delivery_check",
        "customer_id": station.customer_id,
        "detail": "软管超长",
    }
    key = failed.id.replace("delivery.checked", "hazard.reported")
    day.write(wang, record(HazardReported, wang, id=key, photos=("photo:h", "photo:i"), **told), 101)


async def tables(session: AsyncSession) -> dict[str, list[Any]]:
    while await patrol.count_due(session):
        pass
    found = {}
    for table, left_out in _OF_THE_WAY.items():
        rows = await session.scalars(text(f"SELECT to_jsonb(t) FROM {table} AS t"))
        kept = [{k: _unordered(k, v) for k, v in row.items() if k not in left_out} for row in rows]
        found[table] = sorted(kept, key=lambda row: msgspec.json.encode(row, order="sorted"))
    bodies = await session.scalars(
        text("SELECT convert_from(body, 'UTF8') FROM outbox WHERE doc_id LIKE 'receipt:%' ORDER BY doc_id")
    )
    entries = [entry for body in bodies for entry in msgspec.json.decode(body)["entries"]]
    found["last answers"] = sorted({entry["record_id"]: entry["state"] for entry in entries}.items())
    found["tasks"] = sorted(
        await session.scalars(text("SELECT convert_from(body, 'UTF8') FROM outbox WHERE doc_id LIKE 'task.%'"))
    )
    return found


def _unordered(name: str, value: Any) -> Any:
    """Pictures of several records add up, in the order in which those came."""
    return sorted(value) if name == "photos" else value


def cut(records: Iterable[Any], chance: random.Random) -> list[list[Any]]:
    """In any order, into pages of any size."""
    rest, pages = list(records), []
    chance.shuffle(rest)
    while rest:
        size = chance.choice((1, 2, 3, 8, 20))
        pages.append(rest[:size])
        rest = rest[size:]
    return pages


def differing(expected: dict[str, list[Any]], found: dict[str, list[Any]]) -> list[Any]:
    """The rows that only one of them has, told apart by what they differ in."""
    return [
        (table, which, row)
        for table, rows in expected.items()
        for which, ours, theirs in (("missing", rows, found[table]), ("more", found[table], rows))
        for row in ours
        if row not in theirs
    ]


async def after(session: AsyncSession, day: Day, pages: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """What the tables hold once these pages have come; undone again."""
    savepoint = await session.begin_nested()
    for page in pages:
        await day.arrive(session, page)
    found = await tables(session)
    await savepoint.rollback()
    session.expunge_all()
    return found


@pytest.fixture
async def day(session: AsyncSession, tmp_path: Path) -> Day:
    return await make_day(session, tmp_path)


async def test_pages_of_any_cut_in_any_order_give_what_one_record_at_a_time_gives(session, day):
    expected = await after(session, day, [[one] for one in day.records])
    assert len(expected["facts"]) == len(day.records)
    assert {row["code"] for row in await _quarantine(session)} == set()
    assert {row["kind"] for row in expected["conflicts"]} == {
        "patrol.other_staff",
        "order.reassigned",
        "cylinder.delivered_by_other",
        "cylinder.delivered_twice",
    }
    ways = {
        "one page": [day.records],
        "one page, backwards": [day.records[::-1]],
        "backwards": [[r] for r in day.records[::-1]],
    }
    ways |= {f"seed {seed}": cut(day.records, random.Random(seed)) for seed in range(4)}
    for way, pages in ways.items():
        found = await after(session, day, pages)
        assert differing(expected, found) == [], way


async def test_everything_come_twice_changes_nothing(session, day):
    expected = await after(session, day, [day.records])
    again = cut(day.records, random.Random(1))
    found = await after(session, day, [*again, *again[::-1]])
    assert differing(expected, found) == []


async def _quarantine(session: AsyncSession) -> list[Any]:
    return list(await session.scalars(text("SELECT to_jsonb(t) FROM quarantine AS t")))
