"""同步库: the hub's databases beside the devices: read how far, compared with PostGIS when, and repaired of what."""

from typing import Any

from litestar import Response, get
from sqlalchemy.ext.asyncio import AsyncSession

from backend.intake.databases import DatabaseFilter, count_databases, list_databases
from backend.lists import Columns
from backend.pages import EXPORT_MOST
from backend.scope import Caller, requires
from web_console.listing import PageNumber, export, files, read_filters
from web_console.rendering import Visit, language_of, render, sayer, translate_into
from web_console.visiting import visitor
from web_console.words import DATABASES

PAGE = 50
_MANAGE = requires("devices.manage")


def _manager(request: Visit) -> Caller:
    return visitor(request).narrowed("devices.manage")


@get("/devices/databases", guards=[_MANAGE])
async def show(request: Visit) -> Response[str]:
    return render(request, "databases.html", filter=read_filters(request, DatabaseFilter), kinds=DATABASES)


@get("/devices/databases/found", guards=[_MANAGE])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    caller = _manager(request)
    listed = await list_databases(
        session, caller, read_filters(request, DatabaseFilter), limit=PAGE, offset=PAGE * (page - 1)
    )
    shown: dict[str, Any] = {"listed": listed, "page": page, "size": PAGE, "kinds": DATABASES}
    return render(request, "parts/databases.html", agreement=await count_databases(session, caller), **shown)


@get(files("/devices/databases/export"), guards=[_MANAGE])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    columns: Columns = [
        (t("人员或单位"), "owner_name"),
        (t("内容"), lambda one: say(DATABASES[one.kind])),
        (t("季度"), "quarter"),
        (t("库名"), "name"),
        (t("手机的文档"), "documents"),
        (t("待下发"), "pending"),
        (t("最近读到新内容"), "read_at"),
        (t("核对一致"), "verified"),
        (t("核对时间"), "compared_at"),
        (t("补收"), "missed"),
        (t("补回"), "gone"),
        (t("重写"), "rewritten"),
        (t("归档清除"), "dropped_at"),
    ]
    wanted = read_filters(request, DatabaseFilter)
    listed = await list_databases(session, _manager(request), wanted, limit=EXPORT_MOST)
    return await export(request, "databases", columns, listed)


handlers = [show, found, download]
