"""Whatever order records arrive in, the office sees one custody and one set of contradictions."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.cylinders import service as cylinders
from backend.cylinders.models import CylinderStay
from backend.cylinders.rules import Custody, Holder, Movement, fold
from backend.intake.models import Conflict
from backend.intake.rules import Arrived
from backend.intake.takes import TAKES
from backend.intake.taking import Setup, take_batch
from backend.photos.service import PhotoStore
from sync.databases import parse_database, user_database
from sync.documents.cylinders import CylindersLoaded
from sync.documents.deliveries import DeliveryCompleted, ReturnedCylinder
from sync.documents.envelope import Moment, Record, encode_body
from tests.factories.accounts import make_device
from tests.factories.cylinders import Known, Recorded, arrive, moved
from tests.factories.deliveries import Station, completed, make_cylinder, make_station, scan
from tests.factories.taken import MORNING, record

HOUR = timedelta(hours=1)
START = datetime.now(UTC).replace(microsecond=0) - 6 * HOUR
REGISTERED = Holder("station", "s1", datetime(2026, 11, 1, tzinfo=UTC))
KINDS: tuple[Any, ...] = (
    *("bound", "filled", "stored", "loaded", "delivered", "returned", "sent_out", "inspected", "scrapped", "refused"),
)


def movement(number: int, hour: int, kind: Any, who: str, where: str) -> Movement:
    return Movement(
        record_id=f"r{number}",
        kind=kind,
        at=MORNING + HOUR * hour,
        staff_id=who,
        station_id=where if kind in {"bound", "filled", "stored", "loaded", "inspected"} else "",
        customer_id=f"customer of {where}" if kind in {"delivered", "returned"} else "",
        inspection_body=where if kind == "sent_out" else "",
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Movement]:
    """Records at few hours of few people, so that some are at the very same moment."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 5), st.sampled_from(KINDS), st.sampled_from(["wang", "liu"]), st.sampled_from("ab")
            ),
            max_size=12,
        )
    )
    return [movement(number, *row) for number, row in enumerate(rows)]


def whole(custody: Custody) -> tuple[Any, ...]:
    return custody.holder, custody.stays, set(custody.contradictions)


class TestFold:
    @settings(max_examples=400, deadline=None)
    @given(histories(), st.randoms(use_true_random=False))
    def test_any_order_of_arrival_gives_the_same_custody_and_the_same_contradictions(
        self, history: list[Movement], chance: Any
    ) -> None:
        shuffled = list(history)
        chance.shuffle(shuffled)
        assert whole(fold(REGISTERED, shuffled)) == whole(fold(REGISTERED, history))

    @settings(max_examples=200, deadline=None)
    @given(histories())
    def test_whoever_held_it_stands_in_one_unbroken_line(self, history: list[Movement]) -> None:
        custody = fold(REGISTERED, history)
        assert custody.stays[0] == REGISTERED
        assert custody.stays[-1].key == custody.holder.key
        assert all(one.key != next_.key for one, next_ in itertools.pairwise(custody.stays))

    @settings(max_examples=200, deadline=None)
    @given(histories())
    def test_each_contradiction_names_a_record_and_an_earlier_one(self, history: list[Movement]) -> None:
        places = {m.record_id: (m.at, m.record_id) for m in history}
        for each in fold(REGISTERED, history).contradictions:
            assert not each.earlier or places[each.earlier] < places[each.later]


async def known_of(session: AsyncSession, station: Station, cylinder_id: str) -> Known:
    line = (await cylinders.find_cylinder(session, station.caller, cylinder_id)).cylinder
    rows = await session.scalars(
        select(CylinderStay)
        .where(CylinderStay.cylinder_id == cylinder_id)
        .order_by(CylinderStay.number)
        .execution_options(populate_existing=True)
    )
    stays = tuple((row.number, row.holder_kind, row.holder_id, row.since, row.until) for row in rows)
    conflicts = await session.execute(select(Conflict.kind, Conflict.record_ids).where(Conflict.state == "open"))
    return Known(
        (line.holder_kind, line.holder_id, line.holder_since, ""),
        stays,
        frozenset((kind, tuple(ids)) for kind, ids in conflicts),
    )


