"""How grave a methane reading is, by the company's limits."""

from typing import Literal

from sync.documents.reference import CompanySettings

Gravity = Literal["normal", "alarm", "emergency"]


def judge_reading(ppm: float, settings: CompanySettings) -> Gravity:
    """At a limit counts as over it."""
    if ppm >= settings.leak_emergency_ppm:
        return "emergency"
    return "alarm" if ppm >= settings.leak_alarm_ppm else "normal"
