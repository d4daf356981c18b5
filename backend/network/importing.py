"""Taking a company's network file: row by row, each refusal with its reason; the same file twice changes nothing."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import shapely
from geoalchemy2.shape import from_shape, to_shape
from pyproj import Geod
from sqlalchemy import ColumnElement, Select, Text, any_, cast, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.db import CGCS2000, new_key
from backend.errors import UnusableError
from backend.intake import service as intake
from backend.network.files import Layer, read_layers
from backend.network.models import Facility, NetworkVersion, PatrolArea, Pipe
from backend.network.rules import Refusal, read_facility, read_pipe
from backend.network.schemas import ImportReport, LayerReport, RejectedRow
from backend.scope import Caller
from sync.documents import reference

# China and its waters in degrees: what falls outside was converted from the wrong coordinate system.
_CHINA = (73.0, 3.0, 136.0, 54.0)
# CGCS2000's ellipsoid.
_ELLIPSOID = Geod(a=6_378_137.0, rf=298.257222101)
# A pipe shorter than this is two clicks on one spot.
_SHORTEST_M = 0.01
_HULL_MARGIN_M = 20


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    fields: dict[str, Any]
    shape: Any


async def import_network(
    session: AsyncSession,
    caller: Caller | None,
    path: Path,
    *,
    organisation_id: str,
    layer: str | None = None,
    mapping: Mapping[str, str] | None = None,
    crs: str | None = None,
    dry_run: bool = False,
    name: str = "",
) -> ImportReport:
    """Lines become pipes, points facilities of this unit, known by their code; `layer` None takes all layers."""
    unit = await accounts.find_organisation(session, organisation_id, caller)
    if unit.kind != "unit":
        raise UnusableError("import.not_a_unit", "管网须导入到基层单位。", "A network is imported into a unit.")
    layers = await asyncio.to_thread(read_layers, path, layer=layer, mapping=mapping or {}, crs=crs, name=name)
    # One import of a unit at a time; others wait for the commit.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"network:{organisation_id}"))))
    reports = [await _import_layer(session, organisation_id, each, dry_run=dry_run) for each in layers]
    if not dry_run and any(report.created or report.changed for report in reports):
        await advance_version(session, organisation_id)
    version = await _version(session, organisation_id)
    report = ImportReport(dry_run=dry_run, layers=tuple(reports), version=version)
    if not dry_run:
        facts = {"file": name or path.name, "accepted": report.accepted, "rejected": len(report.rejected)}
        await audit.record(
            session,
            caller,
            "network.imported",
            "organisation",
            organisation_id,
            facts,
            organisation_id=organisation_id,
        )
        await events.announce(session, "network.changed", organisation_id, organisation_id, version=version)
    return report


async def _import_layer(session: AsyncSession, unit_id: str, layer: Layer, *, dry_run: bool) -> LayerReport:
    kind = _kind(layer)
    # In threads: a city's rows would hold up everybody else for seconds.
    accepted, rejected = await asyncio.to_thread(_sift, layer, kind)
    held = await _held(session, unit_id, kind, accepted)
    areas = {} if dry_run else await _areas(session, unit_id, {row.fields["area"] for row in accepted})
    created = [row for row in accepted if row.fields["code"] not in held]
    changed = await asyncio.to_thread(
        lambda: [row for row in accepted if row.fields["code"] in held and not _same(held[row.fields["code"]], row)]
    )
    if not dry_run:
        await _write(session, unit_id, kind, [*created, *changed], areas)
        await _redraw(session, unit_id)
        await post_references(session, unit_id, kind, [row.fields["code"] for row in (*created, *changed)])
    return LayerReport(
        layer=layer.name,
        kind=kind,
        crs=layer.crs,
        columns=layer.columns,
        read=len(layer.rows),
        accepted=len(accepted),
        created=len(created),
        changed=len(changed),
        unchanged=len(accepted) - len(created) - len(changed),
        rejected=tuple(rejected),
    )


def _kind(layer: Layer) -> str:
    """By the first geometry that is there: a layer of points holds facilities."""
    first = next((shape for shape in layer.geometries if shape is not None and not shape.is_empty), None)
    return "facility" if first is not None and first.geom_type in {"Point", "MultiPoint"} else "pipe"


def _sift(layer: Layer, kind: str) -> tuple[list[_Row], list[RejectedRow]]:
    accepted: list[_Row] = []
    rejected: list[RejectedRow] = []
    seen: dict[str, int] = {}
    for number, (row, geometry) in enumerate(zip(layer.rows, layer.geometries, strict=True), 1):
        fields = read_pipe(row) if kind == "pipe" else read_facility(row)
        shape = _shape(geometry, kind) if not isinstance(fields, Refusal) else fields
        if not isinstance(fields, Refusal) and not isinstance(shape, Refusal):
            first = seen.setdefault(fields["code"], number)
            if first == number:
                accepted.append(_Row(fields=fields, shape=shape))
                continue
            shape = Refusal("duplicate_code", f"编号与第 {first} 行重复。", f"The code repeats that of row {first}.")
        refusal = fields if isinstance(fields, Refusal) else shape
        rejected.append(
            RejectedRow(
                row=number,
                pipe_or_facility=str(row.get("code") or ""),
                code=refusal.code,
                reason_zh=refusal.zh,
                reason_en=refusal.en,
            )
        )
    return accepted, rejected


def _shape(geometry: Any, kind: str) -> Any:
    """A LineString or Point in degrees, or why not."""
    if geometry is None or geometry.is_empty:
        return Refusal("no_geometry", "缺少几何图形或无法解析。", "The geometry is missing or unreadable.")
    wanted = "LineString" if kind == "pipe" else "Point"
    shape = shapely.force_2d(geometry)
    if shape.geom_type == f"Multi{wanted}":
        shape = shapely.line_merge(shape) if kind == "pipe" and len(shape.geoms) > 1 else shape
        shape = shape.geoms[0] if shape.geom_type == f"Multi{wanted}" and len(shape.geoms) == 1 else shape
    if shape.geom_type != wanted:
        return Refusal(
            "wrong_geometry",
            f"几何类型为 {geometry.geom_type}，应为一条线或一个点。",
            f"The geometry is a {geometry.geom_type}, not one {wanted}.",
        )
    west, south, east, north = shape.bounds
    inside = _CHINA[0] <= west and east <= _CHINA[2] and _CHINA[1] <= south and north <= _CHINA[3]
    if not inside:
        return Refusal("outside", "坐标不在中国范围内，请检查坐标系。", "It lies outside China: check the CRS.")
    if kind == "pipe" and _length_m(shape) < _SHORTEST_M:
        return Refusal("zero_length", "管段长度为零。", "The pipe has no length.")
    return shape


def _length_m(line: Any) -> float:
    return float(_ELLIPSOID.geometry_length(line))


async def _held(session: AsyncSession, unit_id: str, kind: str, rows: Sequence[_Row]) -> dict[str, Any]:
    table: type[Pipe | Facility] = Pipe if kind == "pipe" else Facility
    codes = [row.fields["code"] for row in rows]
    statement: Select[Any, str | None] = (
        select(table, PatrolArea.name)
        .outerjoin(PatrolArea, PatrolArea.id == table.area_id)
        .where(table.organisation_id == unit_id, table.code == _any_of(codes))
    )
    return {row.code: (row, area or "") for row, area in await session.execute(statement)}


def _any_of(codes: Sequence[str]) -> ColumnElement[Any]:
    """One parameter however many there are: PostgreSQL takes 65,535, and a city has more pipes."""
    return any_(cast(list(codes), ARRAY(Text)))


def _same(held: tuple[Any, str], row: _Row) -> bool:
    stored, area = held
    geometry = to_shape(stored.line if isinstance(stored, Pipe) else stored.point)
    own = {field: value for field, value in row.fields.items() if field != "area"}
    # Compared to a tenth of a millimetre: coordinate conversion is not exact to the last bit everywhere.
    return (
        area == row.fields["area"]
        and all(getattr(stored, field) == value for field, value in own.items())
        and bool(shapely.equals_exact(geometry, row.shape, tolerance=1e-9))
    )


async def _areas(session: AsyncSession, unit_id: str, names: Iterable[str]) -> dict[str, str]:
    """Name -> id, made where new."""
    wanted = sorted(name for name in names if name)
    if wanted:
        fresh = [{"id": new_key(), "organisation_id": unit_id, "name": name, "drawn": False} for name in wanted]
        await session.execute(insert(PatrolArea).values(fresh).on_conflict_do_nothing())
    rows = await session.execute(
        select(PatrolArea.name, PatrolArea.id).where(PatrolArea.organisation_id == unit_id, PatrolArea.name.in_(wanted))
    )
    return {name: key for name, key in rows}  # noqa: C416 - rows are Row objects


async def _write(
    session: AsyncSession, unit_id: str, kind: str, rows: Sequence[_Row], areas: Mapping[str, str]
) -> None:
    if not rows:
        return
    table = Pipe if kind == "pipe" else Facility
    values = await asyncio.to_thread(lambda: [_values(row, unit_id, kind, areas) for row in rows])
    statement = insert(table)
    kept = {"id", "organisation_id", "code"}
    updates = {column: statement.excluded[column] for column in values[0] if column not in kept}
    await session.execute(
        statement.on_conflict_do_update(index_elements=["organisation_id", "code"], set_=updates), values
    )


def _values(row: _Row, unit_id: str, kind: str, areas: Mapping[str, str]) -> dict[str, Any]:
    value = {field: given for field, given in row.fields.items() if field != "area"}
    value |= {"id": new_key(), "organisation_id": unit_id, "area_id": areas.get(row.fields["area"])}
    shape = from_shape(row.shape, srid=CGCS2000)
    return value | ({"line": shape, "length_m": _length_m(row.shape)} if kind == "pipe" else {"point": shape})


async def _redraw(session: AsyncSession, unit_id: str) -> None:
    """Boundaries that nobody drew follow their pipes."""
    await session.execute(
        text(
            "UPDATE patrol_areas SET boundary = hull.shape FROM ("
            " SELECT area_id,"
            " ST_SetSRID(ST_Buffer(ST_ConvexHull(ST_Collect(line))::geography, :margin)::geometry, 4490) AS shape"
            " FROM pipes WHERE organisation_id = :unit AND area_id IS NOT NULL GROUP BY area_id) AS hull"
            " WHERE hull.area_id = patrol_areas.id AND NOT drawn"
        ),
        {"unit": unit_id, "margin": _HULL_MARGIN_M},
    )


async def post_references(session: AsyncSession, unit_id: str, kind: str, codes: Sequence[str]) -> None:
    """Sends these rows to the unit's phones."""
    table: type[Pipe | Facility] = Pipe if kind == "pipe" else Facility
    statement: Select[Any, str | None] = (
        select(table, PatrolArea.name)
        .outerjoin(PatrolArea, PatrolArea.id == table.area_id)
        .where(table.organisation_id == unit_id, table.code == _any_of(codes))
        .order_by(table.code)
    )
    # The upsert went past the session, which may hold the rows as they were.
    rows = await session.execute(statement, execution_options={"populate_existing": True})
    documents = [
        _pipe_document(row, area or "") if isinstance(row, Pipe) else _facility_document(row, area or "")
        for row, area in rows
    ]
    await intake.post_all(session, unit_id=unit_id, documents=documents)


