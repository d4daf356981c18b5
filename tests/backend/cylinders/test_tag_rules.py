"""Whose tag it is: the same in any order of arrival."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.cylinders.tag_rules import Binding, fold_tags

START = datetime(2026, 11, 23, tzinfo=UTC)


def bound(number: int, uid: str, cylinder_id: str, *, replaces: str = "") -> Binding:
    at = START + timedelta(hours=number)
    return Binding(record_id=f"r{number}", uid=uid, cylinder_id=cylinder_id, at=at, replaces=replaces)


bindings = st.lists(
    st.builds(
        lambda hour, uid, cylinder_id, replaces: (hour, uid, cylinder_id, replaces),
        st.integers(0, 3),
        st.sampled_from(["u1", "u2", "u3", ""]),
        st.sampled_from(["c1", "c2", "c3"]),
        st.sampled_from(["", "u1", "u2"]),
    ),
    max_size=6,
).map(
    lambda found: [
        Binding(record_id=f"r{n}", uid=u, cylinder_id=c, at=START + timedelta(hours=h), replaces=r)
        for n, (h, u, c, r) in enumerate(found)
    ]
)


class TestFoldTags:
    @given(bindings, st.randoms(use_true_random=False))
    def test_any_order_of_arrival_gives_the_same(self, found: list[Binding], order) -> None:
        shuffled = order.sample(found, len(found))
        assert fold_tags(shuffled) == fold_tags(found)

    @given(bindings)
    @pytest.mark.requirement("5.8.6-4b")
    def test_no_tag_is_ever_on_two_cylinders_nor_on_another_than_its_first(self, found: list[Binding]) -> None:
        folded = fold_tags(found)
        on = [uid for uid in folded.current.values() if uid]
        assert len(on) == len(set(on))
        for cylinder_id, uid in folded.current.items():
            assert not uid or folded.tags[uid].cylinder_id == cylinder_id

    def test_a_peeled_tag_on_another_cylinder_contradicts_and_stays_where_it_was(self) -> None:
        folded = fold_tags([bound(1, "u1", "c1"), bound(2, "u1", "c2")])
        assert folded.current == {"c1": "u1"}
        (against,) = folded.contradictions
        assert (against.kind, against.cylinder_id, against.earlier, against.later) == (
            "bound_elsewhere",
            "c2",
            "r1",
            "r2",
        )

    def test_a_replacement_that_is_declared_does_not_contradict(self) -> None:
        folded = fold_tags([bound(1, "u1", "c1"), bound(2, "u2", "c1", replaces="u1")])
        assert (folded.current, folded.contradictions) == ({"c1": "u2"}, ())
        assert [(uid, tag.on_cylinder) for uid, tag in folded.tags.items()] == [("u1", False), ("u2", True)]

    def test_one_that_is_not_declared_is_asked_about(self) -> None:
        folded = fold_tags([bound(1, "u1", "c1"), bound(2, "u2", "c1")])
        assert folded.current == {"c1": "u2"}
        assert [c.kind for c in folded.contradictions] == ["replaced_other"]

    def test_a_dead_tag_does_not_come_back(self) -> None:
        rows = [bound(1, "u1", "c1"), bound(2, "", "c1", replaces="u1"), bound(4, "u1", "c1")]
        folded = fold_tags(rows, {"u1": START + timedelta(hours=3)})
        assert folded.current == {"c1": ""}
        assert [c.kind for c in folded.contradictions] == ["dead_again"]

    def test_bound_before_its_death_it_was_bound(self) -> None:
        orders = itertools.permutations([bound(1, "u1", "c1"), bound(2, "u2", "c1", replaces="u1")])
        died = {"u2": START + timedelta(hours=9)}
        assert {str(fold_tags(order, died).current) for order in orders} == {"{'c1': 'u2'}"}
