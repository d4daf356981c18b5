"""Many rows of a table in one statement each way.

The rows travel as one JSON text and PostgreSQL makes table rows of it (`json_populate_recordset`): one round trip
whether there is one row or a thousand, 5 to 7 us of Python a row. An `executemany` costs 35 to 40 us, COPY 18 and a
temporary table besides wherever a row may be there already; at the database itself it is no slower than either.
Bytes go beside the JSON, those of a column in one piece, and are cut out of it there: neither side escapes them.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import accumulate
from operator import itemgetter
from typing import Any, Self

import msgspec
from geoalchemy2 import WKBElement
from psycopg.types.json import Json
from sqlalchemy import (
    JSON,
    ColumnElement,
    LargeBinary,
    TableValuedAlias,
    Text,
    TextClause,
    any_,
    cast,
    column,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession

from backend.db import Base

Row = dict[str, Any]


def one_of(where: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """`column IN (...)` with one parameter, however many values: the statement stays the same and is prepared once.
    (As JSON, since psycopg makes an array's text in Python, value by value.)
    """
    array = func.array(select(each_of(values).c.value).scalar_subquery())
    found: ColumnElement[bool] = where == any_(array)
    return found


async def insert_rows(session: AsyncSession, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """All of one shape; defaults of the model are filled in. One that is there already is an `IntegrityError`."""
    if rows:
        columns = _columns(table, rows[0])
        await session.execute(_insert(table, columns, ""), _given(table, rows))


async def insert_new(session: AsyncSession, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> set[Any]:
    """Leaves alone what is there already; answers the first key column of those that were not."""
    return await prepare_new(table, rows)(session)


def prepare_new(
    table: type[Base], rows: Sequence[Mapping[str, Any]], *, all_new: bool = False
) -> Callable[[AsyncSession], Coroutine[None, None, set[Any]]]:
    """`insert_new` in two steps: what it costs before the database is asked may be spent in a thread. With `all_new` a
    row that is there already is an `IntegrityError`.
    """
    if rows:
        key = next(iter(table.__table__.primary_key)).name
        action = "" if all_new else "ON CONFLICT DO NOTHING"
        statement = _insert(table, _columns(table, rows[0]), f'{action} RETURNING "{key}"')
        given = _given(table, rows)

    async def insert(session: AsyncSession) -> set[Any]:
        return set(await session.scalars(statement, given)) if rows else set()

    return insert


async def upsert_rows(
    session: AsyncSession,
    table: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    change: Sequence[str] | None = None,
    also: str = "",
    where: str = "",
    returning: str = "",
) -> Sequence[Any]:
    """Overwrites what is there under `key`, which no two of the rows share: all that the rows hold, or the columns
    `change` alone. `also` sets what is not in the rows, and `where` says which rows are overwritten (`t` is the row
    that is there); answers the column `returning` of those that were written.
    """
    if not rows:
        return []
    columns = _columns(table, rows[0])
    given = [f'"{name}" = excluded."{name}"' for name in (rows[0] if change is None else change) if name not in key]
    action = f"ON CONFLICT ({_names(key)}) DO UPDATE SET {', '.join(filter(None, [*given, also]))}"
    action += f" WHERE {where}" if where else ""
    action += f" RETURNING t.{returning}" if returning else ""
    found = await session.execute(_insert(table, columns, action), _given(table, rows))
    _forget(session, table)
    return found.scalars().all() if returning else []


def each_of(values: Iterable[str]) -> TableValuedAlias:
    """A table of one column, `value`."""
    given = cast(literal(msgspec.json.encode(list(values)).decode(), Text), JSON)
    return func.json_array_elements_text(given).table_valued(column("value", Text))


class Rows:
    """Rows by their id: read once and locked in the order of their keys, changed in memory, written in two statements.

    A row that somebody else inserts meanwhile is an `IntegrityError` on the primary key: whoever tries again finds it.
    """

    def __init__(self, table: type[Base], found: Iterable[Row]) -> None:
        self._table = table
        self._there = {row["id"]: row for row in found}
        self._rows = {key: dict(row) for key, row in self._there.items()}

    @classmethod
    async def read(cls, session: AsyncSession, table: type[Base], keys: Iterable[str]) -> Self:
        wanted = sorted({key for key in keys if key})
        if not wanted:
            return cls(table, ())
        held = table.__table__
        # Not FOR UPDATE: that would wait for whoever has just written a row that refers to one of these.
        query = select(held).where(one_of(held.c.id, wanted)).order_by(held.c.id).with_for_update(key_share=True)
        found = await session.execute(query)
        return cls(table, (dict(row) for row in found.mappings()))

    def get(self, key: str) -> Row | None:
        return self._rows.get(key)

    def add(self, row: Row) -> Row:
        """A new one; what it does not give is as the model says, else empty."""
        self._rows[row["id"]] = new = {**_blank(self._table), **row}
        return new

    def new(self) -> list[Row]:
        return [row for key, row in sorted(self._rows.items()) if key not in self._there]

    def changed(self) -> list[Row]:
        return [
            row
            for key, row in sorted(self._rows.items())
            if (there := self._there.get(key)) is not None and any(_differ(row[name], there[name]) for name in row)
        ]

    async def write(self, session: AsyncSession) -> None:
        await insert_rows(session, self._table, self.new())
        changed = self.changed()
        names = sorted({name for row in changed for name in row if _differ(row[name], self._there[row["id"]][name])})
        slim = [{name: row[name] for name in ("id", *names)} for row in changed]
        await _update_rows(session, self._table, names, slim)


def _differ(one: Any, other: Any) -> bool:
    # A shape is the very object that was read, or a new one.
    return one is not other and (isinstance(one, WKBElement) or isinstance(other, WKBElement) or one != other)


async def _update_rows(session: AsyncSession, table: type[Base], names: Sequence[str], rows: Sequence[Row]) -> None:
    if not rows:
        return
    put = ", ".join(f'"{name}" = {value}' for name, value in zip(names, _values(table, names), strict=True))
    name = table.__tablename__
    statement = f"UPDATE {name} AS t SET {put} FROM {_recordset(name)} WHERE t.id = r.id"  # noqa: S608 - our names
    await session.execute(text(statement), _given(table, rows, fill=False))
    _forget(session, table)


def _insert(table: type[Base], columns: Sequence[str], action: str) -> TextClause:
    name, values = table.__tablename__, ", ".join(_values(table, columns))
    return text(f"INSERT INTO {name} AS t ({_names(columns)}) SELECT {values} FROM {_recordset(name)} {action}")  # noqa: S608


def _recordset(name: str) -> str:
    same = f"json_populate_record(NULL::{name}, CAST(:same AS json))"
    return f"json_populate_recordset({same}, CAST(:rows AS json)) WITH ORDINALITY AS r"


def _values(table: type[Base], columns: Iterable[str]) -> list[str]:
    """What each column is given: as it stands in the JSON, or cut from where its bytes lie end to end."""
    binary = _binary(table)
    return [_cut(name) if name in binary else f'r."{name}"' for name in columns]


def _cut(name: str) -> str:
    # Selected, or the text of the ends would be read anew for every row.
    end = f"(SELECT CAST(:{name}_ends AS int[]))"
    begin, size = f"{end}[r.ordinality]", f"{end}[r.ordinality + 1] - {end}[r.ordinality]"
    return (
        f'CASE WHEN r."{name}" IS NOT NULL THEN substring(CAST(:{name}_bytes AS bytea) FROM {begin} + 1 FOR {size}) END'
    )


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _columns(table: type[Base], row: Mapping[str, Any]) -> list[str]:
    return [*row, *(name for name in _defaults(table) if name not in row)]


def _given(table: type[Base], rows: Sequence[Mapping[str, Any]], *, fill: bool = True) -> dict[str, Any]:
    """What all rows share goes once: most columns of a page do, and each one more in a row is read by its name."""
    first = rows[0]
    binary = [name for name in _binary(table) if name in first]
    varying = [name for name, value in first.items() if name not in binary and not _is_shared(rows, name, value)]
    same = {name: value for name, value in first.items() if name not in varying and name not in binary}
    if fill:
        same |= {name: make() for name, make in _defaults(table).items() if name not in first}
    slim = [{name: row[name] for name in varying} for row in rows]
    given: dict[str, Any] = {}
    for name in binary:
        pieces = [row[name] for row in rows]
        for row, piece in zip(slim, pieces, strict=True):
            row[name] = None if piece is None else ""
        ends = accumulate((len(piece or b"") for piece in pieces), initial=0)
        given |= {f"{name}_bytes": b"".join(filter(None, pieces)), f"{name}_ends": f"{{{','.join(map(str, ends))}}}"}
    return {"same": _json(same), "rows": _json(slim), **given}


def _is_shared(rows: Sequence[Mapping[str, Any]], name: str, value: Any) -> bool:
    # (Counted by the list itself: a loop of ours over every column would cost more than it saves.)
    return bool(rows[-1][name] == value) and list(map(itemgetter(name), rows)).count(value) == len(rows)


def _json(value: Any) -> Json:
    return Json(msgspec.json.encode(value, enc_hook=_encode), dumps=_same)


def _encode(value: Any) -> Any:
    if isinstance(value, WKBElement):
        return value.desc
    raise NotImplementedError(f"{type(value).__name__} in a row")


@cache
def _defaults(table: type[Base]) -> Mapping[str, Callable[[], Any]]:
    """What the model itself puts into a column of a new row."""
    found: dict[str, Callable[[], Any]] = {}
    for each in table.__table__.columns:
        default: Any = each.default
        if default is not None and default.is_scalar:
            found[each.name] = partial(_same, default.arg)
        elif default is not None and default.is_callable:
            found[each.name] = partial(default.arg, None)
    return found


@cache
def _blank(table: type[Base]) -> Row:
    """A row to be copied; a list in it is nobody's to change."""
    defaults = _defaults(table)
    names = [each.name for each in table.__table__.columns]
    return {name: defaults[name]() if name in defaults else None for name in names}


def _same(value: Any) -> Any:
    return value


@cache
def _binary(table: type[Base]) -> list[str]:
    return [each.name for each in table.__table__.columns if isinstance(each.type, LargeBinary)]


def _forget(session: AsyncSession, table: type[Base]) -> None:
    """What the session has read of this table before is read anew when it is next asked for."""
    for held in list(session.sync_session.identity_map.values()):
        if isinstance(held, table):
            session.expire(held)
