"""Positions as they are kept: CGCS2000. WGS-84 is the same at a phone's accuracy; GCJ-02 is shifted back."""

import math

from sync.documents.envelope import Position

# The ellipsoid (Krasovsky's) and the series of the publicly known GCJ-02 shift.
_A = 6_378_245.0
_E2 = 0.00669342162296594
# The shift varies slowly: three rounds bring the way back under a millimetre.
_ROUNDS = 3


def cgcs2000(position: Position) -> tuple[float, float]:
    if position.datum != "GCJ-02":
        return position.lon, position.lat
    lon, lat = position.lon, position.lat
    for _ in range(_ROUNDS):
        shift_lon, shift_lat = _shift(lon, lat)
        lon, lat = position.lon - shift_lon, position.lat - shift_lat
    return lon, lat


def point_wkt(position: Position | None) -> str | None:
    """For a POINT column; None without a position."""
    if position is None:
        return None
    lon, lat = cgcs2000(position)
    return f"SRID=4490;POINT({lon} {lat})"


def _shift(lon: float, lat: float) -> tuple[float, float]:
    x, y = lon - 105.0, lat - 35.0
    wave = 20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += (wave + 20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi)) * 2 / 3
    north += (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y * math.pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += (wave + 20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi)) * 2 / 3
    east += (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi)) * 2 / 3
    radians = math.radians(lat)
    magic = 1 - _E2 * math.sin(radians) ** 2
    root = math.sqrt(magic)
    return (
        math.degrees(east / (_A / root * math.cos(radians))),
        math.degrees(north / (_A * (1 - _E2) / (magic * root))),
    )
