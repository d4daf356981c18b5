"""Cameras of stations and vehicles: who may see and enter them, what is never told, and what their recorders keep."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.cameras import checking
from backend.cameras.models import Camera, CameraCheck
from backend.cameras.reach import Networks
from backend.db import Database
from backend.stations import service as stations
from backend.vehicles import service as vehicles
from backend.vehicles.schemas import VehicleIn
from sync.databases import beijing_today
from tests.backend.cameras.conftest import Office
from tests.factories.accounts import make_company, make_staff
from tests.factories.stations import make_station_record, station_in
from tests.factories.taken import office

PATHS = ["", "/shortfalls", "/{id}", "/{id}/checks", "/{id}/picture"]
LONG_AGO = str(beijing_today() - timedelta(days=900))


async def of_role(keeper: Office, role: str, on: Any = None) -> Office:
    person = await make_staff(keeper.session, keeper.company, roles=[role], on=on)
    return Office(keeper.client, keeper.session, keeper.company, person, keeper.recorder)


async def make_vehicle(keeper: Office) -> str:
    given = VehicleIn(organisation_id=keeper.company.unit.id, code="CL-1", plate="吉·演示01")
    caller = office(keeper.company, keeper.staff)
    return (await vehicles.create_vehicle(keeper.session, caller, given)).vehicle.id


class TestWhoMay:
    @pytest.mark.parametrize("path", PATHS)
    async def test_who_has_no_right_sees_none(self, keeper: Office, path: str) -> None:
        camera = await keeper.camera()
        driver = await of_role(keeper, "driver")
        driver.station_id = keeper.station_id
        assert (await driver.get(path.format(id=camera.id))).status_code == 403
        assert (await driver.post()).status_code == 403

    async def test_another_companys_are_neither_seen_nor_watched_nor_changed(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        camera = await keeper.camera()
        theirs = await make_company(session)
        stranger = Office(
            keeper.client, session, theirs, await make_staff(session, theirs, roles=["company_admin"]), keeper.recorder
        )
        stranger.station_id = keeper.station_id
        assert (await stranger.get()).json() == {"items": [], "total": 0}
        assert (await stranger.get("/shortfalls")).json() == []
        for path in (*PATHS[2:], "/{id}/settings"):
            assert (await stranger.get(path.format(id=camera.id))).status_code == 404
        assert (await stranger.post()).status_code == 404
        assert (await stranger.put(camera.id)).status_code == 404
        for method, path in (("DELETE", ""), ("POST", "/checks")):
            url = f"/api/cameras/{camera.id}{path}"
            assert (await keeper.client.request(method, url, headers=stranger.headers)).status_code == 404

    @pytest.mark.parametrize("role", ["dispatcher", "station_keeper", "supervisor"])
    async def test_only_an_administrator_enters_addresses(self, keeper: Office, role: str) -> None:
        camera = await keeper.camera()
        watcher = await of_role(keeper, role)
        watcher.station_id = keeper.station_id
        assert (await watcher.get(f"/{camera.id}/picture")).status_code == 200
        assert (await watcher.post(name="2")).status_code == 403
        assert (await watcher.put(camera.id)).status_code == 403
        assert (await watcher.get(f"/{camera.id}/settings")).status_code == 403
        assert keeper.recorder.address not in (await watcher.get()).text

    @pytest.mark.requirement("5.8.8-4")
    async def test_a_county_sees_which_stations_fall_short_and_the_next_county_does_not(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        camera = await keeper.camera()
        keeper.recorder.tell("kept 1 40")
        await keeper.check(camera.id)
        county = await session.get_one(type(keeper.company.unit), keeper.company.company.parent_id)
        (place,) = (await (await of_role(keeper, "supervisor", county)).get("/shortfalls")).json()
        (short,) = [each for each in place["flaws"] if each["camera_id"] == camera.id]
        assert (short["code"], short["kept_days"], short["required_days"]) == ("short", 40, 90)
        elsewhere = await make_company(session)
        other = await make_staff(session, elsewhere, roles=["supervisor"], on=elsewhere.province)
        assert (await Office(keeper.client, session, elsewhere, other, keeper.recorder).get("/shortfalls")).json() == []


class TestRecord:
    async def test_it_is_entered_changed_and_removed_and_each_is_written_down(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        made = await keeper.post(
            width_px=1920, height_px=1080, installed_on=LONG_AGO, stream_address="rtsp://10.0.0.9/1"
        )
        assert made.status_code == 201, made.text
        line = made.json()
        shown = (await keeper.get(f"/{line['id']}")).json()
        assert (shown["kind"], shown["area"], shown["width_px"], shown["installed_on"]) == (
            *("storage", "tanks", 1920),
            LONG_AGO,
        )
        assert (await keeper.post()).status_code == 409
        assert (await keeper.put(line["id"], name="2 号球机")).json()["name"] == "2 号球机"
        gone = await keeper.client.delete(f"/api/cameras/{line['id']}", headers=keeper.headers)
        assert gone.status_code == 204
        assert (await keeper.get()).json()["total"] == 0
        entries = (await session.scalars(select(AuditEntry).where(AuditEntry.subject_id == line["id"]))).all()
        assert [each.action for each in entries] == ["camera.saved", "camera.saved", "camera.removed"]

    async def test_user_and_password_are_sealed_and_never_told_again(
        self, keeper: Office, session: AsyncSession, capfd: pytest.CaptureFixture[str]
    ) -> None:
        secret = "gauge-7-secret"
        made = await keeper.post(username="recorder-user", password=secret)
        camera_id = made.json()["id"]
        await keeper.get(f"/{camera_id}/picture")
        await keeper.check(camera_id)
        answers = [
            made.text,
            *[(await keeper.get(f"/{camera_id}{path}")).text for path in ("", "/settings", "/checks")],
        ]
        rows = await session.execute(
            text("SELECT to_jsonb(c)::text FROM cameras c UNION SELECT facts::text FROM audit_entries")
        )
        said = capfd.readouterr()
        for held in (*answers, *rows.scalars(), said.out, said.err):
            assert secret not in held
            assert "recorder-user" not in held
        assert (await keeper.get(f"/{camera_id}/settings")).json()["has_credentials"] is True

    async def test_a_password_stays_while_the_host_does_and_never_follows_to_another(
        self, keeper: Office, session: AsyncSession, trap: Any
    ) -> None:
        camera = await keeper.camera()
        port, came = trap
        blank = {"username": "", "password": ""}
        assert (await keeper.put(camera.id, name="新名", **blank)).status_code == 200
        assert (await keeper.get(f"/{camera.id}/picture")).status_code == 200
        moved = await keeper.put(camera.id, picture_address=f"http://127.0.0.1:{port}/1.jpg", **blank)
        assert (moved.status_code, moved.json()["code"]) == (422, "camera.credentials_again")
        half = await keeper.put(camera.id, username="x", password="")
        assert half.json()["code"] == "camera.credentials_half"
        assert came == []

    async def test_another_camera_of_the_same_recorder_needs_no_password_but_one_of_another_station_does(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        await keeper.camera()
        blank = {"username": "", "password": ""}
        second = (
            await keeper.post(name="2", picture_address=f"{keeper.recorder.address}/snapshot/2.jpg", **blank)
        ).json()
        assert (await keeper.get(f"/{second['id']}/picture")).status_code == 200
        keeper.station_id = (await make_station_record(session, keeper.company, keeper.staff)).id
        third = (await keeper.post(**blank)).json()
        assert (await keeper.get(f"/{third['id']}/settings")).json()["has_credentials"] is False

    @pytest.mark.parametrize(
        ("field", "address"),
        [
            ("picture_address", "rtsp://10.0.0.9/1"),
            ("picture_address", "file:///etc/passwd"),
            ("picture_address", "http://user:secret@10.0.0.9/1.jpg"),
            ("picture_address", "http://10.0.0.9\\@evil/1"),
            ("recorder_address", "javascript:alert(1)"),
            ("stream_address", "javascript:alert(1)"),
            ("stream_address", "rtsp://user:secret@10.0.0.9/1"),
        ],
    )
    async def test_an_address_that_is_none_or_holds_a_password_is_refused(
        self, keeper: Office, field: str, address: str
    ) -> None:
        assert (await keeper.post(**{field: address})).status_code == 400

    async def test_it_goes_with_its_station_to_another_unit_and_rests_while_that_is_closed(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        await keeper.camera()
        caller, unit = office(keeper.company, keeper.staff), keeper.company.other_unit
        theirs = await of_role(keeper, "dispatcher", unit)
        assert (await theirs.get()).json()["total"] == 0
        moved = station_in(keeper.company, organisation_id=unit.id, name="搬走的站", kind="supply")
        await stations.change_station(session, caller, keeper.station_id, moved)
        (line,) = (await theirs.get()).json()["items"]
        assert (line["place_name"], line["kind"]) == ("搬走的站", "supply")
        closed = station_in(keeper.company, organisation_id=unit.id, state="closed")
        await stations.change_station(session, caller, keeper.station_id, closed)
        assert (await theirs.get()).json()["total"] == 0

    async def test_they_are_found_by_text_kind_place_and_condition(self, keeper: Office) -> None:
        vehicle = await make_vehicle(keeper)
        await keeper.camera(name="甲")
        await keeper.camera(name="乙", recorder_address="")
        await keeper.camera(name="丙", holder="vehicle", place_id=vehicle, area="cargo")

        async def names(**params: Any) -> list[str]:
            return sorted(each["name"] for each in (await keeper.get(**params)).json()["items"])

        assert await names(search="演示01") == ["丙"]
        assert await names(kind="storage") == ["丙", "乙", "甲"][1:]
        assert await names(place_id=vehicle) == ["丙"]
        assert await names(condition="wanting") == ["乙"]
        assert await names(condition="silent") == []


class TestPicture:
    @pytest.mark.requirement("5.8.3-06", "5.8.8-4")
    async def test_it_comes_through_the_server_and_moves(self, keeper: Office) -> None:
        camera = await keeper.camera()
        seen = await keeper.get(f"/{camera.id}/picture")
        assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
        assert seen.headers["cache-control"] == "no-store"
        await asyncio.sleep(1)
        assert (await keeper.get(f"/{camera.id}/picture")).content != seen.content
        line = (await keeper.get(f"/{camera.id}")).json()
        assert (line["seen_width_px"], line["seen_height_px"], line["silent_since"]) == (1280, 720, None)

    @pytest.mark.requirement("5.8.8-4")
    async def test_one_that_gives_none_says_why_since_when_and_what_to_do(self, keeper: Office) -> None:
        camera = await keeper.camera()
        keeper.recorder.tell("html")
        answer = await keeper.get(f"/{camera.id}/picture")
        told = answer.json()
        assert (answer.status_code, told["code"], told["reason"]) == (424, "camera.silent", "not_a_picture")
        assert told["action"]
        assert told["action_en"]
        since = (await keeper.get(condition="silent")).json()["items"][0]["silent_since"]
        keeper.recorder.tell("redirect")
        await keeper.get(f"/{camera.id}/picture")
        line = (await keeper.get(f"/{camera.id}")).json()
        assert (line["silent_since"], line["silent_reason"]) == (since, "redirected")
        keeper.recorder.tell("resume")
        await keeper.get(f"/{camera.id}/picture")
        assert (await keeper.get(condition="silent")).json()["total"] == 0

    async def test_an_address_outside_the_permitted_networks_is_told_as_such(self, keeper: Office) -> None:
        made = (
            await keeper.post(picture_address="http://169.254.169.254/latest/meta-data", recorder_address="")
        ).json()
        assert (await keeper.get(f"/{made['id']}/picture")).json()["reason"] == "not_allowed"


class TestCheck:
    @pytest.mark.requirement("E5.8.3-10a", "E5.8.3-10b", "E5.8.3-10c")
    @pytest.mark.parametrize(
        ("kind", "kept", "state"),
        [
            ("storage", 91, "kept"),
            ("storage", 89, "short"),
            ("supply", 31, "kept"),
            ("supply", 29, "short"),
            ("vehicle", 4, "kept"),
            ("vehicle", 2, "short"),
        ],
    )
    async def test_how_far_back_the_recorder_goes_is_held_against_the_days_of_its_place(
        self, keeper: Office, session: AsyncSession, kind: str, kept: int, state: str
    ) -> None:
        if kind == "vehicle":
            camera = await keeper.camera(holder="vehicle", place_id=await make_vehicle(keeper))
        else:
            station = await make_station_record(session, keeper.company, keeper.staff, kind=kind)
            camera = await keeper.camera(place_id=station.id)
        keeper.recorder.tell(f"kept 1 {kept}")
        found = await keeper.check(camera.id)
        assert (found["state"], found["kept_days"]) == (state, kept)
        flaws = {f["code"] for each in (await keeper.get("/shortfalls")).json() for f in each["flaws"]}
        assert ("short" in flaws) is (state == "short")

    @pytest.mark.requirement("5.8.8-4")
    async def test_interruptions_of_the_picture_are_found_and_of_the_sound_are_not(self, keeper: Office) -> None:
        camera = await keeper.camera()
        whole = await keeper.check(camera.id)
        assert (whole["state"], whole["gaps"]) == ("kept", [])
        keeper.recorder.tell("gap 1 30 12")
        keeper.recorder.tell("gap 1 20 3")
        found = await keeper.check(camera.id)
        assert (found["state"], len(found["gaps"])) == ("gap", 1)
        keeper.recorder.tell("stop 1 2")
        assert (await keeper.check(camera.id))["state"] == "stopped"

    @pytest.mark.parametrize(
        ("commands", "state"),
        [
            (["password other"], "refused"),
            (["garbage"], "garbled"),
            (["html"], "garbled"),
            (["bomb"], "garbled"),
            (["huge"], "garbled"),
            (["redirect"], "garbled"),
            (["silent"], "unreachable"),
            (["searches off"], "unclear"),
        ],
    )
    async def test_a_recorder_that_answers_oddly_or_not_at_all_is_told_as_such(
        self, keeper: Office, commands: list[str], state: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checking, "_DEADLINE_S", 1.0)
        camera = await keeper.camera()
        for command in commands:
            keeper.recorder.tell(command)
        assert (await keeper.check(camera.id))["state"] == state

    async def test_a_recorder_without_a_search_is_asked_for_its_summary(self, keeper: Office) -> None:
        keeper.recorder.tell("searches off")
        camera = await keeper.camera(recording="")
        found = await keeper.check(camera.id)
        assert (found["state"], found["kept_days"], found["gaps"]) == ("kept", 100, None)

    async def test_a_recorder_whose_clock_is_wrong_still_lets_us_in_and_counts_by_its_clock(
        self, keeper: Office
    ) -> None:
        camera = await keeper.camera()
        keeper.recorder.tell("clock 86400")
        found = await keeper.check(camera.id)
        assert (found["state"], found["kept_days"]) == ("kept", 101)
        assert found["clock_ahead_s"] == pytest.approx(86400, abs=5)

    async def test_where_it_is_not_clear_which_recording_is_meant_those_there_are_are_named(
        self, keeper: Office
    ) -> None:
        camera = await keeper.camera(recording="")
        found = await keeper.check(camera.id)
        assert found["state"] == "unclear"
        assert found["recordings"] == [["REC-1", "储罐区"], ["REC-2", "灌装间"], ["REC-3", "货厢"]]

    async def test_a_recorder_that_names_another_host_is_still_asked_at_the_one_registered(
        self, keeper: Office, trap: Any
    ) -> None:
        """The simulated one always does: `http://10.255.255.1/...`."""
        camera = await keeper.camera()
        assert (await keeper.check(camera.id))["state"] == "kept"


class TestDailyJob:
    @pytest.mark.requirement("5.8.8-4", "E5.8.3-10a")
    async def test_every_camera_is_asked_once_a_day_and_a_silent_one_again(
        self, keeper: Office, database: Database, networks: Networks, session: AsyncSession, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(checking, "_DEADLINE_S", 1.0)
        monkeypatch.setattr("backend.cameras.pictures._DEADLINE_S", 1.0)
        # One connection serves a test, so one question at a time.
        monkeypatch.setattr(checking, "_AT_ONCE", 1)
        one = await keeper.camera(name="1")
        two = await keeper.camera(name="2", recorder_address="", picture_address="")
        keeper.recorder.tell("silent")
        await checking.check_all(database, networks)
        shown = {each["name"]: each for each in (await keeper.get()).json()["items"]}
        assert (shown["1"]["verdict"], shown["2"]["verdict"]) == ("unreachable", "unwatched")
        assert shown["1"]["silent_reason"] == "unreachable"
        since = shown["1"]["recorder_silent_since"]
        await checking.check_all(database, networks)
        assert (await keeper.get(f"/{one.id}")).json()["recorder_silent_since"] == since
        keeper.recorder.tell("resume")
        await checking.check_all(database, networks)
        shown = (await keeper.get(f"/{one.id}")).json()
        assert (shown["verdict"], shown["silent_since"], shown["recorder_silent_since"]) == ("kept", None, None)
        keeper.recorder.tell("kept 1 10")
        await checking.check_all(database, networks)
        assert (await keeper.get(f"/{one.id}")).json()["verdict"] == "kept"
        yesterday = beijing_today() - timedelta(days=1)
        await session.execute(update(CameraCheck).values(day=yesterday))
        await checking.check_all(database, networks)
        history = (await keeper.get(f"/{one.id}/checks")).json()
        assert [(each["day"], each["state"]) for each in history] == [
            (str(beijing_today()), "short"),
            (str(yesterday), "kept"),
        ]
        assert (await keeper.get(f"/{two.id}/checks")).json()[0]["state"] == "unwatched"

    async def test_what_was_found_of_a_camera_that_changed_meanwhile_is_dropped(
        self, keeper: Office, database: Database, networks: Networks, session: AsyncSession, monkeypatch: Any
    ) -> None:
        camera = await keeper.camera()

        async def changing(*given: Any, **rest: Any) -> Any:
            await session.execute(update(Camera).values(recorder_address="http://10.0.0.1/other"))
            return await asked(*given, **rest)

        asked = checking.ask_recorder
        monkeypatch.setattr(checking, "ask_recorder", changing)
        await checking.check_recorder(database, networks, camera.id)
        assert (await keeper.get(f"/{camera.id}/checks")).json() == []


class TestShortfalls:
    @pytest.mark.requirement("5.8.8-4")
    async def test_points_without_a_camera_coarse_pictures_and_silent_cameras_are_named(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        station = await make_station_record(session, keeper.company, keeper.staff, kind="supply", name="东门供应站")
        camera = await keeper.camera(place_id=station.id, area="cylinders", height_px=480)

        async def flaws() -> set[tuple[str, str]]:
            places = {each["place_name"]: each for each in (await keeper.get("/shortfalls")).json()}
            return {(f["code"], f["area"]) for f in places.get(station.name, {"flaws": []})["flaws"]}

        assert await flaws() == {("point_missing", "gate"), ("clarity", "cylinders")}
        await keeper.get(f"/{camera.id}/picture")
        await keeper.camera(place_id=station.id, name="门口", area="gate")
        assert await flaws() == set()
        keeper.recorder.tell("garbage")
        await asyncio.sleep(1)
        await keeper.get(f"/{camera.id}/picture")
        assert await flaws() == {("silent", "cylinders")}

    async def test_a_company_that_changes_its_table_is_held_to_its_own(self, keeper: Office) -> None:
        camera = await keeper.camera()
        keeper.recorder.tell("kept 1 95")
        assert (await keeper.check(camera.id))["state"] == "kept"
        entries = (await keeper.client.get("/api/company/lists/video_limit", headers=keeper.headers)).json()["entries"]
        for entry in entries:
            entry["limit"] = 120 if entry["code"] == "kept_storage" else entry["limit"]
        saved = await keeper.client.put(
            "/api/company/lists/video_limit", headers=keeper.headers, json={"entries": entries}
        )
        assert saved.status_code == 200, saved.text
        found = await keeper.check(camera.id)
        assert (found["state"], found["required_days"]) == ("short", 120)
