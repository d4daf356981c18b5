"""How long many of one kind took."""

from collections.abc import Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    longest_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        ordered = sorted(seconds)
        at = [ordered[round((len(ordered) - 1) * share)] * 1000 for share in (0.5, 0.95, 1.0)]
        return cls(len(ordered), *at)
