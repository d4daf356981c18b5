"""A hazard's way to closure (闭环): 待核定 → 待派单 → 整改中 → 待复查 → 已销号. Clause 5.6.4.

退回, 延期 and 挂牌督办 are moves on that way.
"""

from datetime import date
from typing import Literal, get_args

Stage = Literal["pending_review", "pending_dispatch", "in_rectification", "pending_recheck", "closed"]
Action = Literal["decide", "dismiss", "dispatch", "rectify", "recheck", "return", "extend", "supervise"]

STAGES: tuple[Stage, ...] = get_args(Stage)
ACTIONS: tuple[Action, ...] = get_args(Action)

# Every move there is; what is not in the table is refused.
TRANSITIONS: dict[tuple[Action, Stage], Stage] = {
    ("decide", "pending_review"): "pending_dispatch",
    ("dismiss", "pending_review"): "closed",
    ("dispatch", "pending_dispatch"): "in_rectification",
    ("rectify", "in_rectification"): "pending_recheck",
    ("recheck", "pending_recheck"): "closed",
    ("return", "pending_dispatch"): "pending_review",
    ("return", "in_rectification"): "pending_dispatch",
    ("return", "pending_recheck"): "in_rectification",
    ("extend", "in_rectification"): "in_rectification",
    ("supervise", "pending_dispatch"): "pending_dispatch",
    ("supervise", "in_rectification"): "in_rectification",
    ("supervise", "pending_recheck"): "pending_recheck",
}

STAGE_WORDS: dict[Stage, tuple[str, str]] = {
    "pending_review": ("待核定", "To be graded"),
    "pending_dispatch": ("待派单", "To be dispatched"),
    "in_rectification": ("整改中", "In rectification"),
    "pending_recheck": ("待复查", "To be rechecked"),
    "closed": ("已销号", "Closed"),
}
ACTION_WORDS: dict[Action, tuple[str, str]] = {
    "decide": ("核定", "Decide the grade"),
    "dismiss": ("不成立", "Dismiss"),
    "dispatch": ("派单", "Dispatch"),
    "rectify": ("整改完成", "Rectified"),
    "recheck": ("复查合格销号", "Recheck passed, close"),
    "return": ("退回", "Return"),
    "extend": ("延期", "Extend"),
    "supervise": ("挂牌督办", "Supervise"),
}


def next_stage(action: Action, stage: Stage) -> Stage | None:
    """None: this cannot be done at this stage."""
    return TRANSITIONS.get((action, stage))


def open_actions(stage: Stage) -> tuple[Action, ...]:
    return tuple(action for action in ACTIONS if (action, stage) in TRANSITIONS)


def is_overdue(stage: Stage, due_on: date | None, today: date) -> bool:
    """The due day itself is still in time."""
    return stage != "closed" and due_on is not None and due_on < today
