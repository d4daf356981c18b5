"""Stations and supply points: entered, changed, found, shown on the map and told to the regulator."""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateOut, Holder
from backend.changes import service as changes
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.pages import EXPORT_MOST, Page
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.stations.models import Station
from backend.stations.schemas import StationIn, StationLine

_PLAIN = ("code", "name", "kind", "address", "capacity_t", "manager", "manager_phone", "opened_on", "state")
# A map with more is unreadable; the list has them all.
_MAP_MOST = 5000
Saved = Callable[[AsyncSession, str], Awaitable[None]]
_saved: list[Saved] = []


async def create_station(session: AsyncSession, caller: Caller, given: StationIn) -> StationLine:
    place = await _place(session, caller, given.organisation_id)
    await _require_free(session, place.company_id, given.code, "")
    station = Station(id=new_key(), company_id=place.company_id, registered_at=datetime.now(UTC))
    await _write(session, caller, station, given)
    return await find_station(session, caller, station.id)


async def change_station(session: AsyncSession, caller: Caller, station_id: str, given: StationIn) -> StationLine:
    station = await _find(session, caller, station_id)
    place = await _place(session, caller, given.organisation_id)
    if place.company_id != station.company_id:
        raise UnusableError(
            "station.other_company", "场站不能转到其他企业。", "A station does not move to another company."
        )
    await _require_free(session, station.company_id, given.code, station.id)
    await _write(session, caller, station, given)
    return await find_station(session, caller, station.id)


async def _place(session: AsyncSession, caller: Caller, organisation_id: str) -> reference.Place:
    unit = await accounts.find_organisation(session, organisation_id, caller)
    if unit.kind != "unit":
        raise UnusableError("unit.not_a_unit", "只能选择基层单位。", "Only units can be chosen.")
    return await reference.find_place(session, organisation_id, caller=caller, right="station.edit")


async def _require_free(session: AsyncSession, company_id: str, code: str, own_id: str) -> None:
    same = select(Station.id).where(Station.company_id == company_id, Station.code == code, Station.id != own_id)
    if await session.scalar(same) is not None:
        raise ConflictingError("station.code_taken", "场站编号已存在。", "There is a station of that code.")


async def _write(session: AsyncSession, caller: Caller, station: Station, given: StationIn) -> None:
    if (given.lon is None) != (given.lat is None):
        raise UnusableError(
            "station.position", "经度和纬度要一起填写。", "Longitude and latitude belong together.", field="lat"
        )
    for name in ("organisation_id", *_PLAIN):
        setattr(station, name, getattr(given, name))
    station.point = f"SRID=4490;POINT({given.lon} {given.lat})" if given.lon is not None else None
    station.changed_at = datetime.now(UTC)
    session.add(station)
    await session.flush()
    facts = {"code": station.code, "state": station.state}
    await audit.record(
        session, caller, "station.saved", "station", station.id, facts, organisation_id=station.organisation_id
    )
    await changes.changed(session, "T2-04", station.id, station.organisation_id)
    await events.announce(session, "station.changed", station.id, station.organisation_id)
    for tell in _saved:
        await tell(session, station.id)


async def find_station(session: AsyncSession, caller: Caller, station_id: str) -> StationLine:
    lines = await _lines(session, [within(Station.organisation_id, caller), Station.id == station_id], caller=caller)
    if not lines:
        raise _unknown()
    return lines[0]


async def _find(session: AsyncSession, caller: Caller, station_id: str) -> Station:
    query = scoped(select(Station).where(Station.id == station_id), Station.organisation_id, caller)
    found: Station | None = await session.scalar(query.with_for_update())
    if found is None:
        raise _unknown()
    await reference.find_place(session, found.organisation_id, caller=caller, right="station.edit")
    return found


def _unknown() -> MissingError:
    return MissingError("station.unknown", "没有这个场站。", "There is no such station.")


async def list_stations(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    kind: str = "",
    organisation_id: str = "",
    state: str = "open",
    limit: int = 100,
    offset: int = 0,
) -> Page[StationLine]:
    """`search`: part of code, name, address or manager's name; an empty `state` finds the closed ones too."""
    wanted: list[ColumnElement[bool]] = [within(Station.organisation_id, caller)]
    pairs = ((Station.kind, kind), (Station.organisation_id, organisation_id), (Station.state, state))
    wanted += [column == value for column, value in pairs if value]
    if search:
        parts = (Station.code, Station.name, Station.address, Station.manager)
        wanted.append(or_(*(part.icontains(search, autoescape=True) for part in parts)))
    total = await session.scalar(select(func.count(Station.id)).where(*wanted))
    return Page(await _lines(session, wanted, limit, offset, caller=caller), total or 0)


