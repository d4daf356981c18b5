"""Cameras of key areas: registered, found, followed to where their place moves, told to the regulator."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from yarl import URL

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.cameras.models import Camera, CameraCheck
from backend.cameras.reach import Credentials, Target
from backend.cameras.rules import GOOD
from backend.cameras.schemas import CameraIn, CameraLine, CameraSettings, CheckLine
from backend.changes import service as changes
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.pages import Page
from backend.personal_keys import data_dir, decrypt, encrypt, master_key
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.stations import service as stations
from backend.vehicles import service as vehicles
from sync.databases import beijing_today

_VIEW, _EDIT = "camera.view", "camera.edit"
_GIVEN = (
    *("name", "area", "width_px", "height_px", "picture_address", "stream_address", "recorder_address", "recording"),
)
_LISTED = tuple(name for name in CameraLine.__struct_fields__ if name not in {"has_picture", "has_recorder"})
# The history that a page shows.
_CHECKS_MOST = 120


class _Place(msgspec.Struct, frozen=True):
    """A station or a vehicle as it stands now."""

    id: str
    organisation_id: str
    kind: str
    name: str
    open: bool


async def create_camera(session: AsyncSession, caller: Caller, given: CameraIn) -> CameraLine:
    place = await _place(session, caller, given)
    company = await accounts.find_company(session, place.organisation_id)
    camera = Camera(id=new_key(), company_id=company.id, place_id=place.id, registered_at=datetime.now(UTC))
    camera.credentials, camera.installed_on = b"", given.installed_on or beijing_today()
    await _write(session, caller, camera, place, given)
    return await find_camera(session, caller, camera.id)


async def change_camera(session: AsyncSession, caller: Caller, camera_id: str, given: CameraIn) -> CameraLine:
    camera = await _find(session, caller, camera_id)
    place = await _place(session, caller, given)
    if place.id != camera.place_id:
        raise UnusableError(
            "camera.other_place",
            "摄像头不能移到别处，请删除后在新的地方登记。",
            "A camera does not move: remove it and register it at the other place.",
        )
    await _write(session, caller, camera, place, given)
    return await find_camera(session, caller, camera.id)


async def remove_camera(session: AsyncSession, caller: Caller, camera_id: str) -> None:
    """With the history of its checks; the audit keeps that there was one."""
    camera = await _find(session, caller, camera_id)
    await session.execute(delete(Camera).where(Camera.id == camera.id))
    await _note(session, caller, "camera.removed", camera, deleted=True)


async def _place(session: AsyncSession, caller: Caller, given: CameraIn) -> _Place:
    if given.holder == "station":
        station = await stations.find_station(session, caller, given.place_id)
        place = _Place(station.id, station.organisation_id, station.kind, station.name, station.state == "open")
    else:
        vehicle = (await vehicles.find_vehicle(session, caller, given.place_id)).vehicle
        place = _Place(vehicle.id, vehicle.organisation_id, "vehicle", vehicle.plate, not vehicle.retired)
    await reference.find_place(session, place.organisation_id, caller=caller, right=_EDIT)
    return place


async def _write(session: AsyncSession, caller: Caller, camera: Camera, place: _Place, given: CameraIn) -> None:
    same = select(Camera.id).where(Camera.place_id == place.id, Camera.name == given.name, Camera.id != camera.id)
    if await session.scalar(same) is not None:
        raise ConflictingError("camera.name_taken", "这里已有同名的摄像头。", "There is a camera of that name here.")
    if bool(given.username) != bool(given.password):
        raise UnusableError(
            "camera.credentials_half",
            "用户名和密码要一起填写。",
            "User name and password belong together.",
            field="password",
        )
    camera.credentials = await _credentials(session, camera, place, given)
    for name in _GIVEN:
        setattr(camera, name, getattr(given, name))
    camera.installed_on = given.installed_on or camera.installed_on
    camera.organisation_id, camera.kind = place.organisation_id, place.kind
    camera.place_name, camera.place_open = place.name, place.open
    camera.changed_at = datetime.now(UTC)
    # What was found out about other addresses says nothing of these.
    camera.silent_since, camera.silent_reason, camera.recorder_silent_since = None, "", None
    if not camera.recorder_address:
        camera.verdict, camera.kept_days, camera.required_days, camera.checked_at = "", None, None, None
    session.add(camera)
    await session.flush()
    await _note(session, caller, "camera.saved", camera)


async def _credentials(session: AsyncSession, camera: Camera, place: _Place, given: CameraIn) -> bytes:
    """Those that were given; else those that some camera of this place has for the very same hosts. A password never
    follows an address to another host: it would be handed to whoever listens there.
    """
    if given.username:
        plain = msgspec.json.encode((given.username, given.password))
        return encrypt(master_key(data_dir(session)), plain, _bound(camera.id))
    wanted = _origins(given.picture_address, given.recorder_address)
    if camera.credentials and wanted <= _origins(camera.picture_address, camera.recorder_address):
        return camera.credentials
    siblings = await session.scalars(
        select(Camera).where(Camera.place_id == place.id, Camera.id != camera.id, Camera.credentials != b"")
    )
    for sibling in siblings:
        if wanted and wanted <= _origins(sibling.picture_address, sibling.recorder_address):
            key = master_key(data_dir(session))
            return encrypt(key, decrypt(key, sibling.credentials, _bound(sibling.id)), _bound(camera.id))
    if camera.credentials and wanted:
        raise UnusableError(
            "camera.credentials_again",
            "地址换了，请重新填写用户名和密码。",
            "The address is another one: enter user name and password again.",
            field="password",
        )
    return b""


def _origins(*addresses: str | None) -> frozenset[str]:
    return frozenset(str(URL(address).origin()) for address in addresses if address)


def _bound(camera_id: str) -> str:
    return f"camera/{camera_id}"


async def _note(session: AsyncSession, caller: Caller, action: str, camera: Camera, *, deleted: bool = False) -> None:
    facts = {"name": camera.name, "place": camera.place_name, "picture": camera.picture_address}
    facts |= {"recorder": camera.recorder_address}
    unit = camera.organisation_id
    await audit.record(session, caller, action, "camera", camera.id, facts, organisation_id=unit)
    await changes.changed(session, "T2-20", camera.id, unit, deleted=deleted)
    await events.announce(session, "camera.changed", camera.id, unit)


async def find_camera(session: AsyncSession, caller: Caller, camera_id: str) -> CameraLine:
    return line_of(await _see(session, caller, camera_id))


async def _see(session: AsyncSession, caller: Caller, camera_id: str) -> Camera:
    query = scoped(select(Camera).where(Camera.id == camera_id), Camera.organisation_id, caller)
    camera: Camera | None = await session.scalar(query.execution_options(populate_existing=True))
    if camera is None:
        raise MissingError("camera.unknown", "没有这个摄像头。", "There is no such camera.")
    return camera


async def _find(session: AsyncSession, caller: Caller, camera_id: str) -> Camera:
    """To change it."""
    camera = await _see(session, caller, camera_id)
    await reference.find_place(session, camera.organisation_id, caller=caller, right=_EDIT)
    await session.refresh(camera, with_for_update=True)
    return camera


async def is_within(session: AsyncSession, caller: Caller, camera_id: str) -> bool:
    """Whether this caller's right reaches it."""
    query = scoped(select(Camera.id).where(Camera.id == camera_id), Camera.organisation_id, caller)
    return await session.scalar(query) is not None


