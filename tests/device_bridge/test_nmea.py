from datetime import UTC, datetime
from functools import reduce
from operator import xor

import pytest

from device_bridge.models import Fix
from device_bridge.nmea import RANGE_ERROR_M, UNKNOWN_ACCURACY_M, NmeaFolder, SentenceError

# Sentences of the textbook receiver (NMEA 0183 v4.1), checksums as printed by it.
GGA = "GNGGA,092750.00,4352.1234567,N,12634.7654321,E,1,08,1.03,61.7,M,55.2,M,,"
RMC = "GNRMC,092750.00,A,4352.1234567,N,12634.7654321,E,2.43,90.5,231126,,,A"
GST = "GNGST,092750.00,8.2,,,,3.0,4.0,7.1"


def sentence(body: str) -> bytes:
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n".encode()


def later(body: str, second: int) -> str:
    return body.replace("092750.00", f"0927{second:02d}.00")


def fold(*bodies: str) -> list[Fix]:
    folder = NmeaFolder()
    return [fix for body in bodies if (fix := folder.feed(sentence(body))) is not None]


class TestNmeaFolder:
    def test_the_sentences_of_one_instant_become_one_fix(self):
        (fix,) = fold(GGA, RMC, GST, later(GGA, 51))
        assert fix.lon == pytest.approx(126.5794238, abs=1e-7)
        assert fix.lat == pytest.approx(43.8687243, abs=1e-7)
        assert fix.accuracy_m == pytest.approx(5.0)
        assert fix.time_utc == datetime(2026, 11, 23, 9, 27, 50, tzinfo=UTC)
        assert fix.speed_mps == pytest.approx(1.25, abs=0.001)
        assert fix.heading_deg == pytest.approx(90.5)
        assert (fix.source, fix.mocked) == ("gnss", False)

    def test_from_the_second_instant_on_no_fix_waits_for_the_next_one(self):
        folder = NmeaFolder()
        bodies = [later(body, second) for second in (50, 51, 52) for body in (RMC, GGA, GST)]
        done = [folder.feed(sentence(body)) is not None for body in bodies]
        # The first fix when the second instant begins, then with each closing sentence.
        assert done == [False, False, False, True, False, True, False, False, True]

    def test_a_receiver_that_sends_rmc_alone_is_heard_with_a_poor_accuracy(self):
        fixes = fold(RMC, later(RMC, 51), later(RMC, 52))
        assert {fix.accuracy_m for fix in fixes} == {UNKNOWN_ACCURACY_M}
        assert len(fixes) >= 2

    def test_without_an_error_sentence_the_dilution_tells_the_accuracy(self):
        (fix,) = fold(GGA, RMC, later(GGA, 51))
        assert fix.accuracy_m == pytest.approx(1.03 * RANGE_ERROR_M)

    @pytest.mark.parametrize(
        "silent_sky",
        [GGA.replace(",E,1,", ",E,0,"), RMC.replace(",A,43", ",V,43"), "GNGGA,092750.00,,,,,0,00,99.99,,,,,,"],
    )
    def test_without_sky_there_is_no_position(self, silent_sky: str):
        assert fold(silent_sky, GST, later(silent_sky, 51), later(GST, 51)) == []

    @pytest.mark.parametrize("mocking", [GGA.replace(",E,1,", ",E,8,"), RMC[:-1] + "S", RMC[:-1] + "M"])
    def test_a_simulated_or_typed_in_position_is_marked(self, mocking: str):
        (fix,) = fold(mocking, later(GST, 51))
        assert fix.mocked

    @pytest.mark.parametrize("talker", ["GP", "BD", "GB", "GL"])
    def test_every_constellation_is_heard(self, talker: str):
        assert len(fold(*(talker + body[2:] for body in (GGA, RMC, later(GGA, 51))))) == 1

    def test_no_cut_off_sentence_is_believed(self):
        whole = sentence(GGA)
        for length in range(len(whole) - 2):
            with pytest.raises(SentenceError):
                NmeaFolder().feed(whole[:length])

    def test_no_single_flipped_bit_is_believed(self):
        whole = sentence(RMC).rstrip()
        for place in range(1, len(whole)):
            for bit in range(7):
                damaged = bytearray(whole)
                damaged[place] ^= 1 << bit
                folder = NmeaFolder()
                heard = []
                # The case of a hexadecimal digit is no damage.
                if damaged.upper() != whole:
                    with pytest.raises(SentenceError):
                        heard.append(folder.feed(bytes(damaged)))
                assert heard == []

    def test_unknown_sentences_are_passed_over(self):
        assert fold("GNGSA,A,3,01,02,03,,,,,,,,,,1.5,0.8,1.2", "PUBX,00", GGA, "GNXYZ,1", later(GGA, 51)) != []
