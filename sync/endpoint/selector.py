"""The part of Mango selectors that replication filters use: equality, comparison, membership, logic.

https://docs.couchdb.org/en/stable/api/database/find.html#selector-syntax
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sync.errors import BadRequest, NotImplementedHere
from sync.store.models import Document

Test = Callable[[Any], bool]

_ABSENT = object()
# Deeper ones only serve to exhaust the hub.
DEEPEST = 20


class Selector:
    def __init__(self, selector: Mapping[str, Any]) -> None:
        """Raises `NotImplementedHere` for an operator that the embedded hub lacks."""
        self._test = _compile(selector, 0)

    def matches(self, value: Mapping[str, Any]) -> bool:
        return self._test(value)

    def matches_document(self, document: Document) -> bool:
        value = msgspec.json.decode(document.body, type=dict[str, Any])
        value |= {"_id": document.id, "_rev": document.rev}
        if document.deleted:
            value["_deleted"] = True
        return self._test(value)


def _compile(selector: Any, depth: int) -> Test:
    if depth > DEEPEST:
        raise BadRequest("The selector is nested too deeply")
    if not isinstance(selector, Mapping):
        return lambda value: value is not _ABSENT and _order(value) == _order(selector)
    tests = [_member(name, given, depth + 1) for name, given in selector.items()]
    return lambda value: all(test(value) for test in tests)


def _member(name: str, given: Any, depth: int) -> Test:
    if name in {"$and", "$or", "$nor"}:
        if not isinstance(given, list):
            raise BadRequest(f"{name} needs a list")
        tests = [_compile(each, depth) for each in given]
        if name == "$and":
            return lambda value: all(test(value) for test in tests)
        wanted = name == "$or"
        return lambda value: any(test(value) for test in tests) is wanted
    if name == "$not":
        inner = _compile(given, depth)
        return lambda value: not inner(value)
    if name.startswith("$"):
        return _operator(name, given)
    test = _compile(given, depth)
    path = name.split(".")
    return lambda value: test(_at(value, path))


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return _ABSENT
        value = value[name]
    return value


def _operator(name: str, given: Any) -> Test:
    if name == "$exists":
        return lambda value: (value is not _ABSENT) is bool(given)
    if name in {"$in", "$nin"}:
        if not isinstance(given, list):
            raise BadRequest(f"{name} needs a list")
        keys = [_order(each) for each in given]
        wanted = name == "$in"
        return lambda value: value is not _ABSENT and (_order(value) in keys) is wanted
    compare = _COMPARISONS.get(name)
    if compare is None:
        raise NotImplementedHere(f"The selector operator {name} is not part of the embedded hub.")
    key = _order(given)
    return lambda value: value is not _ABSENT and compare(_order(value), key)


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda a, b: a == b,
    "$ne": lambda a, b: a != b,
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}


def _order(value: Any) -> tuple[int, Any]:
    """CouchDB's order of JSON values: null, booleans, numbers, strings, arrays, objects."""
    if value is None:
        return 0, 0
    if isinstance(value, bool):
        return 1, value
    if isinstance(value, int | float):
        return 2, value
    if isinstance(value, str):
        return 3, value
    if isinstance(value, list):
        return 4, [_order(each) for each in value]
    return 5, sorted((name, _order(each)) for name, each in value.items())
