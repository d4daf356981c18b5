"""Who holds a cylinder, and what contradicts: the same in any order of arrival."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from backend.cylinders.rules import Contradiction, Holder, Movement, fold, state_of

START = datetime(2026, 11, 23, 0, tzinfo=UTC)
STATION = Holder("station", "station", START)


def moved(number: int, kind: str, staff: str, customer: str = "", *, at: str = "", body: str = "") -> Movement:
    return Movement(
        record_id=f"r{number}",
        kind=kind,  # type: ignore[arg-type]
        at=START + timedelta(hours=number),
        staff_id=staff,
        customer_id=customer,
        station_id=at,
        inspection_body=body,
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


class TestWholeLife:
    LIFE = (
        moved(1, "bound", "chen", at="station"),
        moved(2, "filled", "chen", at="station"),
        moved(3, "stored", "chen", at="station"),
        moved(4, "loaded", "wang", at="station"),
        moved(5, "delivered", "wang", "sun"),
        moved(6, "returned", "wang", "sun"),
        moved(7, "stored", "chen", at="station"),
        moved(8, "sent_out", "chen", body="检验所"),
        moved(9, "inspected", "chen", at="station"),
        moved(10, "filled", "chen", at="station"),
        moved(11, "sent_out", "chen", body="检验所"),
        moved(12, "scrapped", "chen"),
    )

    @pytest.mark.parametrize(
        ("until", "kind", "key"),
        [
            (3, "station", "station"),
            (4, "vehicle", "wang"),
            (5, "customer", "sun"),
            (6, "vehicle", "wang"),
            (7, "station", "station"),
            (8, "inspection_body", "检验所"),
            (9, "station", "station"),
            (12, "scrapped", ""),
        ],
    )
    def test_each_record_hands_it_on(self, until: int, kind: str, key: str) -> None:
        custody = fold(STATION, self.LIFE[:until])
        assert (custody.holder.kind, custody.holder.id, custody.contradictions) == (kind, key, ())

    @pytest.mark.parametrize(
        ("before", "then", "told"),
        [
            (0, moved(20, "delivered", "wang", "sun"), [("delivered_not_loaded", "")]),
            (3, moved(20, "delivered", "wang", "sun"), [("delivered_not_loaded", "r3")]),
            (3, moved(20, "returned", "wang", "sun"), [("returned_not_delivered", "r3")]),
            (3, moved(20, "stored", "chen", at="other"), [("two_places", "r3")]),
            (3, moved(20, "loaded", "wang", at="other"), [("two_places", "r3")]),
            (3, moved(20, "filled", "chen", at="station"), [("filled_twice", "r2")]),
            (4, moved(20, "filled", "chen", at="station"), [("filled_not_at_station", "r4"), ("filled_twice", "r2")]),
            (5, moved(20, "filled", "chen", at="station"), [("filled_not_at_station", "r5")]),
            (5, moved(20, "stored", "chen", at="station"), [("not_returned", "r5")]),
            (5, moved(20, "sent_out", "chen", body="检验所"), [("not_returned", "r5")]),
            (5, moved(20, "scrapped", "chen"), [("not_returned", "r5")]),
            (8, moved(20, "loaded", "wang", at="station"), [("two_places", "r8")]),
            (8, moved(20, "filled", "chen", at="station"), [("filled_not_at_station", "r8")]),
            (12, moved(20, "filled", "chen", at="station"), [("used_after_scrapping", "r12")]),
            (12, moved(20, "delivered", "wang", "sun"), [("used_after_scrapping", "r12")]),
            (12, moved(20, "refused", "wang"), []),
            (12, moved(20, "scrapped", "chen"), []),
        ],
    )
    def test_what_cannot_be_is_told_with_the_record_before_it(
        self, before: int, then: Movement, told: list[tuple[str, str]]
    ) -> None:
        found = fold(STATION, [*self.LIFE[:before], then]).contradictions
        assert [(each.kind, each.earlier) for each in found] == told
        assert {each.later for each in found} <= {"r20"}

    def test_what_is_scrapped_stays_scrapped_whatever_is_recorded_of_it(self) -> None:
        custody = fold(STATION, [*self.LIFE, moved(13, "delivered", "wang", "sun")])
        assert (custody.holder.kind, custody.holder.record_id) == ("scrapped", "r12")


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
