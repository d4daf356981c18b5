"""A cylinder's chain as the office reads it: the newest facts one by one, the old ones in short."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from backend.cylinders.schemas import CylinderOut, MovementOut

# So many of the newest are told one by one; before them only what stands out.
_NEWEST = 8
# Two or three are told sooner than counted.
_WORTH_COUNTING = 4
_DAYS_OF_A_MONTH = 30.44
_STANDS_OUT = frozenset({"bound", "sent_out", "inspected", "scrapped", "refused"})
SHOWN = {
    "": ("全部", "All"),
    "filling": ("充装", "Filling"),
    "delivery": ("配送", "Delivery"),
    "inspection": ("检验", "Inspection"),
}
_KINDS = {
    "filling": {"bound", "filled", "stored"},
    "delivery": {"loaded", "delivered", "returned", "refused"},
    "inspection": {"sent_out", "inspected", "scrapped"},
}


class Passage(msgspec.Struct, frozen=True):
    """Facts that are shown as one line until it is opened, newest first; `counts` by kind."""

    moves: tuple[MovementOut, ...]
    counts: dict[str, int]

    @property
    def since(self) -> datetime:
        return self.moves[-1].at

    @property
    def until(self) -> datetime:
        return self.moves[0].at


def years_and_months(since: datetime, until: datetime) -> tuple[int, int, int]:
    """How long, as people say it: (years, months, 0), or (0, 0, days) of less than two months."""
    days = (until - since).days
    months = round(days / _DAYS_OF_A_MONTH)
    return (months // 12, months % 12, 0) if months > 1 else (0, 0, max(days, 1))


class Place(msgspec.Struct, frozen=True):
    """A numbered place on the map, the oldest is 1."""

    number: int
    lon: float
    lat: float
    kind: str
    record_id: str
    at: datetime
    bad: bool


def passages(chain: Sequence[MovementOut], standing: Collection[str], shown: str = "") -> list[MovementOut | Passage]:
    """`standing`: records that are told one by one however old they are, such as those that contradict."""
    if shown in _KINDS:
        return [move for move in chain if move.kind in _KINDS[shown]]
    found: list[MovementOut | Passage] = []
    quiet: list[MovementOut] = []
    for number, move in enumerate(chain):
        if number >= _NEWEST and move.kind not in _STANDS_OUT and move.record_id not in standing:
            quiet.append(move)
            continue
        found += _in_short(quiet)
        quiet = []
        found.append(move)
    return [*found, *_in_short(quiet)]


def _in_short(moves: list[MovementOut]) -> list[MovementOut | Passage]:
    if len(moves) < _WORTH_COUNTING:
        return list(moves)
    counts = Counter(move.kind for move in moves if move.kind in {"filled", "delivered"})
    return [Passage(tuple(moves), {kind: counts[kind] for kind in ("filled", "delivered") if counts[kind]})]


def way(one: CylinderOut, contradicted: Collection[str], most: int = 9) -> list[Place]:
    """The last places where it was recorded, oldest first; records of one place at one moment are one."""
    placed = [move for move in one.chain if move.lon is not None and move.lat is not None]
    last = placed[:most][::-1]
    return [
        Place(
            number, move.lon or 0.0, move.lat or 0.0, move.kind, move.record_id, move.at, move.record_id in contradicted
        )
        for number, move in enumerate(last, start=1)
    ]
