"""Methane Concentration (0x2BD1) of the Environmental Sensing service: medfloat16 in parts per billion.

Sources: Bluetooth SIG, GATT Specification Supplement, "Methane Concentration"; IEEE 11073-20601, SFLOAT.
"""

from device_bridge.ble.parsers.model import PURE_GAS_PPM, Concentration, PayloadError

SERVICE_UUID = "0000181a-0000-1000-8000-00805f9b34fb"
CHARACTERISTIC_UUID = "00002bd1-0000-1000-8000-00805f9b34fb"
PPB_PER_PPM = 1000
POSITIVE_INFINITY = 0x07FE
# Not a number, not at this resolution, reserved, negative infinity.
NO_VALUE = frozenset({0x07FF, 0x0800, 0x0801, 0x0802})


def decode(payload: bytes) -> Concentration | None:
    """The concentration; None while the instrument has none (warming up). Raises PayloadError."""
    if len(payload) != 2:
        raise PayloadError(payload.hex())
    raw = int.from_bytes(payload, "little")
    if raw in NO_VALUE:
        return None
    if raw == POSITIVE_INFINITY:
        # Above the instrument's range is the worst case, so it must reach the alarm as a number.
        return Concentration(value_ppm=PURE_GAS_PPM, raw_unit="ppb, over range")
    mantissa, exponent = raw & 0xFFF, raw >> 12
    mantissa -= 0x1000 if mantissa >= 0x800 else 0
    exponent -= 0x10 if exponent >= 0x8 else 0
    value_ppm = mantissa * 10.0**exponent / PPB_PER_PPM
    if value_ppm > PURE_GAS_PPM:
        raise PayloadError(payload.hex())
    return Concentration(value_ppm=value_ppm, raw_unit="ppb")
