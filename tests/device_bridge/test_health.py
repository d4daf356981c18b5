from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from device_bridge.health import battery_percent, clock_ahead_s, free_storage_bytes, probe_health
from device_bridge.models import Fix

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def supply(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir()
    for file, content in files.items():
        (folder / name / file).write_text(content + "\n")


class TestBatteryPercent:
    def test_the_emptier_of_two_counts_and_a_mouse_does_not(self, tmp_path: Path):
        supply(tmp_path, "AC", type="Mains", online="1")
        supply(tmp_path, "BAT0", type="Battery", capacity="81")
        supply(tmp_path, "BAT1", type="Battery", capacity="40")
        supply(tmp_path, "hid-mouse", type="Battery", scope="Device", capacity="3")
        assert battery_percent(tmp_path) == 40

    @pytest.mark.parametrize("name", ["none", "."])
    def test_a_machine_without_one(self, tmp_path: Path, name: str):
        assert battery_percent(tmp_path / name) is None

    def test_a_battery_that_does_not_tell(self, tmp_path: Path):
        supply(tmp_path, "BAT0", type="Battery", capacity="")
        assert battery_percent(tmp_path) is None


class TestClockAheadS:
    def test_a_clock_that_runs_ahead_of_the_satellites(self):
        fix = Fix(126.5, 43.8, 3.0, time_utc=NOW - timedelta(seconds=90))
        assert clock_ahead_s(fix, NOW) == 90

    @pytest.mark.parametrize("fix", [None, Fix(126.5, 43.8, 3.0)])
    def test_unknown_without_satellite_time(self, fix: Fix | None):
        assert clock_ahead_s(fix, NOW) is None


class TestProbeHealth:
    def test_storage_is_what_may_still_be_written(self, tmp_path: Path):
        health = probe_health(tmp_path, fix=None, now_utc=NOW)
        assert health.free_storage_bytes == pytest.approx(free_storage_bytes(tmp_path), rel=0.05)
        assert health.free_storage_bytes > 0

    def test_a_storage_that_is_gone_is_an_error_and_not_zero(self, tmp_path: Path):
        with pytest.raises(FileNotFoundError):
            free_storage_bytes(tmp_path / "gone")
