"""视频: what the cameras of stations and vehicles see now, and whether their recorders keep it long enough.

Pictures come through the server: a browser learns neither a camera's address nor its password.
"""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cameras import checking
from backend.cameras import service as cameras
from backend.cameras.reach import Failed, networks_of
from backend.cameras.routes import picture_response
from backend.cameras.rules import AREAS, REASONS, STATES
from backend.cameras.schemas import CameraIn, CameraLine, Shortfall
from backend.db import Database
from backend.scope import Caller, requires
from backend.settings import Settings
from backend.stations import service as stations
from backend.vehicles import service as vehicles
from web_console.forms import read_form
from web_console.lists import words_for
from web_console.rendering import Visit, beijing, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

# A wall of so many is what a person takes in, and what a browser keeps fresh.
PAGE = 12
STATION_KINDS = {
    "storage": ("储配站", "Storage station"),
    "supply": ("供应站", "Supply station"),
    "point": ("供应点", "Supply point"),
}
KINDS = {**STATION_KINDS, "vehicle": ("车辆", "Vehicle")}
CONDITIONS = {"silent": ("无画面", "No picture"), "wanting": ("存储不达标", "Not kept as required")}
# Flaws that are no verdict of a recorder.
FLAWS = {
    "point_missing": ("缺少摄像头", "No camera"),
    "silent": ("无画面", "No picture"),
    "clarity": ("清晰度不足", "Too coarse"),
    **STATES,
}
_VIEW = requires("camera.view")
_EDIT = requires("camera.edit")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    kind: str = ""
    condition: str = ""
    place_id: str = ""


def _filter(request: Visit) -> Filter:
    given = {k: v.strip() for k, v in request.query_params.items() if v.strip()}
    return msgspec.convert(given, Filter, strict=False)


@get("/cameras", guards=[_VIEW])
async def show(request: Visit, camera: str = "") -> Response[str]:
    return render(request, "cameras.html", filter=_filter(request), kinds=KINDS, conditions=CONDITIONS, opened=camera)


@get("/cameras/found", guards=[_VIEW])
async def found(
    request: Visit, session: AsyncSession, page: Annotated[int, Parameter(ge=1, le=10_000)] = 1
) -> Response[str]:
    wanted, caller = _filter(request), visitor(request).narrowed("camera.view")
    wall = await cameras.list_cameras(
        session,
        caller,
        search=wanted.search,
        kind=wanted.kind,
        place_id=wanted.place_id,
        state=wanted.condition,
        limit=PAGE,
        offset=PAGE * (page - 1),
    )
    shortfalls = await checking.list_shortfalls(session, caller, place_id=wanted.place_id) if page == 1 else []
    return render(
        request,
        "parts/cameras.html",
        wall=wall,
        shortfalls=[
            place
            for place in shortfalls
            if wanted.kind in {"", place.kind} and wanted.search.lower() in place.place_name.lower()
        ],
        kinds=KINDS,
        page=page,
        size=PAGE,
        **await _telling(request, session),
    )


async def _telling(request: Visit, session: AsyncSession) -> dict[str, Any]:
    words = await words_for(request, session)
    return {
        "video_states": STATES,
        "flaws": FLAWS,
        "reasons": REASONS,
        "area_of": lambda one: words(AREAS[one.kind], one.area),
    }


async def of_place(request: Visit, session: AsyncSession, holder: str, place_id: str | None) -> dict[str, Any]:
    """What the page of a station or vehicle shows of its cameras; nothing to who may not see them."""
    caller = with_right(request, "camera.view")
    lines: list[CameraLine] = []
    short: list[Shortfall] = []
    if place_id and caller:
        lines = (await cameras.list_cameras(session, caller, place_id=place_id, limit=50)).items
        short = await checking.list_shortfalls(session, caller, place_id=place_id)
    return {
        "may_watch": caller is not None,
        "may_add_camera": with_right(request, "camera.edit") is not None,
        "cameras": lines,
        "shortfalls": short,
        "holder": holder,
        **await _telling(request, session),
    }


@get("/cameras/new", guards=[_EDIT])
async def new(request: Visit, session: AsyncSession, holder: str = "", place_id: str = "") -> Response[str]:
    """`holder` and `place_id` empty: the form asks for the place."""
    caller = visitor(request).narrowed("camera.edit")
    places: list[tuple[str, str, str]] = []
    if not place_id or holder == "station":
        open_ones = (await stations.list_stations(session, caller, limit=500)).items
        places += [("station", one.id, one.name) for one in open_ones]
    if not place_id or holder == "vehicle":
        places += [("vehicle", one.id, one.plate) for one in (await vehicles.list_vehicles(session, caller)).items]
    kind = ""
    if place_id:
        places = [each for each in places if each[1] == place_id]
        kind = "vehicle" if holder == "vehicle" else (await stations.find_station(session, caller, place_id)).kind
    return await _form(request, session, places=places, kind=kind)


