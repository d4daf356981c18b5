"""Mango selectors, as replication filters use them: every operator but `$regex` and `$text`.

https://docs.couchdb.org/en/stable/api/database/find.html#selector-syntax. `$regex` is refused: a pattern can be
written that keeps a whole hub busy for hours with one document.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from sync.errors import BadRequest, NotImplementedHere
from sync.store.models import Document

Test = Callable[[Any], bool]

_ABSENT = object()
# A dot in a field's own name is written with a backslash before it.
_STEP = re.compile(r"(?<!\\)\.")
# Deeper ones only serve to exhaust the hub.
DEEPEST = 20


class Selector:
    def __init__(self, selector: Mapping[str, Any]) -> None:
        """Raises `NotImplementedHere` for an operator that the embedded hub lacks."""
        self._test = _compile(selector, 0, negated=False)

    def matches(self, value: Mapping[str, Any]) -> bool:
        return self._test(value)

    def matches_document(self, document: Document) -> bool:
        value = msgspec.json.decode(document.body, type=dict[str, Any])
        value |= {"_id": document.id, "_rev": document.rev}
        if document.deleted:
            value["_deleted"] = True
        return self._test(value)


def _compile(selector: Any, depth: int, *, negated: bool) -> Test:
    """Negation is carried inwards, as CouchDB does it: a field that is not there matches neither `{"a": 1}` nor its
    opposite.
    """
    if depth > DEEPEST:
        raise BadRequest("The selector is nested too deeply")
    if not isinstance(selector, Mapping):
        return _operator("$eq", selector, depth, negated=negated)
    tests = [_member(name, given, depth + 1, negated=negated) for name, given in selector.items()]
    return _any(tests) if negated else _all(tests)


def _member(name: str, given: Any, depth: int, *, negated: bool) -> Test:
    if name in {"$and", "$or", "$nor"}:
        if not isinstance(given, list):
            raise BadRequest(f"{name} needs a list")
        negated ^= name == "$nor"
        tests = [_compile(each, depth, negated=negated) for each in given]
        return _any(tests) if (name == "$and") == negated else _all(tests)
    if name == "$not":
        return _compile(given, depth, negated=not negated)
    if name.startswith("$"):
        return _operator(name, given, depth, negated=negated)
    test = _compile(given, depth, negated=negated)
    path = [step.replace("\\.", ".") for step in _STEP.split(name)]
    return lambda value: test(_at(value, path))


def _all(tests: Sequence[Test]) -> Test:
    return lambda value: all(test(value) for test in tests)


def _any(tests: Sequence[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(value, list) and name.isascii() and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, Mapping) and name in value:
            value = value[name]
        else:
            return _ABSENT
    return value


def _operator(name: str, given: Any, depth: int, *, negated: bool) -> Test:
    if name == "$exists":
        return lambda value: (value is not _ABSENT) is (bool(given) is not negated)
    if name in _OF_MEMBERS:
        inner = _compile(given, depth, negated=False)
        members = _OF_MEMBERS[name]
        return lambda value: value is not _ABSENT and members(value, inner) is not negated
    make = _OPERATORS.get(name)
    if make is None:
        raise NotImplementedHere(f"The selector operator {name} is not part of the embedded hub.")
    test = make(given)
    return lambda value: value is not _ABSENT and test(value) is not negated


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def make(given: Any) -> Test:
        key = _order(given)
        return lambda value: compare(_order(value), key)

    return make


def _in(given: Any) -> Test:
    keys = _keys("$in", given)
    return lambda value: any(_order(each) in keys for each in (value if isinstance(value, list) else [value]))


def _not_in(given: Any) -> Test:
    test = _in(given)
    return lambda value: not test(value)


def _has_all(given: Any) -> Test:
    keys = _keys("$all", given)
    whole = given[0] if len(given) == 1 and isinstance(given[0], list) else None

    def test(value: Any) -> bool:
        if not isinstance(value, list) or not keys:
            return False
        held = [_order(each) for each in value]
        return all(key in held for key in keys) or (whole is not None and _order(whole) == _order(value))

    return test


def _has_size(given: Any) -> Test:
    if not isinstance(given, int) or isinstance(given, bool):
        raise BadRequest("$size needs a whole number")
    return lambda value: isinstance(value, list) and len(value) == given


def _has_type(given: Any) -> Test:
    if given not in _TYPES:
        raise BadRequest(f"$type needs one of {', '.join(_TYPES)}")
    return lambda value: _TYPES[_order(value)[0]] == given


def _has_rest(given: Any) -> Test:
    whole = isinstance(given, list) and all(isinstance(each, int) and not isinstance(each, bool) for each in given)
    if not whole or len(given) != 2 or not given[0]:
        raise BadRequest("$mod needs a divisor that is not 0 and a rest, both whole numbers")
    # The rest has the sign of what is divided, as in Erlang.
    divisor, rest = abs(int(given[0])), int(given[1])

    def test(value: Any) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return (abs(value) % divisor) * (-1 if value < 0 else 1) == rest

    return test


def _begins_with(given: Any) -> Test:
    if not isinstance(given, str):
        raise BadRequest("$beginsWith needs a text")
    return lambda value: isinstance(value, str) and value.startswith(given)


def _keys(name: str, given: Any) -> list[tuple[int, Any]]:
    if not isinstance(given, list):
        raise BadRequest(f"{name} needs a list")
    return [_order(each) for each in given]


_OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    "$eq": _compared(operator.eq),
    "$ne": _compared(operator.ne),
    "$gt": _compared(operator.gt),
    "$gte": _compared(operator.ge),
    "$lt": _compared(operator.lt),
    "$lte": _compared(operator.le),
    "$in": _in,
    "$nin": _not_in,
    "$all": _has_all,
    "$size": _has_size,
    "$type": _has_type,
    "$mod": _has_rest,
    "$beginsWith": _begins_with,
}
_OF_MEMBERS: Mapping[str, Callable[[Any, Test], bool]] = {
    "$elemMatch": lambda value, test: isinstance(value, list) and any(map(test, value)),
    "$allMatch": lambda value, test: isinstance(value, list) and bool(value) and all(map(test, value)),
    "$keyMapMatch": lambda value, test: isinstance(value, Mapping) and any(map(test, value)),
}
_TYPES = ("null", "boolean", "number", "string", "array", "object")


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
