"""When a methane reading proposes a suspected leak, and when it is still the same plume."""

import msgspec

from sync.documents.envelope import Position
from sync.rules.geometry import distance_m

# One plume is met for as long as it takes to walk through it.
SAME_PLUME_S = 30.0
SAME_PLUME_M = 15.0
# A reading that climbs would otherwise propose anew each second.
_HIGHER_BY = 1.25


class Plume(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal that was made; `at_s` in seconds since 1970."""

    at_s: float
    ppm: float
    emergency: bool
    lon: float | None = None
    lat: float | None = None

    def explains(self, at_s: float, ppm: float, here: Position | None, *, emergency: bool) -> bool:
        """Whether a further reading is only this plume again, and no worse."""
        if ppm >= self.ppm * _HIGHER_BY or (emergency and not self.emergency):
            return False
        if abs(at_s - self.at_s) < SAME_PLUME_S:
            return True
        if here is None or self.lon is None or self.lat is None:
            return False
        return distance_m(self.lon, self.lat, here.lon, here.lat) < SAME_PLUME_M
