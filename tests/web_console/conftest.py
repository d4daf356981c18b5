"""A company on a working day in a database of its own, the console over it, and people who sign in."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import AsyncTestClient
from psycopg import sql

from backend.accounts import service as accounts
from backend.accounts.models import Staff
from backend.accounts.service.authentication import COOKIE
from backend.app import create_app
from backend.cluster import Cluster
from backend.db import Database
from backend.settings import Settings
from tests.factories.accounts import PASSWORD
from tests.web_console.scene import Scene, make_scene
from web_console.router import router


@pytest.fixture(scope="session")
async def town_settings(
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    name = f"console_{template}"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    yield Settings(
        database_url=cluster.url(name),
        data_dir=tmp_path_factory.mktemp("console"),
        database_pool=4,
        worker="outside",
        log_level="error",
        camera_networks="127.0.0.0/8",
    )
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
async def town(town_settings: Settings) -> AsyncIterator[Database]:
    database = Database(town_settings)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def scene(town: Database, town_settings: Settings) -> Scene:
    async with town.sessions() as session, session.begin():
        return await make_scene(session, Path(town_settings.data_dir))


@pytest.fixture(scope="session")
async def console(town_settings: Settings, scene: Scene) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(create_app(town_settings, route_handlers=[router])) as client:
        yield client


class Visitor(msgspec.Struct):
    """Somebody at the console; `part` asks as htmx does."""

    client: Any
    cookie: str
    csrf: str

    async def get(self, path: str, *, part: bool = False, **parameters: Any) -> Response:
        headers = {"Cookie": f"{COOKIE}={self.cookie}"} | ({"HX-Request": "true"} if part else {})
        return await self.client.get(path, params=parameters or None, headers=headers, follow_redirects=False)

    async def post(self, path: str, data: dict[str, Any] | None = None, *, csrf: bool = True, **rest: Any) -> Response:
        headers = {"Cookie": f"{COOKIE}={self.cookie}", "HX-Request": "true"}
        if csrf:
            headers["X-CSRF-Token"] = self.csrf
        return await self.client.post(path, data=data or {}, headers=headers, follow_redirects=False, **rest)


@pytest.fixture(scope="session")
async def as_staff(console: AsyncTestClient[Litestar], town: Database, town_settings: Settings) -> Any:
    async def sign_in(staff: Staff) -> Visitor:
        cookie, csrf, _ = await accounts.open_console_session(
            town, town_settings, staff_number=staff.staff_number, password=PASSWORD
        )
        return Visitor(console, cookie, csrf)

    return sign_in


@pytest.fixture(scope="session")
async def admin(as_staff: Any, scene: Scene) -> Visitor:
    return await as_staff(scene.admin)


@pytest.fixture(scope="session")
async def dispatcher(as_staff: Any, scene: Scene) -> Visitor:
    return await as_staff(scene.dispatcher)


@pytest.fixture(scope="session")
async def stranger(as_staff: Any, scene: Scene) -> Visitor:
    """Of the same company, without any right."""
    return await as_staff(scene.stranger)


@pytest.fixture(scope="session")
async def neighbour(as_staff: Any, scene: Scene) -> Visitor:
    """An administrator of another company."""
    return await as_staff(scene.neighbour)


class Served(msgspec.Struct):
    """The console in a process of its own."""

    url: str
    client: httpx.AsyncClient


@pytest.fixture(scope="session")
async def served(town_settings: Settings, scene: Scene) -> AsyncIterator[Served]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = msgspec.structs.replace(town_settings, port=port)
    told = msgspec.json.encode(settings, enc_hook=str).decode()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.web_console.serving", told)
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url) as client:
        await _answers(client)
        yield Served(url, client)
    process.terminate()
    await asyncio.wait_for(process.wait(), 20)


async def _answers(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("the console did not start")
