"""A small town's network as a GeoJSON file, as a company would hand it in: a feeder, avenues, streets, house lines."""

import json
import math
from pathlib import Path
from typing import Any

WEST, SOUTH = 126.335, 43.193
_STEP_M = 120
_ROWS, _COLUMNS = 9, 13
_AREAS = ("老城片区", "东门片区", "林场片区")


def degrees(x_m: float, y_m: float) -> list[float]:
    """Metres east and north of the town's corner, a little bent, so that nothing looks ruled."""
    x, y = x_m + 35 * math.sin(y_m / 260), y_m + 45 * math.sin(x_m / 420)
    return [round(WEST + x / 81_100, 7), round(SOUTH + y / 111_100, 7)]


def crossing(column: float, row: float) -> list[float]:
    return degrees(column * _STEP_M, row * _STEP_M)


def write_pipes(path: Path) -> None:
    features: list[dict[str, Any]] = []

    def pipe(level: str, *points: list[float], area: int) -> None:
        material, diameter, year = {
            "次高压B": ("钢管", "D219×6.3", 1998),
            "中压A": ("PE100 SDR11", "dn160", 2014),
            "中压B": ("PE80", "dn110", 2007),
            "低压": ("PE80", "dn63", 2005),
        }[level]
        properties = {
            "管段编号": f"SH-G{len(features) + 1:04d}",
            "压力级制": level,
            "材质": material,
            "管径": diameter,
            "敷设年份": year,
            "片区": _AREAS[area],
        }
        line = {"type": "LineString", "coordinates": list(points)}
        features.append({"type": "Feature", "properties": properties, "geometry": line})

    for step in range(3):
        pipe("次高压B", crossing(_COLUMNS - 1 + step, 4), crossing(_COLUMNS + step, 4), area=1)
    for row in range(_ROWS):
        for column in range(_COLUMNS - 1):
            area = min(column * 3 // (_COLUMNS - 1), 2)
            if row % 4 == 0:
                pipe("中压A", crossing(column, row), crossing(column + 1, row), area=area)
            elif (row + column) % 5:
                pipe("中压B", crossing(column, row), crossing(column + 1, row), area=area)
            middle = column + 0.5
            if (row + 2 * column) % 3:
                pipe("低压", crossing(middle, row), crossing(middle, row + 0.55), area=area)
                pipe("低压", crossing(middle - 0.3, row + 0.4), crossing(middle + 0.3, row + 0.4), area=area)
    for column in range(0, _COLUMNS, 3):
        for row in range(_ROWS - 1):
            area = min(column * 3 // (_COLUMNS - 1), 2)
            pipe("中压A" if column == 6 else "中压B", crossing(column, row), crossing(column, row + 1), area=area)
    path.write_text(json.dumps(_collection(features)), encoding="utf-8")


def write_facilities(path: Path) -> None:
    features = []
    for number, (column, row) in enumerate((c, r) for c in range(0, _COLUMNS, 3) for r in range(0, _ROWS, 2)):
        kind, letter = ("调压箱", "R") if row % 4 == 2 else ("阀门", "F")
        properties = {
            "设施编号": f"SH-{letter}{number + 1:03d}",
            "类型": kind,
            "名称": f"{kind} {letter}-{number + 1:02d}",
            "片区": _AREAS[min(column * 3 // (_COLUMNS - 1), 2)],
        }
        point = {"type": "Point", "coordinates": crossing(column, row)}
        features.append({"type": "Feature", "properties": properties, "geometry": point})
    path.write_text(json.dumps(_collection(features)), encoding="utf-8")


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    return {"type": "FeatureCollection", "name": "管网", "crs": crs, "features": features}
