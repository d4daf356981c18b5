"""Hazards, leaks and works taken from their records."""

import itertools
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.hazards import service as hazards
from backend.hazards.models import Hazard, HazardStep
from backend.intake.models import Conflict
from backend.taken import Waiting
from sync.documents.deliveries import DeliveryChecked, DeliveryCheckItem
from sync.documents.envelope import Position, new_id
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported
from tests.factories.network import LAT, LON
from tests.factories.patrol import Street, make_street
from tests.factories.taken import HERE, MORNING, office, record, take


async def report(session: AsyncSession, street: Street, **fields: object) -> HazardReported:
    given = {
        "hazard_type": "encroachment",
        "address": "站前街 7 号",
        "position": HERE,
        "photos": ("photo:a", "photo:b"),
    }
    made = record(HazardReported, street.inspector, **(given | fields))
    await take(session, street.company, street.inspector, made)
    return made


class TestHazardReported:
    async def test_it_waits_for_its_grade_with_pipe_photos_and_number(self, session: AsyncSession) -> None:
        street = await make_street(session)
        made = await report(session, street)
        found = (await hazards.find_hazard(session, office(street.company, street.dispatcher), made.id)).hazard
        assert (found.stage, found.number, found.grade) == ("pending_review", "YH-20261123-01", "")
        assert (found.pipe_id, found.photos) == (street.pipe_id, ["photo:a", "photo:b"])
        assert (found.lon, found.lat, found.reported_by_name) == (LON, LAT, street.inspector.name)

    async def test_taken_twice_it_is_there_once(self, session: AsyncSession) -> None:
        street = await make_street(session)
        made = await report(session, street)
        await take(session, street.company, street.inspector, made)
        assert await session.scalar(select(func.count()).select_from(Hazard)) == 1
        assert await session.scalar(select(func.count()).select_from(HazardStep)) == 1

    async def test_a_pipe_is_not_guessed_from_afar(self, session: AsyncSession) -> None:
        street = await make_street(session)
        made = await report(session, street, position=Position(lon=LON, lat=LAT + 0.003, accuracy_m=5, source="gnss"))
        found = await hazards.find_hazard(session, office(street.company, street.dispatcher), made.id)
        assert found.hazard.pipe_id == ""

    async def test_a_shifted_map_position_is_put_right(self, session: AsyncSession) -> None:
        street = await make_street(session)
        # GCJ-02 lies some 550 m away from CGCS2000 there.
        shifted = Position(lon=LON + 0.0057, lat=LAT + 0.0022, accuracy_m=5, source="manual", datum="GCJ-02")
        made = await report(session, street, position=shifted)
        found = (await hazards.find_hazard(session, office(street.company, street.dispatcher), made.id)).hazard
        assert found.lon == pytest.approx(LON, abs=0.0008)
        assert found.lat == pytest.approx(LAT, abs=0.0008)

    async def test_a_correction_changes_the_hazard_in_any_order_of_arrival(self, session: AsyncSession) -> None:
        street = await make_street(session)
        for order in itertools.permutations(range(2)):
            first = record(HazardReported, street.inspector, hazard_type="other", photos=("photo:a",))
            better = record(
                HazardReported, street.inspector, hazard_type="corrosion", photos=("photo:b",), corrects=first.id
            )
            told = [(first, MORNING), (better, MORNING + timedelta(minutes=3))]
            for number in order:
                await take(session, street.company, street.inspector, told[number][0], at=told[number][1])
            found = (await hazards.find_hazard(session, office(street.company, street.dispatcher), first.id)).hazard
            assert (found.hazard_type, sorted(found.photos)) == ("corrosion", ["photo:a", "photo:b"])
            assert found.reported_at == MORNING


class TestCheckHazard:
    def records(self, street: Street) -> tuple[DeliveryChecked, HazardReported]:
        check = record(
            DeliveryChecked,
            street.inspector,
            customer_id="c1",
            task_id="task.delivery:1",
            items=(DeliveryCheckItem(item="hose", result="fail", photo="photo:h"),),
            passed=False,
            photos=("photo:h",),
        )
        report = record(
            HazardReported,
            street.inspector,
            id=check.id.replace("delivery.checked", "hazard.reported"),
            hazard_type="other",
            source="delivery_check",
            customer_id="c1",
            detail="软管超长",
            photos=("photo:h", "photo:i"),
        )
        return check, report

    async def test_a_failed_check_and_its_report_are_one_hazard_in_any_order(self, session: AsyncSession) -> None:
        street = await make_street(session)
        for order in ((0, 1), (1, 0), (0, 1, 0, 1)):
            both = self.records(street)
            for number in order:
                await take(session, street.company, street.inspector, both[number])
            found = await hazards.find_hazard(session, office(street.company, street.dispatcher), both[1].id)
            assert (found.detail, found.origin_id, found.hazard.customer_id) == ("软管超长", both[0].id, "c1")
            assert found.hazard.photos == ["photo:h", "photo:i"]
        assert await session.scalar(select(func.count()).select_from(Hazard)) == 3

    async def test_a_failed_check_whose_phone_was_lost_still_opens_a_hazard(self, session: AsyncSession) -> None:
        street = await make_street(session)
        check, _ = self.records(street)
        await take(session, street.company, street.inspector, check)
        (found,) = (await hazards.list_hazards(session, office(street.company, street.dispatcher))).items
        assert (found.source, found.stage) == ("delivery_check", "pending_review")


