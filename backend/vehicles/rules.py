"""How plates are written, and which of a round's fixes belong to its line."""

import io
import math
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from PIL import Image, ImageOps

# A fix worse than this says little about where a vehicle was.
_MAX_ACCURACY_M = 100.0
# Faster than any vehicle in a town: the receiver jumped.
_MAX_SPEED_MPS = 45.0
_METRES_PER_DEGREE = 111_320.0
# Enough to read a plate in the photo.
_LONGEST_SIDE = 1600


class TrackFix(msgspec.Struct, frozen=True):
    at: datetime
    lon: float
    lat: float
    speed_mps: float | None = None


def plain_plate(plate: str) -> str:
    """`吉·演示01` and `吉 演示01` are one vehicle."""
    return "".join(c for c in plate.upper() if c not in " ·.・•-")


def picture_of(content: bytes) -> bytes:
    """A JPEG of at most `_LONGEST_SIDE`, upright, without what the camera wrote about place and owner. Raises
    `ValueError` for what is no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as opened:
                upright = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError("no picture") from error
    upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=85)
    return out.getvalue()


def track_line(chunks: Iterable[tuple[datetime, Sequence[Sequence[float | None]]]]) -> list[TrackFix]:
    """The fixes of a vehicle in the order of time, without jumps; chunks in any order."""
    fixes = sorted(
        (
            TrackFix(started_at + timedelta(seconds=point[0] or 0.0), point[1] or 0.0, point[2] or 0.0, _speed(point))
            for started_at, points in chunks
            for point in points
            if (point[3] or 0.0) <= _MAX_ACCURACY_M
        ),
        key=lambda fix: fix.at,
    )
    line: list[TrackFix] = []
    for fix in fixes:
        if not line or _possible(line[-1], fix):
            line.append(fix)
    return line


def _speed(point: Sequence[float | None]) -> float | None:
    return point[4] if len(point) > 4 else None


def _possible(before: TrackFix, after: TrackFix) -> bool:
    elapsed_s = (after.at - before.at).total_seconds()
    return elapsed_s > 0 and distance_m(before, after) <= _MAX_SPEED_MPS * max(elapsed_s, 1.0)


def distance_m(one: TrackFix, other: TrackFix) -> float:
    across = (one.lon - other.lon) * math.cos(math.radians((one.lat + other.lat) / 2))
    return math.hypot(across, one.lat - other.lat) * _METRES_PER_DEGREE
