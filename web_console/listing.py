"""What pages of lists share: the filters in their address, and files of exactly what they show."""

from typing import Annotated, TypeVar

import msgspec
from litestar import Response
from litestar.params import Parameter

from backend.errors import UnusableError
from backend.lists import Columns, Found, file_response
from sync.databases import beijing_today
from web_console.rendering import Visit

PageNumber = Annotated[int, Parameter(ge=1, le=10_000)]
Filters = TypeVar("Filters", bound=msgspec.Struct)


def read_filters(request: Visit, struct: type[Filters]) -> Filters:
    """What was left empty takes the Struct's default."""
    given = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
    try:
        return msgspec.convert(given, struct, strict=False)
    except msgspec.ValidationError as error:
        raise UnusableError("filter.unknown", "筛选条件有误。", "The filter is not understood.") from error


def files(address: str) -> list[str]:
    return [f"{address}.csv", f"{address}.xlsx"]


async def export(request: Visit, name: str, columns: Columns, found: Found) -> Response[bytes]:
    return await file_response(request, f"{name}-{beijing_today():%Y%m%d}", columns, found)
