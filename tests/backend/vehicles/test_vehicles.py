"""Vehicles: the ledger, the track from the driver's phone, and what is on board."""

import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from PIL import Image
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.errors import AppError
from backend.positions import service as positions
from backend.vehicles import service as vehicles
from backend.vehicles.schemas import VehicleIn
from sync.documents.patrol import TrackPoint
from sync.documents.vehicles import VehicleTracked
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.deliveries import Station, completed, loaded, make_cylinder, make_station
from tests.factories.network import LAT, LON
from tests.factories.records import moment
from tests.factories.taken import MORNING, record, take

HOUR = timedelta(hours=1)


def a_picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "#0B5394").save(out, "PNG")
    return out.getvalue()


def vehicle_in(station: Station, **fields: Any) -> VehicleIn:
    given: dict[str, Any] = {
        "organisation_id": station.company.unit.id,
        "code": "CL-01",
        "plate": "吉·演示01",
        "driver_id": station.driver.id,
    }
    return VehicleIn(**(given | fields))


def chunk(station: Station, number: int, *, east: float = 0.0, **fields: Any) -> VehicleTracked:
    points = tuple(TrackPoint(10.0 * n, LON + east + 0.0005 * n, LAT, 5.0, 8.0) for n in range(3))
    given: dict[str, Any] = {"vehicle": "吉 演示01", "points": points} | fields
    return record(
        VehicleTracked,
        station.driver,
        round_id="cylinders.loaded:1",
        chunk=number,
        started_at=MORNING + number * timedelta(minutes=5),
        recorded=moment(MORNING + number * timedelta(minutes=5) + timedelta(seconds=20)),
        **given,
    )


class TestLedger:
    async def test_a_driver_may_neither_see_nor_enter_one(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        headers = bearer(client, station.driver)
        assert (await client.get("/api/vehicles/", headers=headers)).status_code == 403
        assert (await client.post("/api/vehicles/", headers=headers, json={})).status_code == 403

    async def test_another_company_sees_none_and_enters_none_for_us(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await vehicles.create_vehicle(session, station.caller, vehicle_in(station))
        stranger = await make_staff(session, await make_company(session), roles=["dispatcher"])
        headers = bearer(client, stranger)
        assert (await client.get("/api/vehicles/", headers=headers)).json()["total"] == 0
        for path in ("", "/track?since=2026-11-23T00:00:00Z&until=2026-11-24T00:00:00Z"):
            answer = await client.get(f"/api/vehicles/{made.vehicle.id}{path}", headers=headers)
            assert answer.status_code == 404
        given = {"organisation_id": station.company.unit.id, "code": "X", "plate": "X1"}
        assert (await client.post("/api/vehicles/", headers=headers, json=given)).status_code == 404

    @pytest.mark.requirement("E5.8.3-2")
    async def test_a_vehicle_has_every_field_of_the_standard(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        given = {
            "organisation_id": station.company.unit.id,
            "code": "CL-07",
            "plate": "吉·演示07",
            "owner": "演示租车公司",
            "driver_id": station.driver.id,
        }
        headers = bearer(client, station.dispatcher)
        made = await client.post("/api/vehicles/", headers=headers, json=given)
        path = f"/api/vehicles/{made.json()['vehicle']['id']}/photo"
        shown = await client.put(path, headers=headers, files={"file": ("v.png", a_picture(), "image/png")})
        vehicle = shown.json()["vehicle"]
        assert vehicle["district"]
        opened = await client.get(path, headers=headers)
        assert (opened.status_code, opened.content[:2]) == (200, b"\xff\xd8")
        assert vehicle["photo_id"].startswith("photo:")
        stranger = await make_staff(session, await make_company(session), roles=["dispatcher"])
        assert (await client.get(path, headers=bearer(client, stranger))).status_code == 404
        assert {name: vehicle[name] for name in given} == given
        assert vehicle["organisation_name"] == station.company.unit.name
        assert datetime.fromisoformat(vehicle["registered_at"]) <= datetime.now(UTC)
        actions = await session.scalars(select(AuditEntry.action).where(AuditEntry.subject_type == "vehicle"))
        assert sorted(actions) == ["vehicle.photo", "vehicle.saved"]

    async def test_what_is_no_picture_is_refused(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        made = await vehicles.create_vehicle(session, station.caller, vehicle_in(station))
        path = f"/api/vehicles/{made.vehicle.id}/photo"
        headers = bearer(client, station.dispatcher)
        answer = await client.put(path, headers=headers, files={"file": ("v.png", b"<svg/>", "image/png")})
        assert (answer.status_code, answer.json()["code"]) == (422, "vehicle.photo")
        assert (await client.get(path, headers=headers)).status_code == 404
        driver = await client.put(
            path, headers=bearer(client, station.driver), files={"file": ("v.png", a_picture(), "image/png")}
        )
        assert driver.status_code == 403

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"plate": "吉 演示-01"}, "vehicle.plate_taken"),
            ({"code": "CL-01", "plate": "吉·演示09"}, "vehicle.code_taken"),
            ({"code": "CL-02", "plate": " · "}, "vehicle.plate"),
            ({"code": "CL-02", "plate": "吉·演示09", "driver_id": "nobody"}, "vehicle.driver"),
        ],
    )
    async def test_bad_entries_are_refused(self, session: AsyncSession, fields: dict[str, str], code: str) -> None:
        station = await make_station(session)
        await vehicles.create_vehicle(session, station.caller, vehicle_in(station))
        with pytest.raises(AppError) as refused:
            await vehicles.create_vehicle(session, station.caller, vehicle_in(station, **({"code": "CL-09"} | fields)))
        assert refused.value.code == code

    async def test_another_companys_driver_cannot_be_assigned(self, session: AsyncSession) -> None:
        station, other = await make_station(session), await make_station(session)
        with pytest.raises(AppError) as refused:
            await vehicles.create_vehicle(session, station.caller, vehicle_in(station, driver_id=other.driver.id))
        assert refused.value.code == "vehicle.driver"


