"""Who holds a cylinder now, folded from the facts by corrected time, then record id.

Any order of arrival gives the same holder and the same contradictions.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

import msgspec

# 标签绑定, 充装, 入库, 装车, 送达, 回收, 送检, 检验完成, 报废, 拒用. The archive's own start is `registered`.
MovementKind = Literal[
    "bound", "filled", "stored", "loaded", "delivered", "returned", "sent_out", "inspected", "scrapped", "refused"
]
HolderKind = Literal["station", "vehicle", "customer", "inspection_body", "scrapped"]
ContradictionKind = Literal[
    "delivered_twice",
    "delivered_by_other",
    "delivered_not_loaded",
    "returned_from_other",
    "returned_not_delivered",
    "loaded_while_at_customer",
    "not_returned",
    "filled_not_at_station",
    "filled_twice",
    "two_places",
    "used_after_scrapping",
]
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
    inspection_body: str = ""


class Holder(msgspec.Struct, frozen=True):
    """A vehicle is told by the driver who loaded it, an inspection body by its name. `record_id`: the newest record
    that says so; `since`: when it came there.
    """

    kind: HolderKind
    id: str
    since: datetime
    record_id: str = ""

    @property
    def key(self) -> tuple[HolderKind, str]:
        return self.kind, self.id


class Contradiction(msgspec.Struct, frozen=True):
    """Two facts that cannot both be right, or lack one in between; `earlier` is empty where only the archive
    had told of it before.
    """

    kind: ContradictionKind
    earlier: str
    later: str


class Custody(msgspec.Struct, frozen=True):
    """`stays`: everybody who held it one after another, each told by the record that brought it there."""

    holder: Holder
    contradictions: tuple[Contradiction, ...]
    stays: tuple[Holder, ...]


def fold(registered: Holder, movements: Iterable[Movement]) -> Custody:
    """`registered`: where the archive says it was before any of these movements."""
    holder = registered
    stays = [registered]
    filled_by = ""
    found: list[Contradiction] = []
    for movement in sorted(movements, key=lambda m: (m.at, m.record_id, m.kind)):
        kind = _contradiction(holder, movement)
        if kind is not None:
            found.append(Contradiction(kind, holder.record_id, movement.record_id))
        if movement.kind == "filled" and filled_by:
            found.append(Contradiction("filled_twice", filled_by, movement.record_id))
        filled_by = _filled_by(filled_by, movement)
        holder = _after(holder, movement)
        if holder.key != stays[-1].key:
            stays.append(holder)
    return Custody(holder, tuple(found), tuple(stays))


def _filled_by(filled_by: str, movement: Movement) -> str:
    """The filling that is still in it, as far as the records tell: it ends at a customer's or an inspection body's."""
    match movement.kind:
        case "filled":
            return movement.record_id
        case "delivered" | "returned" | "sent_out" | "inspected" | "scrapped":
            return ""
    return filled_by


def _contradiction(holder: Holder, movement: Movement) -> ContradictionKind | None:
    if movement.kind == "refused":
        return None
    if holder.kind == "scrapped":
        return None if movement.kind == "scrapped" else "used_after_scrapping"
    if movement.kind == "delivered":
        return _against_delivery(holder, movement)
    # Where the archive alone says that it is, any record knows better: it was entered wherever it was.
    if not holder.record_id:
        return None
    if movement.kind == "returned":
        return _against_return(holder, movement)
    return _against_station(holder, movement)


def _against_delivery(holder: Holder, movement: Movement) -> ContradictionKind | None:
    match holder.kind:
        case "customer":
            return "delivered_twice"
        case "vehicle":
            return "delivered_by_other" if holder.id != movement.staff_id else None
    return "delivered_not_loaded"


def _against_return(holder: Holder, movement: Movement) -> ContradictionKind | None:
    if holder.kind != "customer":
        return "returned_not_delivered"
    return "returned_from_other" if holder.id != movement.customer_id else None


def _against_station(holder: Holder, movement: Movement) -> ContradictionKind | None:
    """What happens at a station: it must have been there, or on the way there."""
    if holder.kind == "customer":
        by_kind: dict[MovementKind, ContradictionKind] = {
            "loaded": "loaded_while_at_customer",
            "filled": "filled_not_at_station",
        }
        return by_kind.get(movement.kind, "not_returned")
    if movement.kind == "filled" and holder.kind != "station":
        return "filled_not_at_station"
    if holder.kind == "station":
        return "two_places" if movement.station_id and movement.station_id != holder.id else None
    if holder.kind == "inspection_body":
        # It comes back by 检验完成 or 入库, or is scrapped there.
        back = movement.kind in {"inspected", "stored", "scrapped"} or movement.inspection_body == holder.id
        return None if back else "two_places"
    # Nothing is said of what leaves another's vehicle: empties and what was not sold go back to the
    # station without a record of their own where drivers do not scan them in.
    return None


def _after(holder: Holder, movement: Movement) -> Holder:
    if holder.kind == "scrapped" or movement.kind == "refused":
        return holder
    kind, key = _to(holder, movement)
    since = holder.since if (kind, key) == holder.key else movement.at
    return Holder(kind, key, since, movement.record_id)


def _to(holder: Holder, movement: Movement) -> tuple[HolderKind, str]:
    match movement.kind:
        case "loaded" | "returned":
            return "vehicle", movement.staff_id
        case "delivered":
            return "customer", movement.customer_id
        case "sent_out":
            return "inspection_body", movement.inspection_body
        case "scrapped":
            return "scrapped", ""
    # At a station; a record that does not say at which leaves it where it was.
    return ("station", movement.station_id) if movement.station_id else (holder.kind, holder.id)


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


def plain_uid(tag_uid: str) -> str:
    """A tag's UID however it was written: `04:5e:a1`, `04-5E-A1` and `045EA1` are one tag."""
    return "".join(character for character in tag_uid.upper() if character.isalnum())
