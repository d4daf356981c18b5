"""Vehicles over HTTP."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, Router, get, post, put
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from sqlalchemy.ext.asyncio import AsyncSession

from backend.lists import list_routes
from backend.photos.service import PhotoStore
from backend.scope import Caller, requires
from backend.settings import Settings
from backend.vehicles import service
from backend.vehicles.schemas import TrackOut, VehicleFilters, VehicleIn, VehicleOut

_VIEW = [requires("delivery.view")]
_EDIT = [requires("delivery.plan")]
_LARGEST_BODY = 16 * 1024 * 1024
_VEHICLES = (
    ("所属行政区域", "district"),
    ("所属企业", "owner"),
    ("使用企业", "organisation_name"),
    ("车辆代码", "code"),
    ("车牌号码", "plate"),
    ("送气员", "driver_name"),
    ("登记时间", "registered_at"),
    ("车上气瓶", "on_board"),
    ("停用", "retired"),
)


class PhotoForm(msgspec.Struct, kw_only=True):
    file: UploadFile


@post("/", guards=_EDIT)
async def create_vehicle(session: AsyncSession, caller: Caller, data: VehicleIn) -> VehicleOut:
    return await service.create_vehicle(session, caller, data)


@get("/{vehicle_id:str}", guards=_VIEW)
async def find_vehicle(session: AsyncSession, caller: Caller, vehicle_id: str) -> VehicleOut:
    return await service.find_vehicle(session, caller, vehicle_id)


@put("/{vehicle_id:str}", guards=_EDIT)
async def change_vehicle(session: AsyncSession, caller: Caller, vehicle_id: str, data: VehicleIn) -> VehicleOut:
    return await service.change_vehicle(session, caller, vehicle_id, data)


@put("/{vehicle_id:str}/photo", guards=_EDIT, request_max_body_size=_LARGEST_BODY)
async def set_photo(
    data: Annotated[PhotoForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    session: AsyncSession,
    caller: Caller,
    settings: Settings,
    vehicle_id: str,
) -> VehicleOut:
    return await service.set_photo(session, caller, PhotoStore.of(settings), vehicle_id, await data.file.read())


@get("/{vehicle_id:str}/photo", guards=_VIEW)
async def open_photo(session: AsyncSession, caller: Caller, settings: Settings, vehicle_id: str) -> Response[bytes]:
    picture = await service.open_photo(session, caller, PhotoStore.of(settings), vehicle_id)
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type="image/jpeg", headers=headers)


@get("/{vehicle_id:str}/track", guards=_VIEW)
async def find_track(
    session: AsyncSession, caller: Caller, vehicle_id: str, since: datetime, until: datetime
) -> TrackOut:
    return await service.find_track(session, caller, vehicle_id, since=since, until=until)


router = Router(
    "/api/vehicles",
    tags=["vehicles"],
    route_handlers=[
        *list_routes("/", service.list_vehicles, VehicleFilters, _VEHICLES, guards=_VIEW),
        create_vehicle,
        find_vehicle,
        change_vehicle,
        find_track,
        set_photo,
        open_photo,
    ],
)
