"""Pipes, facilities and areas of an invented town, and the files a company would send them in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Organisation
from backend.db import CGCS2000, new_key
from backend.network.models import Facility, PatrolArea, Pipe

# 松河县 in CGCS2000 degrees; a hundred-thousandth of a degree is about a metre.
LON, LAT = 126.35, 43.20


async def make_area(session: AsyncSession, unit: Organisation, *, name: str = "站前街片区") -> PatrolArea:
    area = PatrolArea(id=new_key(), organisation_id=unit.id, name=name)
    session.add(area)
    await session.flush()
    return area


async def make_pipe(
    session: AsyncSession,
    unit: Organisation,
    *,
    area: PatrolArea | None = None,
    code: str = "",
    level: str = "medium_a",
    line: Sequence[tuple[float, float]] = ((LON, LAT), (LON + 0.001, LAT)),
    length_m: float = 81.3,
) -> Pipe:
    key = new_key()
    pipe = Pipe(
        id=key,
        organisation_id=unit.id,
        code=code or f"SH-G{key[-6:]}",
        pressure_level=level,
        material="PE80",
        diameter="dn110",
        laid_year=2009,
        length_m=length_m,
        area_id=area.id if area else None,
        line=from_shape(shapely.LineString(line), srid=CGCS2000),
    )
    session.add(pipe)
    await session.flush()
    return pipe


async def make_facility(
    session: AsyncSession,
    unit: Organisation,
    *,
    area: PatrolArea | None = None,
    kind: str = "valve",
    at: tuple[float, float] = (LON, LAT),
) -> Facility:
    key = new_key()
    facility = Facility(
        id=key,
        organisation_id=unit.id,
        code=f"SH-F{key[-6:]}",
        kind=kind,
        name="站前街阀井",
        area_id=area.id if area else None,
        point=from_shape(shapely.Point(at), srid=CGCS2000),
    )
    session.add(facility)
    await session.flush()
    return facility


def write_layer(
    path: Path,
    rows: Sequence[tuple[Mapping[str, Any], Any]],
    *,
    crs: str | None = "EPSG:4490",
    layer: str | None = "管段",
    driver: str | None = None,
    geometry_type: str = "LineString",
) -> Path:
    """Rows of (fields, shapely geometry or None) as a file of the format that the name says."""
    headings = list(rows[0][0])
    columns = [np.array([fields[heading] for fields, _ in rows], dtype=object) for heading in headings]
    wkb = np.array([None if shape is None else shapely.to_wkb(shape) for _, shape in rows], dtype=object)
    encoding = {"encoding": "UTF-8"} if path.suffix == ".shp" else {}
    pyogrio.raw.write(
        path, wkb, columns, headings, crs=crs, layer=layer, driver=driver, geometry_type=geometry_type, **encoding
    )
    return path


def pipe_row(code: str, level: str = "中压A", **rest: Any) -> dict[str, Any]:
    return {
        "管段编号": code,
        "压力级制": level,
        "材质": "PE80",
        "管径": "dn110",
        "敷设年份": "2009",
        "片区": "站前街片区",
    } | rest