class TestTrack:
    @pytest.mark.requirement("E5.8.3-8")
    async def test_chunks_in_any_order_are_one_line_and_the_newest_place(self, session: AsyncSession) -> None:
        lines = []
        for turn in itertools.permutations(range(3)):
            station = await make_station(session)
            made = await vehicles.create_vehicle(session, station.caller, vehicle_in(station))
            chunks = [chunk(station, n, east=0.002 * n) for n in range(3)]
            for number in turn:
                at = MORNING + timedelta(minutes=5 * number + 1)
                await take(session, station.company, station.driver, chunks[number], at=at)
            track = await vehicles.find_track(
                session, station.caller, made.vehicle.id, since=MORNING, until=MORNING + HOUR
            )
            lines.append([(p.at, p.lon) for p in track.points])
            assert len(track.points) == 9
            seen = (await vehicles.find_vehicle(session, station.caller, made.vehicle.id)).vehicle.seen
            assert seen is not None
            assert (seen.at, seen.lon) == (chunks[2].started_at + timedelta(seconds=20), pytest.approx(LON + 0.005))
        assert all(line == lines[0] == sorted(lines[0]) for line in lines)

    async def test_the_driver_stands_on_the_map_where_the_vehicle_is(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await take(session, station.company, station.driver, chunk(station, 0))
        (seen,) = await positions.list_positions(session, station.caller, since=MORNING - HOUR)
        assert (seen.staff_id, seen.lon) == (station.driver.id, pytest.approx(LON + 0.001))

    async def test_a_jump_of_the_receiver_is_left_out_of_the_line(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await vehicles.create_vehicle(session, station.caller, vehicle_in(station))
        far = TrackPoint(15.0, LON + 1.0, LAT, 5.0)
        points = (TrackPoint(10.0, LON, LAT, 5.0), far, TrackPoint(20.0, LON + 0.001, LAT, 5.0))
        await take(session, station.company, station.driver, chunk(station, 0, points=points))
        track = await vehicles.find_track(session, station.caller, made.vehicle.id, since=MORNING, until=MORNING + HOUR)
        assert [round(p.lon - LON, 4) for p in track.points] == [0.0, 0.001]
        assert 70 < track.length_m < 90

    async def test_another_companys_vehicle_of_the_same_plate_has_its_own_track(self, session: AsyncSession) -> None:
        ours, theirs = await make_station(session), await make_station(session)
        made = await vehicles.create_vehicle(session, ours.caller, vehicle_in(ours))
        await take(session, theirs.company, theirs.driver, chunk(theirs, 0))
        found = await vehicles.find_vehicle(session, ours.caller, made.vehicle.id)
        assert found.vehicle.seen is None


class TestLoad:
    async def test_what_is_on_the_vehicle_now_full_ones_and_empties_apart(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await vehicles.create_vehicle(session, station.caller, vehicle_in(station))
        for code in ("35-1", "35-2", "35-3"):
            await make_cylinder(session, station, code)
        await take(session, station.company, station.driver, loaded(station, "35-1", "35-2"))
        done = completed(station, "", "35-1", check_id="x", returned=("35-3",))
        await take(session, station.company, station.driver, done, at=MORNING + HOUR)
        found = await vehicles.find_vehicle(session, station.caller, made.vehicle.id)
        assert [(c.code, c.full) for c in found.load] == [("35-2", True), ("35-3", False)]
        assert found.vehicle.on_board == 2
