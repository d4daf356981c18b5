import itertools
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from device_bridge.models import Fix, GasReading, InstrumentInfo
from mobile_app.errors import FieldError, OutOfOrder, ProofRefused
from mobile_app.hazards.work import report_leak
from mobile_app.patrol.work import Patrol
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from sync.documents.patrol import CheckPointItem, PatrolFinished, PatrolPaused, PatrolStarted, PatrolTracked
from sync.rules import coverage
from tests.mobile_app.phones import PATROL, PIPES, UNIT_ID, fix_at, jpeg, open_phone

START = datetime.now(UTC)


def walk(*corners: tuple[float, float], start: datetime = START, speed_mps: float = 1.4) -> list[Fix]:
    fixes, at = [], start
    for begin, end in itertools.pairwise(corners):
        steps = max(1, round(math.dist(begin, end) / speed_mps))
        for step in range(steps):
            share = step / steps
            x, y = (begin[i] + (end[i] - begin[i]) * share for i in (0, 1))
            fixes.append(fix_at(x, y, at, speed_mps=speed_mps))
            at += timedelta(seconds=1)
    return fixes


async def take(patrol: Patrol, fixes: Sequence[Fix]) -> None:
    for fix in fixes:
        await patrol.take_fix(fix)


def reading(ppm: float) -> GasReading:
    return GasReading(value_ppm=ppm, raw_unit="ppb", at_monotonic_s=time.monotonic(), instrument_id="J-01")


