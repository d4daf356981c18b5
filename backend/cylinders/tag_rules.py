"""Whose tag it is, folded from the bindings by corrected time, then record id. Clauses 5.8.6-4b and E5.8.6-3.

A tag belongs to the first cylinder that it was bound to, and never to another. Any order of arrival gives the same
owners and the same contradictions.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """`uid` is empty where the office has taken the tag off the archive."""

    record_id: str
    uid: str
    cylinder_id: str
    at: datetime
    replaces: str = ""


class TagContradiction(msgspec.Struct, frozen=True):
    """bound_elsewhere: the tag belongs to another cylinder. replaced_other: the cylinder had another tag, and the
    record does not say that this one replaces it. dead_again: the tag had died before (`earlier` is empty).
    """

    kind: Literal["bound_elsewhere", "replaced_other", "dead_again"]
    uid: str
    cylinder_id: str
    earlier: str
    later: str


class Ownership(msgspec.Struct, frozen=True):
    cylinder_id: str
    on_cylinder: bool
    since: datetime
    record_id: str


class FoldedTags(msgspec.Struct, frozen=True):
    """`tags` by UID; `current` is each cylinder's tag, "" for none."""

    tags: dict[str, Ownership]
    current: dict[str, str]
    contradictions: tuple[TagContradiction, ...]


def fold_tags(bindings: Iterable[Binding], died: Mapping[str, datetime] | None = None) -> FoldedTags:
    """`bindings`: all of these tags and of the cylinders that they name; `died`: when a tag died, by UID."""
    first: dict[str, Binding] = {}
    on: dict[str, Binding] = {}
    found: list[TagContradiction] = []
    for binding in sorted(bindings, key=lambda b: (b.at, b.record_id)):
        owner = first.setdefault(binding.uid, binding) if binding.uid else binding
        against = _against(binding, owner, on.get(binding.cylinder_id), died or {})
        if against is not None:
            found.append(against)
        if against is None or against.kind == "replaced_other":
            on[binding.cylinder_id] = binding
    current = {cylinder_id: binding.uid for cylinder_id, binding in on.items()}
    tags = {
        uid: Ownership(owner.cylinder_id, current.get(owner.cylinder_id) == uid, owner.at, owner.record_id)
        for uid, owner in first.items()
    }
    return FoldedTags(tags, current, tuple(found))


def _against(
    binding: Binding, owner: Binding, before: Binding | None, died: Mapping[str, datetime]
) -> TagContradiction | None:
    uid, cylinder_id = binding.uid, binding.cylinder_id
    if owner.cylinder_id != cylinder_id:
        return TagContradiction("bound_elsewhere", uid, cylinder_id, owner.record_id, binding.record_id)
    if uid in died and died[uid] < binding.at:
        return TagContradiction("dead_again", uid, cylinder_id, "", binding.record_id)
    if before is not None and before.uid not in ("", uid, binding.replaces):
        return TagContradiction("replaced_other", uid, cylinder_id, before.record_id, binding.record_id)
    return None
