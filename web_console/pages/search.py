"""Search from anywhere (`/`): cylinders, hazards, addresses, people, orders; what the visitor may see of each."""

from collections.abc import Awaitable, Callable

import msgspec
from litestar import Response, get
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.deliveries import service as deliveries
from backend.hazards import service as hazards
from backend.patrol import service as patrol
from backend.scope import Caller, signed_in
from web_console.lists import Words, words_for
from web_console.rendering import Visit, language_of, render, translate_into
from web_console.visiting import with_right

_EACH = 5


class Hit(msgspec.Struct, frozen=True):
    icon: str
    title: str
    detail: str
    href: str


@get("/search/found", guards=[signed_in])
async def found(request: Visit, session: AsyncSession, q: str = "") -> Response[str]:
    groups = await _groups(request, session, q.strip()) if q.strip() else []
    return render(request, "parts/found.html", groups=groups, q=q.strip())


@get("/search", guards=[signed_in])
async def first(request: Visit, session: AsyncSession, q: str = "") -> Redirect:
    """Enter opens the first hit."""
    groups = await _groups(request, session, q.strip()) if q.strip() else []
    return Redirect(groups[0][1][0].href if groups else "/")


async def _groups(request: Visit, session: AsyncSession, q: str) -> list[tuple[str, list[Hit]]]:
    t, words = translate_into(language_of(request)), await words_for(request, session)
    asked: tuple[tuple[str, str, Callable[[AsyncSession, Caller, str, Words], Awaitable[list[Hit]]]], ...] = (
        (t("气瓶"), "cylinder.view", _cylinders),
        (t("隐患"), "hazard.view", _hazards),
        (t("配送单"), "delivery.view", _orders),
        (t("客户"), "customer.view", _customers),
        (t("任务"), "patrol.view", _tasks),
        (t("人员"), "patrol.view", _people),
    )
    groups = []
    for title, right, ask in asked:
        caller = with_right(request, right)
        hits = await ask(session, caller, q, words) if caller else []
        if hits:
            groups.append((title, hits))
    return groups


async def _cylinders(session: AsyncSession, caller: Caller, q: str, _: Words) -> list[Hit]:
    page = await cylinders.list_cylinders(session, caller, search=q, limit=_EACH)
    return [
        Hit(
            "icon:propane_tank",
            one.code,
            f"{one.specification} · {one.holder_name}",
            f"/cylinders?q={one.code}&id={one.id}",
        )
        for one in page.items
    ]


async def _hazards(session: AsyncSession, caller: Caller, q: str, words: Words) -> list[Hit]:
    page = await hazards.list_hazards(session, caller, search=q, limit=_EACH)
    return [
        Hit(
            "icon:warning",
            words("hazard_type", one.hazard_type),
            f"{one.number} · {one.address}",
            f"/hazards?open={one.id}",
        )
        for one in page.items
    ]


async def _orders(session: AsyncSession, caller: Caller, q: str, _: Words) -> list[Hit]:
    page = await deliveries.list_orders(session, caller, search=q, limit=_EACH)
    return [
        Hit(
            "icon:local_shipping",
            one.order_number,
            f"{one.customer_name} · {one.staff_name}",
            f"/deliveries?order={one.id}",
        )
        for one in page.items
    ]


async def _customers(session: AsyncSession, caller: Caller, q: str, _: Words) -> list[Hit]:
    page = await customers.list_customers(session, caller, search=q, limit=_EACH)
    return [
        Hit("icon:person", one.name or one.code, f"{one.code} · {one.address}", f"/customers?search={one.code}")
        for one in page.items
    ]


async def _tasks(session: AsyncSession, caller: Caller, q: str, _: Words) -> list[Hit]:
    page = await patrol.list_tasks(session, caller, search=q, limit=_EACH)
    return [
        Hit("icon:assignment", one.title, f"{one.staff_name} · {one.day:%m-%d}", f"/tasks?week={one.day}&task={one.id}")
        for one in page.items
    ]


async def _people(session: AsyncSession, caller: Caller, q: str, _: Words) -> list[Hit]:
    staff = await accounts.list_staff(session, caller, search=q, limit=_EACH)
    return [Hit("icon:badge", one.name, one.staff_number, f"/tasks?staff_id={one.id}") for one in staff]


handlers = [found, first]
