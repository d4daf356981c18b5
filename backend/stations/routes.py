"""Stations over HTTP."""

from typing import Annotated

import msgspec
from litestar import MediaType, Response, Router, get, post, put
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.pages import EXPORT_MOST, Limit, Offset, Page
from backend.scope import Caller, requires
from backend.stations import importing, service
from backend.stations.schemas import StationImport, StationIn, StationLine
from backend.tables import XLSX, write_xlsx

_VIEW = [requires("station.view")]
_EDIT = [requires("station.edit")]
_LARGEST_BODY = 16 * 1024 * 1024


class ImportForm(msgspec.Struct, kw_only=True):
    file: UploadFile
    dry_run: bool = False


@get("/", guards=_VIEW)
async def list_stations(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    kind: str = "",
    organisation_id: str = "",
    shown: Annotated[str, QueryParameter(name="state")] = "open",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[StationLine]:
    """`state=` (empty) lists the closed ones too."""
    return await service.list_stations(
        session,
        caller,
        search=search,
        kind=kind,
        organisation_id=organisation_id,
        state=shown,
        limit=limit,
        offset=offset,
    )


@get("/export.xlsx", guards=_VIEW)
async def export_stations(session: AsyncSession, caller: Caller, kind: str = "") -> Response[bytes]:
    """A table that comes back in by the import."""
    page = await service.list_stations(session, caller, kind=kind, state="", limit=EXPORT_MOST)
    content = write_xlsx([heads[0] for heads in importing.HEADS.values()], map(importing.cells_of, page.items))
    return Response(content, media_type=XLSX, headers={"Content-Disposition": 'attachment; filename="stations.xlsx"'})


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
        list_stations,
        export_stations,
        import_stations,
        stations_geojson,
        create_station,
        find_station,
        change_station,
    ],
)
