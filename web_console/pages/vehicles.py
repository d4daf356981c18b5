"""台账, 车辆: who owns and who uses each, its certificates, where it is and drove, and what is on it now."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.certificates import service as certificates
from backend.lists import Columns
from backend.pages import EXPORT_MOST, Page
from backend.photos.service import PhotoStore
from backend.scope import Caller, requires
from backend.settings import Settings
from backend.vehicles import service as vehicles
from backend.vehicles.schemas import TrackOut, VehicleIn, VehicleLine
from sync.databases import beijing_today
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.pages.cameras import of_place
from web_console.pages.certificates import STATES as CERTIFICATE_STATES
from web_console.pages.ledgers import tabs
from web_console.rendering import BEIJING, Visit, language_of, render, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
_VIEW = requires("delivery.view")
_EDIT = requires("delivery.plan")
_LARGEST_BODY = 16 * 1024 * 1024
# The sketch of a day's way, in points of an SVG.
_WIDTH, _HEIGHT, _MARGIN = 320, 160, 10


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    organisation_id: str = ""
    retired: bool = False


async def _found(request: Visit, session: AsyncSession, *, limit: int, offset: int = 0) -> Page[VehicleLine]:
    wanted = read_filters(request, Filter)
    return await vehicles.list_vehicles(
        session,
        visitor(request).narrowed("delivery.view"),
        search=wanted.search,
        organisation_id=wanted.organisation_id,
        retired=None if wanted.retired else False,
        limit=limit,
        offset=offset,
    )


async def _places(request: Visit, session: AsyncSession, right: str) -> list[Any]:
    reach = await accounts.list_organisations(session, visitor(request).narrowed(right))
    return [each for each in reach if each.kind in {"company", "unit"}]


@get("/ledgers/vehicles", guards=[_VIEW])
async def show(request: Visit, session: AsyncSession, vehicle: str = "") -> Response[str]:
    return render(
        request,
        "vehicles.html",
        filter=read_filters(request, Filter),
        tabs=tabs(request),
        places=await _places(request, session, "delivery.view"),
        may_edit=with_right(request, "delivery.plan") is not None,
        opened=vehicle,
    )


@get("/ledgers/vehicles/found", guards=[_VIEW])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    ledger = await _found(request, session, limit=PAGE, offset=PAGE * (page - 1))
    looking = with_right(request, "certificate.view")
    ids = [one.id for one in ledger.items]
    held = await certificates.all_of(session, "vehicle", ids, looking) if ids and looking else {}
    return render(
        request, "parts/vehicles.html", ledger=ledger, held=held, states=CERTIFICATE_STATES, page=page, size=PAGE
    )


@get(files("/ledgers/vehicles/export"), guards=[_VIEW])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t = translate_into(language_of(request))
    columns: Columns = [
        (t("所属行政区域"), "district"),
        (t("所属企业"), "owner"),
        (t("使用企业"), "organisation_name"),
        (t("车辆代码"), "code"),
        (t("车牌号码"), "plate"),
        (t("送气员"), "driver_name"),
        (t("车上气瓶"), "on_board"),
        (t("停用"), "retired"),
        (t("登记时间"), "registered_at"),
    ]
    return await export(request, "vehicles", columns, await _found(request, session, limit=EXPORT_MOST))


@get("/ledgers/vehicles/new", guards=[_EDIT])
async def new(request: Visit, session: AsyncSession) -> Response[str]:
    return await _opened(request, session, None)


@get("/ledgers/vehicles/{vehicle_id:str}", guards=[_VIEW])
async def open_one(request: Visit, session: AsyncSession, vehicle_id: str) -> Response[str]:
    return await _opened(request, session, vehicle_id)


async def _opened(request: Visit, session: AsyncSession, vehicle_id: str | None) -> Response[str]:
    caller = visitor(request).narrowed("delivery.view")
    one = await vehicles.find_vehicle(session, caller, vehicle_id) if vehicle_id else None
    looking = with_right(request, "certificate.view")
    held = await certificates.all_of(session, "vehicle", [vehicle_id], looking) if vehicle_id and looking else {}
    editor = with_right(request, "delivery.plan")
    track = await _today(session, caller, vehicle_id) if vehicle_id else None
    return render(
        request,
        "parts/vehicle.html",
        one=one.vehicle if one else None,
        load=one.load if one else [],
        track=track,
        sketch=_sketch(track) if track else "",
        held=held.get(vehicle_id or "", []),
        states=CERTIFICATE_STATES,
        places=await _places(request, session, "delivery.plan") if editor else [],
        drivers=await _drivers(session, editor) if editor else [],
        may_edit=editor is not None,
        may_certify=with_right(request, "certificate.edit") is not None,
        **await of_place(request, session, "vehicle", vehicle_id),
    )


async def _today(session: AsyncSession, caller: Caller, vehicle_id: str) -> TrackOut:
    since = datetime.combine(beijing_today(), datetime.min.time(), BEIJING)
    return await vehicles.find_track(session, caller, vehicle_id, since=since, until=since + timedelta(days=1))


def _sketch(track: TrackOut) -> str:
    """The day's way as an SVG path, north up; empty without one."""
    if len(track.points) < 2:
        return ""
    lons, lats = [p.lon for p in track.points], [p.lat for p in track.points]
    # A degree of longitude is shorter: at 44 degrees north by this much.
    wide, high = max((max(lons) - min(lons)) * 0.72, 1e-6), max(max(lats) - min(lats), 1e-6)
    scale = min((_WIDTH - 2 * _MARGIN) / wide, (_HEIGHT - 2 * _MARGIN) / high)
    at = [
        (_MARGIN + (p.lon - min(lons)) * 0.72 * scale, _HEIGHT - _MARGIN - (p.lat - min(lats)) * scale)
        for p in track.points
    ]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)


