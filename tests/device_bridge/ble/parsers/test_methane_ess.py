import pytest

from device_bridge.ble.parsers import PayloadError
from device_bridge.ble.parsers.methane_ess import decode
from device_bridge.simulators.detector import encode_medfloat16


class TestDecode:
    # Worked by hand from IEEE 11073-20601: 12-bit mantissa, 4-bit exponent of ten, both two's complement.
    @pytest.mark.parametrize(
        ("payload", "ppm"),
        [
            ("0000", 0.0),
            ("d007", 2.0),  # 2000e0 ppb
            ("c810", 2.0),  # 200e1 ppb
            ("f441", 5000.0),  # 500e4 ppb
            ("0aa0", 1e-8),  # 10e-6 ppb
            ("9cff", -0.01),  # -100e-1 ppb: drift around zero
            ("0a80", 1e-10),  # 10e-8 ppb, the smallest exponent
            ("6470", 1_000_000.0),  # 100e7 ppb, pure gas
        ],
    )
    def test_medfloat16_in_parts_per_billion(self, payload: str, ppm: float):
        reading = decode(bytes.fromhex(payload))
        assert reading.value_ppm == pytest.approx(ppm)
        assert reading.raw_unit == "ppb"

    @pytest.mark.parametrize("payload", ["ff07", "0008", "0108", "0208"])
    def test_an_instrument_that_warms_up_has_no_value(self, payload: str):
        assert decode(bytes.fromhex(payload)) is None

    def test_above_the_range_still_raises_every_alarm(self):
        reading = decode(bytes.fromhex("fe07"))
        assert (reading.value_ppm, reading.raw_unit) == (1_000_000.0, "ppb, over range")

    @pytest.mark.parametrize("payload", ["", "d0", "d00700", "6570"])
    def test_what_cannot_be_a_concentration_is_refused(self, payload: str):
        with pytest.raises(PayloadError):
            decode(bytes.fromhex(payload))

    @pytest.mark.parametrize("ppm", [0.5, 2, 49.9, 500, 5000, 12_300, 1_000_000])
    def test_the_simulated_detector_speaks_the_same_format(self, ppm: float):
        assert decode(encode_medfloat16(ppm * 1000)).value_ppm == pytest.approx(ppm, rel=0.003)
