from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from device_bridge.models import Fix, InstrumentInfo
from mobile_app.errors import OutOfOrder
from mobile_app.phone import Phone
from mobile_app.shift.work import Probes, judge, shift_check

TODAY = date(2026, 11, 23)
INSTRUMENT = InstrumentInfo(
    "J-01", "检漏仪", "演示", "X", battery_percent=90, verified_until=TODAY + timedelta(days=90)
)
GOOD = Probes(
    fix=Fix(126.5, 43.8, 5),
    battery_saver_exempt=True,
    battery_percent=90,
    free_storage_bytes=8_000_000_000,
    clock_ahead_s=1,
    instrument=INSTRUMENT,
)


class TestJudge:
    def test_a_good_phone_passes_all_six(self) -> None:
        items = judge(GOOD, TODAY)
        assert len(items) == 6
        assert {item.result for item in items} == {"passed"}

    @pytest.mark.parametrize(
        ("change", "item", "result"),
        [
            ({"fix": None}, "positioning", "failed"),
            ({"fix": Fix(126.5, 43.8, 30)}, "positioning", "warning"),
            ({"battery_saver_exempt": False}, "battery_saver", "failed"),
            ({"battery_percent": 40}, "battery", "warning"),
            ({"battery_percent": 10}, "battery", "failed"),
            ({"battery_percent": None}, "battery", "warning"),
            ({"free_storage_bytes": 1_000}, "storage", "failed"),
            ({"clock_ahead_s": -90_000}, "clock", "failed"),
            ({"clock_ahead_s": None}, "clock", "warning"),
            ({"instrument": None}, "instrument", "failed"),
            (
                {"instrument": msgspec.structs.replace(INSTRUMENT, verified_until=TODAY - timedelta(days=1))},
                "instrument",
                "failed",
            ),
            (
                {"instrument": msgspec.structs.replace(INSTRUMENT, verified_until=TODAY + timedelta(days=5))},
                "instrument",
                "warning",
            ),
        ],
    )
    def test_finds_what_is_wrong(self, change: dict[str, Any], item: str, result: str) -> None:
        found = {i.item: i.result for i in judge(msgspec.structs.replace(GOOD, **change), TODAY)}
        assert found.pop(item) == result  # type: ignore[call-overload]
        assert set(found.values()) == {"passed"}

    def test_a_driver_needs_no_instrument(self) -> None:
        probes = msgspec.structs.replace(GOOD, instrument=None, instrument_needed=False)
        assert "instrument" not in [item.item for item in judge(probes, TODAY)]


class TestShiftCheck:
    async def test_a_failure_stops_the_shift_until_the_worker_says_otherwise(self, phone: Phone) -> None:
        probes = msgspec.structs.replace(GOOD, fix=None)
        with pytest.raises(OutOfOrder) as refused:
            await shift_check(phone, probes)
        assert [item.item for item in refused.value.facts["items"]] == ["positioning"]
        assert (await shift_check(phone, probes, started_anyway=True)).started_anyway

    async def test_the_instrument_is_on_record(self, phone: Phone) -> None:
        due = phone.today() + timedelta(days=90)
        probes = msgspec.structs.replace(GOOD, instrument=msgspec.structs.replace(INSTRUMENT, verified_until=due))
        checked = await shift_check(phone, probes)
        assert (checked.instrument_id, checked.instrument_verified_until) == ("J-01", due)
        assert not checked.started_anyway
