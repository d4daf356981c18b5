"""The wall of live pictures, and what the console tells of a camera to whom."""

import pytest

from backend.cameras import service as cameras
from backend.db import Database
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene


class TestWall:
    async def test_another_company_sees_no_camera(self, neighbour: Visitor, scene: Scene):
        assert "1 号枪机" not in (await neighbour.get("/cameras/found", part=True)).text
        for path in ("", "/picture"):
            assert (await neighbour.get(f"/cameras/{scene.camera_id}{path}", part=True)).status_code == 404

    @pytest.mark.requirement("5.8.3-06")
    async def test_it_is_found_by_its_place_and_says_what_is_missing(self, dispatcher: Visitor):
        wall = (await dispatcher.get("/cameras/found", part=True, search="储配站")).text
        assert "1 号枪机" in wall
        assert "没有登记画面地址" in wall
        assert "灌装间 缺少摄像头" in wall
        assert "1 号枪机" not in (await dispatcher.get("/cameras/found", part=True, kind="vehicle")).text

    @pytest.mark.requirement("5.8.3-06")
    async def test_the_page_of_a_station_shows_its_cameras_and_a_vehicles_page_its_own(
        self, admin: Visitor, scene: Scene
    ):
        station = (await admin.get(f"/ledgers/stations/{scene.station_id}", part=True)).text
        assert 'data-camera=""' in station
        assert "1 号枪机" in station
        vehicle = await admin.get(f"/ledgers/vehicles/{scene.vehicle_id}", part=True)
        assert vehicle.status_code == 200
        assert "没有登记摄像头" in vehicle.text

    async def test_a_shortfall_waits_in_the_office(self, dispatcher: Visitor):
        assert "松河液化气储配站 视频不达标" in (await dispatcher.get("/overview/todo", part=True)).text


class TestForm:
    async def test_a_dispatcher_neither_opens_nor_sends_it(self, dispatcher: Visitor, scene: Scene):
        assert (await dispatcher.get("/cameras/new", part=True)).status_code == 403
        assert (await dispatcher.post(f"/cameras/{scene.camera_id}", {"name": "x"})).status_code == 403
        assert "name=&#34;password&#34;" not in (await dispatcher.get(f"/cameras/{scene.camera_id}", part=True)).text

    async def test_an_administrator_enters_one_and_reads_no_password_back(
        self, admin: Visitor, scene: Scene, town: Database
    ):
        form = {
            "place": f"station:{scene.station_id}",
            "name": "2 号",
            "area": "gate",
            "picture_address": "http://127.0.0.1:9/2.jpg",
            "username": "recorder-user",
            "password": "gauge-7-secret",
        }
        made = await admin.post("/cameras", form)
        assert made.status_code == 200, made.text
        assert "已保存，不改则留空" in made.text
        assert "gauge-7-secret" not in made.text
        assert "recorder-user" not in made.text
        async with town.sessions() as session, session.begin():
            page = await cameras.list_cameras(session, scene.caller, search="2 号")
            camera_id = page.items[0].id
        silent = await admin.get(f"/cameras/{camera_id}/picture")
        assert silent.json()["what"] == "没有应答"
        assert silent.json()["since"]
        assert (await admin.post("/cameras", form)).status_code == 409
        assert (await admin.post(f"/cameras/{camera_id}/remove")).status_code == 204
