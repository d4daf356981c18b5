"""What a worker sets on his phone: language, look, server. His devices are in `mobile_app.devices`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from mobile_app.files import read_struct, write_durable

FILE_NAME = "preferences.json"
DEFAULT_SERVER_URL = "http://127.0.0.1:8000"


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """`day` and `night` are the two looks; the detector itself does not know until when it is verified."""

    language: Literal["zh", "en"] = "zh"
    theme: Literal["day", "night"] = "day"
    server_url: str = DEFAULT_SERVER_URL
    instrument_verified_until: str = ""
    # What the filling gun gives.
    gun_medium: str = "LPG"


def read_preferences(folder: Path, environment: Mapping[str, str] = os.environ) -> Preferences:
    """What was kept, else what the surroundings say (QIXUN_SERVER_URL)."""
    kept = read_struct(folder / FILE_NAME, Preferences)
    return kept or Preferences(server_url=environment.get("QIXUN_SERVER_URL", DEFAULT_SERVER_URL))


def keep_preferences(folder: Path, preferences: Preferences) -> None:
    write_durable(folder / FILE_NAME, msgspec.json.encode(preferences))
