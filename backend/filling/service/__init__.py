"""What the rest asks of fillings; split by use case: what they come to, how they are shown, what the office does."""

from backend.filling.service.office import handle_refusal, withdraw_filling
from backend.filling.service.refusals import count_unhandled, find_refusal, list_refusals
from backend.filling.service.settling import settle
from backend.filling.service.showing import find_filling, last_filling, list_fillings, regulator_items

__all__ = [
    "count_unhandled",
    "find_filling",
    "find_refusal",
    "handle_refusal",
    "last_filling",
    "list_fillings",
    "list_refusals",
    "regulator_items",
    "settle",
    "withdraw_filling",
]
