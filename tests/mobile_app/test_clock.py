from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mobile_app import clock as module
from mobile_app.clock import Clock

TRUE_TIME = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock.json")


class TestClock:
    def test_the_phones_own_clock_counts_as_unset(self, clock: Clock) -> None:
        assert clock.now().clock == "unset"
        assert clock.ahead_s() is None

    def test_server_time_is_carried_on(self, clock: Clock) -> None:
        clock.take_server(TRUE_TIME)
        moment = clock.now()
        assert moment.clock == "server"
        assert abs(moment.at - TRUE_TIME) < timedelta(seconds=2)

    def test_changing_the_phones_clock_changes_nothing(self, clock: Clock) -> None:
        clock.take_server(TRUE_TIME)
        assert clock.ahead_s() == pytest.approx((datetime.now(UTC) - TRUE_TIME).total_seconds(), abs=2)

    def test_is_known_after_the_app_was_killed(self, clock: Clock, tmp_path: Path) -> None:
        clock.take_server(TRUE_TIME)
        assert Clock(tmp_path / "clock.json").now().clock == "server"

    def test_is_forgotten_after_a_restart_of_the_phone(
        self, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock.take_server(TRUE_TIME)
        monkeypatch.setattr(module, "boot_id", lambda: "another boot")
        assert Clock(tmp_path / "clock.json").now().clock == "unset"

    def test_satellites_count_where_no_server_was_reached(self, clock: Clock) -> None:
        clock.take_gnss(TRUE_TIME)
        assert clock.now().clock == "gnss"

    def test_simulated_satellites_do_not(self, clock: Clock) -> None:
        clock.take_gnss(TRUE_TIME, mocked=True)
        assert clock.now().clock == "unset"

    def test_satellites_that_contradict_the_server_do_not(self, clock: Clock) -> None:
        clock.take_server(TRUE_TIME)
        clock.take_gnss(TRUE_TIME + timedelta(minutes=5))
        assert abs(clock.now().at - TRUE_TIME) < timedelta(seconds=2)

    def test_a_server_that_contradicts_the_satellites_wins(self, clock: Clock) -> None:
        clock.take_gnss(TRUE_TIME + timedelta(days=1))
        clock.take_server(TRUE_TIME)
        assert (clock.now().clock, clock.today()) == ("server", TRUE_TIME.date())

    def test_today_is_beijings(self, clock: Clock) -> None:
        clock.take_server(datetime(2026, 11, 23, 17, 0, tzinfo=UTC))
        assert clock.today().day == 24

    def test_a_broken_file_is_no_obstacle(self, tmp_path: Path) -> None:
        (tmp_path / "clock.json").write_bytes(b"{")
        assert Clock(tmp_path / "clock.json").now().clock == "unset"
