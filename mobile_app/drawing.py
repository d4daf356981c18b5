"""What a map of the work shows, in degrees: made by the work, drawn by `components.network_map`."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from sync.documents.reference import Facility, Pipe

Line = Sequence[tuple[float, float]]
PointState = Literal["ahead", "next", "visited", "unreachable", "abnormal"]


class PointMark(msgspec.Struct, frozen=True):
    check_point_id: str
    number: int
    lon: float
    lat: float
    state: PointState


class Here(msgspec.Struct, frozen=True):
    lon: float
    lat: float
    accuracy_m: float


class Drawing(msgspec.Struct, frozen=True):
    """All that the map shows, in degrees."""

    others: tuple[Pipe, ...] = ()
    unwalked: tuple[Line, ...] = ()
    walked: tuple[Line, ...] = ()
    facilities: tuple[Facility, ...] = ()
    points: tuple[PointMark, ...] = ()
    here: Here | None = None

    def around(self) -> list[tuple[float, float]]:
        lines = [*self.unwalked, *self.walked]
        found = [point for line in lines for point in line] + [(p.lon, p.lat) for p in self.points]
        return found or [point for pipe in self.others for point in pipe.line]
