import itertools
import math
import random
from datetime import UTC, datetime

import pytest

from sync.documents.envelope import Moment
from sync.documents.patrol import PatrolTracked, TrackPoint
from sync.rules.coverage import Coverage, TimedPoint, count, track_points
from sync.rules.geometry import Plane

PLANE = Plane.at(126.5, 43.8)
STREET = {
    "main": [PLANE.degrees(0, 0), PLANE.degrees(400, 0)],
    "side": [PLANE.degrees(200, 0), PLANE.degrees(200, 300)],
}


def walk(
    *corners: tuple[float, float], speed_mps: float, every_s: float = 1.0, noise_m: float = 0.0
) -> list[TimedPoint]:
    noise = random.Random(7)
    points: list[TimedPoint] = []
    t_s = 1_700_000_000.0
    for start, end in itertools.pairwise(corners):
        steps = max(1, round(math.dist(start, end) / speed_mps / every_s))
        for step in range(steps):
            share = step / steps
            x = start[0] + (end[0] - start[0]) * share + noise.gauss(0, noise_m)
            y = start[1] + (end[1] - start[1]) * share + noise.gauss(0, noise_m)
            points.append(TimedPoint(t_s, *PLANE.degrees(x, y), accuracy_m=5))
            t_s += every_s
    points.append(TimedPoint(t_s, *PLANE.degrees(*corners[-1]), accuracy_m=5))
    return points


def covered(points: list[TimedPoint]) -> Coverage:
    coverage = Coverage(STREET, buffer_m=15, max_speed_mps=2.5)
    coverage.take_all(points)
    return coverage


class TestCoverage:
    def test_length_is_that_of_the_pipes(self) -> None:
        assert covered([]).assigned_m == pytest.approx(700, abs=0.01)

    def test_a_walk_along_one_street_covers_that_street_and_the_mouth_of_the_other(self) -> None:
        coverage = covered(walk((0, 5), (400, 5), speed_mps=1.4))
        shares = {share.pipe_id: share.covered_m for share in coverage.pipe_shares()}
        assert shares["main"] == pytest.approx(400, abs=2)
        assert shares["side"] == pytest.approx(20, abs=2)
        assert coverage.percent == pytest.approx(60, abs=0.5)

    def test_a_receivers_noise_does_not_make_a_walk_too_fast(self) -> None:
        coverage = covered(walk((0, 5), (400, 5), speed_mps=1.4, noise_m=2.5))
        assert coverage.pipe_shares()[0].covered_m > 390

    def test_a_drive_past_does_not_count_and_is_named(self) -> None:
        coverage = covered(walk((0, 5), (400, 5), speed_mps=10))
        assert coverage.covered_m < 50
        assert sum(stretch.length_m for stretch in coverage.too_fast) > 350

    def test_a_silent_receiver_covers_nothing_in_between(self) -> None:
        ends = [TimedPoint(1000, *PLANE.degrees(0, 0), 5), TimedPoint(1061, *PLANE.degrees(100, 0), 5)]
        assert covered(ends).covered_m == 0

    def test_a_fix_once_a_minute_still_covers_the_way_between(self) -> None:
        ends = [TimedPoint(1000, *PLANE.degrees(0, 0), 5), TimedPoint(1060, *PLANE.degrees(100, 0), 5)]
        assert covered(ends).covered_m == pytest.approx(115, abs=2)

    def test_a_parallel_street_does_not_count(self) -> None:
        assert covered(walk((0, -40), (400, -40), speed_mps=1.4)).covered_m == 0

    def test_a_poor_fix_does_not_count(self) -> None:
        poor = [TimedPoint(p.t_s, p.lon, p.lat, 80) for p in walk((0, 5), (400, 5), speed_mps=1.4)]
        assert covered(poor).covered_m == 0

    def test_walked_and_unwalked_lines_together_are_the_pipes(self) -> None:
        coverage = covered(walk((0, 5), (150, 5), speed_mps=1.4))
        lengths = [
            sum(math.dist(PLANE.metres(*a), PLANE.metres(*b)) for line in lines for a, b in itertools.pairwise(line))
            for lines in (coverage.walked(), coverage.unwalked())
        ]
        assert lengths[0] == pytest.approx(coverage.covered_m, abs=0.01)
        assert sum(lengths) == pytest.approx(700, abs=0.01)

    def test_nothing_assigned_is_no_error(self) -> None:
        coverage = Coverage({}, 15, 2.5)
        coverage.take(1, 126.5, 43.8, 5)
        assert (coverage.percent, coverage.unwalked()) == (0, [])


class TestCountFromChunks:
    def chunks(self) -> list[PatrolTracked]:
        points = walk((0, 5), (400, 5), (400, 5), (200, 5), (200, 300), speed_mps=1.4, noise_m=2)
        made = []
        for number in range(0, len(points), 100):
            piece = points[number : number + 100]
            made.append(
                PatrolTracked(
                    id=f"patrol.tracked:{number}",
                    schema_version=1,
                    record_number=number + 1,
                    recorded=Moment(at=datetime(2026, 11, 23, tzinfo=UTC), boot_id="b", monotonic_s=1),
                    staff_id="s",
                    unit_id="u",
                    device_id="d",
                    patrol_id="p",
                    chunk=number // 100,
                    started_at=datetime.fromtimestamp(piece[0].t_s, UTC),
                    points=tuple(TrackPoint(round(p.t_s - piece[0].t_s, 1), p.lon, p.lat, p.accuracy_m) for p in piece),
                )
            )
        return made

    def test_any_order_of_arrival_gives_the_same_number(self) -> None:
        chunks = self.chunks()
        counted = count(STREET, chunks, buffer_m=15, max_speed_mps=2.5).covered_m
        assert counted > 650
        for seed in range(3):
            shuffled = random.Random(seed).sample(chunks, len(chunks))
            assert count(STREET, shuffled, buffer_m=15, max_speed_mps=2.5).covered_m == counted

    def test_the_way_between_two_chunks_counts(self) -> None:
        points = track_points(self.chunks())
        assert max(b.t_s - a.t_s for a, b in itertools.pairwise(points)) <= 2
