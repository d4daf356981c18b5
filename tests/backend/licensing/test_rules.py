"""Which step may follow which, and by when an authority must answer."""

from datetime import date

import pytest

from backend.licensing.rules import STEPS, Action, State, after_working_days, next_state

ENDED: tuple[State, ...] = ("approved", "refused", "withdrawn")


class TestSteps:
    @pytest.mark.parametrize("action", list(STEPS))
    @pytest.mark.parametrize("state", ENDED)
    def test_nothing_follows_an_end(self, state: State, action: Action) -> None:
        assert next_state(state, action) is None

    @pytest.mark.parametrize(
        ("state", "action", "after"),
        [
            ("draft", "submit", "submitted"),
            ("returned", "submit", "submitted"),
            ("submitted", "accept", "under_review"),
            ("submitted", "return", "returned"),
            ("under_review", "approve", "approved"),
            ("under_review", "refuse", "refused"),
            ("draft", "approve", None),
            ("submitted", "approve", None),
            ("submitted", "submit", None),
            ("returned", "refuse", None),
        ],
    )
    def test_each_leads_where_the_procedure_says(self, state: State, action: Action, after: State | None) -> None:
        assert next_state(state, action) == after


class TestDeadline:
    @pytest.mark.parametrize(
        ("day", "days", "due"),
        [
            (date(2026, 11, 23), 5, date(2026, 11, 30)),
            (date(2026, 11, 27), 1, date(2026, 11, 30)),
            (date(2026, 11, 28), 1, date(2026, 11, 30)),
            (date(2026, 11, 23), 20, date(2026, 12, 21)),
        ],
    )
    def test_weekends_are_left_out(self, day: date, days: int, due: date) -> None:
        assert after_working_days(day, days) == due
