"""Figures of operation (5.8.3-03) and of real-name registration (E5.8.3-6), as the office reads them."""

from datetime import date, datetime

import msgspec

OUTCOMES = ("entered", "not_home", "refused", "vacant", "rescheduled")


class UnitFigures(msgspec.Struct, kw_only=True):
    """One unit in the period; what stands (stations, people, stock) is as of now. Percentages None without any."""

    organisation_id: str = ""
    name: str = ""
    storage_stations: int = 0
    supply_stations: int = 0
    supply_points: int = 0
    delivery_workers: int = 0
    vehicles: int = 0
    customers: int = 0
    own_cylinders: int = 0
    stock: int = 0
    filled: int = 0
    filled_kg: float = 0.0
    filled_owned: int = 0
    refused: int = 0
    refused_overdue: int = 0
    sold: int = 0
    checked_households: int = 0
    entered: int = 0
    visits: int = 0
    entered_percent: float | None = None
    hazards: int = 0


class StepFigures(msgspec.Struct, kw_only=True):
    """One hour, day or month: cylinders filled and sold by size."""

    key: str
    filled: dict[str, int]
    sold: dict[str, int]
    refused: int = 0
    checked: int = 0
    failed_visits: int = 0


class DayFigures(msgspec.Struct, kw_only=True):
    """A day of a unit, for the spreadsheet."""

    day: date
    organisation_id: str
    name: str
    filled: int = 0
    filled_kg: float = 0.0
    refused: int = 0
    sold: int = 0
    entered: int = 0
    failed_visits: int = 0
    hazards: int = 0


class AreaVisits(msgspec.Struct, frozen=True, kw_only=True):
    """Where visits were made (小区或道路), by outcome."""

    area: str
    outcomes: dict[str, int]

    @property
    def visits(self) -> int:
        return sum(self.outcomes.values())


class HourOfOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes from order to hand-over, of orders that came in this hour of the day."""

    hour: int
    orders: int
    low_min: float
    median_min: float
    high_min: float


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`total` adds up the units; `on_the_way` lie on vehicles now; `promised_percent` came within the promise."""

    since: date
    until: date
    as_of: datetime
    specifications: list[str]
    total: UnitFigures
    units: list[UnitFigures]
    steps: list[StepFigures]
    areas: list[AreaVisits]
    hours: list[HourOfOrders]
    filled_a_year_before: int
    on_the_way: int
    promise_min: float
    promised_percent: float | None


class UnitRegistration(msgspec.Struct, kw_only=True):
    """实名登记 of a unit: percentages of its users."""

    organisation_id: str = ""
    name: str = ""
    customers: int = 0
    named: int = 0
    own_cylinders: int = 0
    filled_today: int = 0
    done: dict[str, int] = msgspec.field(default_factory=dict)
    reviewed: dict[str, int] = msgspec.field(default_factory=dict)
    done_percent: dict[str, float | None] = msgspec.field(default_factory=dict)
    reviewed_percent: dict[str, float | None] = msgspec.field(default_factory=dict)


class RegistrationFigures(msgspec.Struct, frozen=True, kw_only=True):
    as_of: datetime
    total: UnitRegistration
    units: list[UnitRegistration]
