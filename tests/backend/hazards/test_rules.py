"""The stages of a hazard: every move that there is, and no other."""

from datetime import date

import pytest

from backend.hazards.rules import ACTIONS, STAGES, is_overdue, next_stage, open_actions

REVIEW, DISPATCH, RECTIFY, RECHECK, CLOSED = STAGES
MOVES = {
    ("decide", REVIEW): DISPATCH,
    ("dismiss", REVIEW): CLOSED,
    ("dispatch", DISPATCH): RECTIFY,
    ("return", DISPATCH): REVIEW,
    ("supervise", DISPATCH): DISPATCH,
    ("rectify", RECTIFY): RECHECK,
    ("return", RECTIFY): DISPATCH,
    ("extend", RECTIFY): RECTIFY,
    ("supervise", RECTIFY): RECTIFY,
    ("recheck", RECHECK): CLOSED,
    ("return", RECHECK): RECTIFY,
    ("supervise", RECHECK): RECHECK,
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("stage", STAGES)
def test_each_action_at_each_stage_leads_where_it_should_or_nowhere(action: str, stage: str) -> None:
    assert next_stage(action, stage) == MOVES.get((action, stage))  # type: ignore[arg-type]


def test_what_is_closed_stays_closed() -> None:
    assert open_actions("closed") == ()


@pytest.mark.parametrize(
    ("stage", "due", "late"),
    [
        ("in_rectification", date(2026, 11, 22), True),
        ("in_rectification", date(2026, 11, 23), False),
        ("closed", date(2026, 11, 22), False),
        ("pending_review", None, False),
    ],
)
def test_a_hazard_is_overdue_from_the_day_after_its_due_day(stage: str, due: date | None, *, late: bool) -> None:
    assert is_overdue(stage, due, date(2026, 11, 23)) is late  # type: ignore[arg-type]
