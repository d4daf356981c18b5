"""What devices report, in units that the field names carry; nothing here knows a vendor."""

from datetime import date, datetime

import msgspec

from device_bridge.tag_slots import Slot


class Fix(msgspec.Struct, frozen=True):
    """One position in WGS-84 degrees; `accuracy_m` is the radius that holds about two thirds of the errors."""

    lon: float
    lat: float
    accuracy_m: float
    # The satellites' UTC, the one clock on site that a worker cannot set; None while the receiver has no date.
    time_utc: datetime | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    source: str = "gnss"
    # True when the receiver itself says that the position is simulated or typed in.
    mocked: bool = False


class GasReading(msgspec.Struct, frozen=True):
    """One methane concentration; `raw_unit` is the unit in which the instrument sent it."""

    value_ppm: float
    raw_unit: str
    at_monotonic_s: float
    instrument_id: str


class InstrumentInfo(msgspec.Struct, frozen=True):
    """Who measured: `instrument_id` is the serial number on the type plate."""

    instrument_id: str
    name: str
    manufacturer: str
    model: str
    battery_percent: int | None = None
    # Standard BLE has no field for it: None unless the vendor's format carries it (then use the company's register).
    verified_until: date | None = None


class FoundDetector(msgspec.Struct, frozen=True):
    """A detector heard in a scan; give `address` to `open_detector`."""

    address: str
    name: str
    rssi_dbm: int


class Tag(msgspec.Struct, frozen=True):
    """A tag read whole. `text` is our code; it is "" on an empty tag, on a foreign one and on a small one that has room
    for the public page alone. `slots` are its entries, not judged yet (`tag_content.judge`).
    """

    uid: str
    kind: str
    text: str
    empty: bool
    foreign: bool
    page_url: str = ""
    slots: tuple[Slot | None, ...] = ()


class WrittenTag(msgspec.Struct, frozen=True):
    """What a tag holds after writing, and the fields that it had no room for."""

    tag: Tag
    sequence: int
    left_out: tuple[str, ...] = ()


class Code(msgspec.Struct, frozen=True):
    """A bar code in a picture; `symbology` is QRCode, MicroQRCode, Code128 or DataMatrix."""

    text: str
    symbology: str


class ScaleInfo(msgspec.Struct, frozen=True):
    """Which scale and which gun; `verified_until` is None where the scale does not tell it."""

    number: str
    gun_number: str
    verified_until: date | None = None


class Weight(msgspec.Struct, frozen=True):
    """One weighing, gross. `at_target`: the scale has closed its lock by itself, at the weight that was set."""

    kg: float
    stable: bool
    unlocked: bool
    at_target: bool = False