class TestLeakSuspected:
    def leak(self, street: Street, **fields: object) -> LeakSuspected:
        given = {
            "reading_ppm": 3200.0,
            "instrument_id": "演示-CH4-07",
            "alarm_limit_ppm": 500.0,
            "instrument_verified_until": date(2027, 3, 14),
            "position": HERE,
        }
        return record(LeakSuspected, street.inspector, **(given | fields))

    async def test_it_is_no_hazard_before_the_office_says_so(self, session: AsyncSession) -> None:
        street = await make_street(session)
        made = self.leak(street)
        await take(session, street.company, street.inspector, made)
        caller = office(street.company, street.dispatcher)
        (found,) = (await hazards.list_leaks(session, caller)).items
        assert (found.reading_ppm, found.pipe_id, found.state) == (3200.0, street.pipe_id, "open")
        assert (await hazards.list_hazards(session, caller)).total == 0

    async def test_a_retest_shows_on_the_same_leak_in_any_order(self, session: AsyncSession) -> None:
        street = await make_street(session)
        for order in itertools.permutations(range(2)):
            first = self.leak(street)
            again = self.leak(street, corrects=first.id, retest_ppm=2950.0, action="cordoned")
            told = [(first, MORNING), (again, MORNING + timedelta(minutes=2))]
            for number in order:
                await take(session, street.company, street.inspector, told[number][0], at=told[number][1])
            found = await hazards.find_leak(session, office(street.company, street.dispatcher), first.id)
            assert (found.retest_ppm, found.action, found.at) == (2950.0, "cordoned", MORNING)


class TestWorks:
    async def test_guarding_reports_tell_how_the_works_go_on(self, session: AsyncSession) -> None:
        street = await make_street(session)
        found = record(
            ThirdPartyWorksReported,
            street.inspector,
            machinery=("excavator",),
            distance_to_pipe_m=1.2,
            contractor="松河演示路桥",
            position=HERE,
            photos=("photo:w",),
        )
        guarding = record(
            ThirdPartyWorksReported, street.inspector, kind="guarding", works_id=found.id, progress="backfilling"
        )
        for order in itertools.permutations([(found, 0), (guarding, 60)]):
            for each, minutes in order:
                await take(session, street.company, street.inspector, each, at=MORNING + timedelta(minutes=minutes))
            caller = office(street.company, street.dispatcher)
            works = await hazards.find_works(session, caller, found.id)
            assert (works.reports, works.machinery, works.progress) == (2, ["excavator"], "backfilling")
            assert (works.distance_to_pipe_m, works.contractor) == (1.2, "松河演示路桥")

    async def test_a_guarding_report_waits_for_the_first_one(self, session: AsyncSession) -> None:
        street = await make_street(session)
        first = new_id("works.reported")
        guarding = record(ThirdPartyWorksReported, street.inspector, kind="guarding", works_id=first)
        assert await take(session, street.company, street.inspector, guarding) == Waiting((first,))


class TestAnotherCompany:
    """A worker who knows an id of another company's changes nothing there, sees nothing of it, and shows up."""

    async def conflicts(self, session: AsyncSession, street: Street) -> list[str]:
        wanted = select(Conflict.kind).where(Conflict.organisation_id == street.company.unit.id)
        return list((await session.scalars(wanted)).all())

    async def test_their_hazard_is_not_corrected(self, session: AsyncSession) -> None:
        mine, theirs = await make_street(session), await make_street(session)
        victim = await report(session, theirs)
        forged = await report(session, mine, hazard_type="other", corrects=victim.id)
        caller = office(theirs.company, theirs.dispatcher)
        found = (await hazards.find_hazard(session, caller, victim.id)).hazard
        assert (found.hazard_type, found.address) == ("encroachment", "站前街 7 号")
        own = (await hazards.find_hazard(session, office(mine.company, mine.dispatcher), forged.id)).hazard
        assert own.hazard_type == "other"
        assert await self.conflicts(session, mine) == ["record.other_company"]

    async def test_their_leak_is_not_corrected(self, session: AsyncSession) -> None:
        mine, theirs = await make_street(session), await make_street(session)
        given = {"reading_ppm": 5200.0, "alarm_limit_ppm": 5000.0, "instrument_id": "JL-1"}
        victim = record(LeakSuspected, theirs.inspector, **given)
        await take(session, theirs.company, theirs.inspector, victim)
        forged = record(LeakSuspected, mine.inspector, **(given | {"reading_ppm": 1.0, "corrects": victim.id}))
        await take(session, mine.company, mine.inspector, forged, at=MORNING + timedelta(hours=1))
        found = await hazards.find_leak(session, office(theirs.company, theirs.dispatcher), victim.id)
        assert found.reading_ppm == 5200.0
        assert await self.conflicts(session, mine) == ["record.other_company"]

    async def test_their_works_stay_theirs_in_any_order_of_arrival(self, session: AsyncSession) -> None:
        for order in itertools.permutations(range(2)):
            mine, theirs = await make_street(session), await make_street(session)
            victim = record(ThirdPartyWorksReported, theirs.inspector, contractor="演示建工", contact="演示-孙")
            forged = record(ThirdPartyWorksReported, mine.inspector, kind="guarding", works_id=victim.id, progress="x")
            told = [(theirs, victim, MORNING), (mine, forged, MORNING - timedelta(hours=1))]
            for street, made, at in (told[number] for number in order):
                await take(session, street.company, street.inspector, made, at=at)
            found = await hazards.find_works(session, office(theirs.company, theirs.dispatcher), victim.id)
            assert (found.contractor, found.progress, found.reports) == ("演示建工", "", 1)
            seen = await hazards.list_works(session, office(mine.company, mine.dispatcher))
            assert victim.id not in [works.id for works in seen.items]
            assert await self.conflicts(session, mine) == ["record.other_company"]
