"""Stores that exchanged everything are equal, however they did it: the promise that replication rests on.

Drawn by Hypothesis: who edits what (also a branch that lost, also a deleted one), who exchanges with whom and which
way, how often and in which order. First with bare revision trees, of which thousands are tried, then with real stores.
"""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sync.merge import (
    Node,
    Tree,
    ancestry,
    check_path,
    generation,
    grow,
    leaves,
    leaves_of,
    possible_ancestors,
    stem,
    superseded,
    winner_key,
)
from sync.store.models import Document
from sync.store.store import Store

MANY = settings(max_examples=120, deadline=None)
STORES = 4


def edited(parent: str, content: int, *, deleted: bool) -> str:
    """The same edit on the same parent is the same revision, wherever it is made."""
    number = generation(parent) + 1 if parent else 1
    return f"{number}-{hashlib.md5(repr((parent, content, deleted)).encode(), usedforsecurity=False).hexdigest()}"


class Side:
    """One document at one place: its tree, and how much of the past it keeps."""

    def __init__(self, limit: int) -> None:
        self.tree: Tree = {}
        self.limit = limit

    def take(self, path: tuple[str, ...], *, deleted: bool) -> None:
        if path[0] in self.tree:
            return
        self.tree = stem(grow(self.tree, path[: self.limit], deleted=deleted, body=1), self.limit)
        for rev in superseded(self.tree, keep_parents=True):
            self.tree[rev] = Node(self.tree[rev].parent, self.tree[rev].deleted, 0)

    def edit(self, choice: int, content: int, *, deleted: bool) -> None:
        tips = leaves(self.tree)
        parent = tips[choice % len(tips)] if tips else ""
        rev = edited(parent, content, deleted=deleted)
        self.take((rev, parent) if parent else (rev,), deleted=deleted)

    def send_to(self, other: "Side") -> None:
        """What a replicator does: the leaves that the other lacks, each with its history."""
        for leaf in leaves(self.tree):
            other.take(ancestry(self.tree, leaf), deleted=self.tree[leaf].deleted)

    def told(self) -> dict[str, bool]:
        return {leaf: self.tree[leaf].deleted for leaf in leaves(self.tree)}


ids = st.integers(0, STORES - 1)
edits = st.tuples(st.just("edit"), ids, st.integers(0, 3), st.integers(0, 1), st.booleans())
sendings = st.tuples(st.just("send"), ids, ids)
steps = st.lists(st.one_of(edits, sendings), max_size=40)
orders = st.permutations([(one, other) for one in range(STORES) for other in range(STORES) if one != other])


def play(sides: list[Side], drawn: list[tuple]) -> None:
    for step in drawn:
        if step[0] == "edit":
            sides[step[1]].edit(step[2], step[3], deleted=step[4])
        else:
            sides[step[1]].send_to(sides[step[2]])


def exchange_all(sides: list[Side], order: list[tuple[int, int]]) -> None:
    """As often as it takes for what one store knows to reach every other by way of any third."""
    for _ in range(STORES):
        for one, other in order:
            sides[one].send_to(sides[other])


class TestTrees:
    @MANY
    @given(steps, orders, st.sampled_from([1, 2, 3, 5, 1000]))
    def test_stores_that_exchanged_everything_have_the_same_leaves_and_winner(self, drawn, order, limit):
        sides = [Side(limit) for _ in range(STORES)]
        play(sides, drawn)
        exchange_all(sides, order)
        told = [list(side.told().items()) for side in sides]
        assert told == [told[0]] * STORES
        exchange_all(sides, order[::-1])
        assert [list(side.told().items()) for side in sides] == told

    @MANY
    @given(steps, orders)
    def test_whole_histories_make_whole_trees_equal(self, drawn, order):
        sides = [Side(1000) for _ in range(STORES)]
        play(sides, drawn)
        exchange_all(sides, order)
        assert [bare(side.tree) for side in sides] == [bare(sides[0].tree)] * STORES

    @MANY
    @given(steps, st.integers(2, 5), st.lists(st.tuples(ids, st.integers(1, 4), orders), min_size=1, max_size=5))
    def test_cutting_histories_makes_no_conflict_where_everyone_is_told_in_time(self, drawn, limit, rounds):
        """In time: before more edits are made than the history holds."""
        sides = [Side(limit) for _ in range(STORES)]
        for number, (writer, count, order) in enumerate(rounds):
            for step in range(min(count, limit - 1)):
                sides[writer].edit(0, number * 10 + step, deleted=False)
            exchange_all(sides, order)
            assert [len(side.told()) for side in sides] == [1] * STORES

    @MANY
    @given(steps, st.sampled_from([1, 2, 3, 1000]))
    def test_a_tree_is_sound_at_every_moment(self, drawn, limit):
        sides = [Side(limit) for _ in range(STORES)]
        for number in range(len(drawn)):
            play(sides, drawn[number : number + 1])
            for side in sides:
                check_tree(side.tree, limit)

    @MANY
    @given(steps)
    def test_what_is_said_to_be_an_ancestor_may_be_one_and_no_true_one_is_left_out(self, drawn):
        sides = [Side(1000) for _ in range(STORES)]
        play(sides, drawn)
        for giver in sides:
            for taker in sides:
                lacking = [leaf for leaf in leaves(giver.tree) if leaf not in taker.tree]
                said = possible_ancestors(taker.tree, lacking)
                assert set(said) <= set(leaves(taker.tree))
                assert all(any(generation(rev) < generation(leaf) for leaf in lacking) for rev in said)
                true = {rev for leaf in lacking for rev in ancestry(giver.tree, leaf)} & set(leaves(taker.tree))
                assert true <= set(said)