class TestStart:
    async def test_without_the_companys_limits_it_does_not_start(self, phone: Phone) -> None:
        phone.stores.drop_unit(UNIT_ID)
        with pytest.raises(Exception, match="公司设置"):
            await Patrol.start(phone, PATROL)
        assert await phone.recorded(PatrolStarted) == []

    async def test_two_patrols_at_once_are_refused(self, phone: Phone) -> None:
        await Patrol.start(phone, PATROL)
        with pytest.raises(OutOfOrder) as refused:
            await Patrol.start(phone, PATROL)
        assert refused.value.code == "patrol.running"

    async def test_the_assigned_length_is_that_of_the_tasks_pipes(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        assert patrol.coverage.assigned_m == pytest.approx(300, abs=0.1)


class TestWalking:
    async def test_the_walked_pipe_is_counted_as_it_is_walked(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await take(patrol, walk((0, 3), (100, 3)))
        assert patrol.coverage.covered_m == pytest.approx(114, abs=3)
        assert len(patrol.coverage.unwalked()) == 2

    async def test_the_office_counts_the_same_number_from_the_chunks(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await take(patrol, walk((0, 3), (200, 3), (0, -2), (200, 1), (100, 0), (100, 120)))
        finished = await patrol.finish(unfinished_reason="时间不够")
        chunks = await phone.recorded(PatrolTracked)
        assert finished.chunks == len(chunks) > 1
        assert all(chunk.points[-1].offset_s <= 300 for chunk in chunks)
        counted = coverage.count(
            {pipe.id.rpartition(":")[2]: pipe.line for pipe in PIPES},
            chunks[::-1],
            buffer_m=PATROL.buffer_m,
            max_speed_mps=PATROL.max_speed_mps,
        )
        assert counted.covered_m == patrol.coverage.covered_m
        assert finished.covered_m == round(counted.covered_m, 1)

    async def test_the_track_carries_the_reading_of_that_moment(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await patrol.take_reading(reading(12.5))
        await take(patrol, walk((0, 3), (3, 3)))
        await patrol.finish(unfinished_reason="演示")
        assert (await phone.recorded(PatrolTracked))[0].points[0].methane_ppm == 12.5

    async def test_a_receiver_without_a_clock_is_followed_too(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        for fix in walk((0, 3), (6, 3)):
            await patrol.take_fix(msgspec.structs.replace(fix, time_utc=None))
            await patrol.keep()
        await patrol.finish(unfinished_reason="演示")
        assert (await phone.recorded(PatrolTracked))[0].points

    async def test_while_paused_nothing_is_tracked(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await patrol.pause()
        await take(patrol, walk((0, 3), (100, 3)))
        assert patrol.coverage.covered_m == 0
        await patrol.go_on()
        assert [record.resumed for record in await phone.recorded(PatrolPaused)] == [False, True]


class TestResume:
    async def test_goes_on_after_the_app_was_closed_with_track_and_visits(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        way = walk((0, 3), (200, 3), (0, 3), (200, 3))
        await take(patrol, way[:400])
        await patrol.visit("qr", proof="qr", code="CP-QR")
        covered, chunks = patrol.coverage.covered_m, patrol.chunks
        assert chunks == 1
        await phone.close()
        again = await open_phone(phone.data_dir)
        resumed = await Patrol.resume(again)
        assert resumed is not None
        assert (resumed.patrol_id, resumed.chunks, set(resumed.visited)) == (patrol.patrol_id, chunks, {"qr"})
        assert resumed.coverage.covered_m == pytest.approx(covered, abs=0.001)
        await take(resumed, way[400:])
        finished = await resumed.finish(unfinished_reason="演示")
        kept = await again.recorded(PatrolTracked)
        assert [chunk.chunk for chunk in kept] == list(range(finished.chunks))
        # At most the fixes since the last draft are lost.
        assert sum(len(chunk.points) for chunk in kept) >= len(way) - 5
        await again.close()

    async def test_a_finished_patrol_is_not_resumed(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await patrol.finish(unfinished_reason="演示")
        assert await Patrol.resume(phone) is None

    async def test_killed_between_chunk_and_draft_no_point_is_recorded_twice(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await take(patrol, walk((0, 3), (50, 3)))
        await patrol.keep()
        before = await phone.draft("patrol/running")
        await patrol._save_chunk()
        assert before is not None
        await phone.save_draft("patrol/running", before.body)  # as if the kill came before the draft was written
        resumed = await Patrol.resume(phone)
        assert resumed is not None
        assert resumed.chunks == 1
        await resumed.finish(unfinished_reason="演示")
        assert len(await phone.recorded(PatrolTracked)) == 1

    async def test_killed_before_the_start_was_saved_there_is_no_patrol(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        draft = await phone.draft("patrol/running")
        assert draft is not None
        body = draft.body.replace(patrol.patrol_id.encode(), b"patrol.started:never")
        await phone.save_draft("patrol/running", body)
        assert await Patrol.resume(phone) is None
        await Patrol.start(phone, PATROL)


class TestReading:
    async def test_under_the_limit_proposes_nothing(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        assert await patrol.take_reading(reading(499)) is None

    async def test_over_the_limit_proposes_a_suspected_leak_filled_in(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        due = (datetime.now(UTC) + timedelta(days=30)).date()
        patrol.use_instrument(InstrumentInfo("J-01", "检漏仪", "演示", "X", verified_until=due))
        await patrol.take_fix(fix_at(50, 4, START))
        proposal = await patrol.take_reading(reading(1200))
        assert proposal is not None
        assert proposal.position is not None
        assert (proposal.pipe_id, proposal.instrument_id, proposal.emergency) == ("main", "J-01", False)
        assert proposal.pipe_distance_m == pytest.approx(4, abs=0.1)
        saved = await report_leak(phone, proposal, action="isolate")
        assert (saved.reading_ppm, saved.alarm_limit_ppm, saved.instrument_verified_until) == (1200, 500, due)
        assert saved.patrol_id == patrol.patrol_id

    async def test_over_the_emergency_limit_says_to_leave(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        proposal = await patrol.take_reading(reading(12_000))
        assert proposal is not None
        assert proposal.emergency

    async def test_the_same_plume_does_not_propose_again_unless_worse(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await patrol.take_fix(fix_at(50, 4, START))
        assert await patrol.take_reading(reading(1200)) is not None
        assert await patrol.take_reading(reading(1250)) is None
        assert await patrol.take_reading(reading(2400)) is not None
        assert await patrol.take_reading(reading(10_000)) is not None

    async def test_another_place_later_proposes_again(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await patrol.take_fix(fix_at(50, 4, START))
        assert await patrol.take_reading(reading(1200)) is not None
        await patrol.take_fix(fix_at(120, 4, START + timedelta(seconds=50)))
        assert await patrol.take_reading(reading(900)) is not None

    async def test_the_same_place_later_is_still_the_same_plume(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await patrol.take_fix(fix_at(50, 4, START))
        assert await patrol.take_reading(reading(1200)) is not None
        await patrol.take_fix(fix_at(52, 4, START + timedelta(seconds=100)))
        assert await patrol.take_reading(reading(1200)) is None


class TestVisit:
    async def test_position_proves_it_after_staying(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await take(patrol, [fix_at(20, 3, START + timedelta(seconds=n)) for n in range(9)])
        with pytest.raises(ProofRefused) as early:
            await patrol.visit("gps", proof="gps")
        assert early.value.code == "check_point.dwell"
        await take(patrol, [fix_at(20, 3, START + timedelta(seconds=n)) for n in range(9, 12)])
        assert patrol.approach("gps").ready
        visit = await patrol.visit("gps", proof="gps")
        assert visit.distance_m == pytest.approx(3, abs=0.2)
        assert visit.dwell_s == 11

    @pytest.mark.parametrize(
        ("fixes", "code"),
        [
            ([], "check_point.no_fix"),
            ([fix_at(60, 0, START)], "check_point.too_far"),
            ([fix_at(20, 0, START, accuracy_m=40)], "check_point.poor_accuracy"),
        ],
    )
    async def test_a_poor_position_is_refused_with_what_is_missing(
        self, phone: Phone, fixes: list[Fix], code: str
    ) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await take(patrol, fixes)
        with pytest.raises(ProofRefused) as refused:
            await patrol.visit("gps", proof="gps")
        assert refused.value.code == code
        assert refused.value.zh
        assert refused.value.action_zh

    async def test_a_qr_code_proves_its_own_point_only(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        with pytest.raises(ProofRefused) as refused:
            await patrol.visit("qr", proof="qr", code="CP-NFC")
        assert refused.value.code == "check_point.wrong_code"
        assert (await patrol.visit("qr", proof="qr", code="CP-QR")).proof == "qr"

    async def test_a_tag_proves_its_point_and_is_named(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        visit = await patrol.visit("nfc", proof="nfc", code="CP-NFC", tag_uid="04AABB")
        assert (visit.proof, visit.tag_uid) == ("nfc", "04AABB")

    async def test_out_of_reach_needs_reason_and_photo(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        with pytest.raises(FieldError, match="照片"):
            await patrol.visit("gps", proof="none", result="unreachable", reason="snow")
        photo = await take_photo(phone, jpeg())
        visit = await patrol.visit("gps", proof="none", result="unreachable", reason="snow", photos=[photo])
        assert (visit.result, visit.photos) == ("unreachable", (photo.id,))

    async def test_abnormal_must_say_what(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        with pytest.raises(FieldError):
            await patrol.visit("qr", proof="qr", code="CP-QR", result="abnormal")
        item = CheckPointItem(item="marker_post", abnormal=True)
        assert await patrol.visit("qr", proof="qr", code="CP-QR", result="abnormal", items=[item])


class TestFinish:
    async def test_open_points_need_a_reason(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        with pytest.raises(FieldError) as refused:
            await patrol.finish()
        assert refused.value.facts["open_points"] == 3
        await patrol.finish(unfinished_reason="暴雪")
        assert len(await phone.recorded(PatrolFinished)) == 1

    async def test_a_finished_patrol_takes_nothing_more(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        await patrol.finish(unfinished_reason="暴雪")
        await take(patrol, walk((0, 3), (20, 3)))
        assert patrol.coverage.covered_m == 0
        with pytest.raises(OutOfOrder):
            await patrol.finish(unfinished_reason="暴雪")
