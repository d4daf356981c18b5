"""What is measured, each a process of its own: the embedded hub alone, the whole product; and a hub's administrator."""

import asyncio
import os
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

_READY_S = 90.0
_STOP_S = 20.0
_MOST_SAID = 2000


class BenchError(Exception):
    """Why there are no figures."""


class HubAdmin:
    """The administrator of the hub at `url`, which carries his name and password."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        try:
            async with self._http.request(method, f"{self.url}/{path}", json=body) as answer:
                if answer.status >= 400:
                    raise BenchError(f"{method} {path}: {answer.status} {await answer.text()}")
                return await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise BenchError(f"{without_password(self.url)} does not answer as a hub: {error}") from error

    async def require_hub(self) -> None:
        """Told before anything is installed or started."""
        said = await self.ask("GET", "_all_dbs")
        if not isinstance(said, list):
            raise BenchError(f"{without_password(self.url)} does not answer as a hub")

    async def create(self, name: str) -> None:
        await self.ask("PUT", f"{name}?q=1")

    async def drop(self, name: str) -> None:
        await self.ask("DELETE", name)

    async def drop_all_of(self, keys: Sequence[str]) -> None:
        """Every database whose name holds one of these keys of ours."""
        for name in await self.ask("GET", "_all_dbs"):
            if any(key in name for key in keys):
                await self.drop(name)

    async def require_count(self, name: str, count: int) -> None:
        found = (await self.ask("GET", name))["doc_count"]
        if found != count:
            raise BenchError(f"{name} holds {found} documents instead of {count}")


@asynccontextmanager
async def embedded_hub(folder: Path) -> AsyncIterator[str]:
    """Its address, with the administrator's name and password in it."""
    port, administrator = free_port(), f"bench:{secrets.token_hex(16)}"
    command = [sys.executable, "-m", "qixun.bench.hub", str(folder), str(port), administrator]
    async with _running(command, folder, f"http://127.0.0.1:{port}/_up"):
        yield f"http://{administrator}@127.0.0.1:{port}"


class Product(msgspec.Struct, frozen=True):
    """A running `qixun serve`; `hub_url` has its administrator in it."""

    url: str
    hub_url: str
    pid: int


@asynccontextmanager
async def product(folder: Path, database_url: str, hub: str) -> AsyncIterator[str]:
    """`qixun serve` on this database: its address. `hub` is an Apache CouchDB's, or empty for the embedded one."""
    async with running_product(folder, database_url, hub) as running:
        yield running.url


@asynccontextmanager
async def running_product(
    folder: Path, database_url: str, hub: str, *, public_hub_url: str = ""
) -> AsyncIterator[Product]:
    """As `product`; phones may be told another address of the hub."""
    port, administrator = free_port(), f"bench:{secrets.token_hex(16)}"
    environ = {
        "QIXUN_DATABASE_URL": database_url,
        "QIXUN_DATA_DIR": str(folder),
        "QIXUN_PORT": str(port),
        "QIXUN_HUB_ADMIN": administrator,
        "QIXUN_LOG_LEVEL": "warning",
    }
    public = public_hub_url or without_password(hub)
    environ |= {"QIXUN_COUCHDB_URL": hub, "QIXUN_PUBLIC_HUB_URL": public} if hub else {}
    command = [sys.executable, "-m", "qixun.cli", "serve"]
    async with _running(command, folder, f"http://127.0.0.1:{port}/readyz", environ) as pid:
        url = f"http://127.0.0.1:{port}"
        yield Product(url, hub or f"http://{administrator}@127.0.0.1:{port}/sync", pid)


async def run_client(command: Sequence[str], environ: Mapping[str, str] | None = None) -> bytes:
    """What a measuring process wrote; `BenchError` with its last words where it failed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=_environment(environ or {})
    )
    try:
        said, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise BenchError(f"{Path(command[0]).name} failed: {complained.decode(errors='replace')[-_MOST_SAID:]}")
    return said


def without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Nothing of a production server's settings reaches what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("QIXUN_")} | dict(own)


@asynccontextmanager
async def _running(
    command: Sequence[str], folder: Path, ready_url: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """Its process id."""
    log = folder / "server.log"
    with _made(log).open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said, env=_environment(environ or {})
        )
    try:
        if not await _is_ready(process, ready_url):
            raise BenchError(f"the server did not start: {_end_of(log)}")
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _STOP_S)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_ready(process: asyncio.subprocess.Process, url: str) -> bool:
    deadline = time.monotonic() + _READY_S
    async with aiohttp.ClientSession() as http:
        while time.monotonic() < deadline and process.returncode is None:
            with suppress(aiohttp.ClientError, OSError):
                async with http.get(url) as answer:
                    if answer.status == 200:
                        return True
            await asyncio.sleep(0.1)
    return False


def _made(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-_MOST_SAID:]
