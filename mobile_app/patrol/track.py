"""A patrol's track in chunks of at most five minutes; what is not yet a record lies in a draft.

Points are rounded before they count, so that the office, which counts again from the chunks, comes to the same number.
"""

from datetime import UTC, datetime

import msgspec

from device_bridge.models import Fix
from sync.documents.patrol import PatrolTracked, TrackPoint
from sync.rules.coverage import MAX_GAP_S, TimedPoint

CHUNK_S = 300.0
# A receiver at 5 Hz fills a chunk sooner; the document allows 1,000 points.
CHUNK_POINTS = 900
# 1e-7 degrees is a centimetre.
_DEGREE_DIGITS = 7


class OpenChunk(msgspec.Struct, frozen=True, kw_only=True):
    """The chunk that is being filled; `started_s` is in seconds since 1970, to the tenth."""

    number: int
    started_s: float = 0.0
    points: tuple[TrackPoint, ...] = ()

    @property
    def started_at(self) -> datetime:
        return datetime.fromtimestamp(self.started_s, UTC)

    def fits(self, t_s: float) -> bool:
        """A receiver whose clock falls back by more than a gap starts a new chunk too."""
        if not self.points:
            return True
        ahead_s = t_s - self.started_s
        return ahead_s - self.points[-1].offset_s > -MAX_GAP_S and ahead_s < CHUNK_S and len(self.points) < CHUNK_POINTS

    def with_fix(self, t_s: float, fix: Fix, methane_ppm: float | None) -> "OpenChunk":
        """One fix more; a fix from before the last one is left out."""
        started_s = self.started_s if self.points else round(t_s, 1)
        offset_s = round(t_s - started_s, 1)
        if self.points and offset_s <= self.points[-1].offset_s:
            return self
        point = TrackPoint(
            max(0.0, offset_s),
            round(fix.lon, _DEGREE_DIGITS),
            round(fix.lat, _DEGREE_DIGITS),
            round(fix.accuracy_m, 1),
            None if fix.speed_mps is None else round(max(0.0, fix.speed_mps), 2),
            None if methane_ppm is None else round(max(0.0, methane_ppm), 1),
        )
        return OpenChunk(number=self.number, started_s=started_s, points=(*self.points, point))

    def timed(self, point: TrackPoint) -> TimedPoint:
        # As `sync.rules.coverage.track_points` reads it from the record.
        return TimedPoint(self.started_at.timestamp() + point.offset_s, point.lon, point.lat, point.accuracy_m)

    def timed_points(self) -> list[TimedPoint]:
        return [self.timed(point) for point in self.points]


def next_number(chunks: list[PatrolTracked]) -> int:
    return max((chunk.chunk + 1 for chunk in chunks), default=0)