async def _lines(
    session: AsyncSession,
    wanted: Sequence[ColumnElement[bool]],
    limit: int = 1,
    offset: int = 0,
    *,
    caller: Caller | None = None,
) -> list[StationLine]:
    query = select(Station, func.ST_X(Station.point), func.ST_Y(Station.point)).where(*wanted)
    query = query.order_by(Station.code, Station.id).limit(limit).offset(offset)
    rows = (await session.execute(query.execution_options(populate_existing=True))).all()
    ids = [row[0].id for row in rows]
    places = await accounts.organisations_by_id(session, [row[0].organisation_id for row in rows])
    held = await certificates.newest_of(session, "station", ids, caller=caller)
    return [
        StationLine(
            id=row.id,
            organisation_id=row.organisation_id,
            organisation_name=places[row.organisation_id].name,
            lon=lon,
            lat=lat,
            registered_at=row.registered_at,
            **_licence(held.get(row.id)),
            **{name: getattr(row, name) for name in _PLAIN},
        )
        for row, lon, lat in rows
    ]


def _licence(held: CertificateOut | None) -> dict[str, Any]:
    return {
        "licence_number": held.number if held else "",
        "licence_expires_on": held.expires_on if held else None,
        "licence_state": held.state if held else "",
    }


async def stations_geojson(session: AsyncSession, caller: Caller) -> bytes:
    """Open ones that have a position, as a FeatureCollection."""
    wanted = [within(Station.organisation_id, caller), Station.state == "open", Station.point.is_not(None)]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [line.lon, line.lat]},
            "properties": {name: getattr(line, name) for name in ("id", "code", "name", "kind", "address")},
        }
        for line in await _lines(session, wanted, _MAP_MOST, caller=caller)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


async def names_of(session: AsyncSession, station_ids: Sequence[str]) -> dict[str, str]:
    """Names for lists of other domains."""
    rows = await session.execute(select(Station.id, Station.name).where(one_of(Station.id, station_ids)))
    return {station_id: name for station_id, name in rows}  # noqa: C416 - rows are Row objects


async def by_code(session: AsyncSession, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, str]]:
    """(id, name) by (company, code); a code that the ledger does not know is left out."""
    pairs = set(wanted)
    query = select(Station.company_id, Station.code, Station.id, Station.name)
    rows = await session.execute(query.where(one_of(Station.code, {code for _, code in pairs})))
    return {(company, code): (key, name) for company, code, key, name in rows if (company, code) in pairs}


async def count_stations(session: AsyncSession, caller: Caller) -> dict[tuple[str, str], int]:
    """Open ones by unit and kind, as the list counts them."""
    rows = await session.execute(
        select(Station.organisation_id, Station.kind, func.count())
        .where(within(Station.organisation_id, caller), Station.state == "open")
        .group_by(Station.organisation_id, Station.kind)
    )
    return {(organisation_id, kind): count for organisation_id, kind, count in rows}


# What others ask of stations


def when_saved(tell: Saved) -> None:
    """Called with a station's id after each change, in its transaction."""
    _saved.append(tell)


async def of_ids(session: AsyncSession, station_ids: Sequence[str]) -> dict[str, tuple[str, str, str, bool]]:
    """Unit, kind, name, and whether it is open."""
    rows = await session.scalars(select(Station).where(one_of(Station.id, station_ids)))
    return {row.id: (row.organisation_id, row.kind, row.name, row.state == "open") for row in rows}


async def regulator_items(session: AsyncSession, station_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """厂站信息 (T2-04): the ledger without the manager's name and telephone."""
    hidden = {"id", "organisation_id", "manager", "manager_phone", "lon", "lat"}
    lines = await _lines(session, [one_of(Station.id, station_ids)], len(station_ids))
    return {
        line.id: {name: getattr(line, name) for name in line.__struct_fields__ if name not in hidden}
        | {"position": [line.lon, line.lat] if line.lon is not None else None}
        for line in lines
    }


async def _holders(session: AsyncSession, caller: Caller | None, ids: Sequence[str] | None) -> Sequence[Holder]:
    wanted = select(Station).order_by(Station.code).limit(EXPORT_MOST)
    wanted = wanted.where(Station.state == "open") if ids is None else wanted.where(one_of(Station.id, ids))
    rows = await session.scalars(scoped(wanted, Station.organisation_id, caller) if caller else wanted)
    return [Holder(id=row.id, code=row.code, name=row.name, organisation_id=row.organisation_id) for row in rows]


async def _licence_changed(session: AsyncSession, holder_kind: str, holder_id: str) -> None:
    """The regulator's ledger of stations tells of the licence."""
    if holder_kind == "station":
        place = await session.scalar(select(Station.organisation_id).where(Station.id == holder_id))
        if place is not None:
            await changes.changed(session, "T2-04", holder_id, place)


certificates.holders_of("station", _holders)
certificates.when_changed(_licence_changed)
