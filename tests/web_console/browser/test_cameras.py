"""The wall in Chromium, against the simulated recorder; pictures are kept."""

from datetime import timedelta

import pytest

from backend.cameras import checking
from backend.cameras import service as cameras
from backend.cameras.reach import networks_of
from backend.db import Database
from sync.databases import beijing_today
from tests.device_bridge.conftest import running
from tests.factories.cameras import camera_in
from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene

CAMERAS = (
    ("储罐区枪机", "tanks", "snapshot/1.jpg", "REC-1"),
    ("灌装间球机", "filling", "mjpeg/2", "REC-2"),
    ("门口枪机", "gate", "snapshot/99.jpg", "REC-9"),
)


class TestWall:
    @pytest.mark.requirement("5.8.3-06")
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_pictures_move_and_a_camera_without_one_says_why(
        self, sign_in: SignIn, scene: Scene, town: Database, theme: str
    ):
        made = []
        with running("camera", "--kept", "100,40", "--names", "储罐区,灌装间") as recorder:
            async with town.sessions() as session, session.begin():
                for name, area, path, recording in CAMERAS:
                    given = camera_in(
                        recorder.address,
                        scene.station_id,
                        name=name,
                        area=area,
                        recording=recording,
                        picture_address=f"{recorder.address}/{path}",
                        stream_address="rtsp://127.0.0.1/live",
                        installed_on=beijing_today() - timedelta(days=900),
                    )
                    made.append((await cameras.create_camera(session, scene.caller, given)).id)
            for camera_id in made:
                await checking.check_recorder(town, networks_of("127.0.0.0/8"), camera_id)
            screen = await sign_in(scene.admin, theme=theme)
            page = screen.page
            await screen.open("/cameras")
            await screen.until("document.querySelectorAll('.camera[data-state=live] img').length === 2")
            await screen.until("document.querySelectorAll('.camera[data-state=silent]').length === 1")
            await page.locator(".camera-why").get_by_text("返回的不是 JPEG 画面").wait_for()
            first = await page.locator(".camera[data-state=live] img").first.get_attribute("src")
            await screen.picture(f"cameras-{theme}")
            await screen.until(f"document.querySelector('.camera[data-state=live] img').src !== '{first}'")
            await page.locator("#wall").get_by_text("灌装间球机", exact=True).click()
            await screen.until("document.querySelector('#dialog .camera[data-state=live]') !== null")
            await screen.picture(f"camera-{theme}")
            await page.locator("#dialog .recordings").get_by_text("存储不足").wait_for()
            await page.keyboard.press("Escape")
            await screen.open("/ledgers/stations")
            await page.locator("#stations").get_by_text("松河液化气储配站").click()
            await page.locator("#cameras figure").last.scroll_into_view_if_needed()
            await screen.until("document.querySelector('#cameras .camera[data-state=live]') !== null")
            await screen.picture(f"station-cameras-{theme}")
            assert screen.complaints == []
        async with town.sessions() as session, session.begin():
            for camera_id in made:
                await cameras.remove_camera(session, scene.caller, camera_id)
