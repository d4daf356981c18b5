"""Camera and microphone on the hazard screen, with Chromium's own: the picture, the shutter's keys."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser

from backend.photos.rules import check_file
from sync.documents.photos import ATTACHMENT_NAME, VOICE_ATTACHMENT_NAME
from tests.mobile_app.browser import town
from tests.mobile_app.browser.conftest import OpenApp, Screen, opener, phone_sized
from tests.mobile_app.browser.kept import files_of, open_task, records_on

# What the app plays it plays by an element that is in no page: the browser's own is watched for it.
REMEMBER_SOUNDS = """(() => {
    window.sounds = [];
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () { window.sounds.push(this); return play.call(this); };
})()"""
PLAYED = "() => window.sounds.some(s => s instanceof HTMLAudioElement && s.duration >= 0.5 && s.currentTime > 0.2)"


@pytest.fixture
async def open_with_camera(browser: Browser, app_server: tuple[str, Path]) -> AsyncIterator[OpenApp]:
    context = await phone_sized(browser, permissions=["camera", "microphone"])
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
        green = sum(count for count, (r, g, b) in image.getcolors(43_200) or () if g > max(r, b) + 40)
        if green > 2000:
            return
        await asyncio.sleep(0.2)
    await screen.picture("failed")
    pytest.fail("the viewfinder shows nothing")


class TestCameraAndVoice:
    async def test_pictures_by_button_and_keys_and_a_note_that_is_heard_again(self, open_with_camera: OpenApp) -> None:
        screen = await open_with_camera()
        await screen.page.evaluate(REMEMBER_SOUNDS)
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
        await screen.tap("voice-record")
        await screen.sees(re.compile("说完了，停 0:0[1-9]"))
        await screen.picture("3-speaking")
        await screen.tap("voice-stop")
        await screen.hook("voice-play").wait_for(state="attached", timeout=20_000)
        await screen.tap("voice-play")
        await screen.page.wait_for_function(PLAYED)
        await screen.picture("3-hazard-camera")
        await screen.tap("save-finding")
        await screen.sees("已存 · 上报隐患")
        [hazard] = records_on(screen.folder, "hazard.reported")
        assert len(hazard.photos) == 3
        [(note, spoken)] = files_of(screen.folder, "voice_note")
        assert hazard.voice_note == note.id
        assert note.duration_s >= 0.5
        assert check_file(note.id, spoken[VOICE_ATTACHMENT_NAME]) == ""
        # Chromium's microphone beeps.
        assert len(set(spoken[VOICE_ATTACHMENT_NAME])) > 20
        photos = files_of(screen.folder, "photo")
        assert {photo.source for photo, _ in photos} == {"camera"}
        for photo, attachments in photos:
            with Image.open(io.BytesIO(attachments[ATTACHMENT_NAME])) as picture:
                assert picture.size == (photo.width, photo.height)
                assert min(picture.size) >= 400
