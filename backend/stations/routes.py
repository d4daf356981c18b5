"""Stations over HTTP."""

from typing import Annotated

import msgspec
from litestar import MediaType, Response, Router, get, post, put
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from sqlalchemy.ext.asyncio import AsyncSession

from backend.lists import list_routes
from backend.scope import Caller, requires
from backend.stations import importing, service
from backend.stations.schemas import StationFilters, StationImport, StationIn, StationLine

_VIEW = [requires("station.view")]
_EDIT = [requires("station.edit")]
_LARGEST_BODY = 16 * 1024 * 1024


class ImportForm(msgspec.Struct, kw_only=True):
    file: UploadFile
    dry_run: bool = False


@post("/imports", guards=_EDIT, status_code=200, request_max_body_size=_LARGEST_BODY)
async def import_stations(
    data: Annotated[ImportForm, Body(media_type=RequestEncodingType.MULTI_PART)], session: AsyncSession, caller: Caller
) -> StationImport:
    return await importing.import_stations(session, caller, await data.file.read(), dry_run=data.dry_run)


@get("/map.geojson", guards=_VIEW, media_type=MediaType.JSON)
async def stations_geojson(session: AsyncSession, caller: Caller) -> Response[bytes]:
    return Response(await service.stations_geojson(session, caller), media_type="application/geo+json")


@post("/", guards=_EDIT)
async def create_station(session: AsyncSession, caller: Caller, data: StationIn) -> StationLine:
    return await service.create_station(session, caller, data)


@get("/{station_id:str}", guards=_VIEW)
async def find_station(session: AsyncSession, caller: Caller, station_id: str) -> StationLine:
    return await service.find_station(session, caller, station_id)


@put("/{station_id:str}", guards=_EDIT)
async def change_station(session: AsyncSession, caller: Caller, station_id: str, data: StationIn) -> StationLine:
    return await service.change_station(session, caller, station_id, data)


router = Router(
    "/api/stations",
    tags=["stations"],
    route_handlers=[
        *list_routes("/", service.list_stations, StationFilters, importing.COLUMNS, guards=_VIEW),
        import_stations,
        stations_geojson,
        create_station,
        find_station,
        change_station,
    ],
)
