"""The pipe network as others ask for it: areas, pipes to walk, what is near, and maps."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import shapely
from geoalchemy2.shape import from_shape, to_shape
from sqlalchemy import ColumnElement, Numeric, Select, cast, func, literal_column, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from backend import audit
from backend.accounts import service as accounts
from backend.db import CGCS2000
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.network.importing import advance_version, degrees, import_network, post_references
from backend.network.models import Facility, NetworkVersion, PatrolArea, Pipe
from backend.network.schemas import AreaOut, NearPipe, PipeLine
from backend.scope import Caller, scoped
from sync.rules.pressure_levels import PRESSURE_LEVELS

__all__ = [
    "PRESSURE_LEVELS",
    "areas_geojson",
    "draw_area",
    "facilities_geojson",
    "find_area",
    "find_pipes",
    "import_network",
    "list_areas",
    "nearest_pipes",
    "network_version",
    "pipes_geojson",
    "pipes_of_area",
]

Box = tuple[float, float, float, float]
# A map asks by what it shows; a whole province in one answer helps nobody.
_MAP_LIMIT = 50_000


async def list_areas(session: AsyncSession, caller: Caller) -> list[AreaOut]:
    statement = (
        select(
            PatrolArea.id,
            PatrolArea.organisation_id,
            PatrolArea.name,
            func.count(Pipe.id).label("pipes"),
            func.coalesce(func.sum(Pipe.length_m), 0.0).label("length_m"),
        )
        .outerjoin(Pipe, Pipe.area_id == PatrolArea.id)
        .group_by(PatrolArea.id)
        .order_by(PatrolArea.name)
    )
    rows = (await session.execute(scoped(statement, PatrolArea.organisation_id, caller))).mappings()
    return [AreaOut(**row) for row in rows]


async def find_area(session: AsyncSession, area_id: str, caller: Caller | None = None) -> PatrolArea:
    statement = select(PatrolArea).where(PatrolArea.id == area_id)
    found = await session.scalar(scoped(statement, PatrolArea.organisation_id, caller) if caller else statement)
    if found is None:
        raise MissingError("area.unknown", "没有这个巡线片区。", "There is no such patrol area.")
    return found


async def pipes_of_area(session: AsyncSession, area_id: str, levels: Iterable[str] = ()) -> list[PipeLine]:
    """What a plan covers: the area's pipes of these pressure levels, of all where none is named."""
    statement = select(Pipe).where(Pipe.area_id == area_id).order_by(Pipe.code)
    wanted = set(levels)
    return await _lines(session, statement.where(Pipe.pressure_level.in_(wanted)) if wanted else statement)


async def find_pipes(session: AsyncSession, pipe_ids: Iterable[str]) -> dict[str, PipeLine]:
    """Pipes by id; one that is gone is left out."""
    return {line.id: line for line in await _lines(session, select(Pipe).where(Pipe.id.in_(set(pipe_ids))))}


class Place(msgspec.Struct, frozen=True):
    """A point in degrees (CGCS2000) and the unit whose pipes it is looked for among."""

    organisation_id: str
    lon: float
    lat: float


# For each place the unit's nearest pipe, measured on the ellipsoid. The box, a little too large, is what the index on
# the pipes' lines is asked for: a degree has at least 110 km, and eastwards 111 km times the cosine of the latitude.
_NEAREST = text(
    f"""
    SELECT place.number, near.id, near.code, near.pressure_level, near.distance_m
    FROM json_to_recordset(CAST(:places AS json))
        AS place (number integer, organisation_id text, lon float8, lat float8)
    CROSS JOIN LATERAL (SELECT ST_SetSRID(ST_MakePoint(place.lon, place.lat), {CGCS2000}) AS point) AS here
    CROSS JOIN LATERAL (
        SELECT p.id, p.code, p.pressure_level, ST_Distance(CAST(p.line AS geography), CAST(here.point AS geography))
            AS distance_m
        FROM pipes AS p
        WHERE p.organisation_id = place.organisation_id
            AND p.line && ST_Expand(
                here.point,
                CAST(:within_m / (111000.0 * greatest(cos(radians(place.lat)), 0.001)) AS float8),
                CAST(:within_m / 110000.0 AS float8)
            )
            AND ST_DWithin(CAST(p.line AS geography), CAST(here.point AS geography), :within_m)
        ORDER BY distance_m, p.id
        LIMIT 1
    ) AS near
    """  # noqa: S608 - our own number
)


async def nearest_pipes(session: AsyncSession, places: Sequence[Place], *, within_m: float) -> list[NearPipe | None]:
    """The nearest pipe of each place, in their order."""
    found: list[NearPipe | None] = [None] * len(places)
    if places:
        numbered = [{"number": number, **msgspec.structs.asdict(place)} for number, place in enumerate(places)]
        given = {"places": msgspec.json.encode(numbered).decode(), "within_m": within_m}
        for number, *near in await session.execute(_NEAREST, given):
            found[number] = NearPipe(**dict(zip(NearPipe.__struct_fields__, near, strict=True)))
    return found


async def network_version(session: AsyncSession, organisation_id: str) -> int:
    """0 before the first import."""
    found = await session.get(NetworkVersion, organisation_id, populate_existing=True)
    return found.version if found else 0