async def _form(request: Visit, session: AsyncSession, **facts: Any) -> Response[str]:
    words = await words_for(request, session)
    kinds = [facts["kind"]] if facts["kind"] else list(AREAS)
    areas = dict(pair for kind in kinds for pair in words.choices(AREAS[kind]))
    return render(request, "parts/camera_new.html", areas=areas, **facts)


@get("/cameras/{camera_id:str}", guards=[_VIEW])
async def open_one(request: Visit, session: AsyncSession, camera_id: str) -> Response[str]:
    return await _opened(request, session, camera_id)


async def _opened(request: Visit, session: AsyncSession, camera_id: str) -> Response[str]:
    caller, words = visitor(request).narrowed("camera.view"), await words_for(request, session)
    one = await cameras.find_camera(session, caller, camera_id)
    editor = await _editor(request, session, camera_id)
    return render(
        request,
        "parts/camera.html",
        one=one,
        kinds=KINDS,
        checks=await cameras.list_checks(session, caller, camera_id),
        inner=await cameras.find_settings(session, editor, camera_id) if editor else None,
        areas=dict(words.choices(AREAS[one.kind])),
        **await _telling(request, session),
    )


async def _editor(request: Visit, session: AsyncSession, camera_id: str) -> Caller | None:
    """The visitor, where he may change this very camera."""
    editor = with_right(request, "camera.edit")
    if editor is None:
        return None
    return editor if await cameras.is_within(session, editor, camera_id) else None


@post("/cameras", guards=[_EDIT], status_code=200)
async def create(request: Visit, session: AsyncSession) -> Response[str]:
    form = await request.form()
    holder, _, place_id = str(form.get("place", "")).partition(":")
    given = await read_form(request, CameraIn, holder=holder, place_id=place_id)
    made = await cameras.create_camera(session, visitor(request).narrowed("camera.edit"), given)
    return _saved(await _opened(request, session, made.id))


@post("/cameras/{camera_id:str}", guards=[_EDIT], status_code=200)
async def change(request: Visit, session: AsyncSession, camera_id: str) -> Response[str]:
    caller = visitor(request).narrowed("camera.edit")
    one = await cameras.find_camera(session, caller, camera_id)
    holder = "vehicle" if one.kind == "vehicle" else "station"
    given = await read_form(request, CameraIn, holder=holder, place_id=one.place_id)
    await cameras.change_camera(session, caller, camera_id, given)
    return _saved(await _opened(request, session, camera_id))


def _saved(answer: Response[str]) -> Response[str]:
    answer.headers["HX-Trigger"] = "cameras-changed"
    return answer


@post("/cameras/{camera_id:str}/remove", guards=[_EDIT], status_code=204)
async def remove(request: Visit, session: AsyncSession, camera_id: str) -> Response[None]:
    await cameras.remove_camera(session, visitor(request).narrowed("camera.edit"), camera_id)
    return done(toast=translate_into(language_of(request))("摄像头已删除"), changed="cameras-changed")


@post("/cameras/{camera_id:str}/check", guards=[_EDIT], status_code=200)
async def check(request: Visit, database: Database, settings: Settings, camera_id: str) -> Response[str]:
    """Asks its recorder at once; the page's own transaction begins after that."""
    caller = visitor(request).narrowed("camera.edit")
    await checking.check_now(database, networks_of(settings.camera_networks), caller, camera_id)
    async with database.sessions() as session:
        return _saved(await _opened(request, session, camera_id))


@get("/cameras/{camera_id:str}/picture", guards=[_VIEW])
async def picture(request: Visit, database: Database, settings: Settings, camera_id: str) -> Response[Any]:
    """A JPEG, or as JSON why there is none, since when, and what to do: the script shows either in its place."""
    caller = visitor(request).narrowed("camera.view")
    try:
        seen = await checking.look(database, networks_of(settings.camera_networks), caller, camera_id)
    except Failed as failed:
        say, t = sayer(language_of(request)), translate_into(language_of(request))
        what, action = REASONS[failed.reason]
        async with database.sessions() as session:
            since = (await cameras.find_camera(session, caller, camera_id)).silent_since
        told = {"what": say(what), "action": say(action), "since": ""}
        if since is not None:
            told["since"] = t("{time} 起", time=beijing(since))
        return Response(told, headers={"Cache-Control": "no-store"})
    return picture_response(seen)


handlers: list[Any] = [show, found, new, open_one, create, change, remove, check, picture]
