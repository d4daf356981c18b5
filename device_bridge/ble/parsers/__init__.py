"""Bytes of gas detectors -> concentrations: one file an instrument family, one table to find it by."""

from collections.abc import Callable

import msgspec

from device_bridge.ble.parsers import methane_ess
from device_bridge.ble.parsers.model import Concentration, PayloadError

__all__ = ["PROFILES", "Concentration", "PayloadError", "Profile"]


class Profile(msgspec.Struct, frozen=True):
    """The advertised service by which a detector is known, and the characteristic that streams its readings."""

    service_uuid: str
    characteristic_uuid: str
    decode: Callable[[bytes], Concentration | None]


PROFILES = (Profile(methane_ess.SERVICE_UUID, methane_ess.CHARACTERISTIC_UUID, methane_ess.decode),)
