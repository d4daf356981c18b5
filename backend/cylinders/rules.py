"""Who holds a cylinder now, folded from the facts by corrected time, then record id.

Any order of arrival gives the same holder and the same contradictions.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

import msgspec

MovementKind = Literal["loaded", "delivered", "returned", "refused"]
HolderKind = Literal["station", "vehicle", "customer"]
# What a person sees of a cylinder's state (E5.8.3-3); the worst is told.
State = Literal["scrapped", "service_ended", "overdue", "due_soon", "normal"]
DUE_SOON_DAYS = 30


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    record_id: str
    kind: MovementKind
    at: datetime
    staff_id: str
    station_id: str = ""
    customer_id: str = ""


class Holder(msgspec.Struct, frozen=True):
    """A vehicle is told by the driver who loaded it."""

    kind: HolderKind
    id: str
    since: datetime
    record_id: str = ""


class Contradiction(msgspec.Struct, frozen=True):
    """Two facts that cannot both be right, or lack one in between."""

    kind: Literal["delivered_twice", "delivered_by_other", "returned_from_other", "loaded_while_at_customer"]
    earlier: str
    later: str


class Custody(msgspec.Struct, frozen=True):
    holder: Holder
    contradictions: tuple[Contradiction, ...]


def fold(registered: Holder, movements: Iterable[Movement]) -> Custody:
    """`registered`: where the archive says it was before any of these movements."""
    holder = registered
    found: list[Contradiction] = []
    for movement in sorted(movements, key=lambda m: (m.at, m.record_id)):
        kind = _contradiction(holder, movement)
        if kind is not None and holder.record_id:
            found.append(Contradiction(kind, holder.record_id, movement.record_id))
        holder = _after(holder, movement)
    return Custody(holder, tuple(found))


def _contradiction(
    holder: Holder, movement: Movement
) -> Literal["delivered_twice", "delivered_by_other", "returned_from_other", "loaded_while_at_customer"] | None:
    # Nothing is said against loading from another's vehicle: empties and what was not sold go back
    # to the station without a record of their own.
    match movement.kind, holder.kind:
        case "loaded", "customer":
            return "loaded_while_at_customer"
        case "delivered", "customer":
            return "delivered_twice"
        case "delivered", "vehicle" if holder.id != movement.staff_id:
            return "delivered_by_other"
        case "returned", "customer" if holder.id != movement.customer_id:
            return "returned_from_other"
    return None


def _after(holder: Holder, movement: Movement) -> Holder:
    match movement.kind:
        case "loaded" | "returned":
            return Holder("vehicle", movement.staff_id, movement.at, movement.record_id)
        case "delivered":
            return Holder("customer", movement.customer_id, movement.at, movement.record_id)
    return holder


def state_of(*, scrapped: bool, service_ends_on: date | None, next_inspection_on: date | None, today: date) -> State:
    if scrapped:
        return "scrapped"
    if service_ends_on is not None and service_ends_on < today:
        return "service_ended"
    if next_inspection_on is None:
        return "normal"
    if next_inspection_on < today:
        return "overdue"
    return "due_soon" if (next_inspection_on - today).days <= DUE_SOON_DAYS else "normal"