def _pipe_document(pipe: Pipe, area: str) -> reference.Pipe:
    return reference.Pipe(
        id=reference.reference_id("reference.pipe", pipe.id),
        code=pipe.code,
        pressure_level=pipe.pressure_level,
        material=pipe.material,
        diameter=pipe.diameter,
        laid_year=pipe.laid_year,
        area=area,
        length_m=round(pipe.length_m, 2),
        line=degrees(to_shape(pipe.line).coords),
    )


def _facility_document(facility: Facility, area: str) -> reference.Facility:
    (lon, lat), *_ = degrees(to_shape(facility.point).coords)
    return reference.Facility(
        id=reference.reference_id("reference.facility", facility.id),
        code=facility.code,
        kind=facility.kind,
        name=facility.name,
        area=area,
        lon=lon,
        lat=lat,
    )


def degrees(coordinates: Iterable[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    """To a centimetre: what a phone draws and measures by needs no more."""
    return tuple((round(point[0], 7), round(point[1], 7)) for point in coordinates)


async def advance_version(session: AsyncSession, unit_id: str) -> None:
    row = insert(NetworkVersion).values(organisation_id=unit_id, version=1)
    newer = {"version": NetworkVersion.version + 1, "changed_at": func.now()}
    await session.execute(row.on_conflict_do_update(index_elements=["organisation_id"], set_=newer))


async def _version(session: AsyncSession, unit_id: str) -> int:
    return await session.scalar(select(NetworkVersion.version).where(NetworkVersion.organisation_id == unit_id)) or 0
