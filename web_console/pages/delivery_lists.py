"""送气, beside the orders: a day by driver, deposit slips and balances, vehicles' returns, and who is missed often."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.deliveries import service as deliveries
from backend.deliveries.schemas import OrderRow, SlipOut, Voiding
from backend.lists import Columns
from backend.pages import EXPORT_MOST, Page
from backend.scope import requires
from sync.databases import beijing_today
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.lists import words_for
from web_console.pages.deliveries import STATES, TONES
from web_console.rendering import BEIJING, Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
KINDS = {"taken": ("收取", "Taken"), "refunded": ("退还", "Refunded"), "moved": ("转瓶", "Moved")}
_VIEW = requires("delivery.view")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    kind: str = ""
    customer_id: str = ""
    day: date | None = None

    def span(self) -> dict[str, Any]:
        """The day in Beijing, for the service."""
        if self.day is None:
            return {}
        since = datetime(self.day.year, self.day.month, self.day.day, tzinfo=BEIJING)
        return {"since": since, "until": since + timedelta(days=1)}


def _shared(request: Visit) -> dict[str, Any]:
    return {"filter": read_filters(request, Filter), "may_customers": with_right(request, "customer.view") is not None}


@get("/deliveries/day", guards=[_VIEW])
async def show_day(request: Visit, session: AsyncSession) -> Response[str]:
    wanted = read_filters(request, Filter)
    wanted = msgspec.structs.replace(wanted, day=wanted.day or beijing_today())
    caller = visitor(request).narrowed("delivery.view")
    page = await deliveries.list_orders(session, caller, limit=EXPORT_MOST, overlapping=True, **wanted.span())
    by_driver: dict[str, list[OrderRow]] = {}
    for order in sorted(page.items, key=lambda each: (each.staff_name, each.start_at, each.order_number)):
        if order.state not in {"reassigned", "withdrawn"}:
            by_driver.setdefault(order.staff_name or "—", []).append(order)
    shared = _shared(request) | {"filter": wanted}
    before, after = (str((wanted.day or beijing_today()) + timedelta(days=n)) for n in (-1, 1))
    return render(
        request,
        "delivery_day.html",
        drivers=by_driver,
        states=STATES,
        tones=TONES,
        before=before,
        after=after,
        **shared,
    )


@get("/deliveries/deposits", guards=[_VIEW])
async def show_deposits(request: Visit) -> Response[str]:
    return render(request, "deposits.html", kinds=KINDS, **_shared(request))


async def _slips(request: Visit, session: AsyncSession, *, limit: int, offset: int = 0) -> Page[SlipOut]:
    wanted = read_filters(request, Filter)
    return await deliveries.list_slips(
        session,
        visitor(request).narrowed("delivery.view"),
        search=wanted.search,
        kind=wanted.kind,
        customer_id=wanted.customer_id,
        limit=limit,
        offset=offset,
        **wanted.span(),
    )


@get("/deliveries/deposits/found", guards=[_VIEW])
async def found_deposits(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    wanted, caller = read_filters(request, Filter), visitor(request).narrowed("delivery.view")
    slips = await _slips(request, session, limit=PAGE, offset=PAGE * (page - 1))
    balances = await deliveries.list_balances(
        session, caller, customer_id=wanted.customer_id, search=wanted.search, limit=PAGE
    )
    return render(request, "parts/deposits.html", slips=slips, balances=balances, kinds=KINDS, page=page, size=PAGE)


@get(files("/deliveries/deposits/export"), guards=[_VIEW])
async def download_deposits(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    slips = await _slips(request, session, limit=EXPORT_MOST)
    columns: Columns = [
        (t("时间"), "at"),
        (t("收退"), lambda slip: say(KINDS[slip.kind])),
        (t("押金单号"), "number"),
        (t("客户代码"), "customer_code"),
        (t("客户"), "customer_name"),
        (t("规格"), "specification"),
        (t("转为规格"), "moved_to"),
        (t("数量"), "quantity"),
        (t("金额（元）"), lambda slip: slip.amount_fen / 100),
        (t("送气员"), "staff_name"),
    ]
    return await export(request, "deposits", columns, slips)


@get("/deliveries/missed", guards=[_VIEW])
async def show_missed(request: Visit, session: AsyncSession) -> Response[str]:
    """For the community (社区): who was visited in vain again and again."""
    missed = await deliveries.list_often_missed(session, visitor(request).narrowed("delivery.view"))
    words = await words_for(request, session)
    return render(request, "missed.html", missed=missed, words=words, **_shared(request))


@get(files("/deliveries/missed/export"), guards=[_VIEW])
async def download_missed(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, words = translate_into(language_of(request)), await words_for(request, session)
    missed = await deliveries.list_often_missed(session, visitor(request).narrowed("delivery.view"))
    columns: Columns = [
        (t("社区"), "community"),
        (t("客户代码"), "customer_code"),
        (t("客户"), "customer_name"),
        (t("地址"), "address"),
        (t("未成次数"), "visits"),
        (t("最近一次"), "last_at"),
        (t("结果"), lambda one: words("visit_outcome", one.last_outcome)),
    ]
    return await export(request, "missed", columns, missed)


@get("/deliveries/returns", guards=[_VIEW])
async def show_returns(request: Visit) -> Response[str]:
    return render(request, "returns.html", **_shared(request))


@get("/deliveries/returns/found", guards=[_VIEW])
async def found_returns(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    wanted = read_filters(request, Filter)
    returns = await deliveries.list_returns(
        session,
        visitor(request).narrowed("delivery.view"),
        limit=PAGE,
        offset=PAGE * (page - 1),
        **wanted.span(),
    )
    return render(request, "parts/returns.html", returns=returns, page=page, size=PAGE)


@post("/deliveries/records/{record_id:str}/void", guards=[requires("delivery.plan")], status_code=204)
async def void(request: Visit, session: AsyncSession, record_id: str) -> Response[None]:
    given = await read_form(request, Voiding)
    await deliveries.void_record(session, visitor(request).narrowed("delivery.plan"), record_id, given.reason)
    return done(toast=translate_into(language_of(request))("配送记录已作废"), changed="deliveries-changed")


handlers: list[Any] = [
    show_day,
    show_deposits,
    found_deposits,
    download_deposits,
    show_missed,
    download_missed,
    show_returns,
    found_returns,
    void,
]
