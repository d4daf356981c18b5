"""The demo pipe network: pandapipes' `schutterwald`, a real town, moved to the invented 松河县 and given its words.

Written as a GeoPackage in CGCS2000 / 3-degree Gauss-Krüger 126E, so that it comes in through the same import,
coordinate conversion included, as a company's own data.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import networkx as nx
import numpy as np
import shapely

CRS = "EPSG:4551"
PIPE_LAYER, FACILITY_LAYER = "管段", "设施"
# Where the town's middle comes to lie: easting, northing in metres of the zone (about 126.35 E, 43.20 N).
_MIDDLE = (528_500.0, 4_785_000.0)
_TRUNK_HOUSES = 150  # a main that feeds at least so many houses is one of 中压A
_VALVE_EVERY = 12  # junctions of a main between two valves
_AREAS = ("站前街片区", "江沿路片区", "东门大街片区", "北环路片区", "林场片区", "人民路片区")


def export_network(path: Path) -> dict[str, int]:
    """Writes both layers to `path` (GeoPackage, made anew) and returns the number of rows in each."""
    import pandapipes.networks  # noqa: PLC0415 - seconds to import, wanted by this command alone

    net = pandapipes.networks.schutterwald_gas(include_houses=True)
    xy = net.junction_geodata[["x", "y"]].to_numpy()
    xy = xy - xy.mean(axis=0) + _MIDDLE
    pipes = net.pipe
    ends = pipes[["from_junction", "to_junction"]].to_numpy()
    house_from = int(net.sink.junction.min())
    levels = _levels(pipes, ends, house_from, source=int(net.ext_grid.junction.iloc[0]))
    areas = _areas(xy[ends].mean(axis=1))
    lines = [shapely.LineString(xy[[a, b]]) for a, b in ends]
    rows = [_pipe_row(number, level, area) for number, (level, area) in enumerate(zip(levels, areas, strict=True), 1)]
    path.unlink(missing_ok=True)
    geopandas.GeoDataFrame(rows, geometry=lines, crs=CRS).to_file(path, layer=PIPE_LAYER, driver="GPKG")
    facilities = _facilities(ends, levels, areas)
    points = [shapely.Point(xy[f.pop("junction")]) for f in facilities]
    geopandas.GeoDataFrame(facilities, geometry=points, crs=CRS).to_file(path, layer=FACILITY_LAYER, driver="GPKG")
    return {PIPE_LAYER: len(rows), FACILITY_LAYER: len(facilities)}


def _levels(pipes: Any, ends: Any, house_from: int, *, source: int) -> list[str]:
    """Pressure level by what a pipe is in the town: the thick feeder, trunks by houses fed, mains, house lines."""
    graph = nx.Graph()
    for number, (a, b) in enumerate(ends):
        graph.add_edge(int(a), int(b), number=number, length=float(pipes.length_km.iloc[number]))
    fed: dict[int, int] = defaultdict(int)
    for junction, way in nx.single_source_dijkstra_path(graph, source, weight="length").items():
        if junction >= house_from:
            for a, b in itertools.pairwise(way):
                fed[graph[a][b]["number"]] += 1
    levels = []
    for number, (a, b) in enumerate(ends):
        if max(a, b) >= house_from:
            levels.append("低压")
        elif pipes.inner_diameter_mm.iloc[number] > 140:
            levels.append("次高压B")
        else:
            levels.append("中压A" if fed[number] >= _TRUNK_HOUSES else "中压B")
    return levels


def _areas(middles: Any) -> list[str]:
    """Patrol areas: the nearest of six centres, settled by a few rounds of averaging (the same each time)."""
    order = np.argsort(middles[:, 0])
    centres = middles[order[np.linspace(0, len(order) - 1, len(_AREAS)).astype(int)]]
    for _ in range(30):
        nearest = np.linalg.norm(middles[:, None] - centres[None], axis=2).argmin(axis=1)
        centres = np.stack([middles[nearest == k].mean(axis=0) for k in range(len(_AREAS))])
    return [_AREAS[k] for k in nearest]


def _pipe_row(number: int, level: str, area: str) -> dict[str, Any]:
    material, diameter, year = {
        "次高压B": ("钢管", "D219×6.3", 1998),
        "中压A": ("PE100 SDR11", "dn200" if number % 3 == 0 else "dn160", 2009 + number % 13),
        "中压B": ("PE80", "dn110" if number % 2 else "dn63", 2003 + number % 10),
        "低压": ("镀锌钢管", "DN50", 1994) if number % 9 == 0 else ("PE80", "dn63", 2003 + number % 12),
    }[level]
    return {
        "管段编号": f"SH-G{number:05d}",
        "压力级制": level,
        "材质": material,
        "管径": diameter,
        "敷设年份": year,
        "片区": area,
        "备注": "演示管网",
    }


def _facilities(ends: Any, levels: Sequence[str], areas: Sequence[str]) -> list[dict[str, Any]]:
    """A regulator box where the level falls between mains, a valve at each branch of the mains and along them."""
    at: dict[int, set[str]] = defaultdict(set)
    mains: dict[int, int] = defaultdict(int)
    area_of: dict[int, str] = {}
    for (a, b), level, area in zip(ends, levels, areas, strict=True):
        for junction in (int(a), int(b)):
            area_of[junction] = area
            if level != "低压":
                at[junction].add(level)
                mains[junction] += 1
    boxes = sorted(j for j, seen in at.items() if len(seen) > 1)
    branches = {j for j, n in mains.items() if n > 2}
    along = set(sorted(j for j, n in mains.items() if n == 2)[::_VALVE_EVERY])
    valves = sorted((branches | along) - set(boxes))
    rows = []
    for kind, letter, junctions in (("调压箱", "R", boxes), ("阀门", "F", valves)):
        for number, junction in enumerate(junctions, 1):
            area = area_of[junction]
            name = f"{area.removesuffix('片区')}{'阀井' if letter == 'F' else '调压箱'} {letter}-{number:02d}"
            row = {
                "设施编号": f"SH-{letter}{number:03d}",
                "类型": kind,
                "名称": name,
                "片区": area,
                "junction": junction,
            }
            rows.append(row)
    return rows
