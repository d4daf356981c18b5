"""Vehicles: the ledger (E5.8.3-2), where each is and drove (E5.8.3-8), and what is on it now."""

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.certificates import service as certificates
from backend.certificates.schemas import Holder
from backend.cylinders import service as cylinders
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.pages import EXPORT_MOST, Page
from backend.photos.service import PhotoStore
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.vehicles.models import Vehicle, VehicleTrack
from backend.vehicles.rules import distance_m, picture_of, plain_plate, track_line
from backend.vehicles.schemas import (
    LoadedCylinder,
    TrackOut,
    TrackPointOut,
    VehicleIn,
    VehicleLine,
    VehicleOut,
    VehicleSeen,
)

_LISTED = (
    *("id", "organisation_id", "district", "owner", "code", "plate", "photo_id", "driver_id", "note", "retired"),
    "registered_at",
)
_RIGHT = "delivery.plan"
Saved = Callable[[AsyncSession, str], Awaitable[None]]
_saved: list[Saved] = []


async def create_vehicle(session: AsyncSession, caller: Caller, given: VehicleIn) -> VehicleOut:
    place = await reference.find_place(session, given.organisation_id, caller=caller, right=_RIGHT)
    vehicle = Vehicle(id=new_key(), company_id=place.company_id, registered_at=datetime.now(UTC))
    await _write(session, caller, vehicle, given)
    return await find_vehicle(session, caller, vehicle.id)


async def change_vehicle(session: AsyncSession, caller: Caller, vehicle_id: str, given: VehicleIn) -> VehicleOut:
    vehicle = await _find(session, caller, vehicle_id, change=True)
    place = await reference.find_place(session, given.organisation_id, caller=caller, right=_RIGHT)
    if place.company_id != vehicle.company_id:
        raise UnusableError("vehicle.company", "车辆不能转到别的企业。", "A vehicle stays with its company.")
    await _write(session, caller, vehicle, given)
    return await find_vehicle(session, caller, vehicle.id)


async def set_photo(
    session: AsyncSession, caller: Caller, store: PhotoStore, vehicle_id: str, content: bytes
) -> VehicleOut:
    vehicle = await _find(session, caller, vehicle_id, change=True)
    try:
        picture = await asyncio.to_thread(picture_of, content)
    except ValueError as error:
        raise UnusableError(
            "vehicle.photo",
            "这不是能打开的照片。",
            "This is no picture that opens.",
            action="上传 JPEG、PNG 或 WebP 照片",
            action_en="Send a JPEG, PNG or WebP",
        ) from error
    photo_id = f"photo:{hashlib.sha256(picture).hexdigest()}"
    await store.put(photo_id, picture)
    vehicle.photo_id = photo_id
    await session.flush()
    unit = vehicle.organisation_id
    facts = {"photo_id": photo_id}
    await audit.record(session, caller, "vehicle.photo", "vehicle", vehicle.id, facts, organisation_id=unit)
    await events.announce(session, "vehicle.changed", vehicle.id, unit)
    return await find_vehicle(session, caller, vehicle.id)


async def open_photo(session: AsyncSession, caller: Caller, store: PhotoStore, vehicle_id: str) -> bytes:
    """`MissingError` where there is none, or the vehicle is not this caller's to see."""
    vehicle = await _find(session, caller, vehicle_id)
    if not vehicle.photo_id:
        raise MissingError("vehicle.no_photo", "没有照片。", "There is no photograph.")
    return await store.get(vehicle.photo_id)


async def _write(session: AsyncSession, caller: Caller, vehicle: Vehicle, given: VehicleIn) -> None:
    await _check(session, vehicle, given)
    for name in VehicleIn.__struct_fields__:
        setattr(vehicle, name, getattr(given, name))
    company = await accounts.find_company(session, given.organisation_id)
    vehicle.owner = given.owner or company.name
    vehicle.district = given.district or await _district(session, given.organisation_id)
    session.add(vehicle)
    await session.flush()
    facts = {"code": vehicle.code, "plate": vehicle.plate, "driver_id": vehicle.driver_id, "retired": vehicle.retired}
    unit = vehicle.organisation_id
    await audit.record(session, caller, "vehicle.saved", "vehicle", vehicle.id, facts, organisation_id=unit)
    await events.announce(session, "vehicle.changed", vehicle.id, unit)
    for tell in _saved:
        await tell(session, vehicle.id)


