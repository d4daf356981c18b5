"""A walk taken from its records: in any order, twice, by the wrong person; and what the office counts."""

import itertools
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.intake.models import Conflict
from backend.patrol import service as patrol
from backend.patrol.models import Patrol, TrackChunk
from backend.positions import service as positions
from backend.taken import Waiting
from sync.documents.envelope import new_id
from sync.documents.patrol import (
    CheckPointVisited,
    PatrolFinished,
    PatrolPaused,
    PatrolStarted,
    ShiftChecked,
    ShiftCheckItem,
)
from tests.factories.accounts import make_staff
from tests.factories.patrol import Street, chunk, make_plan, make_street
from tests.factories.taken import HERE, MORNING, office, record, take


async def walk(session: AsyncSession) -> tuple[Street, str, list[Any]]:
    """The task's id and the records of one whole walk of the street, two chunks and both check points."""
    street = await make_street(session)
    await make_plan(session, street)
    (task,) = (await patrol.list_tasks(session, office(street.company, street.dispatcher))).items
    detail = await patrol.find_task(session, office(street.company, street.dispatcher), task.id)
    points = [point["check_point_id"] for point in detail.check_points]
    started = record(PatrolStarted, street.inspector, task_id=task.id, position=HERE)
    return (
        street,
        task.id,
        [
            started,
            chunk(street, started.id, task_id=task.id, points=35),
            chunk(street, started.id, task_id=task.id, number=1, first=35, points=35),
            record(
                CheckPointVisited,
                street.inspector,
                task_id=task.id,
                patrol_id=started.id,
                check_point_id=points[0],
                proof="gps",
                result="normal",
            ),
            record(
                CheckPointVisited,
                street.inspector,
                task_id=task.id,
                patrol_id=started.id,
                check_point_id=points[1],
                proof="none",
                result="unreachable",
                reason="snow",
            ),
            record(
                PatrolFinished,
                street.inspector,
                task_id=task.id,
                patrol_id=started.id,
                chunks=2,
                assigned_m=81.3,
                covered_m=80.0,
                visited=1,
                check_points=2,
            ),
        ],
    )


ORDERS = {
    "as recorded": [0, 1, 2, 3, 4, 5],
    "backwards": [5, 4, 3, 2, 1, 0],
    "chunks before the start": [2, 1, 3, 0, 5, 4],
    "the end first": [5, 0, 2, 4, 1, 3],
    "everything twice": [0, 1, 1, 2, 3, 4, 5, 0, 2, 3, 4, 5],
}


class TestWalk:
    @pytest.mark.parametrize("order", list(ORDERS.values()), ids=list(ORDERS))
    async def test_any_order_of_arrival_gives_the_same_patrol(self, session: AsyncSession, order: list[int]) -> None:
        street, task_id, records = await walk(session)
        early = [
            records[number]
            for number in order
            if await take(session, street.company, street.inspector, records[number]) is not None
        ]
        for each in early:  # as intake does once the start has come
            assert await take(session, street.company, street.inspector, each) is None
        caller = office(street.company, street.dispatcher)
        found = (await patrol.find_patrol(session, caller, records[0].id)).patrol
        assert (found.chunks, found.complete, found.visited, found.unreachable) == (2, True, 1, 1)
        assert found.coverage_percent == pytest.approx(100, abs=1)
        assert found.started_at == MORNING
        task = (await patrol.find_task(session, caller, task_id)).task
        assert (task.state, task.points_reached, task.points) == ("done", 1, 2)
        assert task.coverage_percent == pytest.approx(100, abs=1)

    async def test_a_chunk_without_its_start_waits_and_is_kept(self, session: AsyncSession) -> None:
        street, _, records = await walk(session)
        answer = await take(session, street.company, street.inspector, records[1])
        assert answer == Waiting((records[0].id,))
        assert await session.scalar(select(func.count()).select_from(TrackChunk)) == 1

    async def test_a_walk_in_two_parts_covers_the_task_together(self, session: AsyncSession) -> None:
        street, task_id, records = await walk(session)
        second = record(PatrolStarted, street.inspector, task_id=task_id)
        parts = [
            records[0],
            records[1],
            second,
            chunk(street, second.id, task_id=task_id, first=33, points=37, at=MORNING + timedelta(hours=1)),
        ]
        for each in parts:
            await take(session, street.company, street.inspector, each)
        caller = office(street.company, street.dispatcher)
        one = (await patrol.find_patrol(session, caller, records[0].id)).patrol
        assert one.coverage_percent < 75
        assert (await patrol.find_task(session, caller, task_id)).task.coverage_percent > 95

    async def test_a_drive_past_is_told_as_over_speed_and_covers_nothing(self, session: AsyncSession) -> None:
        street, task_id, records = await walk(session)
        fast = chunk(street, records[0].id, task_id=task_id, points=70, every_s=0.1)
        for each in (records[0], fast):
            await take(session, street.company, street.inspector, each)
        found = await patrol.find_patrol(session, office(street.company, street.dispatcher), records[0].id)
        assert found.patrol.coverage_percent < 40
        assert len(found.too_fast) == 1
        assert found.too_fast[0].length_m > 30

    async def test_a_clock_that_was_wrong_moves_the_whole_track(self, session: AsyncSession) -> None:
        street, _, records = await walk(session)
        corrected = MORNING - timedelta(hours=26)
        await take(session, street.company, street.inspector, records[1], at=corrected)
        assert await session.scalar(select(TrackChunk.started_at)) == corrected

    async def test_a_track_of_one_point_is_a_track(self, session: AsyncSession) -> None:
        street, _, records = await walk(session)
        await take(session, street.company, street.inspector, chunk(street, records[0].id, points=1))
        assert await session.scalar(select(func.ST_NPoints(TrackChunk.line))) == 2


