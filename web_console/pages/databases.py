"""同步库: the hub's databases beside the devices: read how far, compared with PostGIS when, and repaired of what."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import UnusableError
from backend.intake.databases import DatabaseFilter, DatabaseOut, count_databases, list_databases
from backend.pages import EXPORT_MOST, csv_response
from backend.scope import Caller, requires
from sync.databases import beijing_today
from web_console.rendering import Visit, language_of, render, sayer, translate_into
from web_console.visiting import visitor
from web_console.words import DATABASES

PAGE = 50
_MANAGE = requires("devices.manage")


def _filter(request: Visit) -> DatabaseFilter:
    given = {k: v.strip() for k, v in request.query_params.items() if v.strip()}
    try:
        return msgspec.convert(given, DatabaseFilter)
    except msgspec.ValidationError as error:
        raise UnusableError("filter.unknown", "筛选条件有误。", "The filter is not understood.") from error


def _manager(request: Visit) -> Caller:
    return visitor(request).narrowed("devices.manage")


@get("/devices/databases", guards=[_MANAGE])
async def show(request: Visit) -> Response[str]:
    return render(request, "databases.html", filter=_filter(request), kinds=DATABASES)


@get("/devices/databases/found", guards=[_MANAGE])
async def found(
    request: Visit, session: AsyncSession, page: Annotated[int, Parameter(ge=1, le=10_000)] = 1
) -> Response[str]:
    caller = _manager(request)
    listed = await list_databases(session, caller, _filter(request), limit=PAGE, offset=PAGE * (page - 1))
    shown: dict[str, Any] = {"listed": listed, "page": page, "size": PAGE, "kinds": DATABASES}
    return render(request, "parts/databases.html", agreement=await count_databases(session, caller), **shown)


class Row(msgspec.Struct, frozen=True):
    owner_name: str
    kind: str
    quarter: str
    name: str
    documents: int | None
    pending: int
    read_at: datetime | None
    verified: bool | None
    compared_at: datetime | None
    missed: int | None
    gone: int | None
    rewritten: int | None
    dropped_at: datetime | None


@get("/devices/databases/export.csv", guards=[_MANAGE])
async def export(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    heads = {
        "owner_name": t("人员或单位"),
        "kind": t("内容"),
        "quarter": t("季度"),
        "name": t("库名"),
        "documents": t("手机的文档"),
        "pending": t("待下发"),
        "read_at": t("最近读到新内容"),
        "verified": t("核对一致"),
        "compared_at": t("核对时间"),
        "missed": t("补收"),
        "gone": t("补回"),
        "rewritten": t("重写"),
        "dropped_at": t("归档清除"),
    }

    def row(one: DatabaseOut) -> Row:
        fields: dict[str, Any] = {name: getattr(one, name) for name in Row.__struct_fields__}
        return Row(**(fields | {"kind": say(DATABASES[one.kind])}))

    listed = await list_databases(session, _manager(request), _filter(request), limit=EXPORT_MOST)
    return csv_response(f"databases-{beijing_today():%Y%m%d}", heads, map(row, listed.items))


handlers = [show, found, export]
