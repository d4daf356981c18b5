"""What fillers recorded, taken in any order: fillings settled, cylinders moved, refusals listed, the regulator told."""

import itertools
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.changes.models import Change
from backend.cylinders import service as cylinders
from backend.filling import service as filling
from backend.filling.models import Filling
from backend.intake.models import Conflict
from backend.reference import service as reference
from backend.taken import Waiting
from tests.factories.deliveries import scan
from tests.factories.filling import (
    FillingStation,
    checked_after,
    checked_before,
    filled,
    make_fillable,
    make_filling_station,
)
from tests.factories.taken import MORNING, office, take

MINUTE = timedelta(minutes=1)


async def conflicts(session: AsyncSession) -> list[str]:
    return list(await session.scalars(select(Conflict.kind)))


async def change(session: AsyncSession, filling_id: str) -> tuple[int, bool]:
    row = await session.get(Change, ("T2-10", filling_id), populate_existing=True)
    assert row is not None
    return row.version, row.deleted


async def fill(session: AsyncSession, station: FillingStation, code: str, *, at=MORNING, **fields) -> str:
    check = checked_before(station, code)
    done = filled(station, code, check.id, **fields)
    await take(session, station.company, station.filler, check, at=at)
    await take(session, station.company, station.filler, done, at=at + MINUTE)
    return done.id


class TestFilled:
    @pytest.mark.requirement("5.8.8-1")
    async def test_check_filling_and_check_are_in_the_system_whatever_arrives_first(
        self, session: AsyncSession
    ) -> None:
        for turn, order in enumerate(itertools.permutations(range(3))):
            station = await make_filling_station(session)
            code = f"35-{turn}"  # a tag is one in the world, so each company's cylinder has its own
            made = await make_fillable(session, station, code)
            before = checked_before(station, code, residual_pressure_mpa=0.1, ambient_c=-25.0)
            done = filled(station, code, before.id)
            after = checked_after(station, code, done.id)
            told = [(before, MORNING), (done, MORNING + MINUTE), (after, MORNING + 2 * MINUTE)]
            for number in order:
                await take(session, station.company, station.filler, told[number][0], at=told[number][1])
            found = await filling.find_filling(session, station.caller, done.id)
            assert (found.filling.state, found.filling.doubts) == ("passed", [])
            assert found.before is not None
            assert (found.before.passed, found.before.ambient_c) == (True, -25.0)
            assert [check.second_scale_number for check in found.after] == ["FC-0001"]
            chain = (await cylinders.find_cylinder(session, station.caller, made.cylinder.id)).chain
            assert [move.kind for move in chain] == ["filled"]
        assert await conflicts(session) == []

    async def test_it_waits_for_its_check_and_is_kept_once(self, session: AsyncSession) -> None:
        station = await make_filling_station(session)
        await make_fillable(session, station, "35-1")
        done = filled(station, "35-1", "filling.checked_before:x")
        answers = [await take(session, station.company, station.filler, done) for _ in range(2)]
        assert answers == [Waiting(("filling.checked_before:x",))] * 2
        assert await session.scalar(select(func.count()).select_from(Filling)) == 1
        assert (await change(session, done.id))[0] == 1

    async def test_a_second_filling_without_return_is_put_before_the_office(self, session: AsyncSession) -> None:
        station = await make_filling_station(session)
        await make_fillable(session, station, "35-1")
        await fill(session, station, "35-1")
        await fill(session, station, "35-1", at=MORNING + 10 * MINUTE)
        assert await conflicts(session) == ["cylinder.filled_twice"]

    async def test_over_filling_is_flagged_until_it_is_drained(self, session: AsyncSession) -> None:
        station = await make_filling_station(session)
        await make_fillable(session, station, "35-1")
        done = await fill(session, station, "35-1", net_kg=15.6)
        (line,) = (await filling.list_fillings(session, station.caller, state="overfilled")).items
        assert line.id == done
        over = checked_after(station, "35-1", done, gross_kg=32.1, drained_gross_kg=31.0, overfilled=True)
        await take(session, station.company, station.filler, over, at=MORNING + 5 * MINUTE)
        assert (await filling.find_filling(session, station.caller, done)).filling.state == "passed"
        assert (await change(session, done))[0] > 1

    @pytest.mark.requirement("E5.8.8-2")
    @pytest.mark.parametrize(("fields", "reason"), [({"owned": False}, "not_owned"), ({"scrapped": True}, "scrapped")])
    async def test_what_should_not_have_been_filled_is_put_before_the_office(
        self, session: AsyncSession, fields: dict[str, bool], reason: str
    ) -> None:
        station = await make_filling_station(session)
        await make_fillable(session, station, "35-1", **fields)
        done = await fill(session, station, "35-1")
        assert "filling.forbidden" in await conflicts(session)
        (line,) = (await filling.list_fillings(session, station.caller, doubted=True)).items
        assert (line.id, line.doubts) == (done, [reason])

    @pytest.mark.requirement("E5.8.8-1")
    async def test_filling_without_a_licence_is_put_before_the_office(self, session: AsyncSession) -> None:
        station = await make_filling_station(session, licensed=False)
        await make_fillable(session, station, "35-1")
        await fill(session, station, "35-1")
        conflict = (await session.scalars(select(Conflict))).one()
        assert conflict.facts["reasons"] == ["filler_certificate_missing", "filling_licence_missing"]


