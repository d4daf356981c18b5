"""What the office sends and reads of cameras. Addresses of the inner network go to administrators alone."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]
Holder = Literal["station", "vehicle"]
CameraKind = Literal["storage", "supply", "point", "vehicle"]
# No user or password in an address: it is shown, and stands in logs of others.
_REST = r"://[^\s/@?#\"'<>\\]+([/?][^\s\"'<>\\]*)?)?$"
HttpAddress = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^((?i:https?)" + _REST)]
# A player's page or a stream; anything else in a link would be run by the browser that follows it.
StreamAddress = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^((?i:https?|rtsps?|rtmps?)" + _REST)]
Pixels = Annotated[int, msgspec.Meta(ge=0, le=20_000)]


class CameraIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`username` and `password` left empty stay as they are; `recording` is the recorder's token, where it has several.
    `installed_on` empty: today.
    """

    holder: Holder
    place_id: Name
    name: Name
    area: Word = ""
    width_px: Pixels = 0
    height_px: Pixels = 0
    picture_address: HttpAddress = ""
    stream_address: StreamAddress = ""
    recorder_address: HttpAddress = ""
    recording: Annotated[str, msgspec.Meta(max_length=200)] = ""
    username: Annotated[str, msgspec.Meta(max_length=100)] = ""
    password: Annotated[str, msgspec.Meta(max_length=200)] = ""
    installed_on: date | None = None


class CameraLine(msgspec.Struct, frozen=True, kw_only=True):
    """`verdict`: what the newest check of its recorder found (`kept`, `growing`, `short`, ...)."""

    id: str
    organisation_id: str
    place_id: str
    kind: CameraKind
    place_name: str
    name: str
    area: str
    width_px: int
    height_px: int
    has_picture: bool
    has_recorder: bool
    stream_address: str
    installed_on: date
    registered_at: datetime
    seen_at: datetime | None
    seen_width_px: int
    seen_height_px: int
    silent_since: datetime | None
    silent_reason: str
    verdict: str
    kept_days: int | None
    required_days: int | None
    checked_at: datetime | None
    recorder_silent_since: datetime | None


class CameraSettings(msgspec.Struct, frozen=True, kw_only=True):
    """For who may change them. User and password are never told, only whether there are any."""

    picture_address: str
    recorder_address: str
    recording: str
    has_credentials: bool


class CheckLine(msgspec.Struct, frozen=True, kw_only=True):
    """A day's check. `gaps`: null where the recorder does not tell."""

    day: date
    checked_at: datetime
    state: str
    kept_days: int | None
    required_days: int
    earliest: datetime | None
    latest: datetime | None
    gaps: list[tuple[datetime, datetime]] | None
    clock_ahead_s: float | None
    recordings: list[tuple[str, str]]


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """`code`: point_missing (an area without enough cameras), clarity, silent (no live picture), or a verdict."""

    code: str
    camera_id: str = ""
    name: str = ""
    area: str = ""
    area_zh: str = ""
    area_en: str = ""
    kept_days: int | None = None
    required_days: int | None = None
    since: datetime | None = None


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """A place whose video falls short of what is asked of it."""

    place_id: str
    kind: CameraKind
    place_name: str
    organisation_id: str
    organisation_name: str
    flaws: list[Flaw]
