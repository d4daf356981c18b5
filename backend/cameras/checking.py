"""What is asked of cameras and recorders without anybody watching, what it found, and which places fall short."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.accounts import service as accounts
from backend.cameras import service
from backend.cameras.models import Camera, CameraCheck
from backend.cameras.onvif import CONTENT_TYPE, Told, ask_recorder
from backend.cameras.pictures import Picture, Sharing, fetch_picture
from backend.cameras.reach import Failed, Networks, Target, reach
from backend.cameras.rules import AREAS, GOOD, LIMITS, Limits, gaps_of, judge, limits_for
from backend.cameras.schemas import CameraKind, CameraLine, CheckLine, Flaw, Shortfall
from backend.changes import service as changes
from backend.db import Database
from backend.pages import EXPORT_MOST
from backend.reference import service as reference
from backend.scope import Caller
from backend.stations import service as stations
from sync.databases import beijing_today
from sync.documents.reference import ListEntry

# Recorders answer slowly and are many; the database is not held meanwhile.
_AT_ONCE = 4
_MOST_BYTES = 4_000_000
_DEADLINE_S = 20.0
_WHOLE_S = 60.0
# A picture that is seen all the time is written down this often.
_SEEN_AGAIN = timedelta(minutes=1)

_log = structlog.get_logger(__name__)
_shared = Sharing()


async def look(database: Database, networks: Networks, caller: Caller, camera_id: str) -> Picture:
    """The live picture. No connection to the database is held while the camera is asked. Raises `Failed`."""
    async with database.sessions() as session:
        target = await service.find_target(session, caller, camera_id)
    try:
        picture = await _shared.look(target, networks)
    except Failed as failed:
        if failed.reason != "busy":
            await _note_picture(database, camera_id, target, failed.reason)
        raise
    await _note_picture(database, camera_id, target, picture)
    return picture


async def _note_picture(database: Database, camera_id: str, target: Target, seen: Picture | str) -> None:
    """Only what is new: a wall that is watched all day writes little."""
    now = datetime.now(UTC)
    mine = update(Camera).where(Camera.id == camera_id, Camera.picture_address == target.picture_address)
    if isinstance(seen, str):
        change = mine.where(Camera.silent_reason != seen).values(
            silent_reason=seen, silent_since=func.coalesce(Camera.silent_since, now)
        )
    else:
        stale = or_(Camera.seen_at.is_(None), Camera.seen_at < now - _SEEN_AGAIN, Camera.silent_since.is_not(None))
        change = mine.where(stale).values(
            seen_at=now,
            seen_width_px=seen.width,
            seen_height_px=seen.height,
            silent_since=None,
            silent_reason="",
        )
    async with database.sessions() as session, session.begin():
        unit = await session.scalar(change.returning(Camera.organisation_id))
        if unit is not None and isinstance(seen, str):
            await events.announce(session, "camera.silent", camera_id, unit)


async def check_all(database: Database, networks: Networks) -> int:
    """Every camera's picture, and every recorder that has not answered yet today; answers how many cameras."""
    async with database.sessions() as session:
        rows = await session.execute(select(Camera.id, Camera.picture_address != "").where(Camera.place_open))
        cameras = [(camera_id, bool(has_picture)) for camera_id, has_picture in rows]
        done = set(
            await session.scalars(
                select(CameraCheck.camera_id).where(
                    CameraCheck.day == beijing_today(), CameraCheck.state != "unreachable"
                )
            )
        )
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(camera_id: str, *, has_picture: bool) -> None:
        async with gate:
            try:
                if has_picture:
                    await _look_in(database, networks, camera_id)
                if camera_id not in done:
                    await check_recorder(database, networks, camera_id)
            except Exception:  # noqa: BLE001 - one camera's oddity must not keep the others from being asked
                _log.exception("cameras.check_failed", camera_id=camera_id)

    await asyncio.gather(*(one(camera_id, has_picture=has_picture) for camera_id, has_picture in cameras))
    return len(cameras)


