"""What the office sends and reads of vehicles."""

from datetime import datetime
from typing import Annotated

import msgspec

from sync.documents.envelope import Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]


class VehicleIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """E5.8.3-2. `organisation_id` is who uses it (使用企业); empty `district` and `owner` are those of its company."""

    organisation_id: Name
    code: Name
    plate: Name
    district: Word = ""
    owner: Word = ""
    driver_id: Word = ""
    note: Word = ""
    retired: bool = False


class VehicleSeen(msgspec.Struct, frozen=True):
    """Where it was last."""

    at: datetime
    lon: float
    lat: float


class VehicleFilters(msgspec.Struct, frozen=True, kw_only=True):
    """`retired`: those alone, or the others alone; None for all."""

    search: str = ""
    organisation_id: str = ""
    driver_id: str = ""
    retired: bool | None = False


class VehicleLine(msgspec.Struct, frozen=True, kw_only=True):
    """`on_board` counts what is on it now, full ones and empties together."""

    id: str
    organisation_id: str
    organisation_name: str
    district: str
    owner: str
    code: str
    plate: str
    photo_id: str
    driver_id: str
    driver_name: str
    note: str
    retired: bool
    registered_at: datetime
    seen: VehicleSeen | None
    on_board: int


class LoadedCylinder(msgspec.Struct, frozen=True, kw_only=True):
    """`full`: loaded at the station and not handed over; else an empty taken back."""

    id: str
    code: str
    specification: str
    full: bool
    since: datetime
    customer_id: str


class VehicleOut(msgspec.Struct, frozen=True, kw_only=True):
    vehicle: VehicleLine
    load: list[LoadedCylinder]


class TrackPointOut(msgspec.Struct, frozen=True):
    at: datetime
    lon: float
    lat: float
    speed_mps: float | None


class TrackOut(msgspec.Struct, frozen=True, kw_only=True):
    vehicle_id: str
    plate: str
    length_m: float
    points: list[TrackPointOut]