async def _check(session: AsyncSession, vehicle: Vehicle, given: VehicleIn) -> None:
    others = select(Vehicle.code, Vehicle.plate).where(
        Vehicle.company_id == vehicle.company_id, Vehicle.id != vehicle.id
    )
    for code, plate in await session.execute(others):
        if code == given.code:
            raise ConflictingError("vehicle.code_taken", "车辆代码已存在。", "There is a vehicle of that code.")
        if plain_plate(plate) == plain_plate(given.plate):
            raise ConflictingError("vehicle.plate_taken", "车牌号码已登记。", "That plate is on record already.")
    if not plain_plate(given.plate):
        raise UnusableError("vehicle.plate", "请填写车牌号码。", "Give the plate number.")
    if given.driver_id and await accounts.company_of_staff(session, given.driver_id) != vehicle.company_id:
        raise UnusableError("vehicle.driver", "没有这位司机。", "There is no such driver in the company.")


async def _district(session: AsyncSession, organisation_id: str) -> str:
    """所属行政区域: what lies above the company in the tree."""
    return "".join(place.name for place in await accounts.areas_above(session, organisation_id))


async def list_vehicles(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    organisation_id: str = "",
    driver_id: str = "",
    retired: bool | None = False,
    limit: int = 100,
    offset: int = 0,
) -> Page[VehicleLine]:
    """`search`: part of the code or plate."""
    wanted: list[ColumnElement[bool]] = [within(Vehicle.organisation_id, caller)]
    pairs = ((Vehicle.organisation_id, organisation_id), (Vehicle.driver_id, driver_id))
    wanted += [column == value for column, value in pairs if value]
    if retired is not None:
        wanted.append(Vehicle.retired.is_(retired))
    if search:
        wanted.append(
            or_(Vehicle.code.icontains(search, autoescape=True), Vehicle.plate.icontains(search, autoescape=True))
        )
    total = await session.scalar(select(func.count(Vehicle.id)).where(*wanted))
    query = select(Vehicle).where(*wanted).order_by(Vehicle.code, Vehicle.id).limit(limit).offset(offset)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    return Page(await _lines(session, rows), total or 0)


async def _lines(session: AsyncSession, rows: Sequence[Vehicle]) -> list[VehicleLine]:
    drivers = sorted({row.driver_id for row in rows if row.driver_id})
    names = await accounts.staff_names(session, drivers)
    seen = await _seen(session, rows)
    held = await cylinders.count_held(session, "vehicle", drivers)
    places = {row.organisation_id: "" for row in rows}
    for key in places:
        places[key] = (await accounts.find_organisation(session, key)).name
    return [
        VehicleLine(
            organisation_name=places[row.organisation_id],
            driver_name=names.get(row.driver_id, ""),
            seen=seen.get((row.company_id, plain_plate(row.plate))),
            on_board=held.get(row.driver_id, 0),
            **{name: getattr(row, name) for name in _LISTED},
        )
        for row in rows
    ]


async def _seen(session: AsyncSession, rows: Sequence[Vehicle]) -> dict[tuple[str, str], VehicleSeen]:
    """The newest fix of each plate within its company."""
    query = (
        select(
            VehicleTrack.company_id,
            VehicleTrack.plate,
            VehicleTrack.ended_at,
            func.ST_X(VehicleTrack.last_point),
            func.ST_Y(VehicleTrack.last_point),
        )
        .where(
            one_of(VehicleTrack.company_id, sorted({row.company_id for row in rows})),
            one_of(VehicleTrack.plate, sorted({plain_plate(row.plate) for row in rows})),
        )
        .ext(distinct_on(VehicleTrack.company_id, VehicleTrack.plate))
        .order_by(VehicleTrack.company_id, VehicleTrack.plate, VehicleTrack.ended_at.desc())
    )
    return {
        (company_id, plate): VehicleSeen(at, lon, lat)
        for company_id, plate, at, lon, lat in await session.execute(query)
    }


