"""What a row of a company's network file means: pressure levels, kinds, columns, and why a row is refused."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sync.rules.pressure_levels import PRESSURE_LEVELS

# Words of company files -> codes of the list `facility_kind`; what is not here is kept as `other`.
_FACILITY_KINDS = {
    "阀门": "valve",
    "valve": "valve",
    "阀井": "valve_chamber",
    "阀门井": "valve_chamber",
    "valve_chamber": "valve_chamber",
    "调压箱": "regulator_box",
    "regulator_box": "regulator_box",
    "调压柜": "regulator_cabinet",
    "regulator_cabinet": "regulator_cabinet",
    "调压站": "regulating_station",
    "regulating_station": "regulating_station",
    "标志桩": "marker_post",
    "marker_post": "marker_post",
}

# Field -> headings that mean it, in lower case without spaces and underscores; the first that is there is taken.
_HEADINGS: dict[str, tuple[str, ...]] = {
    "code": (
        "管段编号",
        "管线编号",
        "管道编号",
        "设施编号",
        "设备编号",
        "编号",
        "管段编",
        "code",
        "pipecode",
        "pipeid",
    ),
    "pressure_level": ("压力级制", "压力级别", "压力等级", "压力级", "pressurelevel", "pressure", "preslevel"),
    "material": ("材质", "管材", "material"),
    "diameter": ("管径", "规格", "公称直径", "diameter", "dn"),
    "laid_year": (
        "敷设年份",
        "建设年份",
        "埋设年份",
        "投运年份",
        "建设年代",
        "敷设年",
        "laidyear",
        "year",
        "builtyear",
    ),
    "area": ("巡线片区", "片区", "所属片区", "patrolarea", "area"),
    "kind": ("设施类型", "类型", "设备类型", "kind", "type"),
    "name": ("名称", "设施名称", "name"),
    "lon": ("经度", "lon", "lng", "longitude", "x"),
    "lat": ("纬度", "lat", "latitude", "y"),
    "wkt": ("wkt", "geometry", "geom", "几何"),
}
_LONGEST = 200
_YEARS = range(1900, 2201)


class Refusal(msgspec.Struct, frozen=True):
    code: str
    zh: str
    en: str


def pressure_level(text: str) -> str | None:
    """The code of a level written as 中压A, 中压 a级, medium_a, …; None if it is unknown or ambiguous (中压 alone)."""
    plain = re.sub(r"[\s（）()级_-]", "", text).lower()
    for code, level in PRESSURE_LEVELS.items():
        names = {code.replace("_", ""), level.zh.lower(), level.zh.lower().replace("压", ""), level.en.lower()}
        if plain in {name.replace(" ", "") for name in names}:
            return code
    return None


def facility_kind(text: str) -> str:
    return _FACILITY_KINDS.get(text.strip().lower(), "other")


def find_columns(headings: Sequence[str], explicit: Mapping[str, str]) -> dict[str, str]:
    """Field -> heading in the file: as told, else by common names. Raises `KeyError` for a heading not in the file."""
    plain = {re.sub(r"[\s_]", "", heading).lower(): heading for heading in headings}
    found = {}
    for field, names in _HEADINGS.items():
        if field in explicit:
            if explicit[field] not in headings:
                raise KeyError(explicit[field])
            found[field] = explicit[field]
        elif match := next((plain[name] for name in names if name in plain), None):
            found[field] = match
    unknown = set(explicit) - set(_HEADINGS)
    if unknown:
        raise KeyError(unknown.pop())
    return found


def read_pipe(row: Mapping[str, Any]) -> dict[str, Any] | Refusal:
    """Fields of a pipe from a row's values by field."""
    common = _common(row)
    if isinstance(common, Refusal):
        return common
    given = _word(row.get("pressure_level"))
    level = pressure_level(given)
    if level is None:
        known = "、".join(each.zh for each in PRESSURE_LEVELS.values())
        return Refusal(
            "unknown_pressure_level",
            f"压力级制“{given}”无法识别，应为：{known}。" if given else f"缺少压力级制，应为：{known}。",
            f"Pressure level {given!r} is not one of {', '.join(PRESSURE_LEVELS)}.",
        )
    year = _year(row.get("laid_year"))
    if isinstance(year, Refusal):
        return year
    return {
        **common,
        "pressure_level": level,
        "material": _word(row.get("material")),
        "diameter": _word(row.get("diameter")),
        "laid_year": year,
    }


def read_facility(row: Mapping[str, Any]) -> dict[str, Any] | Refusal:
    common = _common(row)
    if isinstance(common, Refusal):
        return common
    return {**common, "kind": facility_kind(_word(row.get("kind"))), "name": _word(row.get("name"))}


def _common(row: Mapping[str, Any]) -> dict[str, Any] | Refusal:
    code = _word(row.get("code"))
    if not code:
        return Refusal("code_missing", "缺少编号。", "The code is missing.")
    unprintable = next((field for field, value in row.items() if "\0" in _word(value)), None)
    if unprintable is not None:
        return Refusal("unprintable", f"“{unprintable}”含有无法保存的字符。", f"{unprintable!r} holds a NUL character.")
    long = next((field for field, value in row.items() if len(_word(value)) > _LONGEST), None)
    if long is not None:
        return Refusal("too_long", f"“{long}”超过 {_LONGEST} 个字符。", f"{long!r} is over {_LONGEST} characters.")
    return {"code": code, "area": _word(row.get("area"))}


def _word(value: Any) -> str:
    """A cell's text: nothing for empty cells, no `.0` on a number that was read as a float."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN is not itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _year(value: Any) -> int | Refusal | None:
    """A year, or the year of a date; None where nothing is written."""
    text = _word(value)
    if not text or text == "0":
        return None
    match = re.match(r"(\d{4})(?!\d)", text)
    if match is None or int(match[1]) not in _YEARS:
        return Refusal("bad_year", f"敷设年份“{text}”无效。", f"The year laid {text!r} is not a year.")
    return int(match[1])