async def _look_in(database: Database, networks: Networks, camera_id: str) -> None:
    async with database.sessions() as session:
        target = await service.find_target(session, None, camera_id)
    try:
        seen: Picture | str = await fetch_picture(target, networks)
    except Failed as failed:
        seen = failed.reason
    await _note_picture(database, camera_id, target, seen)


async def check_now(database: Database, networks: Networks, caller: Caller, camera_id: str) -> list[CheckLine]:
    """By hand, after something was mended. Raises what `service.find_settings` raises."""
    async with database.sessions() as session:
        await service.find_settings(session, caller, camera_id)
    await check_recorder(database, networks, camera_id)
    async with database.sessions() as session:
        return await service.list_checks(session, caller, camera_id)


async def check_recorder(database: Database, networks: Networks, camera_id: str) -> None:
    """Asks, then writes down: between the two nothing is held."""
    async with database.sessions() as session:
        camera = await session.get_one(Camera, camera_id)
        kind, company_id = camera.kind, camera.company_id
        target = await service.find_target(session, None, camera_id)
        limits = limits_for(kind, await reference.words(session, company_id, LIMITS))
    found: Told | str = "unwatched"
    if target.recorder_address:
        post = partial(_post, target, networks)
        try:
            async with asyncio.timeout(_WHOLE_S):
                found = await ask_recorder(
                    post,
                    target.recorder_address,
                    target.credentials,
                    token=target.recording,
                    back=timedelta(days=limits.kept_days),
                )
        except TimeoutError:
            found = "unreachable"
        except Failed as failed:
            found = failed.reason if failed.reason in {"refused", "unreachable"} else "garbled"
    async with database.sessions() as session, session.begin():
        current = await session.get(Camera, camera_id, with_for_update=True)
        # Removed, or changed, while its recorder was asked: what was found belongs to a camera of before.
        if current is not None and current.recorder_address == target.recorder_address:
            await _write_check(session, current, found, limits)


async def _post(target: Target, networks: Networks, address: str, body: bytes) -> bytes:
    reached = await reach(
        "POST",
        address,
        networks=networks,
        credentials=target.credentials,
        most_bytes=_MOST_BYTES,
        deadline_s=_DEADLINE_S,
        body=body,
        content_type=CONTENT_TYPE,
    )
    return reached.body


async def _write_check(session: AsyncSession, camera: Camera, found: Told | str, limits: Limits) -> None:
    now = datetime.now(UTC)
    row = _row_of(camera, found, limits, now)
    key = {"camera_id": camera.id, "day": beijing_today()}
    saved = insert(CameraCheck).values({**key, **row})
    await session.execute(saved.on_conflict_do_update(index_elements=["camera_id", "day"], set_=row))
    before = camera.verdict
    camera.verdict, camera.required_days, camera.checked_at = row["state"], limits.kept_days, now
    if row["state"] == "unreachable":
        camera.recorder_silent_since = camera.recorder_silent_since or now
    else:
        camera.recorder_silent_since, camera.kept_days = None, row["kept_days"]
    if before != camera.verdict:
        await changes.changed(session, "T2-20", camera.id, camera.organisation_id)
        await events.announce(session, "camera.checked", camera.id, camera.organisation_id)


