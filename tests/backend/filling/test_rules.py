import itertools
from datetime import UTC, datetime, timedelta

import pytest

from backend.filling.rules import AfterCheck, state_of

AT = datetime(2026, 11, 23, tzinfo=UTC)


def check(gross_kg: float, *, passed: bool = True, drained: float | None = None, minute: int = 0) -> AfterCheck:
    at = AT + timedelta(minutes=minute)
    return AfterCheck(id=f"c{minute}", at=at, passed=passed, reweighed_gross_kg=gross_kg, drained_gross_kg=drained)


class TestStateOf:
    """Tare 16.5 kg, 14.1 to 14.9 kg of gas."""

    @pytest.mark.parametrize(
        ("net_kg", "checks", "state"),
        [
            (14.5, [], "unchecked"),
            (15.0, [], "overfilled"),
            (14.9, [], "unchecked"),
            (14.5, [check(31.0)], "passed"),
            (14.5, [check(31.0, passed=False)], "failed"),
            (14.5, [check(31.6)], "overfilled"),  # the second scale knows better
            (14.5, [check(30.5)], "underfilled"),
            (15.3, [check(31.8, drained=31.0)], "passed"),
            (15.3, [check(31.8, drained=31.5)], "overfilled"),
            (14.5, [check(31.0), check(31.0, passed=False, minute=1)], "failed"),
            (14.5, [check(31.8, passed=False), check(31.8, drained=31.2, minute=1)], "passed"),
        ],
    )
    def test_the_last_check_and_its_weight_decide_in_any_order(
        self, net_kg: float, checks: list[AfterCheck], state: str
    ) -> None:
        for order in itertools.permutations(checks):
            assert state_of(net_kg=net_kg, tare_kg=16.5, least_kg=14.1, most_kg=14.9, checks=order) == state

    def test_without_a_table_no_weight_is_wrong(self) -> None:
        assert state_of(net_kg=40, tare_kg=16.5, least_kg=None, most_kg=None, checks=[check(60)]) == "passed"
