"""The share of assigned pipe that a walk has covered, counted by the very same code on the phone and in the office.

Each pipe is sampled every two metres. A step between two fixes covers the samples within the buffer, if the fixes are
at most a minute apart and the walker was not too fast: without the speed test a drive past would count as a patrol
(55 % instead of 1.7 % on a real trace). Speed is judged over a few seconds, since two fixes a second apart differ by
their noise. Fixes are taken in the order of time; the count depends on nothing else.
"""

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from sync.documents.patrol import PatrolTracked
from sync.rules.geometry import Line, LonLat, Metres, Plane, to_segment_m

SAMPLE_EVERY_M = 2.0
# A receiver that was silent longer may have been carried anywhere in between.
MAX_GAP_S = 60.0
# The shortest time over which a walking speed shows through a receiver's noise of some metres.
SPEED_WINDOW_S = 5.0
# A fix that is worse says too little about which side of the street somebody walked.
MAX_ACCURACY_M = 50.0
_CELL_M = 25.0


class PipeShare(msgspec.Struct, frozen=True):
    pipe_id: str
    length_m: float
    covered_m: float


class TooFast(msgspec.Struct, frozen=True):
    """A stretch that did not count because of its speed; seconds since 1970, metres."""

    from_s: float
    to_s: float
    length_m: float


class TimedPoint(msgspec.Struct, frozen=True):
    """A fix as `Coverage.take` wants it: seconds since 1970, degrees, metres."""

    t_s: float
    lon: float
    lat: float
    accuracy_m: float


class _Fix(msgspec.Struct, frozen=True):
    t_s: float
    at: Metres


class _Pipe:
    """A pipe's path in metres, and which of its equal pieces have been covered."""

    def __init__(self, path: list[Metres]) -> None:
        self.path = path
        self.ends = [0.0]
        for a, b in itertools.pairwise(path):
            self.ends.append(self.ends[-1] + math.dist(a, b))
        self.length_m = self.ends[-1]
        self.pieces = max(1, round(self.length_m / SAMPLE_EVERY_M)) if self.length_m else 0
        self.piece_m = self.length_m / self.pieces if self.pieces else 0.0
        self.covered = bytearray(self.pieces)
        self.covered_count = 0

    def samples(self) -> Iterator[Metres]:
        corner = 0
        for number in range(self.pieces):
            along = (number + 0.5) * self.piece_m
            while self.ends[corner + 1] < along:
                corner += 1
            yield self._between(corner, along)

    def stretches(self, *, covered: bool) -> Iterator[list[Metres]]:
        """The parts that are (not) covered, as paths."""
        start = 0
        while start < self.pieces:
            stop = start
            while stop < self.pieces and self.covered[stop] == self.covered[start]:
                stop += 1
            if bool(self.covered[start]) == covered:
                yield self._cut(start * self.piece_m, stop * self.piece_m)
            start = stop

    def _cut(self, from_m: float, to_m: float) -> list[Metres]:
        inner = [p for p, end in zip(self.path, self.ends, strict=True) if from_m < end < to_m]
        return [self._at(from_m), *inner, self._at(to_m)]

    def _at(self, along: float) -> Metres:
        corner = 0
        while corner + 2 < len(self.ends) and self.ends[corner + 1] < along:
            corner += 1
        return self._between(corner, along)

    def _between(self, corner: int, along: float) -> Metres:
        a, b = self.path[corner], self.path[corner + 1]
        piece = self.ends[corner + 1] - self.ends[corner]
        share = min(1.0, (along - self.ends[corner]) / piece) if piece else 0.0
        return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


