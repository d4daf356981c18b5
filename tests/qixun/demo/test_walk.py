import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qixun.demo.shift import legs
from qixun.demo.walk import Point, walking_route

Line = list[Point]


def _edges(lines: list[Line]) -> set[frozenset[Point]]:
    return {frozenset(pair) for line in lines for pair in itertools.pairwise(line) if pair[0] != pair[1]}


def _walked(route: list[Point]) -> set[frozenset[Point]]:
    return {frozenset(pair) for pair in itertools.pairwise(route)}


class TestWalkingRoute:
    @pytest.mark.parametrize(
        "lines",
        [
            [[(0.0, 0.0), (1.0, 0.0)]],
            [[(0.0, 0.0), (1.0, 0.0)], [(1.0, 0.0), (1.0, 1.0)], [(1.0, 0.0), (2.0, 0.0)]],
            [[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]],
            [[(0.0, 0.0), (1.0, 0.0)], [(5.0, 5.0), (6.0, 5.0)]],
        ],
        ids=["one street", "a fork", "a ring", "two parts"],
    )
    def test_every_pipe_is_walked(self, lines: list[Line]) -> None:
        assert _edges(lines) <= _walked(walking_route(lines))

    def test_a_ring_is_walked_once(self) -> None:
        route = walking_route([[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]])
        assert len(route) == 5
        assert route[0] == route[-1]

    def test_a_street_without_branches_is_walked_once(self) -> None:
        street = [[(float(n), 0.0), (n + 1.0, 0.0)] for n in range(5)]
        assert walking_route(street) == [(float(n), 0.0) for n in range(6)]

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("→↑")), min_size=1, max_size=40))
    def test_every_pipe_of_any_town_is_walked_and_only_pipes_within_a_part(
        self, drawn: list[tuple[int, int, str]]
    ) -> None:
        lines: list[Line] = [
            [(float(x), float(y)), (x + 1.0, float(y)) if way == "→" else (float(x), y + 1.0)] for x, y, way in drawn
        ]
        walked, edges = _walked(walking_route(lines)), _edges(lines)
        assert edges <= walked
        # Elsewhere than on pipes one goes only from one part to the next.
        assert len(walked - edges) < len(edges)


class TestLegs:
    @given(st.lists(st.tuples(st.floats(126.3, 126.4), st.floats(43.1, 43.2)), min_size=2, max_size=20, unique=True))
    def test_together_they_are_the_route_and_each_starts_where_the_last_ended(self, route: list[Point]) -> None:
        found = legs(route, (0.2, 0.45, 0.7, 0.85))
        passed = [point for leg in found for point in leg]
        assert len(found) == 5
        assert all(a[-1] == b[0] for a, b in itertools.pairwise(found))
        assert [point for point in passed if point in route][:: len(passed)] == [route[0]]
        assert set(route) <= set(passed)

    def test_they_are_cut_at_the_shares_of_the_way(self) -> None:
        route = [(126.35, 43.2), (126.35, 43.21), (126.35, 43.23)]
        found = legs(route, (0.2, 0.45, 0.7, 0.85))
        assert [leg[-1][1] for leg in found] == pytest.approx([43.206, 43.2135, 43.221, 43.2255, 43.23])

    def test_their_lengths_add_up(self) -> None:
        route = [(126.35, 43.2), (126.36, 43.2), (126.36, 43.21), (126.35, 43.21)]
        found = legs(route, (0.2, 0.45, 0.7, 0.85))
        assert sum(_length(leg) for leg in found) == pytest.approx(_length(route))


def _length(points: list[Point]) -> float:
    return sum(math.dist(a, b) for a, b in itertools.pairwise(points))
