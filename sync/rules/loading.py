"""What is odd about a cylinder that is to go onto a vehicle, and what must be on it: judged on the phone, offline."""

from collections.abc import Iterable, Mapping

import msgspec

from sync.documents.cylinders import CylindersLoaded, CylindersStored
from sync.documents.deliveries import DeliveryCompleted
from sync.documents.reference import Cylinder
from sync.rules.cylinders import Reason


class OnBoard(msgspec.Struct, frozen=True, kw_only=True):
    """`full`: as it was loaded; else an empty taken back."""

    code: str
    cylinder_id: str = ""
    full: bool


def loading_cautions(
    cylinder: Cylinder, *, ordered: Mapping[str, int], taken: Mapping[str, int], came_back_empty: bool
) -> tuple[Reason, ...]:
    """Called out at once, and left to the driver: a spare may be meant, a cylinder filled again since.

    `ordered` and `taken` count by size: today's open orders, and what is on the vehicle or scanned for it.
    """
    size = cylinder.specification
    found: list[Reason] = []
    if came_back_empty:
        found.append(
            Reason(
                code="not_full",
                zh="这只是空瓶收回来的，没有充装记录",
                en="It came back empty and nothing says that it was filled",
                action_zh="看充装标签、掂一掂；确实充过再装车",
                action_en="look at the filling label and heft it; load it only if it was filled",
            )
        )
    if not ordered.get(size):
        sizes = "、".join(sorted(ordered)) or "—"
        found.append(
            Reason(
                code="not_ordered",
                zh=f"今天的配送单没有 {size}",
                en=f"No order of today asks for {size}",
                action_zh=f"今天要送的是 {sizes}",
                action_en=f"ordered today: {sizes}",
            )
        )
    elif taken.get(size, 0) >= ordered[size]:
        found.append(
            Reason(
                code="enough",
                zh=f"{size} 已经够了：要送 {ordered[size]} 只",
                en=f"Enough of {size}: {ordered[size]} ordered",
                action_zh="备用瓶才继续装",
                action_en="go on only for a spare",
            )
        )
    return tuple(found)


def load_of(facts: Iterable[CylindersLoaded | DeliveryCompleted | CylindersStored]) -> tuple[OnBoard, ...]:
    """What is on the vehicle by one driver's records since it was last empty, in the order in which they were made.

    回站入库 empties it: what was then missing has been called out and is the office's to find.
    """
    board: dict[str, OnBoard] = {}
    for fact in sorted(facts, key=lambda each: each.record_number):
        if isinstance(fact, CylindersStored):
            board.clear()
        elif isinstance(fact, CylindersLoaded):
            board |= {s.code: OnBoard(code=s.code, cylinder_id=s.cylinder_id, full=True) for s in fact.cylinders}
        else:
            for scan in fact.delivered:
                board.pop(scan.code, None)
            for each in fact.returned:
                scan = each.scan
                board[scan.code] = OnBoard(code=scan.code, cylinder_id=scan.cylinder_id, full=False)
    return tuple(board.values())


def missing_of(board: Iterable[OnBoard], found: Iterable[str]) -> tuple[str, ...]:
    """Codes that should have come off the vehicle and were not scanned."""
    here = set(found)
    return tuple(each.code for each in board if each.code not in here)
