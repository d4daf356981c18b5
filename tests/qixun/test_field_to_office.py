"""What is done with the phone app is in the office, and what the office changes is on the phone: by the app's own code
against a running server, through its hub.
"""

import asyncio
import io
import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import shapely
from PIL import Image

from device_bridge.models import Fix
from mobile_app.deliveries.work import load, scan
from mobile_app.hazards.work import report_hazard, report_works
from mobile_app.patrol.work import Patrol
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from mobile_app.syncing import Syncing
from qixun.demo.cable import Cable
from sync.documents.cylinders import CylindersLoaded
from sync.documents.patrol import CheckPointItem
from sync.documents.tasks import PatrolTask
from tests.factories.network import pipe_row, write_layer
from tests.qixun.command import Server
from tests.qixun.conftest import PASSWORD
from tests.qixun.crew import Crew, Person

# A street of its own, 81 m from west to east, away from what other tests import.
LON, LAT = 126.61, 43.31
STEP = 0.0000155
AREA = f"片区{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def crew(server: Server) -> Crew:
    return Crew(server)


def upload(crew: Crew, path: Path, **form: str) -> None:
    answer = crew.engineer.ask(
        "POST",
        "/api/network/imports",
        data={"organisation_id": crew.unit_id, **form},
        files={"file": (path.name, path.read_bytes())},
    )
    assert answer.status_code == 200, answer.text
    assert all(layer["rejected"] == [] for layer in answer.json()["layers"])


def pipe(folder: Path, *, level: str = "中压A", north: float = 0.0) -> Path:
    line = shapely.LineString([(LON, LAT + north), (LON + 0.001, LAT + north)])
    return write_layer(folder / "pipes.gpkg", [(pipe_row(f"{AREA}-1", level, 片区=AREA), line)])


