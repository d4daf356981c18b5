"""What a delivery's steps demand, so that phone and office judge alike. Clause 5.8.3."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sync.documents.deliveries import DeliveryCheckItem
from sync.documents.tasks import OrderLine


def supply_allowed(items: Iterable[DeliveryCheckItem]) -> bool:
    """One failed item stops the supply (不予供气)."""
    return all(item.result != "fail" for item in items)


def unanswered(items: Iterable[DeliveryCheckItem], required: Sequence[str]) -> tuple[str, ...]:
    """The items of the company's list that nobody has judged yet."""
    answered = {item.item for item in items}
    return tuple(code for code in required if code not in answered)


def without_photo(items: Iterable[DeliveryCheckItem]) -> tuple[str, ...]:
    """Failed items that lack their photo."""
    return tuple(item.item for item in items if item.result == "fail" and not item.photo)


def short_of(lines: Sequence[OrderLine], specifications: Iterable[str]) -> dict[str, int]:
    """By size: how many cylinders are still to be exchanged (positive), or are too many (negative)."""
    left = Counter({line.specification: 0 for line in lines})
    for line in lines:
        left[line.specification] += line.quantity
    left.subtract(specifications)
    return {specification: number for specification, number in left.items() if number}
