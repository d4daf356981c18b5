"""送气: orders and what became of them, planning one for a customer, and visits in vain."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.deliveries import service as deliveries
from backend.deliveries.schemas import LineIn, OrderIn, OrderOut, OrderState, Reason, Reassign, Retry
from backend.lists import Columns
from backend.pages import EXPORT_MOST
from backend.photos import service as photos
from backend.photos.service import PhotoOut
from backend.scope import Caller, requires
from sync.databases import beijing_today
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.lists import words_for
from web_console.rendering import BEIJING, Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right
from web_console.words import FIELD_WORDS

PAGE = 50
STATES = {
    "open": ("待配送", "Open"),
    "in_progress": ("配送中", "Under way"),
    "overdue": ("逾时", "Overdue"),
    "failed": ("未成功", "In vain"),
    "done": ("已送达", "Delivered"),
    "withdrawn": ("已撤回", "Withdrawn"),
    "reassigned": ("已改派", "Reassigned"),
}
TONES = {"in_progress": "sent", "overdue": "danger", "failed": "warn", "done": "ok"}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    day: date | None = None
    state: Literal["", "open", "in_progress", "overdue", "failed", "done", "withdrawn", "reassigned"] = ""
    staff_id: str = ""
    station_id: str = ""

    def given(self) -> dict[str, Any]:
        """For the service: a day in Beijing."""
        found: dict[str, Any] = {
            "search": self.search,
            "staff_id": self.staff_id,
            "station_id": self.station_id,
        }
        if self.state:
            found["state"] = self.state
        if self.day is not None:
            since = datetime(self.day.year, self.day.month, self.day.day, tzinfo=BEIJING)
            found |= {"since": since, "until": since + timedelta(days=1)}
        return found


@get("/deliveries", guards=[requires("delivery.view")])
async def show(request: Visit, session: AsyncSession, order: str = "", customer: str = "") -> Response[str]:
    caller = visitor(request).narrowed("delivery.view")
    stations = [each for each in await accounts.list_organisations(session, caller) if each.kind == "unit"]
    return render(
        request,
        "deliveries.html",
        filter=read_filters(request, Filter),
        states=STATES,
        stations=stations,
        drivers=(await accounts.list_people(session, caller, role="driver", active=True, limit=EXPORT_MOST)).items,
        order=order,
        customer=customer,
        may_plan=with_right(request, "delivery.plan") is not None,
        may_customers=with_right(request, "customer.view") is not None,
    )


@get("/deliveries/found", guards=[requires("delivery.view")])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    caller = visitor(request).narrowed("delivery.view")
    orders = await deliveries.list_orders(
        session, caller, limit=PAGE, offset=PAGE * (page - 1), **read_filters(request, Filter).given()
    )
    return render(request, "parts/orders.html", orders=orders, states=STATES, tones=TONES, page=page, size=PAGE)


@get("/deliveries/kpis", guards=[requires("delivery.view")])
async def kpis(request: Visit, session: AsyncSession) -> Response[str]:
    caller = visitor(request).narrowed("delivery.view")
    since = datetime.combine(beijing_today(), datetime.min.time(), BEIJING)
    day: dict[str, Any] = {"since": since, "until": since + timedelta(days=1)}
    counts = {"all": (await deliveries.list_orders(session, caller, limit=1, **day)).total}
    states: tuple[OrderState, ...] = ("done", "in_progress", "overdue", "failed")
    for state in states:
        counts[state] = (await deliveries.list_orders(session, caller, limit=1, state=state, **day)).total
    missed = await deliveries.list_often_missed(session, caller)
    return render(request, "parts/delivery_kpis.html", counts=counts, missed=missed)


@get(files("/deliveries/export"), guards=[requires("delivery.view")])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    caller = visitor(request).narrowed("delivery.view")
    page = await deliveries.list_orders(session, caller, limit=EXPORT_MOST, **read_filters(request, Filter).given())
    columns: Columns = [
        (t("配送单号"), "order_number"),
        (t("状态"), lambda order: say(STATES[order.state])),
        (t("客户"), "customer_name"),
        (t("地址"), "customer_address"),
        (t("气瓶"), lambda order: [f"{line.specification}×{line.quantity}" for line in order.lines]),
        (t("送气员"), "staff_name"),
        (t("车牌"), "vehicle"),
        (t("开始"), "start_at"),
        (t("截止"), "due_at"),
        (t("第几次"), "attempt"),
        (t("送达时间"), "done_at"),
    ]
    return await export(request, "deliveries", columns, page)


@get("/deliveries/new", guards=[requires("delivery.plan")])
async def new(request: Visit, session: AsyncSession, customer: str = "") -> Response[str]:
    caller = visitor(request).narrowed("delivery.plan")
    stations = [o for o in await accounts.list_organisations(session, caller) if o.kind == "unit"]
    chosen = None
    if customer:
        chosen = await customers.find_customer(session, caller, customer)
    known = await cylinders.list_cylinders(session, visitor(request), limit=500)
    return render(
        request,
        "parts/order_new.html",
        stations=stations,
        chosen=chosen,
        specifications=sorted({one.specification for one in known.items}),
        fields=FIELD_WORDS,
    )


@get("/deliveries/new/customers", guards=[requires("delivery.plan")])
async def customers_found(request: Visit, session: AsyncSession, q: str = "") -> Response[str]:
    """Customers to choose from, by code, name, address or the telephone's last four digits."""
    caller = visitor(request).narrowed("delivery.plan")
    page = await customers.list_customers(session, caller, search=q.strip(), limit=8) if q.strip() else None
    words = await words_for(request, session)
    return render(request, "parts/customer_choices.html", page=page, words=words, q=q, fields=FIELD_WORDS)


