import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import BadRequest
from sync.merge import (
    Node,
    ancestry,
    check_path,
    grow,
    leaves,
    leaves_of,
    possible_ancestors,
    stem,
    superseded,
)

SETTINGS = settings(max_examples=60, deadline=None)


@st.composite
def histories(draw):
    """Histories of one document as peers would send them: each path of one common tree, some tips deleted."""
    paths = [["1-a"]]
    for number in range(draw(st.integers(1, 12))):
        parent = draw(st.sampled_from(paths))
        paths.append([f"{len(parent) + 1}-{number:02x}", *parent])
    return [(path, draw(st.booleans())) for path in paths]


def grown(edits):
    tree = {}
    for number, (path, deleted) in enumerate(edits, start=1):
        tree = grow(tree, path, deleted=deleted, body=number)
    return tree


class TestGrow:
    @SETTINGS
    @given(histories(), st.randoms(use_true_random=False))
    def test_any_order_of_arrival_gives_the_same_leaves_and_winner(self, edits, chance):
        shuffled = list(edits)
        chance.shuffle(shuffled)
        assert leaves(grown(edits)) == leaves(grown(shuffled))

    @SETTINGS
    @given(histories())
    def test_taking_an_edit_twice_changes_nothing(self, edits):
        tree = grown(edits)
        for path, deleted in edits:
            assert grow(tree, path, deleted=deleted, body=99) == tree

    @SETTINGS
    @given(histories())
    def test_every_leaf_has_its_content_and_its_whole_history(self, edits):
        tree = grown(edits)
        known = {path[0]: tuple(path) for path, _ in edits}
        for leaf in leaves(tree):
            assert tree[leaf].body
            assert ancestry(tree, leaf) == known[leaf]

    @SETTINGS
    @given(histories(), st.integers(1, 4))
    def test_cutting_histories_keeps_leaves_and_winner(self, edits, limit):
        tree = grown(edits)
        cut = stem(tree, limit)
        assert leaves(cut) == leaves(tree)
        assert all(len(ancestry(cut, leaf)) >= min(limit, len(ancestry(tree, leaf))) for leaf in leaves(tree))

    def test_a_cut_history_is_joined_again_by_a_longer_one(self):
        tree = grow({}, ["3-c", "2-b"], deleted=False, body=1)
        tree = grow(tree, ["2-x", "1-a"], deleted=False, body=2)
        tree = grow(tree, ["4-d", "3-c", "2-b", "1-a"], deleted=False, body=3)
        assert ancestry(tree, "4-d") == ("4-d", "3-c", "2-b", "1-a")
        assert leaves(tree) == ("4-d", "2-x")

    def test_a_forged_history_does_not_move_a_known_one(self):
        tree = grow({}, ["2-b", "1-a"], deleted=False, body=1)
        tree = grow(tree, ["3-c", "2-b", "1-z"], deleted=False, body=2)
        assert ancestry(tree, "3-c") == ("3-c", "2-b", "1-a")
        assert leaves(tree) == ("3-c",)


class TestWinner:
    @pytest.mark.parametrize(
        ("tips", "winner"),
        [
            ({"2-bb": False, "2-cc": False}, "2-cc"),
            ({"3-aa": False, "2-cc": False}, "3-aa"),
            ({"10-aa": False, "9-cc": False}, "10-aa"),
            ({"3-aa": True, "2-cc": False}, "2-cc"),
            ({"3-aa": True, "2-cc": True}, "3-aa"),
        ],
    )
    def test_not_deleted_then_longest_then_highest(self, tips, winner):
        tree = {rev: Node(None, deleted, 1) for rev, deleted in tips.items()}
        assert leaves(tree)[0] == winner


TREE = {"1-a": Node(), "2-b": Node("1-a", False, 1), "2-c": Node("1-a"), "3-d": Node("2-c", False, 2)}


class TestAnswers:
    def test_latest_of_an_old_revision_is_every_leaf_that_came_of_it(self):
        assert leaves_of(TREE, "1-a") == ("3-d", "2-b")
        assert leaves_of(TREE, "2-c") == ("3-d",)
        assert leaves_of(TREE, "9-z") == ()

    def test_possible_ancestors_are_the_older_leaves(self):
        assert possible_ancestors(TREE, ["3-x"]) == ("2-b",)
        assert possible_ancestors(TREE, ["2-x"]) == ()

    def test_contents_of_leaves_are_never_superseded(self):
        tree = {"1-a": Node(None, False, 1), "2-b": Node("1-a", False, 2), "3-c": Node("2-b", False, 3)}
        assert superseded(tree, keep_parents=True) == ["1-a"]
        assert superseded(tree, keep_parents=False) == ["1-a", "2-b"]


class TestCheckPath:
    @pytest.mark.parametrize(
        "path", [["0-a"], ["a"], ["1-"], ["2-a", "2-b"], ["3-a", "1-b"], ["1-a b"], ["1-a", "0-b"]]
    )
    def test_what_is_no_history_is_refused(self, path):
        with pytest.raises(BadRequest):
            check_path(path)

    def test_a_long_history_is_taken(self):
        check_path([f"{n}-{random.Random(n).randbytes(16).hex()}" for n in range(1000, 0, -1)])
