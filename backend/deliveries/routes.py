"""Orders and deliveries over HTTP."""

from litestar import Router, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.deliveries import service
from backend.deliveries.schemas import (
    BalanceFilters,
    DeliveryFilters,
    OrderFilters,
    OrderIn,
    OrderOut,
    Reason,
    Reassign,
    Retry,
    ReturnFilters,
    SlipFilters,
    VisitFilters,
    Voiding,
)
from backend.lists import NoFilters, list_routes
from backend.scope import Caller, requires

_VIEW = [requires("delivery.view")]
_PLAN = [requires("delivery.plan")]
_ORDERS = (
    ("配送单号", "order_number"),
    ("客户", "customer_name"),
    ("地址", "customer_address"),
    ("气瓶", lambda one: [f"{line.specification}×{line.quantity}" for line in one.lines]),
    ("送气工", "staff_name"),
    ("车牌", "vehicle"),
    ("开始", "start_at"),
    ("截止", "due_at"),
    ("第几次", "attempt"),
    ("状态", "state"),
    ("原因", "status_reason"),
    ("完成", "done_at"),
)
_DELIVERIES = (
    ("时间", "at"),
    ("客户", "customer_name"),
    ("送气工", "staff_name"),
    ("送达", lambda one: [scan["code"] for scan in one.delivered]),
    ("回收", lambda one: [scan["code"] for scan in one.returned]),
    ("检漏合格", lambda one: one.leak_test.get("passed")),
    ("签收方式", "signature_kind"),
    ("签收人", "receiver"),
    ("收款（元）", lambda one: one.payment["amount_fen"] / 100 if one.payment else None),
    ("备注", "note"),
    ("作废时间", "voided_at"),
    ("作废原因", "void_reason"),
)
_VISITS = (
    ("时间", "at"),
    ("客户", "customer_name"),
    ("送气工", "staff_name"),
    ("结果", "outcome"),
    ("第几次", "attempt"),
    ("已贴告知单", "notice_posted"),
    ("门缝读数 ppm", "door_gap_ppm"),
    ("下次预约", "next_appointment"),
    ("原因", "reason"),
    ("见证人", "witness"),
    ("备注", "note"),
)
_SLIPS = (
    ("时间", "at"),
    ("收退", "kind"),
    ("押金单号", "number"),
    ("客户代码", "customer_code"),
    ("客户", "customer_name"),
    ("规格", "specification"),
    ("转为规格", "moved_to"),
    ("数量", "quantity"),
    ("金额（元）", lambda one: one.amount_fen / 100),
    ("送气工", "staff_name"),
)
_BALANCES = (
    ("客户代码", "customer_code"),
    ("客户", "customer_name"),
    ("在押气瓶", lambda one: [f"{size}×{count}" for size, count in one.cylinders.items()]),
    ("押金（元）", lambda one: one.amount_fen / 100),
    ("最近一次", "last_at"),
)
_RETURNS = (
    ("时间", "at"),
    ("车牌", "vehicle"),
    ("送气工", "staff_name"),
    ("重瓶", "full"),
    ("空瓶", "empty"),
    ("缺少", "missing"),
    ("缺少原因", "missing_reason"),
)
_MISSED = (
    ("社区", "community"),
    ("客户代码", "customer_code"),
    ("客户", "customer_name"),
    ("地址", "address"),
    ("未成次数", "visits"),
    ("最近一次", "last_at"),
    ("结果", "last_outcome"),
)


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


@post("/{record_id:str}/void", status_code=204, guards=_PLAN)
async def void_record(session: AsyncSession, caller: Caller, record_id: str, data: Voiding) -> None:
    """A delivery, a check at a customer's or a visit in vain."""
    await service.void_record(session, caller, record_id, data.reason)


router = Router(
    "/api/deliveries",
    tags=["deliveries"],
    route_handlers=[
        *list_routes("/orders", service.list_orders, OrderFilters, _ORDERS, guards=_VIEW),
        *list_routes("/", service.list_deliveries, DeliveryFilters, _DELIVERIES, guards=_VIEW),
        *list_routes("/failed-visits", service.list_failed_visits, VisitFilters, _VISITS, guards=_VIEW),
        *list_routes("/often-missed", service.list_often_missed, NoFilters, _MISSED, guards=_VIEW),
        *list_routes("/deposits", service.list_slips, SlipFilters, _SLIPS, guards=_VIEW),
        *list_routes("/deposits/balances", service.list_balances, BalanceFilters, _BALANCES, guards=_VIEW),
        *list_routes("/returns", service.list_returns, ReturnFilters, _RETURNS, guards=_VIEW),
        create_order,
        find_order,
        reassign_order,
        retry_order,
        withdraw_order,
        void_record,
    ],
)