class TestContradictions:
    async def test_a_task_done_after_it_was_reassigned_is_kept_and_put_before_the_office(
        self, session: AsyncSession
    ) -> None:
        street, task_id, records = await walk(session)
        caller = office(street.company, street.dispatcher)
        stand_in = await make_staff(session, street.company, name="演示-周巡检")
        await patrol.reassign_task(session, caller, task_id, stand_in.id, "病假")
        for each in records:
            await take(session, street.company, street.inspector, each)
        kinds = (await session.scalars(select(Conflict.kind))).all()
        assert set(kinds) == {"task.reassigned"}
        assert (await patrol.find_task(session, caller, task_id)).task.state == "reassigned"
        assert (await patrol.find_patrol(session, caller, records[0].id)).patrol.coverage_percent > 95

    async def test_a_second_end_never_replaces_the_first(self, session: AsyncSession) -> None:
        street, task_id, records = await walk(session)
        again = record(
            PatrolFinished,
            street.inspector,
            task_id=task_id,
            patrol_id=records[0].id,
            chunks=9,
            assigned_m=1,
            covered_m=1,
            visited=0,
            check_points=0,
        )
        for order in itertools.permutations([records[5], again]):
            for each in order:
                await take(session, street.company, street.inspector, each)
            expected = await session.scalar(select(Patrol.chunks_expected))
            assert expected == 2


class TestPositions:
    async def test_the_newest_position_by_corrected_time_is_shown(self, session: AsyncSession) -> None:
        street, _, records = await walk(session)
        await take(session, street.company, street.inspector, records[2], at=MORNING + timedelta(minutes=5))
        await take(session, street.company, street.inspector, records[1])
        caller = office(street.company, street.dispatcher)
        (seen,) = await positions.list_positions(session, caller, since=MORNING)
        assert seen.staff_name == street.inspector.name
        assert seen.lon == pytest.approx(126.35 + 69 * 0.0000155)


class TestOthers:
    async def test_a_shift_check_and_a_pause_are_kept_once(self, session: AsyncSession) -> None:
        street, _, records = await walk(session)
        check = record(
            ShiftChecked,
            street.inspector,
            items=(ShiftCheckItem(item="battery", result="warning", value="31 %"),),
            started_anyway=True,
        )
        pause = record(PatrolPaused, street.inspector, patrol_id=records[0].id)
        for each in (check, check, pause, pause):
            await take(session, street.company, street.inspector, each)
        caller = office(street.company, street.dispatcher)
        (found,) = await patrol.list_shift_checks(session, caller, since=MORNING)
        assert (found.staff_name, found.started_anyway) == (street.inspector.name, True)

    async def test_a_walk_without_a_task_is_kept_too(self, session: AsyncSession) -> None:
        street = await make_street(session)
        patrol_id = new_id("patrol.started")
        await take(session, street.company, street.inspector, chunk(street, patrol_id))
        found = await patrol.list_patrols(session, office(street.company, street.dispatcher))
        assert (found.total, found.items[0].started_at) == (1, None)


class TestAnotherWalker:
    @pytest.mark.parametrize("foreign_first", [True, False])
    async def test_his_records_do_not_count_for_the_walk(self, session: AsyncSession, *, foreign_first: bool) -> None:
        street, task_id, told = await walk(session)
        other = await make_staff(session, street.company, name="演示-孙巡检")
        patrol_id = told[0].id
        named = {"task_id": task_id, "patrol_id": patrol_id}
        foreign = [
            msgspec.structs.replace(chunk(street, patrol_id, task_id=task_id, first=60, number=7), staff_id=other.id),
            record(PatrolPaused, other, **named),
            record(PatrolFinished, other, chunks=9, assigned_m=1.0, covered_m=1.0, visited=0, check_points=0, **named),
        ]
        sent = [(other, each) for each in foreign] + [(street.inspector, each) for each in told]
        if not foreign_first:
            sent = [(street.inspector, each) for each in told] + [(other, each) for each in foreign]
        waiting = [(who, made) for who, made in sent if await take(session, street.company, who, made) is not None]
        for who, made in waiting:  # as intake does once the start has come
            assert await take(session, street.company, who, made) is None
        caller = office(street.company, street.dispatcher)
        found = (await patrol.find_patrol(session, caller, patrol_id)).patrol
        assert (found.staff_id, found.chunks, found.chunks_expected) == (street.inspector.id, 2, 2)
        assert found.phone_covered_m == 80.0
        kinds = (await session.scalars(select(Conflict.kind))).all()
        assert kinds.count("patrol.other_staff") == 3

    async def test_another_companys_walk_neither_does_the_task_nor_shows_its_pipes(self, session: AsyncSession) -> None:
        street, task_id, _ = await walk(session)
        stranger = await make_street(session)
        began = record(PatrolStarted, stranger.inspector, task_id=task_id)
        ended = record(
            PatrolFinished,
            stranger.inspector,
            task_id=task_id,
            patrol_id=began.id,
            chunks=0,
            assigned_m=81.3,
            covered_m=81.3,
            visited=2,
            check_points=2,
        )
        for made in (began, chunk(stranger, began.id, task_id=task_id), ended):
            await take(session, stranger.company, stranger.inspector, made)
        theirs = office(stranger.company, stranger.dispatcher)
        shown = json.loads(await patrol.uncovered_geojson(session, theirs, began.id))
        assert shown["features"] == []
        found = (await patrol.find_task(session, office(street.company, street.dispatcher), task_id)).task
        assert (found.state in {"open", "overdue"}, found.covered_m) == (True, 0.0)
