"""How a filling stands, folded from its weights and its checks; the order of arrival never matters."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

State = Literal["unchecked", "passed", "failed", "underfilled", "overfilled"]
# Weights are told to the gram.
_ROUNDING_KG = 0.0005


class AfterCheck(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: datetime
    passed: bool
    reweighed_gross_kg: float
    drained_gross_kg: float | None = None


def state_of(
    *, net_kg: float, tare_kg: float, least_kg: float | None, most_kg: float | None, checks: Iterable[AfterCheck]
) -> State:
    """The last check decides; what is too full is told before anything else, until it was drained (倒残)."""
    last = max(checks, key=lambda check: (check.at, check.id), default=None)
    if last is not None:
        gross_kg = last.reweighed_gross_kg if last.drained_gross_kg is None else last.drained_gross_kg
        net_kg = gross_kg - tare_kg
    if most_kg is not None and net_kg > most_kg + _ROUNDING_KG:
        return "overfilled"
    if last is None:
        return "unchecked"
    if not last.passed:
        return "failed"
    return "underfilled" if least_kg is not None and net_kg < least_kg - _ROUNDING_KG else "passed"
