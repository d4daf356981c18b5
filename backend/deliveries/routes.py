"""Orders and deliveries over HTTP."""

from datetime import datetime
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.deliveries import service
from backend.deliveries.schemas import (
    DeliveryOut,
    DepositBalance,
    OftenMissed,
    OrderIn,
    OrderOut,
    OrderRow,
    OrderState,
    Reason,
    Reassign,
    Retry,
    ReturnOut,
    SlipOut,
    VisitOut,
    Voiding,
)
from backend.pages import EXPORT_MOST, Limit, Offset, Page, csv_response
from backend.scope import Caller, requires

_VIEW = [requires("delivery.view")]
_PLAN = [requires("delivery.plan")]
_HEADS = {
    "order_number": "配送单号",
    "customer_name": "客户",
    "customer_address": "地址",
    "staff_name": "送气工",
    "vehicle": "车牌",
    "start_at": "开始",
    "due_at": "截止",
    "attempt": "第几次",
    "state": "状态",
    "status_reason": "原因",
    "done_at": "完成",
}


@get("/orders", guards=_VIEW)
async def list_orders(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    staff_id: str = "",
    customer_id: str = "",
    station_id: str = "",
    shown: Annotated[OrderState | None, QueryParameter(name="state")] = None,
    search: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[OrderRow]:
    return await service.list_orders(
        session,
        caller,
        since=since,
        until=until,
        staff_id=staff_id,
        customer_id=customer_id,
        station_id=station_id,
        state=shown,
        search=search,
        limit=limit,
        offset=offset,
    )


@get("/orders.csv", guards=_VIEW)
async def export_orders(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    shown: Annotated[OrderState | None, QueryParameter(name="state")] = None,
) -> Response[bytes]:
    page = await service.list_orders(session, caller, since=since, until=until, state=shown, limit=EXPORT_MOST)
    return csv_response("orders", _HEADS, page.items)


@post("/orders", guards=_PLAN)
async def create_order(session: AsyncSession, caller: Caller, data: OrderIn) -> OrderOut:
    return await service.create_order(session, caller, data)


@get("/orders/{order_id:str}", guards=_VIEW)
async def find_order(session: AsyncSession, caller: Caller, order_id: str) -> OrderOut:
    return await service.find_order(session, caller, order_id)


@post("/orders/{order_id:str}/reassign", status_code=200, guards=_PLAN)
async def reassign_order(session: AsyncSession, caller: Caller, order_id: str, data: Reassign) -> OrderOut:
    return await service.reassign_order(session, caller, order_id, data)


@post("/orders/{order_id:str}/retry", status_code=200, guards=_PLAN)
async def retry_order(session: AsyncSession, caller: Caller, order_id: str, data: Retry) -> OrderOut:
    return await service.retry_order(session, caller, order_id, data)


@post("/orders/{order_id:str}/withdraw", status_code=200, guards=_PLAN)
async def withdraw_order(session: AsyncSession, caller: Caller, order_id: str, data: Reason) -> OrderOut:
    return await service.withdraw_order(session, caller, order_id, data.reason)


@get("/", guards=_VIEW)
async def list_deliveries(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    staff_id: str = "",
    customer_id: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[DeliveryOut]:
    return await service.list_deliveries(
        session,
        caller,
        since=since,
        until=until,
        staff_id=staff_id,
        customer_id=customer_id,
        limit=limit,
        offset=offset,
    )


@get("/failed-visits", guards=_VIEW)
async def list_failed_visits(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    outcome: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[VisitOut]:
    return await service.list_failed_visits(session, caller, since=since, outcome=outcome, limit=limit, offset=offset)


@post("/{record_id:str}/void", status_code=204, guards=_PLAN)
async def void_record(session: AsyncSession, caller: Caller, record_id: str, data: Voiding) -> None:
    """A delivery, a check at a customer's or a visit in vain."""
    await service.void_record(session, caller, record_id, data.reason)


@get("/deposits", guards=_VIEW)
async def list_slips(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    customer_id: str = "",
    kind: str = "",
    search: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[SlipOut]:
    return await service.list_slips(
        session,
        caller,
        since=since,
        until=until,
        customer_id=customer_id,
        kind=kind,
        search=search,
        limit=limit,
        offset=offset,
    )


@get("/deposits/balances", guards=_VIEW)
async def list_balances(
    session: AsyncSession,
    caller: Caller,
    *,
    customer_id: str = "",
    search: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[DepositBalance]:
    return await service.list_balances(
        session, caller, customer_id=customer_id, search=search, limit=limit, offset=offset
    )


@get("/returns", guards=_VIEW)
async def list_returns(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    staff_id: str = "",
    vehicle: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[ReturnOut]:
    return await service.list_returns(
        session, caller, since=since, until=until, staff_id=staff_id, vehicle=vehicle, limit=limit, offset=offset
    )


@get("/often-missed", guards=_VIEW)
async def list_often_missed(session: AsyncSession, caller: Caller) -> list[OftenMissed]:
    return await service.list_often_missed(session, caller)


router = Router(
    "/api/deliveries",
    tags=["deliveries"],
    route_handlers=[
        list_orders,
        export_orders,
        create_order,
        find_order,
        reassign_order,
        retry_order,
        withdraw_order,
        list_deliveries,
        list_failed_visits,
        list_often_missed,
        list_slips,
        list_balances,
        list_returns,
        void_record,
    ],
)
