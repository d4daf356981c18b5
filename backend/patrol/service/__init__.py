"""What the rest asks of patrols; split by use case: plans, tasks, and the walks themselves."""

from backend.patrol.service.counting import UNCOUNTED_CHANNEL, count_due
from backend.patrol.service.plans import find_plan, list_planned_days, list_plans, preview_plan, save_plan, stop_plan
from backend.patrol.service.tasks import (
    find_task,
    generate_tasks,
    list_tasks,
    reassign_task,
    record_finishes,
    record_starts,
    withdraw_task,
)
from backend.patrol.service.walks import (
    find_patrol,
    list_patrols,
    list_shift_checks,
    list_visits,
    rates_of,
    regulator_items,
    tracks_geojson,
    uncovered_geojson,
    walked_geojson,
)

__all__ = [
    "UNCOUNTED_CHANNEL",
    "count_due",
    "find_patrol",
    "find_plan",
    "find_task",
    "generate_tasks",
    "list_patrols",
    "list_planned_days",
    "list_plans",
    "list_shift_checks",
    "list_tasks",
    "list_visits",
    "preview_plan",
    "rates_of",
    "reassign_task",
    "record_finishes",
    "record_starts",
    "regulator_items",
    "save_plan",
    "stop_plan",
    "tracks_geojson",
    "uncovered_geojson",
    "walked_geojson",
    "withdraw_task",
]
