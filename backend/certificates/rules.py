"""How near a certificate's last day is: pure decisions."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from sync.rules.certificates import is_valid

# `replaced`: its holder has a later one of the same kind, so nobody is reminded of it.
State = Literal["valid", "due", "expired", "withdrawn", "replaced"]


def state_of(
    *, expires_on: date, withdrawn: bool, replaced: bool, today: date, reminder_days: Iterable[int]
) -> tuple[State, int | None]:
    """With the narrowest reminder that has been reached (7 of 60, 30 and 7), where it is due."""
    if withdrawn:
        return "withdrawn", None
    if replaced:
        return "replaced", None
    if not is_valid(expires_on, today):
        return "expired", None
    left = (expires_on - today).days
    reached = [days for days in reminder_days if left <= days]
    return ("due", min(reached)) if reached else ("valid", None)