class Coverage:
    """Grows with each fix; `covered_m`, `assigned_m` and `percent` are always current."""

    def __init__(self, pipes: Mapping[str, Line], buffer_m: float, max_speed_mps: float) -> None:
        self.buffer_m = buffer_m
        self.max_speed_mps = max_speed_mps
        self.too_fast: list[TooFast] = []
        self.walked_m = 0.0
        self._plane = Plane.around(point for line in pipes.values() for point in line)
        self._pipes = {
            pipe_id: _Pipe([self._plane.metres(p[0], p[1]) for p in pipes[pipe_id]])
            for pipe_id in sorted(pipes)
            if len(pipes[pipe_id]) > 1
        }
        self._cells: dict[tuple[int, int], list[tuple[Metres, _Pipe, int]]] = {}
        for pipe in self._pipes.values():
            for number, at in enumerate(pipe.samples()):
                self._cells.setdefault(_cell(at), []).append((at, pipe, number))
        self._recent: deque[_Fix] = deque()

    @property
    def assigned_m(self) -> float:
        return math.fsum(pipe.length_m for pipe in self._pipes.values())

    @property
    def covered_m(self) -> float:
        return math.fsum(pipe.covered_count * pipe.piece_m for pipe in self._pipes.values())

    @property
    def percent(self) -> float:
        """0 to 100; 0 when nothing was assigned."""
        assigned_m = self.assigned_m
        return 100 * self.covered_m / assigned_m if assigned_m else 0.0

    def take(self, t_s: float, lon: float, lat: float, accuracy_m: float) -> bool:
        """One more fix, no earlier than the last; whether it covered anything new."""
        if accuracy_m > MAX_ACCURACY_M:
            return False
        fix = _Fix(t_s, self._plane.metres(lon, lat))
        last = self._recent[-1] if self._recent else None
        if last is not None and -MAX_GAP_S <= t_s - last.t_s <= 0:
            return False
        if last is None or abs(t_s - last.t_s) > MAX_GAP_S:
            self._recent.clear()
            self._recent.append(fix)
            return False
        self._recent.append(fix)
        while len(self._recent) > 2 and t_s - self._recent[1].t_s >= SPEED_WINDOW_S:
            self._recent.popleft()
        step_m = math.dist(last.at, fix.at)
        if self._speed_mps() > self.max_speed_mps:
            self._note_too_fast(last.t_s, t_s, step_m)
            return False
        self.walked_m += step_m
        return self._cover(last.at, fix.at)

    def take_all(self, points: Iterable[TimedPoint]) -> None:
        for point in points:
            self.take(point.t_s, point.lon, point.lat, point.accuracy_m)

    def pipe_shares(self) -> tuple[PipeShare, ...]:
        return tuple(
            PipeShare(pipe_id, pipe.length_m, pipe.covered_count * pipe.piece_m)
            for pipe_id, pipe in self._pipes.items()
        )

    def unwalked(self) -> list[list[LonLat]]:
        """What is still to be walked, as lines in degrees."""
        return self._lines(covered=False)

    def walked(self) -> list[list[LonLat]]:
        return self._lines(covered=True)

    def _lines(self, *, covered: bool) -> list[list[LonLat]]:
        return [
            [self._plane.degrees(x, y) for x, y in path]
            for pipe in self._pipes.values()
            for path in pipe.stretches(covered=covered)
        ]

    def _speed_mps(self) -> float:
        """From the oldest to the newest fix of the window: what was really gained, without the noise in between."""
        first, last = self._recent[0], self._recent[-1]
        elapsed_s = last.t_s - first.t_s
        speed = math.dist(first.at, last.at) / elapsed_s
        if elapsed_s >= SPEED_WINDOW_S:
            return speed
        # A track's first seconds: too short a time to tell noise from speed, so a fix's accuracy is allowed for.
        return max(0.0, math.dist(first.at, last.at) - self.max_speed_mps * SPEED_WINDOW_S) / elapsed_s

    def _note_too_fast(self, from_s: float, to_s: float, length_m: float) -> None:
        if self.too_fast and self.too_fast[-1].to_s == from_s:
            before = self.too_fast.pop()
            self.too_fast.append(TooFast(before.from_s, to_s, before.length_m + length_m))
        else:
            self.too_fast.append(TooFast(from_s, to_s, length_m))

    def _cover(self, start: Metres, end: Metres) -> bool:
        found = False
        for at, pipe, number in self._near(start, end):
            if not pipe.covered[number] and to_segment_m(at, start, end) <= self.buffer_m:
                pipe.covered[number] = 1
                pipe.covered_count += 1
                found = True
        return found

    def _near(self, start: Metres, end: Metres) -> Iterator[tuple[Metres, _Pipe, int]]:
        low = _cell((min(start[0], end[0]) - self.buffer_m, min(start[1], end[1]) - self.buffer_m))
        high = _cell((max(start[0], end[0]) + self.buffer_m, max(start[1], end[1]) + self.buffer_m))
        for column in range(low[0], high[0] + 1):
            for row in range(low[1], high[1] + 1):
                yield from self._cells.get((column, row), ())


def track_points(chunks: Iterable[PatrolTracked]) -> list[TimedPoint]:
    """A patrol's fixes in the order of time, from its chunks in any order of arrival."""
    points: list[TimedPoint] = []
    for chunk in sorted(chunks, key=lambda c: (c.chunk, c.id)):
        start_s = chunk.started_at.timestamp()
        points += [TimedPoint(start_s + p.offset_s, p.lon, p.lat, p.accuracy_m) for p in chunk.points]
    return points


def count(
    pipes: Mapping[str, Line], chunks: Sequence[PatrolTracked], *, buffer_m: float, max_speed_mps: float
) -> Coverage:
    """The coverage of a whole patrol from its chunks, in any order of arrival."""
    coverage = Coverage(pipes, buffer_m, max_speed_mps)
    coverage.take_all(track_points(chunks))
    return coverage


def _cell(at: Metres) -> tuple[int, int]:
    return math.floor(at[0] / _CELL_M), math.floor(at[1] / _CELL_M)