async def _drivers(session: AsyncSession, editor: Caller) -> list[Any]:
    page = await accounts.list_people(session, editor, limit=EXPORT_MOST)
    return [person for person in page.items if person.active]


@post("/ledgers/vehicles", guards=[_EDIT], status_code=200, request_max_body_size=_LARGEST_BODY)
async def create(request: Visit, session: AsyncSession, settings: Settings) -> Response[str]:
    given = await read_form(request, VehicleIn)
    made = await vehicles.create_vehicle(session, visitor(request).narrowed("delivery.plan"), given)
    return await _saved(request, session, settings, made.vehicle.id)


@post("/ledgers/vehicles/{vehicle_id:str}", guards=[_EDIT], status_code=200, request_max_body_size=_LARGEST_BODY)
async def change(request: Visit, session: AsyncSession, settings: Settings, vehicle_id: str) -> Response[str]:
    given = await read_form(request, VehicleIn)
    await vehicles.change_vehicle(session, visitor(request).narrowed("delivery.plan"), vehicle_id, given)
    return await _saved(request, session, settings, vehicle_id)


async def _saved(request: Visit, session: AsyncSession, settings: Settings, vehicle_id: str) -> Response[str]:
    """With the photo, where one was chosen; answers with the record as it now stands."""
    upload = (await request.form()).get("photo")
    if isinstance(upload, UploadFile) and upload.filename:
        caller = visitor(request).narrowed("delivery.plan")
        await vehicles.set_photo(session, caller, PhotoStore.of(settings), vehicle_id, await upload.read())
    answer = await _opened(request, session, vehicle_id)
    answer.headers["HX-Trigger"] = "vehicles-changed"
    return answer


@get("/ledgers/vehicles/{vehicle_id:str}/photo", guards=[_VIEW])
async def open_photo(request: Visit, session: AsyncSession, settings: Settings, vehicle_id: str) -> Response[bytes]:
    caller = visitor(request).narrowed("delivery.view")
    picture = await vehicles.open_photo(session, caller, PhotoStore.of(settings), vehicle_id)
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type="image/jpeg", headers=headers)


@get("/map/vehicles.geojson", guards=[_VIEW])
async def on_map(request: Visit, session: AsyncSession) -> dict[str, Any]:
    """Where each vehicle was seen last, and its way of today."""
    t = translate_into(language_of(request))
    caller = visitor(request).narrowed("delivery.view")
    page = await vehicles.list_vehicles(session, caller, limit=500)
    features: list[dict[str, Any]] = []
    for one in page.items:
        if one.seen is None:
            continue
        track = await _today(session, caller, one.id)
        if len(track.points) > 1:
            line = [[p.lon, p.lat] for p in track.points]
            features.append(_feature("LineString", line, {"id": one.id, "layer": "vehicle-tracks"}))
        rows = [
            (t("送气员"), one.driver_name),
            (t("车上气瓶"), str(one.on_board)),
            (t("最后位置"), f"{one.seen.at.astimezone(BEIJING):%m-%d %H:%M}"),
            (t("今日里程"), f"{track.length_m / 1000:.1f} km"),
            (t("使用企业"), one.organisation_name),
        ]
        told = {"id": one.id, "layer": "vehicles", "icon": "vehicle", "title": one.plate, "rows": rows}
        told |= {"href": f"/ledgers/vehicles?vehicle={one.id}", "action": t("查看")}
        features.append(_feature("Point", [one.seen.lon, one.seen.lat], told))
    return {"type": "FeatureCollection", "features": features}


def _feature(kind: str, coordinates: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


handlers: list[Any] = [show, found, download, new, open_one, create, change, open_photo, on_map]
