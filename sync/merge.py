"""Revision trees as CouchDB has them: pure functions, so that phone and hub reach the same winner.

A revision `N-x` is generation N with id x. A tree maps each known revision to its parent. Merging is a
union by revision, so the order in which edits arrive does not matter. The rules are those of
https://docs.couchdb.org/en/stable/replication/conflicts.html: the winner is not deleted if any leaf is
not, then has the longest history, then the highest id.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from sync.errors import BadRequest

# Ids are 32 hexadecimal digits from every known writer; others are taken as CouchDB takes them.
_REVISION = re.compile(r"[1-9][0-9]{0,8}-[\x21\x23-\x5b\x5d-\x7e]{1,64}", re.ASCII)


class Node(Struct, frozen=True, array_like=True):
    """One revision in a tree. `body` is where the store keeps its content, 0 where it does not."""

    parent: str | None = None  # None: the oldest one known
    deleted: bool = False
    body: int = 0


Tree = dict[str, Node]


def check_revision(rev: str) -> str:
    """The revision itself; `BadRequest` where it is none."""
    if _REVISION.fullmatch(rev) is None:
        raise BadRequest("Invalid rev format")
    return rev


def generation(rev: str) -> int:
    return int(rev.partition("-")[0])


def winner_key(rev: str, *, deleted: bool) -> tuple[bool, int, str]:
    """Sorts leaves; the greatest wins."""
    number, _, name = rev.partition("-")
    return not deleted, int(number), name


def check_path(path: Sequence[str]) -> None:
    """`BadRequest` unless the path is a history, newest first, each one generation older than the last."""
    newest = generation(check_revision(path[0]))
    for age, rev in enumerate(path):
        if generation(check_revision(rev)) != newest - age:
            raise BadRequest("Invalid _revisions: generations must follow one another")


def grow(tree: Mapping[str, Node], path: Sequence[str], *, deleted: bool, body: int) -> Tree:
    """The tree with this history (newest first) merged in; unchanged where the newest is known already.

    Where two histories name different parents for one revision the known one stays: ids are hashes
    over the parent, so only a forged history disagrees, and no leaf without content can come of it.
    """
    grown = dict(tree)
    for age, rev in enumerate(path):
        parent = path[age + 1] if age + 1 < len(path) else None
        known = grown.get(rev)
        if known is None:
            newest = age == 0
            grown[rev] = Node(parent, deleted and newest, body if newest else 0)
            continue
        if known.parent is None:
            grown[rev] = Node(parent, known.deleted, known.body)
        elif known.parent != parent:
            break
    return grown


def leaves(tree: Mapping[str, Node]) -> tuple[str, ...]:
    """The current revisions, the winner first."""
    if len(tree) == 1:  # nearly every document of a phone: sorting cost half of a `_bulk_get`
        return tuple(tree)
    parents = {node.parent for node in tree.values()}
    tips = [rev for rev in tree if rev not in parents]
    return tuple(sorted(tips, key=lambda rev: winner_key(rev, deleted=tree[rev].deleted), reverse=True))


def ancestry(tree: Mapping[str, Node], rev: str) -> tuple[str, ...]:
    """The revision and what is known of its past, newest first."""
    path = []
    current: str | None = rev
    while current is not None and current in tree:
        path.append(current)
        current = tree[current].parent
    return tuple(path)


def leaves_of(tree: Mapping[str, Node], rev: str) -> tuple[str, ...]:
    """The leaves that came of this revision (itself, if it is one), the winner first."""
    if rev not in tree:
        return ()
    return tuple(leaf for leaf in leaves(tree) if rev in ancestry(tree, leaf))


def stem(tree: Mapping[str, Node], limit: int) -> Tree:
    """The tree with at most `limit` revisions of each leaf's past."""
    if len(tree) <= limit:
        return dict(tree)
    kept = {rev for leaf in leaves(tree) for rev in ancestry(tree, leaf)[:limit]}
    return {
        rev: node if node.parent in kept else Node(None, node.deleted, node.body)
        for rev, node in tree.items()
        if rev in kept
    }


def superseded(tree: Mapping[str, Node], *, keep_parents: bool) -> list[str]:
    """Revisions whose content may go: all but the leaves (and, while readers may hold them, their parents)."""
    needed = set(leaves(tree))
    if keep_parents:
        needed |= {parent for rev in needed if (parent := tree[rev].parent) is not None}
    return [rev for rev, node in tree.items() if node.body and rev not in needed]


def possible_ancestors(tree: Mapping[str, Node], missing: Iterable[str]) -> tuple[str, ...]:
    """Leaves that a missing revision might descend from, as `_revs_diff` tells them."""
    oldest_needed = max((generation(rev) for rev in missing), default=0)
    return tuple(leaf for leaf in leaves(tree) if generation(leaf) < oldest_needed)
