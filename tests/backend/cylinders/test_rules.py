"""Who holds a cylinder, and what contradicts: the same in any order of arrival."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from backend.cylinders.rules import Contradiction, Holder, Movement, fold, state_of

START = datetime(2026, 11, 23, 0, tzinfo=UTC)
STATION = Holder("station", "station", START)


def moved(number: int, kind: str, staff: str, customer: str = "") -> Movement:
    return Movement(
        record_id=f"r{number}",
        kind=kind,  # type: ignore[arg-type]
        at=START + timedelta(hours=number),
        staff_id=staff,
        customer_id=customer,
    )


DAY = [
    moved(1, "loaded", "wang"),
    moved(2, "delivered", "wang", "sun"),
    moved(3, "delivered", "liu", "zhou"),
    moved(4, "refused", "wang"),
    moved(5, "returned", "liu", "zhou"),
]


class TestFold:
    def test_every_order_of_arrival_gives_the_same_holder_and_the_same_contradictions(self) -> None:
        expected = fold(STATION, DAY)
        assert {repr(fold(STATION, order)) for order in itertools.permutations(DAY)} == {repr(expected)}

    def test_two_drivers_who_deliver_the_same_cylinder_contradict(self) -> None:
        assert fold(STATION, DAY).contradictions == (Contradiction("delivered_twice", "r2", "r3"),)

    def test_a_day_without_fault_ends_on_the_vehicle_without_contradiction(self) -> None:
        custody = fold(STATION, [DAY[0], DAY[1], moved(6, "returned", "liu", "sun")])
        assert (custody.holder.kind, custody.holder.id, custody.contradictions) == ("vehicle", "liu", ())

    def test_delivering_from_another_drivers_vehicle_contradicts(self) -> None:
        custody = fold(STATION, [DAY[0], moved(2, "delivered", "liu", "sun")])
        assert [c.kind for c in custody.contradictions] == ["delivered_by_other"]

    def test_taking_it_back_from_somebody_who_never_had_it_contradicts(self) -> None:
        custody = fold(STATION, [*DAY[:2], moved(3, "returned", "wang", "zhou")])
        assert [c.kind for c in custody.contradictions] == ["returned_from_other"]

    def test_a_late_record_explains_what_seemed_to_contradict(self) -> None:
        seen = [DAY[0], DAY[1], moved(7, "loaded", "liu")]
        assert [c.kind for c in fold(STATION, seen).contradictions] == ["loaded_while_at_customer"]
        assert fold(STATION, [*seen, moved(5, "returned", "wang", "sun")]).contradictions == ()

    def test_a_cylinder_from_before_the_records_may_be_taken_back(self) -> None:
        assert fold(STATION, [moved(1, "returned", "wang", "sun")]).contradictions == ()


@pytest.mark.parametrize(
    ("scrapped", "ends", "due", "state"),
    [
        (True, date(2020, 1, 1), date(2020, 1, 1), "scrapped"),
        (False, date(2026, 11, 22), date(2020, 1, 1), "service_ended"),
        (False, date(2030, 1, 1), date(2026, 11, 22), "overdue"),
        (False, date(2030, 1, 1), date(2026, 11, 23), "due_soon"),
        (False, None, date(2026, 12, 24), "normal"),
        (False, None, None, "normal"),
    ],
)
def test_of_several_states_the_worst_is_told(scrapped: bool, ends: date | None, due: date | None, state: str) -> None:  # noqa: FBT001
    found = state_of(scrapped=scrapped, service_ends_on=ends, next_inspection_on=due, today=date(2026, 11, 23))
    assert found == state