def check_tree(tree: Mapping[str, Node], limit: int) -> None:
    tips = leaves(tree)
    assert bool(tips) == bool(tree)
    assert list(tips) == sorted(
        tips, key=lambda rev: (not tree[rev].deleted, generation(rev), rev.partition("-")[2]), reverse=True
    )
    assert [winner_key(rev, deleted=tree[rev].deleted) for rev in tips] == sorted(
        (winner_key(rev, deleted=tree[rev].deleted) for rev in tips), reverse=True
    )
    for leaf in tips:
        check_path(ancestry(tree, leaf))
        assert tree[leaf].body  # what is current can be read
    reached = {rev for leaf in tips for rev in ancestry(tree, leaf)[:limit]}
    assert reached == set(tree)  # nothing is kept that nobody asks for
    for rev in tree:
        assert set(leaves_of(tree, rev)) == {leaf for leaf in tips if rev in ancestry(tree, leaf)}
        assert leaves_of(tree, rev)


# Merging as an operation on trees


def merged(one: Tree, other: Tree) -> Tree:
    for leaf in leaves(other):
        one = grow(one, ancestry(other, leaf), deleted=other[leaf].deleted, body=1)
    return one


@st.composite
def three_trees(draw):
    sides = [Side(1000) for _ in range(STORES)]
    play(sides, draw(steps))
    return [side.tree for side in sides[:3]]


def bare(tree: Tree) -> tuple[dict[str, str | None], dict[str, bool]]:
    """Everything that travels: whether a superseded revision was a tombstone does not."""
    return {rev: node.parent for rev, node in tree.items()}, {leaf: tree[leaf].deleted for leaf in leaves(tree)}


class TestMerging:
    @MANY
    @given(three_trees())
    def test_the_order_does_not_matter(self, trees):
        one, other, _ = trees
        assert bare(merged(one, other)) == bare(merged(other, one))

    @MANY
    @given(three_trees())
    def test_the_grouping_does_not_matter(self, trees):
        one, other, third = trees
        assert bare(merged(merged(one, other), third)) == bare(merged(one, merged(other, third)))

    @MANY
    @given(three_trees())
    def test_a_second_time_changes_nothing(self, trees):
        one, other, _ = trees
        both = merged(one, other)
        assert merged(both, other) == both
        assert merged(both, one) == both
        assert merged(one, one) == one


# Real stores


class RealStores(RuleBasedStateMachine):
    """Three stores of several documents; at the end of every run they exchange everything."""

    @initialize(limit=st.sampled_from([1, 2, 4, 1000]))
    def open(self, limit):
        self.folder = tempfile.TemporaryDirectory()
        paths = [Path(self.folder.name) / f"{number}.db" for number in range(3)]
        self.stores = [Store.open(path, revs_limit=limit) for path in paths]

    @rule(
        where=st.integers(0, 2),
        doc_id=st.sampled_from("ab"),
        choice=st.integers(0, 3),
        content=st.integers(0, 1),
        deleted=st.booleans(),
    )
    def edit(self, where, doc_id, choice, content, deleted):
        store = self.stores[where]
        tips = store.leaves(doc_id)
        parent = tips[choice % len(tips)] if tips else None
        if parent is None and deleted:
            return
        store.put(doc_id, b'{"k":%d}' % content, rev=parent, deleted=deleted)

    @rule(one=st.integers(0, 2), other=st.integers(0, 2), batch=st.integers(1, 3))
    def exchange(self, one, other, batch):
        send(self.stores[one], self.stores[other], batch)

    @rule(where=st.integers(0, 2))
    def compact(self, where):
        self.stores[where].compact()

    @invariant()
    def every_current_revision_can_be_read(self):
        for store in getattr(self, "stores", ()):
            for change in store.changes():
                assert all(isinstance(each, Document) for each in store.open_revs(change.id, "all"))
                assert change.revs == store.leaves(change.id)

    def teardown(self):
        stores = getattr(self, "stores", [])
        for _ in stores:
            for one in stores:
                for other in stores:
                    send(one, other, 2)
        told = [contents(store) for store in stores]
        for store in stores:
            store.close()
        if stores:
            self.folder.cleanup()
        assert told == told[:1] * len(stores)


def send(one: Store, other: Store, batch: int) -> None:
    """As push and pull do: the changes, what is lacking of them, its latest revisions, written as they are."""
    changes = one.changes()
    for start in range(0, len(changes), batch):
        lacking = other.missing({change.id: change.revs for change in changes[start : start + batch]})
        for found in one.read_revs([(doc_id, lack.missing) for doc_id, lack in lacking.items()], latest=True):
            other.write([each for each in found if isinstance(each, Document)])


def contents(store: Store) -> dict[str, list[tuple[str, bytes, bool]]]:
    found = {change.id: store.open_revs(change.id, change.revs) for change in store.changes()}
    return {
        doc_id: [(each.rev, each.body, each.deleted) for each in documents if isinstance(each, Document)]
        for doc_id, documents in found.items()
    }


RealStores.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)


class TestRealStores(RealStores.TestCase):
    """Stores that exchanged everything are equal."""
