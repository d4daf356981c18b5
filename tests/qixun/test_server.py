"""`qixun serve`: everything on one port, and nothing left when it is stopped."""

import asyncio
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy

from tests.qixun.command import Command, Server
from tests.qixun.conftest import ADMINISTRATOR, PASSWORD


async def _get(server: Server, path: str) -> tuple[int, CIMultiDictProxy[str], bytes]:
    async with aiohttp.ClientSession() as fresh, fresh.get(server.url + path, allow_redirects=False) as answer:
        return answer.status, answer.headers, await answer.read()


class TestAddresses:
    @pytest.mark.parametrize(
        ("path", "content"),
        [
            ("/healthz", b""),
            ("/readyz", b""),
            ("/metrics", b"# HELP"),
            ("/schema/openapi.json", b'"openapi":"3.1'),
            ("/sync/", b'"couchdb":"Welcome"'),
            ("/m/", b"flutter"),
            ("/m/flutter_bootstrap.js", b""),
        ],
    )
    async def test_it_answers(self, server: Server, path: str, content: bytes) -> None:
        status, _, body = await _get(server, path)
        assert status == 200
        assert content in body.replace(b'": ', b'":')

    async def test_the_console_asks_who_is_there(self, server: Server) -> None:
        status, headers, _ = await _get(server, "/")
        assert status in {302, 303, 307}
        assert "sign-in" in headers["Location"]

    async def test_the_app_is_found_without_its_last_slash(self, server: Server) -> None:
        status, headers, _ = await _get(server, "/m")
        assert (status, headers["location"]) == (307, "/m/")

    async def test_an_address_that_only_starts_like_the_app_s_is_not_the_app(self, server: Server) -> None:
        status, _, body = await _get(server, "/map-of-nothing")
        assert status == 404
        assert b"flutter" not in body

    async def test_the_hub_takes_the_api_s_token(self, server: Server) -> None:
        async with aiohttp.ClientSession(server.url) as http:
            signed_in = await _sign_in(http)
            unit = signed_in["databases"]["units"][0]
            forged = {"Authorization": f"Bearer {signed_in['access_token'][:-6]}AAAAAA"}
            lists = await _until_lists(http, unit, _bearer(signed_in))
            async with http.get(f"/sync/{unit}/_all_docs", headers=forged) as refused:
                assert refused.status == 401
        assert len(lists) > 5


async def _sign_in(http: aiohttp.ClientSession) -> dict[str, Any]:
    device = {"device_id": "018f00000000700080000000000000d9", "name": "t", "platform": "linux", "app_version": "1"}
    body = {"staff_number": ADMINISTRATOR, "password": PASSWORD, "device": device}
    async with http.post("/api/sign-in", json=body) as answer:
        return await answer.json()


def _bearer(signed_in: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed_in['access_token']}"}


async def _until_lists(http: aiohttp.ClientSession, unit: str, headers: dict[str, str]) -> list[Any]:
    """The outbox has written the unit's lists into the hub."""
    async with asyncio.timeout(20):
        while True:
            async with http.get(f"/sync/{unit}/_all_docs", headers=headers) as answer:
                rows = (await answer.json()).get("rows", [])
            lists = [row for row in rows if row["id"].startswith("reference.list:")]
            if len(lists) > 5:
                return lists
            await asyncio.sleep(0.2)


class TestStop:
    async def test_ctrl_c_ends_it_soon_with_feeds_and_events_open(self, qixun: Command) -> None:
        running = Server(qixun)
        await asyncio.to_thread(running.wait_until_ready)
        async with aiohttp.ClientSession(running.url) as http:
            right = _bearer(signed_in := await _sign_in(http))
            unit = signed_in["databases"]["units"][0]
            await _until_lists(http, unit, right)
            changes = http.get(f"/sync/{unit}/_changes?feed=continuous&heartbeat=5000", headers=right)
            async with changes as feed, http.get("/events", headers=right) as events:
                assert (feed.status, events.status) == (200, 200)
                status = await asyncio.wait_for(asyncio.to_thread(running.stop), 10)
        said = running.log.read_text()
        assert status in {0, 130}
        assert "Traceback" not in said
        assert "ASGI" not in said
