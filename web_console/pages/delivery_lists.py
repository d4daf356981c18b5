"""送气, beside the orders: a day by driver, deposit slips and balances, vehicles' returns, and who is missed often."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.deliveries import service as deliveries
from backend.deliveries.schemas import OftenMissed, OrderRow, Voiding
from backend.pages import EXPORT_MOST
from backend.scope import requires
from backend.tables import xlsx_response
from sync.databases import beijing_today
from web_console.forms import read_form
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


def _filter(request: Visit) -> Filter:
    given = {k: v.strip() for k, v in request.query_params.items() if v.strip()}
    return msgspec.convert(given, Filter, strict=False)


def _shared(request: Visit) -> dict[str, Any]:
    return {"filter": _filter(request), "may_customers": with_right(request, "customer.view") is not None}


@get("/deliveries/day", guards=[_VIEW])
async def show_day(request: Visit, session: AsyncSession) -> Response[str]:
    wanted = msgspec.structs.replace(_filter(request), day=_filter(request).day or beijing_today())
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


@get("/deliveries/deposits/found", guards=[_VIEW])
async def found_deposits(
    request: Visit, session: AsyncSession, page: Annotated[int, Parameter(ge=1, le=10_000)] = 1
) -> Response[str]:
    wanted, caller = _filter(request), visitor(request).narrowed("delivery.view")
    slips = await deliveries.list_slips(
        session,
        caller,
        search=wanted.search,
        kind=wanted.kind,
        customer_id=wanted.customer_id,
        limit=PAGE,
        offset=PAGE * (page - 1),
        **wanted.span(),
    )
    balances = await deliveries.list_balances(
        session, caller, customer_id=wanted.customer_id, search=wanted.search, limit=PAGE
    )
    return render(request, "parts/deposits.html", slips=slips, balances=balances, kinds=KINDS, page=page, size=PAGE)


class SlipRow(msgspec.Struct, frozen=True):
    at: datetime
    kind: str
    number: str
    customer_code: str
    customer_name: str
    specification: str
    moved_to: str
    quantity: int
    amount: float
    staff_name: str


@get("/deliveries/deposits/export.xlsx", guards=[_VIEW])
async def export_deposits(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    wanted = _filter(request)
    page = await deliveries.list_slips(
        session,
        visitor(request).narrowed("delivery.view"),
        search=wanted.search,
        kind=wanted.kind,
        customer_id=wanted.customer_id,
        limit=EXPORT_MOST,
        **wanted.span(),
    )
    same = ("at", "number", "customer_code", "customer_name", "specification", "moved_to", "quantity", "staff_name")
    rows = (
        SlipRow(kind=say(KINDS[s.kind]), amount=s.amount_fen / 100, **{name: getattr(s, name) for name in same})
        for s in page.items
    )
    heads = {
        "at": t("时间"),
        "kind": t("收退"),
        "number": t("押金单号"),
        "customer_code": t("客户代码"),
        "customer_name": t("客户"),
        "specification": t("规格"),
        "moved_to": t("转为规格"),
        "quantity": t("数量"),
        "amount": t("金额（元）"),
        "staff_name": t("送气员"),
    }
    return xlsx_response(f"deposits-{beijing_today():%Y%m%d}", heads, rows)


@get("/deliveries/missed", guards=[_VIEW])
async def show_missed(request: Visit, session: AsyncSession) -> Response[str]:
    """For the community (社区): who was visited in vain again and again."""
    missed = await deliveries.list_often_missed(session, visitor(request).narrowed("delivery.view"))
    words = await words_for(request, session)
    return render(request, "missed.html", missed=missed, words=words, **_shared(request))


class MissedRow(msgspec.Struct, frozen=True):
    community: str
    customer_code: str
    customer_name: str
    address: str
    visits: int
    last_at: datetime
    last_outcome: str


@get("/deliveries/missed/export.xlsx", guards=[_VIEW])
async def export_missed(request: Visit, session: AsyncSession) -> Response[bytes]:
    t = translate_into(language_of(request))
    words = await words_for(request, session)
    missed: list[OftenMissed] = await deliveries.list_often_missed(session, visitor(request).narrowed("delivery.view"))
    same = ("community", "customer_code", "customer_name", "address", "visits", "last_at")
    rows = (
        MissedRow(last_outcome=words("visit_outcome", one.last_outcome), **{name: getattr(one, name) for name in same})
        for one in missed
    )
    heads = {
        "community": t("社区"),
        "customer_code": t("客户代码"),
        "customer_name": t("客户"),
        "address": t("地址"),
        "visits": t("未成次数"),
        "last_at": t("最近一次"),
        "last_outcome": t("结果"),
    }
    return xlsx_response(f"missed-{beijing_today():%Y%m%d}", heads, rows)


@get("/deliveries/returns", guards=[_VIEW])
async def show_returns(request: Visit) -> Response[str]:
    return render(request, "returns.html", **_shared(request))


@get("/deliveries/returns/found", guards=[_VIEW])
async def found_returns(
    request: Visit, session: AsyncSession, page: Annotated[int, Parameter(ge=1, le=10_000)] = 1
) -> Response[str]:
    wanted = _filter(request)
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
    export_deposits,
    show_missed,
    export_missed,
    show_returns,
    found_returns,
    void,
]
