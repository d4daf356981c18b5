"""库存 and 失联: what stands where each day, and the cylinders to look for."""

from datetime import date, timedelta
from typing import Any, Literal

import msgspec
from litestar import Response, get
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import StockLine
from backend.lists import Columns
from backend.pages import EXPORT_MOST
from backend.reference import service as reference
from backend.scope import requires
from sync.databases import beijing_today
from web_console.listing import PageNumber, export, files, read_filters
from web_console.pages.cylinders import HOLDERS
from web_console.rendering import Visit, language_of, render, sayer, translate_into
from web_console.visiting import visitor

_PAGE = 50
_DAYS = 31
_VIEW = [requires("cylinder.view")]
KINDS = {"station": ("站点", "Stations"), "vehicle": ("车辆", "Vehicles")}
REASONS = {
    "silent": ("久无消息", "Nothing heard", "warn"),
    "outstanding": ("滞留客户", "Too long at a customer's", "danger"),
}


class StockFilter(msgspec.Struct, frozen=True, kw_only=True):
    day: date | None = None
    holder_kind: Literal["", "station", "vehicle"] = ""
    organisation_id: str = ""
    specification: str = ""


class LostFilter(msgspec.Struct, frozen=True, kw_only=True):
    reason: Literal["", "silent", "outstanding"] = ""
    organisation_id: str = ""
    specification: str = ""

    def given(self) -> dict[str, Any]:
        return msgspec.structs.asdict(self) | {"reason": self.reason or None}


class Totals(msgspec.Struct):
    opening: int = 0
    arrived: int = 0
    departed: int = 0
    closing: int = 0

    @classmethod
    def of(cls, lines: list[StockLine]) -> "Totals":
        return cls(*(sum(getattr(line, name) for line in lines) for name in cls.__struct_fields__))


async def _choices(request: Visit, session: AsyncSession) -> dict[str, Any]:
    """Units and sizes to choose from."""
    caller = visitor(request).narrowed("cylinder.view")
    units = [o for o in await accounts.list_organisations(session, caller) if o.kind == "unit"]
    sizes = await reference.words(session, visitor(request).company_id, "cylinder_specification")
    return {"units": units, "sizes": list(sizes)}


@get("/cylinders/stock", guards=_VIEW)
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    chosen = read_filters(request, StockFilter)
    return render(request, "stock.html", filter=chosen, kinds=KINDS, **await _choices(request, session))


@get("/cylinders/stock/found", guards=_VIEW)
async def found(request: Visit, session: AsyncSession) -> Response[str]:
    chosen = read_filters(request, StockFilter)
    caller = visitor(request).narrowed("cylinder.view")
    lines = await cylinders.list_stock(session, caller, **msgspec.structs.asdict(chosen))
    groups: dict[tuple[str, str], list[StockLine]] = {}
    for line in lines:
        groups.setdefault((line.holder_kind, line.holder_id), []).append(line)
    return render(
        request,
        "parts/stock.html",
        groups=[(each[0], each, Totals.of(each)) for each in groups.values()],
        totals={kind: Totals.of([line for line in lines if line.holder_kind == kind]) for kind in KINDS},
        day=chosen.day or beijing_today(),
        is_today=chosen.day in {None, beijing_today()},
        kinds=KINDS,
        holders=HOLDERS,
    )


@get(files("/cylinders/stock/export"), guards=_VIEW)
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    caller = visitor(request).narrowed("cylinder.view")
    lines = await cylinders.list_stock(session, caller, **msgspec.structs.asdict(read_filters(request, StockFilter)))
    columns: Columns = [
        (t("日期"), "day"),
        (t("类别"), lambda line: say(KINDS[line.holder_kind])),
        (t("单位"), "organisation_name"),
        (t("站点或送气员"), "holder_name"),
        (t("车牌"), "plate"),
        (t("规格"), "specification"),
        (t("期初"), "opening"),
        (t("入"), "arrived"),
        (t("出"), "departed"),
        (t("期末"), "closing"),
    ]
    return await export(request, "stock", columns, lines)


@get("/cylinders/stock/{kind:str}/{holder_id:str}", guards=_VIEW)
async def days(request: Visit, session: AsyncSession, kind: str, holder_id: str) -> Response[str]:
    """A month of one station or vehicle, today on top."""
    caller = visitor(request).narrowed("cylinder.view")
    since = beijing_today() - timedelta(days=_DAYS)
    now = await cylinders.list_stock(session, caller, holder_kind=kind, holder_id=holder_id)
    before = await cylinders.list_balances(session, caller, kind, holder_id, since=since, until=beijing_today())
    lines = [*now, *before]
    return render(
        request,
        "parts/stock_days.html",
        lines=lines,
        name=lines[0].holder_name if lines else "",
        plate=lines[0].plate if lines else "",
        holder=f"{kind}:{holder_id}",
        icon_name=HOLDERS[kind][2][5:] if kind in HOLDERS else "store",
    )


@get("/cylinders/lost", guards=_VIEW)
async def lost(request: Visit, session: AsyncSession) -> Response[str]:
    limits = (await reference.find_settings(session, visitor(request).company_id)).fields
    return render(
        request,
        "lost.html",
        filter=read_filters(request, LostFilter),
        reasons=REASONS,
        limits=limits,
        **await _choices(request, session),
    )


@get("/cylinders/lost/found", guards=_VIEW)
async def lost_found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    caller = visitor(request).narrowed("cylinder.view")
    given = read_filters(request, LostFilter).given()
    listed = await cylinders.list_lost(session, caller, limit=_PAGE, offset=_PAGE * (page - 1), **given)
    return render(request, "parts/lost.html", listed=listed, reasons=REASONS, holders=HOLDERS, page=page, size=_PAGE)


@get(files("/cylinders/lost/export"), guards=_VIEW)
async def download_lost(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    caller = visitor(request).narrowed("cylinder.view")
    given = read_filters(request, LostFilter).given()
    columns: Columns = [
        (t("气瓶编号"), "code"),
        (t("规格"), "specification"),
        (t("所属站"), "organisation_name"),
        (t("原因"), lambda line: say(REASONS[line.reason])),
        (t("现在在"), lambda line: say(HOLDERS[line.holder_kind])),
        (t("持有"), "holder_name"),
        (t("持有天数"), "held_days"),
        (t("最后消息"), "last_heard_at"),
        (t("无消息天数"), "silent_days"),
    ]
    listed = await cylinders.list_lost(session, caller, limit=EXPORT_MOST, **given)
    return await export(request, "lost-cylinders", columns, listed)


handlers = [show, found, download, days, lost, lost_found, download_lost]
