"""NMEA 0183 sentences -> fixes.

A receiver reports one instant in several sentences (GGA position and quality, RMC date and speed, GST error) and
the standard leaves their order open. So the sentence that closes an instant is learnt from the instant before:
no fix waits for the next second, except the first. Checksums are required: over a worn cable a damaged digit is a
position 100 km away.
"""

import math
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from pynmeagps import VALCKSUM, NMEAMessageError, NMEAParseError, NMEAReader, NMEATypeError

from device_bridge.models import Fix

KNOT_MPS = 1852 / 3600
# GPS SPS performance standard: about 5 m error in range for a single-frequency receiver under open sky.
RANGE_ERROR_M = 5.0
# A fix with no word about its quality: wide enough to count as poor everywhere.
UNKNOWN_ACCURACY_M = 30.0
# GGA quality indicator: 0 no fix, 6 dead reckoning, 7 typed in, 8 simulator.
GGA_NO_FIX = 0
GGA_NOT_MEASURED = frozenset({7, 8})
RMC_NOT_MEASURED = frozenset({"M", "S"})
WANTED = frozenset({"GGA", "RMC", "GST"})


class SentenceError(ValueError):
    """The bytes are not a sentence with a right checksum."""


class Epoch(msgspec.Struct):
    """What the sentences of one instant have said so far."""

    at: time
    lon: float | None = None
    lat: float | None = None
    day: date | None = None
    hdop: float | None = None
    error_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    mocked: bool = False
    no_fix: bool = False
    last_type: str = ""
    sent: bool = False

    def to_fix(self) -> Fix | None:
        if self.no_fix or self.lon is None or self.lat is None:
            return None
        accuracy = self.error_m
        if accuracy is None:
            accuracy = self.hdop * RANGE_ERROR_M if self.hdop is not None else UNKNOWN_ACCURACY_M
        at = datetime.combine(self.day, self.at, UTC) if self.day else None
        return Fix(
            lon=self.lon,
            lat=self.lat,
            accuracy_m=accuracy,
            time_utc=at,
            speed_mps=self.speed_mps,
            heading_deg=self.heading_deg,
            mocked=self.mocked,
        )


class NmeaFolder:
    """Folds a stream of sentences into fixes; hears every constellation (GP, BD, GB, GN ...)."""

    def __init__(self) -> None:
        self._epoch: Epoch | None = None
        self._closing_type = ""

    def feed(self, line: bytes) -> Fix | None:
        """The fix that this sentence completes, if any. Raises SentenceError."""
        sentence = _parse(line)
        if sentence is None:
            return None
        fix = None
        epoch = self._epoch
        if epoch is None or epoch.at != sentence.time:
            if epoch is not None:
                self._closing_type = epoch.last_type
                fix = None if epoch.sent else epoch.to_fix()
            epoch = self._epoch = Epoch(at=sentence.time)
        _TAKERS[sentence.msgID](epoch, sentence)
        epoch.last_type = sentence.msgID
        if fix is None and epoch.last_type == self._closing_type and not epoch.sent:
            epoch.sent = True
            return epoch.to_fix()
        return fix


def _parse(line: bytes) -> Any:
    line = line.strip()
    # pynmeagps takes a sentence without "*" on trust and answers None for what does not start with "$".
    # The checksum is a plain exclusive or, so two equal errors cancel out; bytes beyond ASCII betray many of those.
    if not line.startswith(b"$") or line[-3:-2] != b"*" or not line.isascii():
        raise SentenceError(line[:80])
    try:
        sentence = NMEAReader.parse(line + b"\r\n", validate=VALCKSUM)
    except (NMEAParseError, NMEAMessageError, NMEATypeError, ValueError) as error:
        raise SentenceError(line[:80]) from error
    if sentence is None:
        raise SentenceError(line[:80])
    known = sentence.msgID in WANTED and isinstance(getattr(sentence, "time", None), time)
    return sentence if known else None


def _take_gga(epoch: Epoch, sentence: Any) -> None:
    quality = int(sentence.quality or 0)
    epoch.no_fix = epoch.no_fix or quality == GGA_NO_FIX
    epoch.mocked = epoch.mocked or quality in GGA_NOT_MEASURED
    _take_position(epoch, sentence)
    epoch.hdop = _number(sentence.HDOP)


def _take_rmc(epoch: Epoch, sentence: Any) -> None:
    epoch.no_fix = epoch.no_fix or sentence.status != "A"
    epoch.mocked = epoch.mocked or getattr(sentence, "posMode", "") in RMC_NOT_MEASURED
    _take_position(epoch, sentence)
    if isinstance(sentence.date, date):
        epoch.day = sentence.date
    knots = _number(sentence.spd)
    epoch.speed_mps = None if knots is None else knots * KNOT_MPS
    epoch.heading_deg = _number(sentence.cog)


def _take_gst(epoch: Epoch, sentence: Any) -> None:
    north, east = _number(sentence.stdLat), _number(sentence.stdLong)
    if north is not None and east is not None:
        epoch.error_m = math.hypot(north, east)


def _take_position(epoch: Epoch, sentence: Any) -> None:
    lon, lat = _number(sentence.lon), _number(sentence.lat)
    if lon is not None and lat is not None and abs(lon) <= 180 and abs(lat) <= 90:
        epoch.lon, epoch.lat = lon, lat


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


_TAKERS = {"GGA": _take_gga, "RMC": _take_rmc, "GST": _take_gst}
