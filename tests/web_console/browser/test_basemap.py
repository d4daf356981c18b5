"""The base map as it is painted: each kind's tiles in Chromium, looked at by their colours."""

import asyncio
import contextlib
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import uvicorn
from aiohttp import web
from PIL import Image, ImageChops
from playwright.async_api import Browser, Route, ViewportSize

from backend.accounts.service.authentication import COOKIE
from backend.app import create_app
from backend.db import Database
from backend.settings import Settings
from tests.web_console.browser.conftest import DRAWN_MS, Screen
from tests.web_console.conftest import Visitor
from tests.web_console.tiles import LETTER, PAPER, letter_tile, paper_tile, water_tile, write_pmtiles
from web_console.router import router

KEY = "0123456789abcdef0123456789abcdef"
# `--m-water` of the light theme.
WATER = (201, 221, 236)
# Small: it is drawn in software.
SIZE = ViewportSize(width=1000, height=640)
Colour = tuple[int, int, int]


class Office:
    """The console with one base map, in Chromium; `log` is what the server wrote."""

    def __init__(self, screen: Screen, server: uvicorn.Server) -> None:
        self.screen = screen
        self.server = server

    async def share_of(self, colour: Colour) -> float:
        """Of the map's pixels, within what drawing and dithering change."""
        shot = await self.screen.page.locator("#canvas").screenshot()
        image = Image.open(io.BytesIO(shot)).convert("RGB")
        off = ImageChops.difference(image, Image.new("RGB", image.size, colour)).point(lambda value: value > 4 and 255)
        flat = ImageChops.lighter(ImageChops.lighter(*off.split()[:2]), off.split()[2])
        return flat.histogram()[0] / (image.width * image.height)

    async def paints(self, colour: Colour, share: float) -> None:
        async with asyncio.timeout(DRAWN_MS / 1000):
            while await self.share_of(colour) < share:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.1)


Opened = Callable[..., Awaitable[Office]]


@pytest.fixture
async def office(browser: Browser, town_settings: Settings, admin: Visitor) -> AsyncIterator[Opened]:
    async with contextlib.AsyncExitStack() as stack:

        async def opened(**base: str) -> Office:
            settings = msgspec.structs.replace(town_settings, **base)
            app = create_app(settings, database=Database(settings), route_handlers=[router])
            config = uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve())
            stack.push_async_callback(_stop, server, serving)
            async with asyncio.timeout(30):
                while not server.started:  # noqa: ASYNC110 - nothing tells when
                    await asyncio.sleep(0.02)
            url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            context = await browser.new_context(base_url=url, viewport=SIZE, locale="zh-CN", reduced_motion="reduce")
            stack.push_async_callback(context.close)
            named = {COOKIE: admin.cookie, "qixun_theme": "light"}
            await context.add_cookies([{"name": n, "value": v, "url": url} for n, v in named.items()])
            return Office(Screen(await context.new_page()), server)

        yield opened


async def _stop(server: uvicorn.Server, serving: "asyncio.Task[None]") -> None:
    server.should_exit = True
    await serving


class TestLocalFile:
    async def test_picture_tiles_of_a_file_are_painted(self, office: Opened, tmp_path: Path) -> None:
        console = await office(basemap=str(write_pmtiles(tmp_path / "town.pmtiles", paper_tile())))
        await console.screen.open("/")
        await console.paints(PAPER, 0.2)
        await console.screen.picture("base-raster")
        assert console.screen.complaints == []

    async def test_shapes_of_a_vector_file_are_painted(self, office: Opened, tmp_path: Path) -> None:
        file = write_pmtiles(tmp_path / "town.pmtiles", water_tile(), vector=True)
        console = await office(basemap=str(file))
        await console.screen.open("/")
        await console.paints(WATER, 0.2)
        assert console.screen.complaints == []


class TestTianditu:
    async def test_its_real_addresses_are_asked_and_painted_and_the_key_is_not_logged(
        self, office: Opened, capsys: pytest.CaptureFixture[str]
    ) -> None:
        console = await office(tianditu_key=KEY)
        asked: list[str] = []

        async def serve(route: Route) -> None:
            asked.append(route.request.url)
            body = letter_tile() if "/cva_w/" in route.request.url else paper_tile()
            await route.fulfill(body=body, content_type="image/png", headers={"Access-Control-Allow-Origin": "*"})

        await console.screen.page.route(re.compile(r"https://[^/]*tianditu\.gov\.cn/.*"), serve)
        await console.screen.open("/")
        await console.paints(PAPER, 0.2)
        await console.paints(LETTER, 0.005)
        await console.screen.picture("base-tianditu")
        address = re.compile(
            r"https://t[0-7]\.tianditu\.gov\.cn/(vec|cva)_w/wmts\?SERVICE=WMTS&REQUEST=GetTile&VERSION=1\.0\.0"
            r"&LAYER=\1&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX=\d+&TILEROW=\d+&TILECOL=\d+"
            rf"&tk={KEY}"
        )
        assert [url for url in asked if not address.fullmatch(url)] == []
        assert {match[1] for url in asked if (match := address.fullmatch(url))} == {"vec", "cva"}
        assert console.screen.complaints == []
        written = capsys.readouterr()
        assert KEY not in written.err + written.out


class TestTileService:
    async def test_tiles_of_an_address_are_painted_and_no_other_host_is_let_in(self, office: Opened) -> None:
        async def tile(_: web.Request) -> web.Response:
            headers = {"Access-Control-Allow-Origin": "*"}
            return web.Response(body=paper_tile(), content_type="image/png", headers=headers)

        service = web.Application()
        service.router.add_get("/{z}/{x}/{y}.png", tile)
        runner = web.AppRunner(service)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            console = await office(basemap_url=address + "/{z}/{x}/{y}.png")
            await console.screen.open("/")
            await console.paints(PAPER, 0.2)
            assert console.screen.complaints == []
            refused = "fetch('https://t0.tianditu.gov.cn/').then(() => 'let in', () => 'refused')"
            assert await console.screen.page.evaluate(refused) == "refused"
            assert "Content Security Policy" in " ".join(console.screen.complaints)
        finally:
            await runner.cleanup()

    async def test_a_service_that_is_away_is_told_and_the_network_is_drawn(self, office: Opened) -> None:
        console = await office(basemap_url="http://127.0.0.1:9/{z}/{x}/{y}.png")
        await console.screen.open("/")
        await console.screen.page.locator("#map[data-ready]").wait_for(state="attached", timeout=DRAWN_MS)
        await console.screen.page.get_by_text("底图没有加载出来").wait_for(timeout=DRAWN_MS)
        await console.screen.until("window.qixunMap.querySourceFeatures('pipes').length > 100")
