"""Plane geometry for one town: metres on a tangent plane, with the ellipsoid's scale at its middle latitude.

Good to a few parts in ten thousand over 30 km, far below what a satellite receiver resolves, and in plain Python, so
that phone and office come to the same number.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

LonLat = tuple[float, float]
Line = Sequence[Sequence[float]]
Metres = tuple[float, float]

# CGCS2000 and WGS-84 agree in these to far below a millimetre (GB 22021; EPSG:4490).
_SEMI_MAJOR_M = 6_378_137.0
_ECCENTRICITY_2 = 0.006694380022900788


class Plane(msgspec.Struct, frozen=True):
    """Degrees to metres and back around (`lon`, `lat`)."""

    lon: float
    lat: float
    metres_per_lon: float
    metres_per_lat: float

    @classmethod
    def at(cls, lon: float, lat: float) -> "Plane":
        sine = math.sin(math.radians(lat))
        w = math.sqrt(1 - _ECCENTRICITY_2 * sine * sine)
        across = _SEMI_MAJOR_M / w * math.cos(math.radians(lat))
        along = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_2) / w**3
        return cls(lon, lat, math.radians(across), math.radians(along))

    @classmethod
    def around(cls, points: Iterable[Sequence[float]]) -> "Plane":
        """Around the middle of these points' extent, whatever their order; at (0, 0) without points."""
        known = [(p[0], p[1]) for p in points]
        if not known:
            return cls.at(0.0, 0.0)
        lons, lats = [p[0] for p in known], [p[1] for p in known]
        return cls.at((min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2)

    def metres(self, lon: float, lat: float) -> Metres:
        return (lon - self.lon) * self.metres_per_lon, (lat - self.lat) * self.metres_per_lat

    def degrees(self, x: float, y: float) -> LonLat:
        return self.lon + x / self.metres_per_lon, self.lat + y / self.metres_per_lat


class Nearest(msgspec.Struct, frozen=True):
    pipe_id: str
    distance_m: float


def distance_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Between two points of one town."""
    plane = Plane.at((lon + other_lon) / 2, (lat + other_lat) / 2)
    return math.dist(plane.metres(lon, lat), plane.metres(other_lon, other_lat))


def line_length_m(line: Line) -> float:
    plane = Plane.around(line)
    path = [plane.metres(p[0], p[1]) for p in line]
    return sum(math.dist(a, b) for a, b in itertools.pairwise(path))


def to_segment_m(point: Metres, start: Metres, end: Metres) -> float:
    """The distance of a point from the straight piece between two others, all on one plane."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length_2 = dx * dx + dy * dy
    if length_2 == 0:
        return math.dist(point, start)
    share = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length_2
    share = min(1.0, max(0.0, share))
    return math.hypot(point[0] - start[0] - share * dx, point[1] - start[1] - share * dy)


def nearest_pipe(lines: Mapping[str, Line], lon: float, lat: float, *, within_m: float) -> Nearest | None:
    """The pipe that lies nearest, or None when all are farther than `within_m`."""
    plane = Plane.at(lon, lat)
    best: Nearest | None = None
    for pipe_id, line in lines.items():
        path = [plane.metres(p[0], p[1]) for p in line]
        pairs = itertools.pairwise(path) if len(path) > 1 else [(path[0], path[0])] if path else []
        for start, end in pairs:
            limit = best.distance_m if best else within_m
            if min(abs(start[0]), abs(end[0])) > limit and start[0] * end[0] > 0:
                continue
            found = to_segment_m((0.0, 0.0), start, end)
            if found <= within_m and (best is None or found < best.distance_m):
                best = Nearest(pipe_id, found)
    return best
