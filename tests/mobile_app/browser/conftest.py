"""The app as a process of its own, driven in Chromium at a phone's size, over a folder that was filled before."""

import asyncio
import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, async_playwright

from mobile_app.devices import Addresses, save_addresses
from mobile_app.phone import Phone
from tests.mobile_app import phones
from tests.mobile_app.browser import town

REPOSITORY = Path(__file__).parents[3]
PICTURES = REPOSITORY / "test-results"
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    # A camera and a microphone that are Chromium's own; only a page with leave may use them.
    "--use-fake-device-for-media-stream",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# Drawn without a graphics card: a sharper screen costs four times as much and proves nothing more; nor do slides and
# ripples, frame by frame.
_SCREEN: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "locale": "zh-CN",
    "has_touch": True,
    "is_mobile": True,
    "reduced_motion": "reduce",
    "device_scale_factor": 1,
}
# The first frame under software drawing, on a machine that does other things as well.
FIRST_FRAME_MS = 60_000


# Flutter writes a label as text or as an attribute, as the role of its place asks.
_WORDS_AFTER = """label => {
    for (const place of document.querySelectorAll('flt-semantics-host flt-semantics')) {
        const words = place.getAttribute('aria-label') || (place.children.length ? place.innerText : place.textContent);
        if (words && words.startsWith(label)) return words.slice(label.length).trim();
    }
    return '';
}"""


class Screen:
    """One open app: found by what a person reads or by the hooks that screen readers' tools use."""

    def __init__(self, page: Page, folder: Path = Path()) -> None:
        self.page = page
        self.folder = folder
        self.taps = 0

    def hook(self, identifier: str) -> Locator:
        return self.page.locator(f"[flt-semantics-identifier='{identifier}']").last

    async def tap(self, identifier: str) -> None:
        self.taps += 1
        await self.hook(identifier).wait_for(state="attached", timeout=30_000)
        inner = self.hook(identifier).locator("[role=button]")
        await (inner.first if await inner.count() else self.hook(identifier)).click(timeout=30_000)

    async def sees(self, words: str | re.Pattern[str], *, within_s: float = 30) -> None:
        found = self.page.locator("flt-semantics-host").get_by_text(words)
        await found.or_(self.page.get_by_label(words)).last.wait_for(state="attached", timeout=within_s * 1000)

    async def figure(self, label: str) -> str:
        """What the strip says of this: its words after the label."""
        return str(await self.page.evaluate(_WORDS_AFTER, label))

    async def tap_words(self, words: str) -> None:
        """What has no hook of its own known to the test: the line that says so."""
        lines = self.page.locator("flt-semantics-host [role=button]").filter(has_text=words)
        await lines.last.click(timeout=30_000)

    async def type(self, field: str, words: str) -> None:
        box = self.hook(f"field-{field}").locator("input, textarea").first
        await box.click(timeout=30_000)
        # Flutter hears the input only once its own editing session is open.
        await self.page.wait_for_function("e => document.activeElement === e", arg=await box.element_handle())
        await self.page.wait_for_timeout(200)
        await box.fill(words)

    async def give_picture(self, identifier: str, picture: bytes, name: str = "photo.jpg") -> None:
        async with self.page.expect_file_chooser() as chooser:
            await self.tap(identifier)
        await (await chooser.value).set_files({"name": name, "mimeType": "image/jpeg", "buffer": picture})

    async def picture(self, name: str) -> None:
        """Kept to be looked at."""
        PICTURES.mkdir(exist_ok=True)
        await self.page.wait_for_timeout(400)  # a ripple or a page's slide ends
        await self.page.screenshot(path=PICTURES / f"phone-{name}.png")

    async def sign_in(self) -> None:
        await self.type("password", phones.PASSWORD)
        await self.tap("sign-in")
        await self.hook("tab-today").wait_for(state="attached", timeout=60_000)


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=_chromium(), args=BROWSER_ARGUMENTS)
        yield opened
        await opened.close()


@pytest.fixture(scope="session")
async def app_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Path]]:
    """Address and the folder that holds the phones."""
    folder = tmp_path_factory.mktemp("phones")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "QIXUN_PHONE_DIR": str(folder),
        "QIXUN_SERVER_URL": phones.NOWHERE,
        "FLET_FORCE_WEB_SERVER": "true",
        "FLET_WEB_NO_CDN": "true",
        "FLET_WEB_RENDERER": "canvaskit",
        "FLET_SERVER_IP": "127.0.0.1",
        "FLET_SERVER_PORT": str(port),
    }
    log = (folder / "app.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mobile_app.main", cwd=REPOSITORY, env=environment, stdout=log, stderr=log
    )
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.1)
    yield f"http://127.0.0.1:{port}", folder
    process.terminate()
    await process.wait()
    log.close()


OpenApp = Callable[..., Awaitable[Screen]]


async def phone_sized(browser: Browser, permissions: Sequence[str] = ()) -> BrowserContext:
    """A browser on a phone's screen."""
    return await browser.new_context(**_SCREEN, permissions=permissions)


async def note_other_hosts(context: BrowserContext, asked_elsewhere: list[str]) -> None:
    """What is asked of another host is written down and gets no answer. (Nothing comes from the cache any more.)"""

    async def refuse(route: Route) -> None:
        asked_elsewhere.append(route.request.url)
        await route.abort()

    await context.route(re.compile(r"^(?!(http|ws)://127\.0\.0\.1[:/]|data:|blob:)"), refuse)


async def opened(page: Page, url: str) -> None:
    """Until the app has drawn itself and can be read by its words."""
    await page.goto(url, wait_until="commit")
    placeholder = page.locator("flt-semantics-placeholder")
    await placeholder.wait_for(state="attached", timeout=FIRST_FRAME_MS)
    await page.wait_for_function("() => !document.getElementById('loading')", timeout=FIRST_FRAME_MS)
    # It lies outside of the screen: a click by the mouse would miss it.
    await placeholder.evaluate("element => element.click()")
    await page.locator("flt-semantics-host flt-semantics").first.wait_for(state="attached", timeout=FIRST_FRAME_MS)


@pytest.fixture(scope="session")
async def shared_browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrowserContext]:
    """One for all tests: it keeps the app's program, compiled, and its font, which take longer to load than most tests
    take.
    """
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("browser"), executable_path=_chromium(), args=BROWSER_ARGUMENTS, **_SCREEN
        )
        yield context
        await context.close()


@pytest.fixture
async def open_app(shared_browser: BrowserContext, app_server: tuple[str, Path]) -> AsyncIterator[OpenApp]:
    """Opens the app of a phone that is new to it: filled by an earlier sync, nobody signed in."""
    pages: list[Page] = []
    yield opener(shared_browser, app_server, pages)
    for page in pages:
        await page.close()


def opener(context: BrowserContext, app_server: tuple[str, Path], pages: list[Page]) -> OpenApp:
    """`pages` are those that it opened."""

    async def open_it(
        *,
        tasks: bool = True,
        devices: Addresses | None = None,
        before: Callable[[Phone], Awaitable[None]] | None = None,
    ) -> Screen:
        url, parent = app_server
        key = secrets.token_hex(16)
        await town.lay_out(parent / key, tasks=tasks, before=before)
        if devices:
            save_addresses(parent / key, devices)
        page = await context.new_page()
        pages.append(page)
        await page.add_init_script(f"localStorage.setItem('flutter.qixun.phone', JSON.stringify('{key}'))")
        await opened(page, url)
        return Screen(page, parent / key)

    return open_it