async def find_settings(session: AsyncSession, caller: Caller, camera_id: str) -> CameraSettings:
    """For who may change them."""
    camera = await _find(session, caller, camera_id)
    return CameraSettings(
        picture_address=camera.picture_address,
        recorder_address=camera.recorder_address,
        recording=camera.recording,
        has_credentials=bool(camera.credentials),
    )


async def list_cameras(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    kind: str = "",
    place_id: str = "",
    state: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[CameraLine]:
    """Of open stations and vehicles in use. `search`: part of its name or of the place's; `state`: `silent` (no live
    picture) or `wanting` (not kept as it should be).
    """
    wanted: list[ColumnElement[bool]] = [within(Camera.organisation_id, caller), Camera.place_open.is_(True)]
    wanted += [column == value for column, value in ((Camera.kind, kind), (Camera.place_id, place_id)) if value]
    if state == "silent":
        wanted.append(Camera.silent_since.is_not(None))
    elif state == "wanting":
        wanted.append(or_(Camera.recorder_address == "", Camera.verdict.not_in([*GOOD, ""])))
    if search:
        wanted.append(or_(*(part.icontains(search, autoescape=True) for part in (Camera.name, Camera.place_name))))
    total = await session.scalar(select(func.count(Camera.id)).where(*wanted))
    query = select(Camera).where(*wanted).order_by(Camera.place_name, Camera.name, Camera.id)
    rows = await session.scalars(query.limit(limit).offset(offset).execution_options(populate_existing=True))
    return Page([line_of(row) for row in rows], total or 0)


def line_of(camera: Camera) -> CameraLine:
    return CameraLine(
        has_picture=bool(camera.picture_address),
        has_recorder=bool(camera.recorder_address),
        **{name: getattr(camera, name) for name in _LISTED},
    )


async def list_checks(session: AsyncSession, caller: Caller, camera_id: str) -> list[CheckLine]:
    """The newest first."""
    camera = await _see(session, caller, camera_id)
    rows = await session.scalars(
        select(CameraCheck)
        .where(CameraCheck.camera_id == camera.id)
        .order_by(CameraCheck.day.desc())
        .limit(_CHECKS_MOST)
        .execution_options(populate_existing=True)
    )
    return [msgspec.convert(row, CheckLine, from_attributes=True, strict=False) for row in rows]


async def find_target(session: AsyncSession, caller: Caller | None, camera_id: str) -> Target:
    """Where its picture and recorder are, with the password opened: for this process alone, never for an answer."""
    camera = await _see(session, caller, camera_id) if caller else await session.get_one(Camera, camera_id)
    credentials = None
    if camera.credentials:
        opened = decrypt(master_key(data_dir(session)), camera.credentials, _bound(camera.id))
        credentials = Credentials(*msgspec.json.decode(opened, type=tuple[str, str]))
    return Target(
        key=f"{camera.id}@{camera.changed_at.timestamp()}",
        picture_address=camera.picture_address,
        recorder_address=camera.recorder_address,
        recording=camera.recording,
        credentials=credentials,
    )


async def regulator_items(session: AsyncSession, camera_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """视频点位信息 (T2-20): where each looks and how long it is kept, without its addresses."""
    told = (
        *("kind", "place_id", "place_name", "name", "area", "width_px", "height_px", "installed_on"),
        *("verdict", "kept_days", "required_days", "checked_at"),
    )
    rows = await session.scalars(
        select(Camera).where(one_of(Camera.id, camera_ids)).execution_options(populate_existing=True)
    )
    return {row.id: {name: getattr(row, name) for name in told} for row in rows}


async def _station_saved(session: AsyncSession, station_id: str) -> None:
    station = await stations.of_ids(session, [station_id])
    for place_id, (organisation_id, kind, name, is_open) in station.items():
        await _follow(session, _Place(place_id, organisation_id, kind, name, is_open))


async def _vehicle_saved(session: AsyncSession, vehicle_id: str) -> None:
    vehicle = await vehicles.of_ids(session, [vehicle_id])
    for place_id, (organisation_id, plate, in_use) in vehicle.items():
        await _follow(session, _Place(place_id, organisation_id, "vehicle", plate, in_use))


async def _follow(session: AsyncSession, place: _Place) -> None:
    """Cameras belong to the unit that runs their place, also after it went to another one."""
    values = {
        "organisation_id": place.organisation_id,
        "kind": place.kind,
        "place_name": place.name,
        "place_open": place.open,
    }
    await session.execute(update(Camera).where(Camera.place_id == place.id).values(values))


stations.when_saved(_station_saved)
vehicles.when_saved(_vehicle_saved)
