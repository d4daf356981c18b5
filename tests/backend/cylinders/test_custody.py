"""Whatever order records arrive in, the office sees one custody and one set of contradictions."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.cylinders.models import CylinderStay
from backend.cylinders.rules import Custody, Holder, Movement, fold
from backend.intake.models import Conflict
from tests.factories.cylinders import Known, Recorded, arrive, moved
from tests.factories.deliveries import Station, make_cylinder, make_station
from tests.factories.taken import MORNING

HOUR = timedelta(hours=1)
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
