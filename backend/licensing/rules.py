"""Which step may follow which, and by when an authority must answer: pure decisions."""

from datetime import date, timedelta
from typing import Literal

State = Literal["draft", "submitted", "under_review", "returned", "approved", "refused", "withdrawn"]
Action = Literal["submit", "withdraw", "accept", "return", "approve", "refuse"]

# From which states an action leads to which; what is not here may not be done.
STEPS: dict[Action, tuple[frozenset[State], State]] = {
    "submit": (frozenset({"draft", "returned"}), "submitted"),
    "withdraw": (frozenset({"draft", "submitted", "under_review", "returned"}), "withdrawn"),
    "accept": (frozenset({"submitted"}), "under_review"),
    "return": (frozenset({"submitted", "under_review"}), "returned"),
    "approve": (frozenset({"under_review"}), "approved"),
    "refuse": (frozenset({"submitted", "under_review"}), "refused"),
}
# The applicant's; the others are the authority's.
APPLICANTS: frozenset[Action] = frozenset({"submit", "withdraw"})
EDITABLE: frozenset[State] = frozenset({"draft", "returned"})
_SATURDAY = 5


def next_state(state: State, action: Action) -> State | None:
    """None where it may not follow."""
    before, after = STEPS[action]
    return after if state in before else None


def after_working_days(day: date, days: int) -> date:
    """Saturdays and Sundays are left out; public holidays differ by year and are the authority's grace."""
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < _SATURDAY:
            days -= 1
    return day
