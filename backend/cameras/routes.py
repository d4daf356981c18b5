"""Cameras over HTTP. Whoever may see a station's cameras sees their pictures; only administrators enter addresses."""

from litestar import Response, Router, delete, get, post, put
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cameras import checking, service
from backend.cameras.pictures import Picture
from backend.cameras.reach import Failed, networks_of
from backend.cameras.rules import REASONS
from backend.cameras.schemas import CameraIn, CameraLine, CameraSettings, CheckLine, Shortfall
from backend.db import Database
from backend.errors import AppError
from backend.pages import Limit, Offset, Page
from backend.scope import Caller, requires
from backend.settings import Settings

_VIEW = [requires("camera.view")]
_EDIT = [requires("camera.edit")]


@get("/", guards=_VIEW)
async def list_cameras(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    kind: str = "",
    place_id: str = "",
    condition: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[CameraLine]:
    """`condition`: `silent` (no live picture) or `wanting` (recordings not as they should be)."""
    return await service.list_cameras(
        session, caller, search=search, kind=kind, place_id=place_id, state=condition, limit=limit, offset=offset
    )


@get("/shortfalls", guards=_VIEW)
async def list_shortfalls(session: AsyncSession, caller: Caller) -> list[Shortfall]:
    """Places whose video falls short: points, clarity, live picture, days kept, interruptions."""
    return await checking.list_shortfalls(session, caller)


@post("/", guards=_EDIT)
async def create_camera(session: AsyncSession, caller: Caller, data: CameraIn) -> CameraLine:
    return await service.create_camera(session, caller, data)


@get("/{camera_id:str}", guards=_VIEW)
async def find_camera(session: AsyncSession, caller: Caller, camera_id: str) -> CameraLine:
    return await service.find_camera(session, caller, camera_id)


@put("/{camera_id:str}", guards=_EDIT)
async def change_camera(session: AsyncSession, caller: Caller, camera_id: str, data: CameraIn) -> CameraLine:
    return await service.change_camera(session, caller, camera_id, data)


@delete("/{camera_id:str}", guards=_EDIT)
async def remove_camera(session: AsyncSession, caller: Caller, camera_id: str) -> None:
    await service.remove_camera(session, caller, camera_id)


@get("/{camera_id:str}/settings", guards=_EDIT)
async def find_settings(session: AsyncSession, caller: Caller, camera_id: str) -> CameraSettings:
    return await service.find_settings(session, caller, camera_id)


@get("/{camera_id:str}/checks", guards=_VIEW)
async def list_checks(session: AsyncSession, caller: Caller, camera_id: str) -> list[CheckLine]:
    return await service.list_checks(session, caller, camera_id)


@post("/{camera_id:str}/checks", guards=_EDIT, status_code=200)
async def check_now(database: Database, settings: Settings, caller: Caller, camera_id: str) -> list[CheckLine]:
    """Asks its recorder at once."""
    return await checking.check_now(database, networks_of(settings.camera_networks), caller, camera_id)


@get("/{camera_id:str}/picture", guards=_VIEW)
async def look(database: Database, settings: Settings, caller: Caller, camera_id: str) -> Response[bytes]:
    """What it sees now, as a JPEG; 424 with the reason where it gives none."""
    try:
        seen = await checking.look(database, networks_of(settings.camera_networks), caller, camera_id)
    except Failed as failed:
        raise silent(failed) from failed
    return picture_response(seen)


def picture_response(seen: Picture) -> Response[bytes]:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(seen.jpeg, media_type="image/jpeg", headers=headers)


def silent(failed: Failed) -> AppError:
    (zh, en), (action, action_en) = REASONS[failed.reason]
    return AppError(
        424,
        "camera.silent",
        f"摄像头{zh}。",
        f"The camera {en}.",
        action=action,
        action_en=action_en,
        reason=failed.reason,
    )


router = Router(
    "/api/cameras",
    tags=["cameras"],
    route_handlers=[
        list_cameras,
        list_shortfalls,
        create_camera,
        find_camera,
        change_camera,
        remove_camera,
        find_settings,
        list_checks,
        check_now,
        look,
    ],
)
