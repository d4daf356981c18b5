"""A page of a list, and the same list as a file for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar.params import Parameter

from sync.databases import BEIJING

T = TypeVar("T")

# Rows of a page at most, and of an exported file.
PAGE_MOST = 500
EXPORT_MOST = 50_000

Limit = Annotated[int, Parameter(ge=1, le=PAGE_MOST)]
Offset = Annotated[int, Parameter(ge=0)]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """`total` counts all that match, not only these."""

    items: list[T]
    total: int


def write_csv(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A CSV file that a spreadsheet opens with its Chinese intact."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    text = plain_text(value)
    # A spreadsheet would run a text that begins like a formula.
    may_run = isinstance(value, str | list | tuple) and text[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return "'" + text if may_run else text


def plain_text(value: Any) -> str:
    """What a cell of a spreadsheet says."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list | tuple):
        return "、".join(plain_text(part) for part in value)
    return str(value)
