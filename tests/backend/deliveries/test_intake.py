"""What drivers recorded, taken in any order: orders done or failed, cylinders moved, contradictions shown."""

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.deliveries import service as deliveries
from backend.deliveries.models import Delivery
from backend.deliveries.schemas import Reassign, Retry
from backend.hazards import service as hazards
from backend.intake.models import Conflict
from backend.taken import Waiting
from sync.documents.cylinders import CylinderRefused
from tests.factories.deliveries import (
    checked,
    completed,
    cylinder_in,
    loaded,
    make_cylinder,
    make_order,
    make_station,
    missed,
    scan,
)
from tests.factories.taken import MORNING, record, take

HOUR = timedelta(hours=1)


class TestCompleted:
    async def test_any_order_of_arrival_ends_the_order_and_moves_the_cylinders(self, session: AsyncSession) -> None:
        for order in itertools.permutations(range(3)):
            station = await make_station(session)
            full, empty = await make_cylinder(session, station, "35-1"), await make_cylinder(session, station, "35-2")
            made = await make_order(session, station)
            check = checked(station, made.order.id)
            done = completed(station, made.order.id, "35-1", check_id=check.id, returned=("35-2",))
            told = [(loaded(station, "35-1"), MORNING), (check, MORNING + HOUR), (done, MORNING + 2 * HOUR)]
            for number in order:
                await take(session, station.company, station.driver, told[number][0], at=told[number][1])
            found = await deliveries.find_order(session, station.caller, made.order.id)
            assert (found.order.state, found.order.done_at) == ("done", MORNING + 2 * HOUR)
            assert (found.deliveries[0].receiver, len(found.checks)) == ("演示-孙家人", 1)
            places = [
                (await cylinders.find_cylinder(session, station.caller, c.cylinder.id)).cylinder for c in (full, empty)
            ]
            assert [(p.holder_kind, p.holder_id) for p in places] == [
                ("customer", station.customer_id),
                ("vehicle", station.driver.id),
            ]
        assert (await session.scalars(select(Conflict.kind))).all() == []

    async def test_without_its_check_it_waits_and_is_kept_once(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        check = checked(station, made.order.id)
        done = completed(station, made.order.id, "35-1", check_id=check.id)
        answers = [await take(session, station.company, station.driver, done) for _ in range(2)]
        assert answers == [Waiting((check.id,))] * 2
        assert await session.scalar(select(func.count()).select_from(Delivery)) == 1

    @pytest.mark.requirement("5.8.3-07")
    async def test_a_delivery_to_an_incomplete_customer_is_kept_and_put_before_the_office(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session, phone="")
        made = await make_order(session, station)
        done = completed(station, made.order.id, "35-1", check_id="delivery.checked:x")
        await take(session, station.company, station.driver, done)
        conflict = (await session.scalars(select(Conflict))).one()
        assert (conflict.kind, conflict.facts["missing"]) == ("delivery.incomplete_customer", ["phone"])

    async def test_the_receivers_name_is_gone_once_the_customer_is_erased(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        done = completed(station, made.order.id, "35-1", check_id="delivery.checked:x")
        await take(session, station.company, station.driver, done)
        await customers.erase_customer(session, station.caller, station.customer_id, "本人要求")
        (kept,) = (await deliveries.list_deliveries(session, station.caller)).items
        assert (kept.receiver, kept.delivered[0]["code"]) == ("", "35-1")

    async def test_done_by_a_driver_from_whom_it_was_taken_is_put_before_the_office(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        await deliveries.reassign_order(
            session, station.caller, made.order.id, Reassign(staff_id=station.other_driver.id)
        )
        done = completed(station, made.order.id, "35-1", check_id="delivery.checked:x")
        await take(session, station.company, station.driver, done)
        assert "order.reassigned" in (await session.scalars(select(Conflict.kind))).all()
        assert (await deliveries.list_deliveries(session, station.caller)).total == 1


class TestFailedVisits:
    async def test_an_order_fails_with_its_reason_and_counts_the_attempts(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        for number in (2, 1, 2):
            visit = missed(station, made.order.id, attempt=number)
            await take(session, station.company, station.driver, visit, at=MORNING + number * HOUR)
        found = await deliveries.find_order(session, station.caller, made.order.id)
        assert (found.order.state, found.order.status_reason, found.order.attempt) == ("failed", "not_home", 4)
        (often,) = await deliveries.list_often_missed(session, station.caller, days=3650)
        assert (often.visits, often.last_outcome) == (3, "not_home")

    async def test_a_further_attempt_is_not_undone_by_a_late_record_of_the_first(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        await take(session, station.company, station.driver, missed(station, made.order.id))
        now = datetime.now(UTC)
        retry = Retry(start_at=now, due_at=now + HOUR)
        assert (await deliveries.retry_order(session, station.caller, made.order.id, retry)).order.state == "open"
        await take(session, station.company, station.driver, checked(station, made.order.id), at=MORNING)
        assert (await deliveries.find_order(session, station.caller, made.order.id)).order.state == "open"


class TestFailedCheck:
    async def test_the_supply_stops_and_a_hazard_waits_for_its_grade(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        check = checked(station, made.order.id, passed=False)
        await take(session, station.company, station.driver, check)
        found = await deliveries.find_order(session, station.caller, made.order.id)
        assert (found.order.state, found.order.status_reason) == ("failed", "check_failed")
        hazard = await hazards.find_hazard(session, station.caller, found.checks[0].hazard_id or "")
        assert (hazard.hazard.stage, hazard.hazard.customer_id, hazard.detail) == (
            "pending_review",
            station.customer_id,
            "软管",
        )


class TestChain:
    async def test_two_drivers_with_the_same_cylinder_are_put_before_the_office_once(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        cylinder = await make_cylinder(session, station, "35-1")
        first = completed(station, "", "35-1", check_id="x")
        second = completed(station, "", "35-1", check_id="y", by=station.other_driver)
        await take(session, station.company, station.driver, loaded(station, "35-1"), at=MORNING - HOUR)
        for _ in range(2):
            await take(session, station.company, station.other_driver, second, at=MORNING + HOUR)
            await take(session, station.company, station.driver, first)
        conflict = (await session.scalars(select(Conflict))).one()
        assert (conflict.kind, conflict.facts["code"]) == ("cylinder.delivered_twice", "35-1")
        found = await cylinders.find_cylinder(session, station.caller, cylinder.cylinder.id)
        assert [(c.earlier, c.later) for c in found.contradictions] == [(first.id, second.id)]

    async def test_a_late_record_takes_the_contradiction_back(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        gone = completed(station, "", "35-1", check_id="x")
        again = loaded(station, "35-1", by=station.other_driver)
        back = completed(station, "", "35-9", check_id="y", returned=("35-1",))
        await take(session, station.company, station.driver, loaded(station, "35-1"), at=MORNING - HOUR)
        await take(session, station.company, station.driver, gone)
        await take(session, station.company, station.other_driver, again, at=MORNING + 3 * HOUR)
        assert (await session.scalars(select(Conflict.kind))).all() == ["cylinder.loaded_while_at_customer"]
        await take(session, station.company, station.driver, back, at=MORNING + HOUR)
        assert (await session.scalars(select(Conflict.kind))).all() == []

    async def test_a_cylinder_entered_later_finds_what_was_recorded_of_it(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await take(session, station.company, station.driver, completed(station, "", "35-1", check_id="x"))
        made = await cylinders.create_cylinder(session, station.caller, cylinder_in(station, "35-1"))
        assert (made.cylinder.holder_kind, [m.kind for m in made.chain]) == ("customer", ["delivered"])

    async def test_a_refusal_stands_in_the_chain_and_moves_nothing(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1", owned=False)
        refusal = record(CylinderRefused, station.driver, scan=scan("35-1"), purpose="loading", reasons=("not_owned",))
        await take(session, station.company, station.driver, refusal)
        found = await cylinders.find_cylinder(session, station.caller, made.cylinder.id)
        assert (found.chain[0].detail, found.cylinder.holder_kind) == ("loading: not_owned", "station")
        assert (found.allowed, [r.code for r in found.reasons]) == (False, ["not_owned"])


class TestAnotherCompany:
    async def test_naming_their_customer_shows_nothing_of_him(self, session: AsyncSession) -> None:
        mine, theirs = await make_station(session), await make_station(session, name="演示-别家客户", phone="")
        cylinder = await make_cylinder(session, mine, "35-1")
        forged = msgspec.structs.replace(
            completed(mine, "task.delivery:x", "35-1", check_id="delivery.checked:x"), customer_id=theirs.customer_id
        )
        await take(session, mine.company, mine.driver, forged)
        in_vain = msgspec.structs.replace(missed(mine, "task.delivery:x"), customer_id=theirs.customer_id)
        await take(session, mine.company, mine.driver, in_vain)
        (line,) = (await deliveries.list_deliveries(session, mine.caller)).items
        assert (line.customer_id, line.customer_name, line.receiver) == ("", "", "")
        held = (await cylinders.find_cylinder(session, mine.caller, cylinder.cylinder.id)).cylinder
        assert (held.holder_kind, held.holder_name) == ("customer", "")
        assert theirs.customer_id not in str((await deliveries.list_failed_visits(session, mine.caller)).items)
        conflict = (
            await session.scalars(select(Conflict).where(Conflict.kind == "delivery.incomplete_customer"))
        ).one()
        assert conflict.facts["missing"] == ["customer"]

    async def test_naming_their_order_changes_nothing(self, session: AsyncSession) -> None:
        mine, theirs = await make_station(session), await make_station(session)
        made = await make_order(session, theirs)
        forged = completed(mine, made.order.id, "35-1", check_id="delivery.checked:x")
        await take(session, mine.company, mine.driver, forged)
        await take(session, theirs.company, theirs.driver, checked(theirs, made.order.id))
        found = await deliveries.find_order(session, theirs.caller, made.order.id)
        assert (found.order.state, found.deliveries) == ("in_progress", [])

    async def test_a_colleagues_delivery_does_not_end_the_order(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        by_other = msgspec.structs.replace(
            completed(station, made.order.id, "35-1", check_id="delivery.checked:x"), staff_id=station.other_driver.id
        )
        await take(session, station.company, station.other_driver, by_other)
        await take(session, station.company, station.driver, checked(station, made.order.id))
        found = await deliveries.find_order(session, station.caller, made.order.id)
        assert found.order.state == "in_progress"
        assert (await session.scalars(select(Conflict.kind))).all() == ["order.other_staff"]
