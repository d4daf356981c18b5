"""The pressure levels of a pipe network (压力级制), GB 55009: known by code on phone, server and map."""

import msgspec


class Level(msgspec.Struct, frozen=True):
    """`max_mpa` is the upper bound in MPa (gauge)."""

    zh: str
    en: str
    max_mpa: float


PRESSURE_LEVELS = {
    "low": Level("低压", "Low pressure", 0.01),
    "medium_b": Level("中压B", "Medium pressure B", 0.2),
    "medium_a": Level("中压A", "Medium pressure A", 0.4),
    "sub_high_b": Level("次高压B", "Sub-high pressure B", 0.8),
    "sub_high_a": Level("次高压A", "Sub-high pressure A", 1.6),
}
