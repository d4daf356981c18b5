"""Camera and microphone on the hazard screen, with Chromium's own: the picture, the shutter's keys."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser

from sync.documents.photos import ATTACHMENT_NAME
from tests.mobile_app.browser import town
from tests.mobile_app.browser.conftest import OpenApp, Screen, opener, phone_sized
from tests.mobile_app.browser.test_app import files_of, open_task, records_on


@pytest.fixture
async def open_with_camera(browser: Browser, app_server: tuple[str, Path]) -> AsyncIterator[OpenApp]:
    context = await phone_sized(browser, [], permissions=["camera", "microphone"])
    yield opener(context, app_server, [])
    await context.close()


async def press(screen: Screen, key: str, code: str) -> None:
    """Keys that Playwright has no name for."""
    keyboard = await screen.page.context.new_cdp_session(screen.page)
    for kind in ("rawKeyDown", "keyUp"):
        await keyboard.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": code})


async def until_live(screen: Screen) -> None:
    """Waits until the viewfinder shows the green that Chromium's camera sends."""
    for _ in range(150):
        shot = await screen.page.screenshot(clip={"x": 60, "y": 80, "width": 270, "height": 160})
        image = Image.open(io.BytesIO(shot)).convert("RGB")
        pixels = [pixel for pixel in image.get_flattened_data() if pixel[1] > pixel[0] + 40 and pixel[1] > pixel[2] + 40]
        if len(pixels) > 2000:
            return
        await asyncio.sleep(0.2)
    await screen.picture("failed")
    pytest.fail("the viewfinder shows nothing")


class TestCamera:
    async def test_pictures_from_the_live_camera_by_button_and_by_volume_key(self, open_with_camera: OpenApp) -> None:
        screen = await open_with_camera()
        await screen.sign_in()
        await open_task(screen, town.PATROL.id)
        await screen.tap("report-hazard")
        await until_live(screen)
        await screen.picture("3-viewfinder")
        await screen.tap("shutter")
        await screen.sees("照片 1 张")
        await press(screen, "AudioVolumeUp", "AudioVolumeUp")
        await screen.sees("照片 2 张")
        await press(screen, " ", "Space")
        await screen.sees("照片 3 张")
        await screen.tap("hazard_type-ice")
        await screen.picture("3-hazard-camera")
        await screen.tap("save-finding")
        await screen.sees("已存 · 上报隐患")
        [hazard] = records_on(screen.folder, "hazard.reported")
        assert len(hazard.photos) == 3
        photos = files_of(screen.folder, "photo")
        assert {photo.source for photo, _ in photos} == {"camera"}
        for photo, attachments in photos:
            with Image.open(io.BytesIO(attachments[ATTACHMENT_NAME])) as picture:
                assert picture.size == (photo.width, photo.height)
                assert min(picture.size) >= 400
