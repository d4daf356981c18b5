"""Phones as they report, seen without loading the page anew; a lost one is shut out, and taken back."""

from datetime import UTC, datetime

from sqlalchemy import update

from backend import events
from backend.accounts.models import Device
from backend.db import Database
from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene


async def report(town: Database, scene: Scene, waiting: int) -> None:
    """As a phone's report leaves it."""
    async with town.sessions() as session, session.begin():
        own = update(Device).where(Device.id == scene.wang.device.id)
        await session.execute(own.values(waiting=waiting, last_seen_at=datetime.now(UTC)))
        await events.announce(session, "device.seen", scene.wang.device.id, scene.company.unit.id)


class TestDevices:
    async def test_a_report_shows_at_once_and_a_revocation_is_undone(
        self, sign_in: SignIn, scene: Scene, town: Database
    ):
        screen = await sign_in(scene.admin)
        page = screen.page
        page.on("dialog", lambda dialog: dialog.accept())
        await screen.open("/devices?search=王送气")
        row = page.locator("#devices tr[data-item]")
        await row.wait_for()
        await page.evaluate("window.sameDocument = true")
        # The second one comes while the first one's list is still shown.
        await report(town, scene, 36)
        await row.get_by_text("36").wait_for(timeout=30_000)
        await report(town, scene, 37)
        await row.get_by_text("37").wait_for(timeout=30_000)
        await row.click()
        await page.locator("#dialog footer .danger").click()
        await row.wait_for(state="detached")
        await screen.picture("device-revoked")
        await page.locator("#toast button").click()
        await row.wait_for()
        assert await page.evaluate("window.sameDocument")
        await report(town, scene, 0)
        assert screen.complaints == []
