"""What every parser of a gas detector's bytes gives back."""

import msgspec

PURE_GAS_PPM = 1_000_000.0


class Concentration(msgspec.Struct, frozen=True):
    value_ppm: float
    raw_unit: str


class PayloadError(ValueError):
    """The bytes are none that this instrument's format knows."""