async def draw_area(
    session: AsyncSession, caller: Caller, *, organisation_id: str, name: str, boundary: Mapping[str, Any]
) -> AreaOut:
    """A new area from a GeoJSON polygon: the unit's pipes and facilities whose middle lies in it move there."""
    unit = await accounts.find_organisation(session, organisation_id, caller)
    polygon = _polygon(boundary)
    taken = select(PatrolArea.id).where(PatrolArea.organisation_id == unit.id, PatrolArea.name == name)
    if await session.scalar(taken):
        raise ConflictingError("area.name_taken", "已有同名片区。", "There is an area of that name.")
    area = PatrolArea(organisation_id=unit.id, name=name, boundary=from_shape(polygon, srid=CGCS2000), drawn=True)
    session.add(area)
    await session.flush()
    shape = func.ST_GeomFromEWKB(from_shape(polygon, srid=CGCS2000, extended=True))
    middle = func.ST_LineInterpolatePoint(Pipe.line, 0.5)
    for table, point, kind in ((Pipe, middle, "pipe"), (Facility, Facility.point, "facility")):
        statement = update(table).where(table.organisation_id == unit.id, func.ST_Covers(shape, point))
        moved = statement.values(area_id=area.id).returning(table.code)
        codes = (await session.scalars(moved.execution_options(synchronize_session=False))).all()
        await post_references(session, unit.id, kind, codes)
    await advance_version(session, unit.id)
    await audit.record(session, caller, "area.drawn", "patrol_area", area.id, {"name": name}, organisation_id=unit.id)
    return next(each for each in await list_areas(session, caller) if each.id == area.id)


async def pipes_geojson(
    session: AsyncSession, caller: Caller, *, box: Box | None = None, levels: Iterable[str] = (), area_id: str = ""
) -> bytes:
    """A FeatureCollection, put together by PostGIS."""
    statement = select(
        Pipe.id,
        Pipe.code,
        Pipe.pressure_level,
        Pipe.material,
        Pipe.diameter,
        Pipe.laid_year,
        Pipe.area_id,
        func.round(cast(Pipe.length_m, Numeric), 1).label("length_m"),
        Pipe.line.label("shape"),
    )
    wanted = set(levels)
    if wanted:
        statement = statement.where(Pipe.pressure_level.in_(wanted))
    if area_id:
        statement = statement.where(Pipe.area_id == area_id)
    if box:
        statement = statement.where(_touches(Pipe.line, box))
    return await _collection(session, scoped(statement, Pipe.organisation_id, caller))


async def facilities_geojson(
    session: AsyncSession, caller: Caller, *, box: Box | None = None, area_id: str = ""
) -> bytes:
    statement = select(
        Facility.id, Facility.code, Facility.kind, Facility.name, Facility.area_id, Facility.point.label("shape")
    )
    if area_id:
        statement = statement.where(Facility.area_id == area_id)
    if box:
        statement = statement.where(_touches(Facility.point, box))
    return await _collection(session, scoped(statement, Facility.organisation_id, caller))


async def areas_geojson(session: AsyncSession, caller: Caller) -> bytes:
    statement = select(PatrolArea.id, PatrolArea.name, PatrolArea.boundary.label("shape"))
    statement = statement.where(PatrolArea.boundary.is_not(None))
    return await _collection(session, scoped(statement, PatrolArea.organisation_id, caller))


def parse_box(given: str) -> Box | None:
    """`west,south,east,north` in degrees."""
    if not given:
        return None
    try:
        west, south, east, north = (float(part) for part in given.split(","))
    except ValueError:
        west = south = east = north = float("nan")
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise UnusableError(
            "bbox.wrong",
            "范围应为 西,南,东,北（度）。",
            "A bbox is west,south,east,north in degrees.",
            bbox=given[:100],
        )
    return west, south, east, north


def _touches(shape: InstrumentedAttribute[Any], box: Box) -> ColumnElement[bool]:
    return shape.op("&&", is_comparison=True)(func.ST_MakeEnvelope(*box, CGCS2000))


async def _collection(session: AsyncSession, statement: Select[Any]) -> bytes:
    rows = statement.limit(_MAP_LIMIT).subquery("feature")
    # The row itself is the argument: its first geometry becomes the shape, all else properties.
    feature = func.ST_AsGeoJSON(literal_column("feature"), "shape", 7)
    features = await session.scalar(select(func.string_agg(feature, ",")).select_from(rows))
    return f'{{"type":"FeatureCollection","features":[{features or ""}]}}'.encode()


async def _lines(session: AsyncSession, statement: Select[Pipe]) -> list[PipeLine]:
    return [
        PipeLine(
            id=pipe.id,
            code=pipe.code,
            pressure_level=pipe.pressure_level,
            length_m=pipe.length_m,
            line=degrees(to_shape(pipe.line).coords),
        )
        for pipe in await session.scalars(statement)
    ]


def _polygon(boundary: Mapping[str, Any]) -> Any:
    try:
        polygon = shapely.from_geojson(json.dumps(boundary))
    except shapely.errors.GEOSException:
        polygon = None
    if polygon is None or polygon.geom_type != "Polygon" or polygon.is_empty or not polygon.is_valid:
        raise UnusableError("area.bad_boundary", "片区边界不是有效的多边形。", "The boundary is no valid polygon.")
    return polygon
