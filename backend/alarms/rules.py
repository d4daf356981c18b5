"""How grave an alarm is, and what is known of a station of which nothing is heard."""

from datetime import datetime, timedelta

from sync.documents.alarms import SensorState

# A station tells its readings every minute; after so long its state is not known any more.
SILENT_AFTER = timedelta(minutes=3)
# Over its limit, or the pump did not start: whoever is on duty is told at once. The first step of gas and a sensor that
# cannot be read are seen to today.
_SERIOUS = frozenset({"over", "not_started"})


def is_serious(reason: str) -> bool:
    return reason in _SERIOUS


def state_now(state: SensorState, heard_at: datetime, now: datetime) -> SensorState:
    """失联 is a state of its own: what was normal minutes ago is not "normal"."""
    return state if now - heard_at <= SILENT_AFTER else "lost"


def since_when(state_age_s: float, heard_at: datetime, now: datetime) -> datetime:
    return heard_at - timedelta(seconds=state_age_s) if now - heard_at <= SILENT_AFTER else heard_at
