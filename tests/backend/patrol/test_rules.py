"""When a plan's tasks fall due, and the three rates."""

from datetime import UTC, date, datetime, time

import pytest

from backend.patrol.rules import Recurrence, TaskOutcome, Window, rates, turns_on

MONDAY = date(2026, 11, 23)
DAY = Window(time(8), time(12))


class TestTurnsOn:
    def test_twice_a_day_gives_two_tasks_in_beijing_time(self) -> None:
        twice = Recurrence(windows=(DAY, Window(time(13), time(17))))
        turns = turns_on(twice, MONDAY, None, MONDAY)
        assert [(t.number, t.start_at.astimezone(UTC).hour, t.due_at.astimezone(UTC).hour) for t in turns] == [
            (0, 0, 4),
            (1, 5, 9),
        ]

    @pytest.mark.parametrize(("day", "count"), [(23, 1), (24, 0), (25, 0), (26, 1), (29, 1)])
    def test_every_third_day_counts_from_the_first(self, day: int, count: int) -> None:
        every_third = Recurrence(every_days=3, windows=(DAY,))
        assert len(turns_on(every_third, MONDAY, None, date(2026, 11, day))) == count

    @pytest.mark.parametrize(("day", "count"), [(23, 1), (24, 0), (25, 1), (29, 0)])
    def test_weekdays_are_those_that_were_chosen(self, day: int, count: int) -> None:
        chosen = Recurrence(kind="weekdays", weekdays=(1, 3), windows=(DAY,))
        assert len(turns_on(chosen, MONDAY, None, date(2026, 11, day))) == count

    @pytest.mark.parametrize("day", [date(2026, 11, 22), date(2026, 12, 1)])
    def test_nothing_is_due_before_the_plan_begins_or_after_it_ends(self, day: date) -> None:
        assert turns_on(Recurrence(), MONDAY, date(2026, 11, 30), day) == ()

    def test_a_night_shift_ends_on_the_next_day(self) -> None:
        (night,) = turns_on(Recurrence(windows=(Window(time(22), time(6)),)), MONDAY, None, MONDAY)
        assert (night.due_at - night.start_at).total_seconds() == 8 * 3600


class TestRates:
    NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def outcome(self, *, due: int, done: int | None, reached: int = 4, covered_m: float = 500.0) -> TaskOutcome:
        return TaskOutcome(
            due_at=self.NOW.replace(hour=due),
            done_at=None if done is None else self.NOW.replace(hour=done),
            points=4,
            points_reached=reached,
            assigned_m=1000.0,
            covered_m=covered_m,
        )

    def test_timeliness_counts_what_is_done_or_late_and_not_what_still_has_time(self) -> None:
        tasks = [
            self.outcome(due=10, done=9),
            self.outcome(due=10, done=11),
            self.outcome(due=10, done=None),
            self.outcome(due=18, done=None),
        ]
        assert rates(tasks, self.NOW).timeliness == 33.3

    def test_arrival_and_coverage_are_shares_of_everything_that_was_asked(self) -> None:
        found = rates([self.outcome(due=10, done=9, reached=3), self.outcome(due=18, done=None, covered_m=0)], self.NOW)
        assert (found.arrival, found.coverage) == (87.5, 25.0)

    def test_nothing_to_count_is_no_rate_instead_of_a_hundred_percent(self) -> None:
        found = rates([], self.NOW)
        assert (found.arrival, found.coverage, found.timeliness) == (None, None, None)
