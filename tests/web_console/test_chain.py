"""How a cylinder's chain is told: the newest one by one, the years before in short, nothing that matters hidden."""

from datetime import UTC, datetime, timedelta

from backend.cylinders.rules import MovementKind
from backend.cylinders.schemas import MovementOut
from web_console.chain import Passage, passages, years_and_months

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def move(number: int, kind: MovementKind) -> MovementOut:
    return MovementOut(
        record_id=f"r{number}",
        kind=kind,
        at=NOW - timedelta(days=number),
        staff_id="wang",
        staff_name="王",
        vehicle="",
        station_id="",
        customer_id="",
        task_id="",
        method="qr",
        detail="",
    )


ROUND: tuple[MovementKind, ...] = ("stored", "returned", "delivered", "loaded", "filled")


class TestPassages:
    def chain(self, count: int) -> list[MovementOut]:
        return [move(number, ROUND[number % len(ROUND)]) for number in range(count)]

    def test_the_newest_are_told_one_by_one_and_the_years_before_counted(self) -> None:
        found = passages(self.chain(48), set())
        assert [isinstance(each, Passage) for each in found] == [False] * 8 + [True]
        last = found[-1]
        assert isinstance(last, Passage)
        assert (last.counts, len(last.moves)) == ({"filled": 8, "delivered": 8}, 40)

    def test_an_old_inspection_and_what_contradicts_are_never_hidden(self) -> None:
        chain = self.chain(48)
        chain[20] = move(20, "inspected")
        found = passages(chain, {"r40"})
        told = [each.record_id for each in found if not isinstance(each, Passage)]
        assert told == [f"r{number}" for number in range(8)] + ["r20", "r40"]
        assert sum(1 if not isinstance(each, Passage) else len(each.moves) for each in found) == len(chain)

    def test_a_short_chain_is_told_whole(self) -> None:
        assert passages(self.chain(11), set()) == self.chain(11)

    def test_one_kind_is_told_whole(self) -> None:
        found = passages(self.chain(48), set(), "filling")
        assert {each.kind for each in found if not isinstance(each, Passage)} == {"filled", "stored"}
        assert len(found) == 19


def test_spans_are_told_as_people_say_them() -> None:
    def over(days: int) -> tuple[int, int, int]:
        return years_and_months(NOW - timedelta(days=days), NOW)

    assert [over(0), over(40), over(61), over(365), over(1232)] == [
        (0, 0, 1),
        (0, 0, 40),
        (0, 2, 0),
        (1, 0, 0),
        (3, 4, 0),
    ]
