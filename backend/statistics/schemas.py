"""Figures of operation (5.8.3-03) and of real-name registration (E5.8.3-6), as the office reads them."""

from datetime import date, datetime

import msgspec

# The columns of the spreadsheets, by field.
UNIT_HEADS = {
    "name": "单位",
    "storage_stations": "储配站",
    "supply_stations": "供应站",
    "supply_points": "供应点",
    "delivery_workers": "送气工",
    "vehicles": "配送车辆",
    "customers": "客户",
    "own_cylinders": "自有气瓶",
    "tagged": "已装标签",
    "overdue": "检验超期",
    "stock": "站内库存",
    "filled": "充装 瓶",
    "filled_kg": "充装 kg",
    "refused": "拒充 瓶",
    "sold": "送达 瓶",
    "checked_households": "安检 户",
    "entered_percent": "入户率 %",
    "hazards": "隐患 条",
}
DAY_HEADS = {
    "day": "日期",
    "name": "单位",
    "filled": "充装 瓶",
    "filled_kg": "充装 kg",
    "refused": "拒充 瓶",
    "sold": "送达 瓶",
    "entered": "入户安检",
    "failed_visits": "未入户",
    "hazards": "隐患 条",
}
PAPER_WORDS = {
    "in_home_check": "入户安检",
    "agreement": "协议签订",
    "safety_notice": "安全告示",
    "fittings": "配件置换",
}

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
    tagged: int = 0
    overdue: int = 0
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


class ReportOut(msgspec.Struct, frozen=True, kw_only=True):
    """A report as the history shows it; `made_by` is a name."""

    id: str
    organisation_id: str
    organisation_name: str
    number: str
    span: str
    since: date
    until: date
    made_by: str
    made_at: datetime
