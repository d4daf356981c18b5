"""What the rest asks of deliveries; split by use case: orders, what drivers recorded, and how it is shown."""

from backend.customers import service as customers
from backend.deliveries.service.orders import (
    create_order,
    find_order,
    list_orders,
    reassign_order,
    retry_order,
    send_card,
    withdraw_order,
)
from backend.deliveries.service.reporting import check_items, regulator_items
from backend.deliveries.service.returns import list_returns
from backend.deliveries.service.showing import list_deliveries, list_failed_visits, list_often_missed
from backend.deliveries.service.slips import list_balances, list_slips
from backend.deliveries.service.voiding import completed_before, void_record

customers.when_changed(send_card)
customers.when_completed(completed_before)

__all__ = [
    "check_items",
    "completed_before",
    "create_order",
    "find_order",
    "list_balances",
    "list_deliveries",
    "list_failed_visits",
    "list_often_missed",
    "list_orders",
    "list_returns",
    "list_slips",
    "reassign_order",
    "regulator_items",
    "retry_order",
    "send_card",
    "void_record",
    "withdraw_order",
]
