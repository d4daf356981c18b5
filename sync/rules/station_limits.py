"""When a station raises an alarm (场站报警限值): the list that a company edits, and how it is read. E5.8.3-7, E5.8.3-9.

The list travels to the station's PC like every other and is believed only within bounds: an entry that is missing or
makes no sense leaves the built-in figure in force, so that no typing mistake switches an alarm off.
"""

from collections.abc import Iterable, Mapping

import msgspec

from sync.documents.reference import ListEntry

STATION_LIMITS = "station_alarm_limit"


class Figure(msgspec.Struct, frozen=True):
    """`least` to `most`: what a company may set it to."""

    code: str
    zh: str
    en: str
    unit: str
    start: float
    least: float
    most: float


# To be confirmed by each company, for its own tanks: 90 % is the most that a tank of LPG may hold, 1.77 MPa and 50 °C
# what it is commonly built for; detectors have two steps, of at most 25 and 50 %LEL.
FIGURES: tuple[Figure, ...] = (
    Figure("level_over", "液位上限", "Level, highest", "%", 85.0, 50.0, 95.0),
    Figure("level_band", "液位回差", "Level, band", "%", 2.0, 0.1, 20.0),
    Figure("level_delay", "液位延时", "Level, delay", "s", 5.0, 0.0, 60.0),
    Figure("pressure_over", "压力上限", "Pressure, highest", "MPa", 1.6, 0.1, 3.0),
    Figure("pressure_band", "压力回差", "Pressure, band", "MPa", 0.05, 0.001, 0.5),
    Figure("pressure_delay", "压力延时", "Pressure, delay", "s", 3.0, 0.0, 60.0),
    Figure("temperature_over", "温度上限", "Temperature, highest", "°C", 45.0, 20.0, 60.0),
    Figure("temperature_band", "温度回差", "Temperature, band", "°C", 2.0, 0.1, 20.0),
    Figure("temperature_delay", "温度延时", "Temperature, delay", "s", 5.0, 0.0, 60.0),
    Figure("gas_high", "可燃气体低限", "Gas, first step", "%LEL", 20.0, 5.0, 25.0),
    Figure("gas_over", "可燃气体高限", "Gas, second step", "%LEL", 40.0, 10.0, 50.0),
    Figure("gas_band", "可燃气体回差", "Gas, band", "%LEL", 3.0, 0.5, 10.0),
    Figure("gas_delay", "可燃气体延时", "Gas, delay", "s", 2.0, 0.0, 10.0),
    Figure("fire_water_confirm", "消防水启动确认", "Fire water runs within", "s", 10.0, 2.0, 120.0),
)
ENTRIES = tuple(ListEntry(code=f.code, zh=f.zh, en=f.en, unit=f.unit, limit=f.start) for f in FIGURES)


def station_limits(entries: Iterable[ListEntry]) -> Mapping[str, float]:
    """Every figure by its code: the company's where it can be believed, else the built-in one."""
    given = {entry.code: entry.limit for entry in entries}
    found = {figure.code: _believed(given.get(figure.code), figure) for figure in FIGURES}
    if found["gas_high"] >= found["gas_over"]:
        found |= {figure.code: figure.start for figure in FIGURES if figure.code in {"gas_high", "gas_over"}}
    return found


def unbelievable(entries: Iterable[ListEntry]) -> tuple[Figure, ...]:
    """The figures that `station_limits` would not take from this list."""
    given = {entry.code: entry.limit for entry in entries}
    found = station_limits(entries)
    return tuple(figure for figure in FIGURES if given.get(figure.code) != found[figure.code])


def _believed(given: float | None, figure: Figure) -> float:
    return given if given is not None and figure.least <= given <= figure.most else figure.start
