"""What a list may be filtered by, taken from its Struct: a filter that is added is tried without a line here."""

import types
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec


def tried(filters: type[msgspec.Struct], seen: Sequence[dict[str, Any]] = ()) -> Iterator[tuple[str, str]]:
    """Each filter with each value worth a try; `seen`: lines of the list, whose own values are tried too."""
    for name, hint in get_type_hints(filters, include_extras=True).items():
        own = sorted({str(line[name]) for line in seen if line.get(name)}) if str in _arms(hint) else []
        for value in sorted({*_values(hint), *own[:1]}):
            yield name, value


def _arms(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Annotated:
        return _arms(get_args(hint)[0])
    if get_origin(hint) in {Union, types.UnionType}:
        return tuple(arm for each in get_args(hint) for arm in _arms(each))
    return (hint,)


def _values(hint: Any) -> Iterator[str]:
    for arm in _arms(hint):
        if get_origin(arm) is Literal:
            yield from (value for value in get_args(arm) if value)
        yield from {
            bool: ("true", "false"),
            int: ("1",),
            float: ("0.5",),
            str: ("nobody",),
            date: ("2000-01-01", "2100-01-01"),
            datetime: ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"),
        }.get(arm, ())
