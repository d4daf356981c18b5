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
from backend.deliveries.service.showing import (
    list_deliveries,
    list_failed_visits,
    list_often_missed,
    regulator_items,
)

customers.when_changed(send_card)

__all__ = [
    "create_order",
    "find_order",
    "list_deliveries",
    "list_failed_visits",
    "list_often_missed",
    "list_orders",
    "reassign_order",
    "regulator_items",
    "retry_order",
    "send_card",
    "withdraw_order",
]