def _row_of(camera: Camera, found: Told | str, limits: Limits, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {
        "organisation_id": camera.organisation_id,
        "checked_at": now,
        "state": found if isinstance(found, str) else "unclear",
        "kept_days": None,
        "required_days": limits.kept_days,
        "earliest": None,
        "latest": None,
        "gaps": None,
        "clock_ahead_s": None,
        "recordings": [],
    }
    if isinstance(found, str):
        return row
    row["clock_ahead_s"] = (found.now - now).total_seconds()
    if found.chosen is None:
        row["recordings"] = [(each.token, each.name) for each in found.recordings]
        return row
    gaps = None if found.changes is None else gaps_of(found.changes, found.now)
    verdict = judge(found.chosen, gaps, limits, kind=camera.kind, installed_on=camera.installed_on, now=found.now)
    row |= {"state": verdict.state, "kept_days": verdict.kept_days}
    row |= {"earliest": found.chosen.earliest, "latest": found.chosen.latest}
    if verdict.gaps is not None:
        row["gaps"] = [(gap.since.isoformat(), gap.until.isoformat()) for gap in verdict.gaps]
    return row


async def list_shortfalls(session: AsyncSession, caller: Caller, *, place_id: str = "") -> list[Shortfall]:
    """Places whose video falls short: areas without a camera, pictures that fail or are too coarse, recordings that are
    too short, interrupted, or not told. Each place is held to its own company's tables.
    """
    cameras = (await service.list_cameras(session, caller, place_id=place_id, limit=EXPORT_MOST)).items
    by_place: dict[str, list[CameraLine]] = {}
    for camera in cameras:
        by_place.setdefault(camera.place_id, []).append(camera)
    places: dict[str, tuple[CameraKind, str, str]] = {
        one.id: (one.kind, one.name, one.organisation_id)
        for one in (await stations.list_stations(session, caller, limit=EXPORT_MOST)).items
        if not place_id or one.id == place_id
    }
    places |= {key: (held[0].kind, held[0].place_name, held[0].organisation_id) for key, held in by_place.items()}
    units = await accounts.organisations_by_id(session, sorted({place[2] for place in places.values()}))
    tables = _Tables(session)
    found = []
    for key, (kind, name, organisation_id) in places.items():
        flaws = flaws_of(by_place.get(key, []), kind, *await tables.of(organisation_id, kind))
        if flaws:
            unit = units[organisation_id].name
            found.append(
                Shortfall(
                    place_id=key,
                    kind=kind,
                    place_name=name,
                    organisation_id=organisation_id,
                    organisation_name=unit,
                    flaws=flaws,
                )
            )
    return found


class _Tables:
    """The companies' tables, each read once."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._companies: dict[str, str] = {}
        self._lists: dict[str, Mapping[str, tuple[ListEntry, ...]]] = {}

    async def of(self, organisation_id: str, kind: str) -> tuple[tuple[ListEntry, ...], Limits]:
        if organisation_id not in self._companies:
            company = await accounts.find_company(self._session, organisation_id)
            self._companies[organisation_id] = company.id
        company_id = self._companies[organisation_id]
        if company_id not in self._lists:
            found = await reference.list_lists(self._session, company_id)
            self._lists[company_id] = {each.name: each.entries for each in found}
        lists = self._lists[company_id]
        return lists[AREAS[kind]], limits_for(kind, {entry.code: entry for entry in lists[LIMITS]})


def flaws_of(cameras: list[CameraLine], kind: str, areas: tuple[ListEntry, ...], limits: Limits) -> list[Flaw]:
    words = {entry.code: entry for entry in areas}
    flaws = [
        Flaw(code="point_missing", area=entry.code, area_zh=entry.zh, area_en=entry.en)
        for entry in areas
        # A supply point (供应点) is a shelf at a shop: the standard asks for none there.
        if kind != "point" and entry.limit and sum(1 for one in cameras if one.area == entry.code) < entry.limit
    ]
    for camera in cameras:
        area = words.get(camera.area)
        about: dict[str, Any] = {
            "camera_id": camera.id,
            "name": camera.name,
            "area": camera.area,
            "area_zh": area.zh if area else camera.area,
            "area_en": area.en if area else camera.area,
        }
        if camera.silent_since is not None or not camera.has_picture:
            flaws.append(Flaw(code="silent", since=camera.silent_since, **about))
        height = camera.seen_height_px or camera.height_px
        if height and height < limits.height_px:
            flaws.append(Flaw(code="clarity", **about))
        verdict = camera.verdict if camera.has_recorder else "unwatched"
        if verdict and verdict not in GOOD:
            days: dict[str, Any] = {"kept_days": camera.kept_days, "required_days": limits.kept_days}
            flaws.append(Flaw(code=verdict, since=camera.recorder_silent_since, **days, **about))
    return flaws
