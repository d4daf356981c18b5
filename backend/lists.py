"""A list of the office, written once: as JSON by pages and, under the same filters, whole as CSV and as XLSX."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, get_origin, get_type_hints

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.types import Guard
from sqlalchemy.ext.asyncio import AsyncSession

from backend.pages import EXPORT_MOST, Limit, Offset, Page, write_csv
from backend.scope import Caller
from backend.tables import XLSX, write_xlsx

# A head, and where its cells come from: the row's field of this name, or what is told of the row.
Column = tuple[str, str | Callable[[Any], Any]]
Columns = Sequence[Column]
Found = Page[Any] | Sequence[Any]


class NoFilters(msgspec.Struct, frozen=True):
    """Of a list that is always shown whole."""


def list_routes(
    path: str,
    find: Callable[..., Awaitable[Any]],
    filters: type[msgspec.Struct],
    columns: Columns | Callable[[AsyncSession, Caller], Awaitable[Columns]],
    *,
    guards: Sequence[Guard],
    exports: str = "",
) -> list[HTTPRouteHandler]:
    """The list at `path`, and its files beside it: `<exports>.csv` and `.xlsx`, by default named like the list.

    `find(session, caller, **filters)` answers with a list, or with a page where it takes limit and offset.
    """
    exports = exports or (path if path != "/" else "/export")
    answer = get_type_hints(find)["return"]
    paged = get_origin(answer) is Page
    shared: dict[str, Any] = {
        "guards": guards,
        "dependencies": {"wanted": Provide(_reader(filters), sync_to_thread=False)},
        "opt": {"filters": filters},
    }

    async def by_page(
        session: AsyncSession, caller: Caller, wanted: NamedDependency[Any], limit: Limit = 100, offset: Offset = 0
    ) -> Any:
        return await find(session, caller, **msgspec.structs.asdict(wanted), limit=limit, offset=offset)

    async def at_once(session: AsyncSession, caller: Caller, wanted: NamedDependency[Any]) -> Any:
        return await find(session, caller, **msgspec.structs.asdict(wanted))

    async def export(
        request: Request[Any, Any, Any], session: AsyncSession, caller: Caller, wanted: NamedDependency[Any]
    ) -> Response[bytes]:
        most = {"limit": EXPORT_MOST} if paged else {}
        found = await find(session, caller, **msgspec.structs.asdict(wanted), **most)
        shown = await columns(session, caller) if callable(columns) else columns
        return await file_response(request, find.__name__.removeprefix("list_"), shown, found)

    listed = by_page if paged else at_once
    listed.__name__, listed.__doc__ = find.__name__, find.__doc__
    listed.__annotations__["return"] = answer
    export.__name__ = find.__name__.replace("list_", "export_")
    return [get(path, **shared)(listed), get([f"{exports}.csv", f"{exports}.xlsx"], **shared)(export)]


async def file_response(request: Request[Any, Any, Any], name: str, columns: Columns, found: Found) -> Response[bytes]:
    """CSV or XLSX, as the address that was asked ends."""
    rows, total = (found.items, found.total) if isinstance(found, Page) else (found[:EXPORT_MOST], len(found))
    as_csv = request.url.path.endswith(".csv")
    # Fifty thousand rows take seconds, in which nobody else would be answered.
    content = await asyncio.to_thread(write_table, columns, rows, total, as_csv=as_csv)
    return Response(
        content,
        media_type="text/csv; charset=utf-8" if as_csv else XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}.{"csv" if as_csv else "xlsx"}"'},
    )


def write_table(columns: Columns, rows: Sequence[Any], total: int, *, as_csv: bool) -> bytes:
    """Where fewer than `total` are given, the last row says so."""
    heads = [head for head, _ in columns]
    cells = [[getattr(row, told) if isinstance(told, str) else told(row) for _, told in columns] for row in rows]
    if len(rows) < total:
        zh = f"共 {total:,} 条，本文件只有前 {len(rows):,} 条，请筛选后分次导出。"
        note = f"{zh} {total:,} match, the first {len(rows):,} are here: filter and export in parts."
        cells.append([note, *[None] * (len(heads) - 1)])
    return write_csv(heads, cells) if as_csv else write_xlsx(heads, cells)


def _reader(filters: type[msgspec.Struct]) -> Callable[..., msgspec.Struct]:
    """A dependency that reads the Struct from the query, so that Litestar checks and documents each field."""

    def read(**given: Any) -> msgspec.Struct:
        try:
            return msgspec.convert({name.removesuffix("_"): value for name, value in given.items()}, filters)
        except msgspec.ValidationError as error:
            raise ValidationException(str(error)) from error

    # Litestar keeps `state` and other names for itself: within, all end in an underscore.
    hints = get_type_hints(filters, include_extras=True)
    fields = {f"{each.name}_": each for each in msgspec.structs.fields(filters)}
    read.__annotations__ = {
        name: Annotated[hints[each.name], QueryParameter(name=each.name)] for name, each in fields.items()
    }
    read.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=each.default) for name, each in fields.items()]
    )
    return read