@get("/deliveries/new/drivers", guards=[requires("delivery.plan")])
async def drivers(request: Visit, session: AsyncSession, station_id: str = "") -> Response[str]:
    staff = await _drivers(session, visitor(request).narrowed("delivery.plan"), station_id)
    return render(request, "parts/drivers.html", staff=staff)


async def _drivers(session: AsyncSession, caller: Caller, station_id: str) -> Any:
    if not station_id:
        return []
    station = await accounts.find_organisation(session, station_id, caller)
    return await accounts.staff_of_unit(session, station.id)


class OrderForm(msgspec.Struct, frozen=True, kw_only=True):
    """As the page sends it: times on Beijing's clock, lines side by side."""

    customer_id: Annotated[str, msgspec.Meta(min_length=1)]
    station_id: Annotated[str, msgspec.Meta(min_length=1)]
    staff_id: Annotated[str, msgspec.Meta(min_length=1)]
    specification: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    quantity: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=200)], ...], msgspec.Meta(min_length=1)]
    start_at: datetime
    due_at: datetime
    vehicle: str = ""

    def order(self) -> OrderIn:
        lines = tuple(
            LineIn(specification=name, quantity=n) for name, n in zip(self.specification, self.quantity, strict=False)
        )
        return OrderIn(
            customer_id=self.customer_id,
            station_id=self.station_id,
            staff_id=self.staff_id,
            lines=lines,
            start_at=_utc(self.start_at),
            due_at=_utc(self.due_at),
            vehicle=self.vehicle,
        )


class RetryForm(msgspec.Struct, frozen=True, kw_only=True):
    start_at: datetime
    due_at: datetime


def _utc(local: datetime) -> datetime:
    return local.replace(tzinfo=BEIJING).astimezone(UTC)


@post("/deliveries", guards=[requires("delivery.plan")], status_code=204)
async def create(request: Visit, session: AsyncSession) -> Response[None]:
    form = await read_form(request, OrderForm)
    made = await deliveries.create_order(session, visitor(request).narrowed("delivery.plan"), form.order())
    t = translate_into(language_of(request))
    said = t("配送单 {number} 已派给{name}", number=made.order.order_number, name=made.order.staff_name)
    return done(toast=said, changed="deliveries-changed")


@get("/deliveries/{order_id:str}", guards=[requires("delivery.view")])
async def open_one(request: Visit, session: AsyncSession, order_id: str) -> Response[str]:
    caller = visitor(request).narrowed("delivery.view")
    one = await deliveries.find_order(session, caller, order_id)
    context: dict[str, Any] = {"drivers": [], "may_plan": False}
    if planning := with_right(request, "delivery.plan"):
        context["may_plan"] = True
        staff = await _drivers(session, planning, one.order.station_id)
        context["drivers"] = [person for person in staff if person.id != one.order.staff_id]
    return render(
        request,
        "parts/order.html",
        one=one,
        pictures=await _pictures(request, session, one),
        states=STATES,
        tones=TONES,
        words=await words_for(request, session),
        fields=FIELD_WORDS,
        **context,
    )


async def _pictures(request: Visit, session: AsyncSession, one: OrderOut) -> dict[str, list[PhotoOut]]:
    parts: tuple[Sequence[Any], ...] = (one.checks, one.deliveries, one.visits, one.papers)
    ids = [each.id for part in parts for each in part]
    return {record_id: await photos.list_photos(session, visitor(request), record_id) for record_id in ids}


@post("/deliveries/{order_id:str}/reassign", guards=[requires("delivery.plan")], status_code=204)
async def reassign(request: Visit, session: AsyncSession, order_id: str) -> Response[None]:
    given = await read_form(request, Reassign)
    moved = await deliveries.reassign_order(session, visitor(request).narrowed("delivery.plan"), order_id, given)
    t = translate_into(language_of(request))
    return done(toast=t("已改派给{name}", name=moved.order.staff_name), changed="deliveries-changed")


@post("/deliveries/{order_id:str}/retry", guards=[requires("delivery.plan")], status_code=204)
async def retry(request: Visit, session: AsyncSession, order_id: str) -> Response[None]:
    form = await read_form(request, RetryForm)
    given = Retry(start_at=_utc(form.start_at), due_at=_utc(form.due_at))
    again = await deliveries.retry_order(session, visitor(request).narrowed("delivery.plan"), order_id, given)
    t = translate_into(language_of(request))
    return done(toast=t("已约第 {n} 次上门", n=again.order.attempt), changed="deliveries-changed")


@post("/deliveries/{order_id:str}/withdraw", guards=[requires("delivery.plan")], status_code=204)
async def withdraw(request: Visit, session: AsyncSession, order_id: str) -> Response[None]:
    given = await read_form(request, Reason)
    await deliveries.withdraw_order(session, visitor(request).narrowed("delivery.plan"), order_id, given.reason)
    return done(toast=translate_into(language_of(request))("配送单已撤回"), changed="deliveries-changed")


handlers = [
    show,
    found,
    kpis,
    download,
    new,
    customers_found,
    drivers,
    create,
    open_one,
    reassign,
    retry,
    withdraw,
]