def facilities(folder: Path, *rows: tuple[str, str, float]) -> Path:
    path = folder / "facilities.csv"
    lines = [f"{AREA}-{code},{kind},{code},{LON + east},{LAT},{AREA}" for code, kind, east in rows]
    path.write_text("\n".join(["设施编号,类型,名称,经度,纬度,片区", *lines, ""]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def street(crew: Crew, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The area's id: one pipe, a valve and a regulator box."""
    folder = tmp_path_factory.mktemp("street")
    upload(crew, pipe(folder))
    upload(crew, facilities(folder, ("F1", "阀门", 0.0), ("R1", "调压箱", 0.001)), crs="EPSG:4490")
    return next(str(area["id"]) for area in crew.engineer.get("/api/network/areas") if area["name"] == AREA)


class App:
    """The app of one person, behind a network that can be cut."""

    def __init__(self, phone: Phone, person: Person, network: Cable) -> None:
        self.phone, self.person, self.network = phone, person, network

    async def until(self, there: Any) -> Any:
        """Syncs until it is there."""
        async with asyncio.timeout(40):
            while not (found := await there()):
                await Syncing(self.phone).sync_now()
                await asyncio.sleep(0.1)
        return found

    async def sent(self) -> None:
        """Every record and photo is in PostGIS."""

        async def all_accepted() -> bool:
            counts = await self.phone.counts()
            photos = await self.phone.photo_counts()
            open_ones = [n for c in (counts, photos) for state, n in c.items() if state in {"saved", "sent"}]
            assert counts.get("refused", 0) == photos.get("refused", 0) == 0
            return sum(open_ones) == 0

        await self.until(all_accepted)


async def app_of(server: Server, person: Person, folder: Path) -> App:
    network = Cable("127.0.0.1", server.port)
    await network.restore()
    phone = await Phone.open(folder, f"http://127.0.0.1:{network.port}")
    await phone.sign_in(person.number, PASSWORD)
    return App(phone, person, network)


@pytest.fixture
async def li(server: Server, crew: Crew, tmp_path: Path) -> AsyncIterator[App]:
    app = await app_of(server, crew.li, tmp_path / "li")
    yield app
    await app.phone.close()
    await app.network.cut()


@pytest.fixture
async def wang(server: Server, crew: Crew, tmp_path: Path) -> AsyncIterator[App]:
    app = await app_of(server, crew.wang, tmp_path / "wang")
    yield app
    await app.phone.close()
    await app.network.cut()


def fixes(start: datetime) -> list[Fix]:
    """The whole street at a walking pace, a fix each second."""
    return [
        Fix(lon=LON + n * STEP, lat=LAT, accuracy_m=4, time_utc=start + timedelta(seconds=n), speed_mps=1.25)
        for n in range(66)
    ]


def picture() -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (64, 48), random.randbytes(64 * 48 * 3)).save(out, "JPEG")
    return out.getvalue()


async def planned(crew: Crew, street: str, li: App) -> PatrolTask:
    """The office plans the street for Li, and his phone has the task with its pipes."""
    plan = {
        "name": f"巡线{uuid.uuid4().hex[:6]}",
        "area_id": street,
        "pressure_levels": ["medium_a"],
        "staff_id": crew.li.staff_id,
        "recurrence": {"windows": [{"start": "00:00:00", "end": "23:59:00"}]},
        "check_points": [{"name": "阀井", "lon": LON + 0.001, "lat": LAT, "radius_m": 30}],
    }
    made = await asyncio.to_thread(crew.office.ask, "POST", "/api/patrol/plans", json=plan)
    assert made.status_code == 201, made.text

    async def there() -> PatrolTask | None:
        tasks = [line.task for line in await li.phone.tasks()]
        mine = [t for t in tasks if isinstance(t, PatrolTask) and plan["name"] in t.title]
        return mine[0] if mine and len(await li.phone.pipes(mine[0].pipe_ids)) == 1 else None

    found: PatrolTask = await li.until(there)
    return found


class TestNetworkInStep:
    @pytest.mark.requirement("5.6.4-01")
    async def test_pipes_valves_and_regulators_are_on_phone_and_map_and_follow_each_change(
        self, crew: Crew, street: str, li: App, tmp_path: Path
    ) -> None:
        async def on_phone() -> dict[str, tuple[str, float]]:
            pipes = {p.code: (p.pressure_level, p.line[0][1]) for p in (await li.phone.pipes()).values()}
            things = {f.code: (f.kind, f.lon) for f in await li.phone.facilities()}
            return {code: facts for code, facts in (pipes | things).items() if code.startswith(AREA)}

        def on_map() -> dict[str, tuple[str, float]]:
            found = {}
            for layer, kind, axis in (("pipes", "pressure_level", 1), ("facilities", "kind", 0)):
                for each in crew.engineer.get(f"/api/network/{layer}.geojson")["features"]:
                    place = shapely.geometry.shape(each["geometry"]).coords[0]
                    found[each["properties"]["code"]] = (each["properties"][kind], place[axis])
            return {code: facts for code, facts in found.items() if code.startswith(AREA)}

        def same(expected: dict[str, tuple[str, float]]) -> Any:
            wanted = {code: (kind, pytest.approx(place, abs=1e-6)) for code, (kind, place) in expected.items()}

            async def reached() -> bool:
                return await on_phone() == wanted

            return wanted, reached

        before = {
            f"{AREA}-1": ("medium_a", LAT),
            f"{AREA}-F1": ("valve", LON),
            f"{AREA}-R1": ("regulator_box", LON + 0.001),
        }
        wanted, reached = same(before)
        await li.until(reached)
        assert on_map() == wanted
        upload(crew, pipe(tmp_path, level="低压", north=0.002))
        moved = (("F1", "阀门", 0.0005), ("R1", "调压箱", 0.001), ("F2", "阀门", 0.0007))
        upload(crew, facilities(tmp_path, *moved), crs="EPSG:4490")
        after = before | {
            f"{AREA}-1": ("low", LAT + 0.002),
            f"{AREA}-F1": ("valve", LON + 0.0005),
            f"{AREA}-F2": ("valve", LON + 0.0007),
        }
        wanted, reached = same(after)
        await li.until(reached)
        assert on_map() == wanted
        upload(crew, pipe(tmp_path))


class TestPatrol:
    @pytest.mark.requirement("5.6.3a", "5.6.4-02")
    async def test_it_is_planned_assigned_walked_and_watched(
        self, server: Server, crew: Crew, street: str, li: App
    ) -> None:
        task = await planned(crew, street, li)
        assert (task.staff_id, task.area_name) == (crew.li.staff_id, AREA)
        office = crew.office
        assert office.get(f"/api/patrol/tasks/{task.id}")["task"]["state"] == "open"
        start = datetime.now(UTC) - timedelta(minutes=3)
        patrol = await Patrol.start(li.phone, task)
        await li.network.cut()
        for fix in fixes(start):
            await patrol.take_fix(fix)
        (point,) = task.check_points
        await patrol.visit(point.check_point_id, proof="gps")
        finished = await patrol.finish()
        await li.network.restore()
        await li.sent()
        found = office.get(f"/api/patrol/tasks/{task.id}")
        line = found["task"]
        assert (line["state"], line["points_reached"], line["staff_name"]) == ("done", 1, "演示-李巡检")
        assert line["coverage_percent"] > 95
        assert line["covered_m"] == pytest.approx(finished.covered_m, abs=0.2)
        (track,) = office.get("/api/patrol/tracks.geojson", patrol_id=patrol.patrol_id)["features"]
        first = datetime.fromisoformat(track["properties"]["started_at"])
        assert abs(first - start) < timedelta(seconds=5)
        walked = shapely.geometry.shape(track["geometry"])
        assert [walked.coords[0], walked.coords[-1]] == [
            pytest.approx((LON, LAT), abs=1e-6),
            pytest.approx((LON + 65 * STEP, LAT), abs=1e-6),
        ]
        (seen,) = [each for each in office.get("/api/positions") if each["staff_id"] == crew.li.staff_id]
        assert (seen["lon"], seen["lat"]) == (pytest.approx(LON + 65 * STEP, abs=1e-4), pytest.approx(LAT, abs=1e-4))
        console = requests.Session()
        console.post(f"{server.url}/sign-in", data={"staff_number": office.number, "password": PASSWORD}, timeout=30)
        page = console.get(f"{server.url}/tasks/{task.id}", timeout=30)
        assert page.status_code == 200
        assert all(words in page.text for words in ("演示-李巡检", AREA, "阀井"))
        people = console.get(f"{server.url}/map/people.json", timeout=30).text
        assert "演示-李巡检" in people


class TestReports:
    @pytest.mark.requirement("5.6.4-03", "5.6.4-17")
    async def test_hazard_works_and_fault_of_a_patrol_are_in_the_office_with_what_was_filled_in(
        self, crew: Crew, street: str, li: App
    ) -> None:
        task = await planned(crew, street, li)
        patrol = await Patrol.start(li.phone, task)
        for fix in fixes(datetime.now(UTC) - timedelta(minutes=1)):
            await patrol.take_fix(fix)
        photos = [await take_photo(li.phone, picture()) for _ in range(2)]
        hazard = await report_hazard(
            li.phone,
            hazard_type="encroachment",
            photos=photos,
            address="站前街 7 号",
            detail="铁皮房压在管上",
            task_id=task.id,
        )
        works = await report_works(
            li.phone,
            machinery=["excavator"],
            photos=[await take_photo(li.phone, picture())],
            task_id=task.id,
            contractor="松河演示路桥",
        )
        await patrol.visit(
            task.check_points[0].check_point_id,
            proof="gps",
            result="abnormal",
            items=[CheckPointItem(item="regulator_pressure", abnormal=True)],
            photos=[await take_photo(li.phone, picture())],
            note="出口压力偏高",
        )
        await patrol.finish()
        await li.sent()
        found = crew.office.get(f"/api/hazards/{hazard.id}")
        line = found["hazard"]
        assert (line["hazard_type"], line["address"], found["detail"]) == (
            "encroachment",
            "站前街 7 号",
            "铁皮房压在管上",
        )
        assert line["photos"] == [photo.id for photo in photos]
        for photo in photos:
            shown = crew.office.ask("GET", f"/api/photos/{photo.id}")
            assert Image.open(io.BytesIO(shown.content)).size == Image.open(io.BytesIO(photo.picture.data)).size
        seen = crew.office.get(f"/api/works/{works.id}")
        assert (seen["machinery"], seen["contractor"], len(seen["photos"])) == (["excavator"], "松河演示路桥", 1)
        (visit,) = crew.office.get(f"/api/patrol/patrols/{patrol.patrol_id}")["visits"]
        assert (visit["result"], visit["note"], len(visit["photos"])) == ("abnormal", "出口压力偏高", 1)

    @pytest.mark.requirement("5.6.4-07")
    async def test_guarding_is_reported_again_and_again_each_with_progress_distance_and_photos(
        self, crew: Crew, street: str, li: App
    ) -> None:
        first = await report_works(li.phone, machinery=["excavator"], photos=[await take_photo(li.phone, picture())])
        await li.sent()
        for number, (progress, distance) in enumerate((("digging", 4.5), ("digging", 1.2), ("backfilling", 2.0)), 2):
            photo = await take_photo(li.phone, picture())
            report = await report_works(
                li.phone,
                kind="guarding",
                works_id=first.id,
                progress=progress,
                distance_to_pipe_m=distance,
                photos=[photo],
            )
            await li.sent()
            seen = crew.office.get(f"/api/works/{first.id}")
            assert (seen["reports"], seen["progress"], seen["distance_to_pipe_m"]) == (number, progress, distance)
            assert seen["photos"] == [photo.id]
            kept = crew.office.get("/api/photos", record_id=report.id)
            assert photo.id in {each["id"] for each in kept}


class TestHandheld:
    @pytest.mark.requirement("5.8.7-2a", "5.8.7-3a", "5.8.7-3b")
    async def test_tags_read_without_a_network_are_kept_when_the_app_is_closed_and_sent_when_it_returns(
        self, server: Server, crew: Crew, wang: App
    ) -> None:
        codes = [f"SH{uuid.uuid4().hex[:8].upper()}" for _ in range(2)]
        made = {}
        for code in codes:
            body = {
                "organisation_id": crew.unit_id,
                "code": code,
                "specification": "YSP35.5",
                "tag_uid": f"04{code[2:]}",
                "next_inspection_on": "2099-12-20",
                "service_ends_on": "2099-12-31",
            }
            answer = crew.admin.ask("POST", "/api/cylinders", json=body)
            assert answer.status_code == 201, answer.text
            made[code] = answer.json()["cylinder"]["id"]

        async def known() -> bool:
            return all([await wang.phone.cylinder(code) is not None for code in codes])

        await wang.until(known)
        await wang.network.cut()
        scans = [await scan(wang.phone, "", "nfc", "loading", tag_uid=f"04{code[2:]}") for code in codes]
        assert [(each.scan.code, each.allowed) for each in scans] == [(code, True) for code in codes]
        loaded = await load(wang.phone, scans, station_id=crew.unit_id)
        await wang.phone.close()
        wang.phone = await Phone.open(wang.phone.data_dir, f"http://127.0.0.1:{wang.network.port}")
        await wang.phone.sign_in(wang.person.number, PASSWORD)
        (kept,) = await wang.phone.recorded(CylindersLoaded)
        assert [(each.code, each.method, each.tag_uid) for each in kept.cylinders] == [
            (code, "nfc", f"04{code[2:]}") for code in codes
        ]
        assert (await wang.phone.counts())["saved"] >= 1
        await wang.network.restore()
        await wang.sent()
        for cylinder_id in made.values():
            shown = crew.admin.get(f"/api/cylinders/{cylinder_id}")
            assert [(m["record_id"], m["kind"], m["method"]) for m in shown["chain"]] == [(loaded.id, "loaded", "nfc")]
            assert (shown["cylinder"]["holder_kind"], shown["cylinder"]["holder_id"]) == ("vehicle", crew.wang.staff_id)