async def after(
    session: AsyncSession, station: Station, cylinder_id: str, batches: Sequence[Sequence[Recorded]]
) -> Known:
    """What is known once these batches have come; undone again."""
    savepoint = await session.begin_nested()
    for batch in batches:
        await arrive(session, *batch)
    found = await known_of(session, station, cylinder_id)
    await savepoint.rollback()
    session.expunge_all()
    return found


class TestArrival:
    async def test_any_order_and_any_cut_of_what_arrives_gives_the_same_custody_and_the_same_conflicts(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        one = (await make_cylinder(session, station, "35-1")).cylinder.id

        @st.composite
        def arrivals(draw: st.DrawFn) -> tuple[list[Recorded], list[list[Recorded]]]:
            rows = draw(
                st.lists(st.tuples(st.integers(0, 4), st.sampled_from(KINDS), st.booleans()), min_size=1, max_size=8)
            )
            told = [
                moved(station, kind, "35-1", MORNING + HOUR * hour, by=station.other_driver if other else None)
                for hour, kind, other in rows
            ]
            rest, batches = draw(st.permutations(told)), []
            while rest:
                size = draw(st.integers(1, len(rest)))
                batches.append(list(rest[:size]))
                rest = rest[size:]
            return told, batches

        # The examples are drawn beforehand: the database speaks asynchronously, hypothesis does not.
        drawn: list[tuple[list[Recorded], list[list[Recorded]]]] = []

        @settings(
            max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @given(arrivals())
        def draw_all(example: tuple[list[Recorded], list[list[Recorded]]]) -> None:
            drawn.append(example)

        draw_all()
        seen = set()
        for told, batches in drawn:
            expected = await after(session, station, one, [told])
            assert await after(session, station, one, batches) == expected
            assert await after(session, station, one, [*batches, told]) == expected
            seen |= {kind for kind, _ in expected.conflicts}
        assert len(seen) >= 5, "the examples hardly contradict: they would prove little"

    async def test_two_phones_deliver_the_same_cylinder_offline_and_the_office_sees_both_records_once(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        one = (await make_cylinder(session, station, "35-1")).cylinder.id
        out = moved(station, "loaded", "35-1", MORNING)
        first = moved(station, "delivered", "35-1", MORNING + HOUR)
        second = moved(station, "delivered", "35-1", MORNING + 2 * HOUR, by=station.other_driver, customer_id="sun")
        both = {first[0].record.id, second[0].record.id}
        for order in itertools.permutations([out, first, second]):
            found = await after(session, station, one, [[each] for each in order])
            assert found.holder[:2] == ("customer", "sun")
            ((kind, records),) = found.conflicts
            assert (kind, both <= set(records)) == ("cylinder.delivered_twice", True)

    async def test_what_merely_came_early_is_explained_by_what_comes_later(self, session: AsyncSession) -> None:
        station = await make_station(session)
        one = (await make_cylinder(session, station, "35-1")).cylinder.id
        day = [
            moved(station, "filled", "35-1", MORNING),
            moved(station, "loaded", "35-1", MORNING + HOUR),
            moved(station, "delivered", "35-1", MORNING + 2 * HOUR),
            moved(station, "returned", "35-1", MORNING + 3 * HOUR),
            moved(station, "stored", "35-1", MORNING + 4 * HOUR),
            moved(station, "filled", "35-1", MORNING + 5 * HOUR),
        ]
        opened = set()
        for each in reversed(day):
            await arrive(session, each)
            opened |= {kind for kind, _ in (await known_of(session, station, one)).conflicts}
        assert opened == {"cylinder.delivered_not_loaded"}
        found = await known_of(session, station, one)
        assert (found.holder[0], found.conflicts) == ("station", frozenset())

    async def test_what_the_office_has_settled_stays_settled(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        await arrive(session, moved(station, "delivered", "35-1", MORNING))
        conflict = (await session.scalars(select(Conflict))).one()
        conflict.state, conflict.settlement = "settled", "司机漏扫"
        await session.flush()
        await arrive(session, moved(station, "refused", "35-1", MORNING + HOUR))
        await arrive(session, moved(station, "loaded", "35-1", MORNING - HOUR))
        kept = (await session.scalars(select(Conflict).execution_options(populate_existing=True))).one()
        assert (kept.state, kept.settlement) == ("settled", "司机漏扫")


class Driver:
    """A phone whose clock somebody has put wrong after it had the true time; its records go into the real intake."""

    def __init__(self, station: Station, staff: Staff, device_id: str, wrong_by: timedelta) -> None:
        self.station, self.staff, self.device_id, self.wrong_by = station, staff, device_id, wrong_by
        self.number = 0

    def _write(self, kind: type[Record], at: datetime, *, trusted: bool = False, **fields: Any) -> tuple[str, bytes]:
        self.number += 1
        told = at if trusted else at + self.wrong_by
        monotonic_s = (at - START).total_seconds() + 600
        moment = Moment(at=told, boot_id="b", monotonic_s=monotonic_s, clock="gnss" if trusted else "unset")
        own = {"recorded": moment, "record_number": self.number, "device_id": self.device_id}
        made = record(kind, self.staff, **own, **fields)
        return made.id, encode_body(made)

    def loads(self, at: datetime, *, trusted: bool = False) -> tuple[str, bytes]:
        where = {"station_id": self.station.company.unit.id, "cylinders": (scan("35-1"),)}
        return self._write(CylindersLoaded, at, trusted=trusted, **where)

    def exchanges(self, at: datetime, *, delivered: bool) -> tuple[str, bytes]:
        own = completed(self.station, "", *(["35-1"] if delivered else ["35-9"]), check_id="x")
        back = () if delivered else (ReturnedCylinder(scan=scan("35-1")),)
        fields = {
            name: getattr(own, name) for name in ("customer_id", "check_id", "delivered", "leak_test", "signature")
        }
        return self._write(DeliveryCompleted, at, **fields, returned=back)


class TestClocks:
    @pytest.mark.parametrize("first", ["ahead", "behind"])
    async def test_phones_whose_clocks_are_hours_apart_tell_one_story_whichever_comes_first(
        self, session: AsyncSession, tmp_path: Path, first: str
    ) -> None:
        station = await make_station(session)
        one = (await make_cylinder(session, station, "35-1")).cylinder.id
        phones = {}
        for name, staff, wrong_by in (("ahead", station.driver, 5 * HOUR), ("behind", station.other_driver, -7 * HOUR)):
            device = await make_device(session, staff)
            phones[name] = Driver(station, staff, device.id, wrong_by)
        ahead, behind = phones["ahead"], phones["behind"]
        told = {
            "ahead": [
                ahead.loads(START, trusted=True),
                ahead.exchanges(START + HOUR, delivered=True),
                ahead.exchanges(START + 2 * HOUR, delivered=False),
            ],
            "behind": [
                behind.loads(START + 3 * HOUR, trusted=True),
                behind.exchanges(START + 4 * HOUR, delivered=True),
            ],
        }
        setup = Setup(TAKES, dict, PhotoStore(tmp_path))
        for name in sorted(told, reverse=first == "behind"):
            database = parse_database(user_database(phones[name].staff.id, datetime.now(UTC)))
            assert database is not None
            arrived = [Arrived(id=key, rev=f"1-{key[-32:]}", seq="1", body=body) for key, body in told[name]]
            assert await take_batch(session, database, arrived, setup, received_at=datetime.now(UTC)) == len(arrived)
        found = await known_of(session, station, one)
        assert {kind for kind, _ in found.conflicts if kind.startswith("cylinder.")} == set()
        assert [stay[1:3] for stay in found.stays] == [
            ("station", station.company.unit.id),
            ("vehicle", station.driver.id),
            ("customer", station.customer_id),
            ("vehicle", station.driver.id),
            ("vehicle", station.other_driver.id),
            ("customer", station.customer_id),
        ]
