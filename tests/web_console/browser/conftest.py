"""The console in Chromium at 1440x900; pictures are kept to be looked at."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from backend.accounts.models import Staff
from tests.factories.accounts import PASSWORD
from tests.web_console.conftest import Served
from tests.web_console.scene import Scene

PICTURES = Path(__file__).parents[3] / "test-results"
SIZE = {"width": 1440, "height": 900}
# The map is drawn in software here, on a machine that does other things as well.
DRAWN_MS = 45_000


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "Chromium is needed: apt-get install chromium"
    drawing = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage", *drawing]
        )
        yield running
        await running.close()


class Screen:
    """A signed-in page, and everything that its browser complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open(self, path: str) -> None:
        await self.page.goto(path, wait_until="load")

    async def map_is_drawn(self) -> None:
        await self.page.locator("#map[data-ready]").wait_for(state="attached", timeout=DRAWN_MS)
        await self.until("window.qixunMap.loaded()")

    async def until(self, holds: str, *, within_s: float = DRAWN_MS / 1000) -> None:
        """Asks again and again: the page's policy forbids the evaluation that Playwright's own waiting uses."""
        async with asyncio.timeout(within_s):
            while not await self.page.evaluate(holds):  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.1)

    async def picture(self, name: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        await self.page.wait_for_timeout(300)
        await self.page.screenshot(path=PICTURES / f"console-{name}.png")


SignIn = Callable[..., Awaitable[Screen]]


@pytest.fixture
async def sign_in(browser: Browser, served: Served, scene: Scene) -> AsyncIterator[SignIn]:
    contexts = []

    async def opened(staff: Staff, *, theme: str = "light", language: str = "zh") -> Screen:
        context = await browser.new_context(base_url=served.url, viewport=SIZE, locale="zh-CN", reduced_motion="reduce")
        contexts.append(context)
        for name, value in (("qixun_theme", theme), ("qixun_language", language)):
            await context.add_cookies([{"name": name, "value": value, "url": served.url}])
        page = await context.new_page()
        page.set_default_timeout(15_000)
        screen = Screen(page)
        await screen.open("/sign-in?next=/hazards")
        await page.fill("[name=staff_number]", staff.staff_number)
        await page.fill("[name=password]", PASSWORD)
        await page.click("button.primary")
        await page.wait_for_url("**/hazards")
        return screen

    yield opened
    for context in contexts:
        await context.close()
