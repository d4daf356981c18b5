"""What the rest asks of hazards; split by use case: the hazards, their stages, leaks and works."""

from backend.hazards.service.board import (
    board,
    find_hazard,
    hazards_geojson,
    list_hazards,
    regulator_items,
)
from backend.hazards.service.leaks import confirm_leak, dismiss_leak, find_leak, list_leaks
from backend.hazards.service.reporting import ensure_check_hazards
from backend.hazards.service.stages import (
    close_hazard,
    decide_grade,
    dismiss_hazard,
    dispatch_hazard,
    extend_hazard,
    rectify_hazard,
    return_hazard,
    supervise_hazard,
)
from backend.hazards.service.works import end_works, find_works, list_works

__all__ = [
    "board",
    "close_hazard",
    "confirm_leak",
    "decide_grade",
    "dismiss_hazard",
    "dismiss_leak",
    "dispatch_hazard",
    "end_works",
    "ensure_check_hazards",
    "extend_hazard",
    "find_hazard",
    "find_leak",
    "find_works",
    "hazards_geojson",
    "list_hazards",
    "list_leaks",
    "list_works",
    "rectify_hazard",
    "regulator_items",
    "return_hazard",
    "supervise_hazard",
]
