"""报警 live in the browser: nobody reloads; pictures are kept."""

import pytest

from backend.db import Database
from tests.web_console.alarms import send_alarms, send_readings
from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_readings_and_an_alarm_appear_by_themselves_and_are_dealt_with(
    sign_in: SignIn, scene: Scene, town: Database, theme: str
):
    screen = await sign_in(scene.admin, theme=theme)
    page = screen.page
    await screen.open("/alarms")
    await page.locator("#alarms .empty, #alarms tr[data-item]").first.wait_for()
    before = await page.locator("#alarms tr[data-item]").count()
    async with town.sessions() as session, session.begin():
        await send_readings(session, scene)
        await send_alarms(session, scene)
    await page.locator("#alarms tr[data-item]").nth(before + 1).wait_for()
    await screen.picture(f"alarms-{theme}")
    await page.locator("#alarms tr[data-item]", has_text="储罐压力").first.click()
    await page.fill("#dialog [name=action]", "钱站长已到现场，关进液阀")
    await screen.picture(f"alarm-{theme}")
    await page.get_by_role("button", name="登记处理").click()
    await page.locator("#alarms tr[data-item]", has_text="关进液阀").first.wait_for()
    await screen.open("/alarms?tab=stations")
    await page.locator("[data-sensor=pressure]").wait_for()
    await screen.picture(f"station-readings-{theme}")
    await screen.open(f"/ledgers/stations?open={scene.station_id}")
    await page.locator("#stations tr[data-item]", has_text="CZ-001").click()
    await page.locator("#dialog [data-sensor=pressure]").wait_for()
    await screen.picture(f"station-page-{theme}")
    assert screen.complaints == []