async def plate_of(session: AsyncSession, company_id: str, driver_id: str) -> str:
    """Of the vehicle that is assigned to him; empty without one."""
    query = select(Vehicle.plate).where(
        Vehicle.company_id == company_id, Vehicle.driver_id == driver_id, ~Vehicle.retired
    )
    return await session.scalar(query.order_by(Vehicle.code).limit(1)) or ""


async def find_vehicle(session: AsyncSession, caller: Caller, vehicle_id: str) -> VehicleOut:
    vehicle = await _find(session, caller, vehicle_id)
    (line,) = await _lines(session, [vehicle])
    return VehicleOut(vehicle=line, load=await list_load(session, caller, vehicle.driver_id))


async def list_load(session: AsyncSession, caller: Caller, driver_id: str) -> list[LoadedCylinder]:
    """What is on the vehicle of this driver now, folded from all records: full ones first."""
    if not driver_id:
        return []
    found = await cylinders.list_held(session, caller, "vehicle", driver_id)
    load = [
        LoadedCylinder(
            id=each.id,
            code=each.code,
            specification=each.specification,
            full=each.kind == "loaded",
            since=each.since,
            customer_id=each.customer_id,
        )
        for each in found
    ]
    return sorted(load, key=lambda each: (not each.full, each.specification, each.code))


async def find_track(
    session: AsyncSession, caller: Caller, vehicle_id: str, *, since: datetime, until: datetime
) -> TrackOut:
    """Its line in the order of time, whatever the chunks came in."""
    vehicle = await _find(session, caller, vehicle_id)
    rows = await session.execute(
        select(VehicleTrack.started_at, VehicleTrack.points).where(
            VehicleTrack.company_id == vehicle.company_id,
            VehicleTrack.plate == plain_plate(vehicle.plate),
            VehicleTrack.ended_at >= since,
            VehicleTrack.started_at < until,
            within(VehicleTrack.organisation_id, caller),
        )
    )
    line = [fix for fix in track_line((at, points) for at, points in rows) if since <= fix.at < until]
    return TrackOut(
        vehicle_id=vehicle.id,
        plate=vehicle.plate,
        length_m=round(sum(distance_m(one, other) for one, other in itertools.pairwise(line)), 1),
        points=[TrackPointOut(fix.at, fix.lon, fix.lat, fix.speed_mps) for fix in line],
    )


async def _find(session: AsyncSession, caller: Caller, vehicle_id: str, *, change: bool = False) -> Vehicle:
    query = scoped(select(Vehicle).where(Vehicle.id == vehicle_id), Vehicle.organisation_id, caller)
    vehicle: Vehicle | None = await session.scalar(query.with_for_update() if change else query)
    if vehicle is None:
        raise MissingError("vehicle.unknown", "没有这辆车。", "There is no such vehicle.")
    if change:
        await reference.find_place(session, vehicle.organisation_id, caller=caller, right=_RIGHT)
    return vehicle


def when_saved(tell: Saved) -> None:
    """Called with a vehicle's id after each change, in its transaction."""
    _saved.append(tell)


async def of_ids(session: AsyncSession, vehicle_ids: Sequence[str]) -> dict[str, tuple[str, str, bool]]:
    """Unit, plate, and whether it is in use."""
    rows = await session.scalars(select(Vehicle).where(one_of(Vehicle.id, vehicle_ids)))
    return {row.id: (row.organisation_id, row.plate, not row.retired) for row in rows}


async def _holders(session: AsyncSession, caller: Caller | None, ids: Sequence[str] | None) -> Sequence[Holder]:
    """Vehicles as holders of certificates, by plate."""
    wanted = select(Vehicle).order_by(Vehicle.plate).limit(EXPORT_MOST)
    wanted = wanted.where(~Vehicle.retired) if ids is None else wanted.where(one_of(Vehicle.id, ids))
    rows = await session.scalars(scoped(wanted, Vehicle.organisation_id, caller) if caller else wanted)
    return [Holder(id=row.id, code=row.code, name=row.plate, organisation_id=row.organisation_id) for row in rows]


certificates.holders_of("vehicle", _holders)
