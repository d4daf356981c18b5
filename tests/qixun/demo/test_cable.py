"""The phones' network is cut and restored under a real server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from qixun.demo.children import Child, ChildFailed, cable
from tests.qixun.command import Server


@pytest.fixture
async def cord(server: Server, tmp_path: Path) -> AsyncIterator[Child]:
    started = cable(tmp_path, "127.0.0.1", server.port)
    await started.start()
    yield started
    await started.stop()


def _url(cord: Child, path: str = "/healthz") -> str:
    return f"http://127.0.0.1:{cord.ready['port']}{path}"


async def _answers(cord: Child) -> int:
    async with aiohttp.ClientSession() as fresh, fresh.get(_url(cord)) as answer:
        return answer.status


class TestCable:
    async def test_what_is_cut_does_not_answer_until_it_is_restored(self, cord: Child) -> None:
        assert await _answers(cord) == 200
        await cord.command("cut")
        with pytest.raises(aiohttp.ClientConnectionError):
            await _answers(cord)
        await cord.command("restore")
        assert await _answers(cord) == 200

    async def test_a_cut_breaks_what_is_open(self, cord: Child) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", cord.ready["port"])
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await cord.command("cut")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)
        writer.close()

    async def test_a_reset_breaks_what_is_open_and_nothing_more(self, cord: Child) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", cord.ready["port"])
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readline()
        await cord.command("reset")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert await _answers(cord) == 200

    async def test_the_hub_is_reached_through_it(self, cord: Child) -> None:
        async with aiohttp.ClientSession() as fresh, fresh.get(_url(cord, "/sync/")) as answer:
            assert (await answer.json())["couchdb"] == "Welcome"

    async def test_a_word_that_it_does_not_know_is_an_error(self, cord: Child) -> None:
        with pytest.raises(ChildFailed, match="none of cut, restore, reset, quit"):
            await cord.command("unplug")

    async def test_a_server_that_is_gone_does_not_hang(self, tmp_path: Path, unused_tcp_port: int) -> None:
        loose = cable(tmp_path, "127.0.0.1", unused_tcp_port)
        await loose.start()
        with pytest.raises(aiohttp.ClientConnectionError):
            await asyncio.wait_for(_answers(loose), 5)
        await loose.stop()
