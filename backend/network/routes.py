"""The network over HTTP: imports and maps."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Response, Router, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body, Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import AppError, UnusableError
from backend.network import service
from backend.network.schemas import AreaOut, ImportReport, LevelOut
from backend.scope import Caller, requires
from backend.settings import Settings

GEOJSON = "application/geo+json"
_CHUNK = 1 << 20
# The multipart frame around the file; the file itself is held to `settings.max_upload_bytes`.
_LARGEST_BODY = 1 << 31


class ImportForm(msgspec.Struct, kw_only=True):
    """`mapping` is a JSON object, field -> heading in the file."""

    file: UploadFile
    organisation_id: str
    layer: str = ""
    mapping: str = ""
    crs: str = ""
    dry_run: bool = False


class AreaIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    organisation_id: Annotated[str, msgspec.Meta(max_length=64)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    boundary: dict[str, Any]


@post("/imports", status_code=200, guards=[requires("network.import")], request_max_body_size=_LARGEST_BODY)
async def import_network(
    data: Annotated[ImportForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    session: AsyncSession,
    caller: Caller,
    settings: Settings,
) -> ImportReport:
    try:
        mapping = msgspec.json.decode(data.mapping, type=dict[str, str]) if data.mapping else {}
    except msgspec.DecodeError as error:
        raise UnusableError("import.bad_mapping", "列映射不是 JSON 对象。", "The mapping is no JSON object.") from error
    with tempfile.TemporaryDirectory(prefix="qixun-upload-") as folder:
        path = Path(folder) / "upload"
        await _save(data.file, path, settings.max_upload_bytes)
        return await service.import_network(
            session,
            caller,
            path,
            organisation_id=data.organisation_id,
            layer=data.layer or None,
            mapping=mapping,
            crs=data.crs or None,
            dry_run=data.dry_run,
            name=data.file.filename,
        )


async def _save(upload: UploadFile, path: Path, limit: int) -> None:
    size = 0
    with path.open("wb") as file:
        while chunk := await upload.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise AppError(413, "body.too_large", "文件超过大小限制。", "The file is too large.", limit=limit)
            file.write(chunk)


@get("/levels", guards=[requires("network.view")])
async def list_levels() -> list[LevelOut]:
    return [LevelOut(code=c, zh=x.zh, en=x.en, max_mpa=x.max_mpa) for c, x in service.PRESSURE_LEVELS.items()]


@get("/areas", guards=[requires("network.view")])
async def list_areas(session: AsyncSession, caller: Caller) -> list[AreaOut]:
    return await service.list_areas(session, caller)


@post("/areas", guards=[requires("network.import")])
async def draw_area(data: AreaIn, session: AsyncSession, caller: Caller) -> AreaOut:
    return await service.draw_area(
        session, caller, organisation_id=data.organisation_id, name=data.name, boundary=data.boundary
    )


@get("/areas.geojson", guards=[requires("network.view")], media_type=MediaType.JSON)
async def map_areas(session: AsyncSession, caller: Caller) -> Response[bytes]:
    return Response(await service.areas_geojson(session, caller), media_type=GEOJSON)


@get("/pipes.geojson", guards=[requires("network.view")], media_type=MediaType.JSON)
async def map_pipes(
    session: AsyncSession,
    caller: Caller,
    bbox: str = "",
    levels: Annotated[str, Parameter(description="comma-separated codes")] = "",
    area_id: str = "",
) -> Response[bytes]:
    found = await service.pipes_geojson(
        session, caller, box=service.parse_box(bbox), levels=filter(None, levels.split(",")), area_id=area_id
    )
    return Response(found, media_type=GEOJSON)


@get("/facilities.geojson", guards=[requires("network.view")], media_type=MediaType.JSON)
async def map_facilities(session: AsyncSession, caller: Caller, bbox: str = "", area_id: str = "") -> Response[bytes]:
    found = await service.facilities_geojson(session, caller, box=service.parse_box(bbox), area_id=area_id)
    return Response(found, media_type=GEOJSON)


router = Router(
    "/api/network",
    tags=["network"],
    route_handlers=[
        import_network,
        list_levels,
        list_areas,
        draw_area,
        map_areas,
        map_pipes,
        map_facilities,
    ],
)
