"""What a customer's deposit slips come to: values in, values out."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

import msgspec


class Slip(msgspec.Struct, frozen=True):
    kind: Literal["taken", "refunded", "moved"]
    specification: str
    quantity: int
    amount_fen: int
    moved_to: str = ""


class Held(msgspec.Struct, frozen=True):
    """Cylinders with a deposit, by size, without those that are settled; money in fen."""

    cylinders: dict[str, int]
    amount_fen: int


def balance(slips: Iterable[Slip]) -> Held:
    """转瓶 moves the count to another size; its amount is what the customer paid on top."""
    count: Counter[str] = Counter()
    amount = 0
    for slip in slips:
        if slip.kind == "refunded":
            count[slip.specification] -= slip.quantity
            amount -= slip.amount_fen
            continue
        amount += slip.amount_fen
        if slip.kind == "moved":
            count[slip.specification] -= slip.quantity
        count[slip.moved_to if slip.kind == "moved" else slip.specification] += slip.quantity
    return Held({size: number for size, number in sorted(count.items()) if number}, amount)