class TestCorrection:
    async def test_a_correction_takes_the_place_of_the_first_and_moves_nothing_again(
        self, session: AsyncSession
    ) -> None:
        station = await make_filling_station(session)
        made = await make_fillable(session, station, "35-1")
        first = await fill(session, station, "35-1")
        check_id = (await filling.find_filling(session, station.caller, first)).before.id  # type: ignore[union-attr]
        better = filled(station, "35-1", check_id, net_kg=14.4, corrects=first)
        await take(session, station.company, station.filler, better, at=MORNING + 5 * MINUTE)
        (line,) = (await filling.list_fillings(session, station.caller)).items
        assert (line.id, line.net_kg) == (better.id, 14.4)
        assert await change(session, first) == (2, True)
        assert await change(session, better.id) == (1, False)
        chain = (await cylinders.find_cylinder(session, station.caller, made.cylinder.id)).chain
        assert [move.record_id for move in chain] == [better.id]
        assert await conflicts(session) == []

    async def test_one_that_comes_before_what_it_corrects_waits(self, session: AsyncSession) -> None:
        station = await make_filling_station(session)
        await make_fillable(session, station, "35-1")
        check = checked_before(station, "35-1")
        first = filled(station, "35-1", check.id)
        better = filled(station, "35-1", check.id, net_kg=14.4, corrects=first.id)
        await take(session, station.company, station.filler, check)
        waits = await take(session, station.company, station.filler, better, at=MORNING + 5 * MINUTE)
        assert waits == Waiting((first.id,))
        await take(session, station.company, station.filler, first, at=MORNING + MINUTE)
        assert await take(session, station.company, station.filler, better, at=MORNING + 5 * MINUTE) is None
        (line,) = (await filling.list_fillings(session, station.caller)).items
        assert line.id == better.id
        assert await conflicts(session) == []


class TestRefused:
    @pytest.mark.requirement("5.8.8-2c")
    async def test_refused_and_failed_ones_wait_until_somebody_says_what_was_done(self, session: AsyncSession) -> None:
        station = await make_filling_station(session)
        made = await make_fillable(session, station, "35-1", owned=False)
        await make_fillable(session, station, "35-2")
        refused = checked_before(station, "35-1", reasons=("not_owned",))
        await take(session, station.company, station.filler, refused)
        leaking = checked_after(station, "35-2", await fill(session, station, "35-2"), passed=False)
        await take(session, station.company, station.filler, leaking, at=MORNING + 5 * MINUTE)
        found = await filling.list_refusals(session, station.caller, handled=False)
        assert [(line.code, line.stage, line.reasons) for line in found.items] == [
            ("35-2", "after", ["check_failed"]),
            ("35-1", "before", ["not_owned"]),
        ]
        chain = (await cylinders.find_cylinder(session, station.caller, made.cylinder.id)).chain
        assert [(move.kind, move.detail) for move in chain] == [("refused", "filling: not_owned")]

    async def test_a_refusal_moves_no_cylinder(self, session: AsyncSession) -> None:
        station = await make_filling_station(session)
        made = await make_fillable(session, station, "35-1")
        before = (await cylinders.find_cylinder(session, station.caller, made.cylinder.id)).cylinder
        await take(session, station.company, station.filler, checked_before(station, "35-1", reasons=("tag_torn",)))
        after = (await cylinders.find_cylinder(session, station.caller, made.cylinder.id)).cylinder
        assert (after.holder_kind, after.holder_id) == (before.holder_kind, before.holder_id)


class TestDemands:
    @pytest.mark.requirement("5.8.6")
    async def test_what_was_filled_without_a_tag_or_by_an_uncertified_handheld_is_put_before_the_office(
        self, session: AsyncSession
    ) -> None:
        """By the day on which it was filled: what came before the company's day was right."""
        station = await make_filling_station(session)
        for code in ("35-1", "35-2"):
            await make_fillable(session, station, code, tag_uid="")
        day = MORNING.date()
        settings = (await reference.find_settings(session, station.company.company.id)).fields
        for code, since, told in (("35-1", day + timedelta(days=1), []), ("35-2", day, ["filling.forbidden"])):
            asked = msgspec.structs.replace(settings, tag_required_from=since, explosion_proof_from=since)
            admin = office(station.company, station.keeper)
            await reference.change_settings(session, admin, station.company.company.id, asked)
            await fill(session, station, code, scan=scan(code))
            assert await conflicts(session) == told
        facts = (await session.scalars(select(Conflict.facts))).one()
        assert set(facts["reasons"]) == {"tag_missing", "explosion_proof_missing"}
