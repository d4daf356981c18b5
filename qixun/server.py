"""The wiring: one ASGI application of backend, console, hub and the app in a browser."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
from litestar import Litestar, asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from backend.accounts.keys import SigningKeys
from backend.app import Lifespan, create_app
from backend.cluster import Cluster
from backend.settings import Settings
from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub
from web_console.router import router as console

HUB, PHONE = "/sync", "/m"


class StartError(Exception):
    """Why nothing was started, in one sentence that says what to do."""


def require_free_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise StartError(
                f"端口 {settings.port} 已被占用，请停掉占用它的程序，或设置 QIXUN_PORT / port {settings.port} on "
                f"{settings.host} cannot be used ({error.strerror}): stop the program that holds it, or set QIXUN_PORT"
            ) from error


@contextmanager
def database_of(settings: Settings) -> Iterator[Settings]:
    """Settings with a database: the configured one, or the private cluster's, which runs meanwhile."""
    if settings.database_url:
        yield settings
        return
    cluster = Cluster(settings.data_dir)
    cluster.start()
    try:
        yield msgspec.structs.replace(settings, database_url=cluster.create_database())
    finally:
        cluster.stop()


def hub_administrator(settings: Settings) -> str:
    """`name:password` of the hub; the embedded hub's is made at first start and kept in the data directory."""
    if settings.hub_admin:
        return settings.hub_admin
    path = settings.data_dir / "hub-admin"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"admin:{secrets.token_urlsafe(24)}", encoding="ascii")
    return path.read_text(encoding="ascii").strip()


def build(settings: Settings) -> Litestar:
    """`settings` must name a database that is migrated."""
    handlers: list[ControllerRouterHandler] = [console, phone_mount(settings)]
    lifespans: list[Lifespan] = [_phone_sessions]
    if not settings.couchdb_url:
        settings = msgspec.structs.replace(settings, hub_admin=hub_administrator(settings))
        hub = embedded_hub(settings)
        handlers.append(hub_mount(hub))
        lifespans.append(_closing(hub))
    return create_app(settings, route_handlers=handlers, lifespans=lifespans)


def embedded_hub(settings: Settings) -> Hub:
    keys = SigningKeys(settings.data_dir / "keys")

    def public_pems() -> dict[str, str]:
        keys.reload()
        return keys.public_pems()

    name, _, password = settings.hub_admin.partition(":")
    return Hub(settings.data_dir / "hub", (name, password), public_pems)


def hub_mount(hub: Hub) -> ASGIRouteHandler:
    app = hub_app(hub, HUB)

    @asgi(HUB, is_mount=True, copy_scope=True)
    async def mount(scope: Scope, receive: Receive, send: Send) -> None:
        # The hub reads the path as it was sent: an encoded slash in a document's id is part of the id.
        await app(scope, receive, send)  # type: ignore[arg-type]

    return mount


def phone_mount(settings: Settings) -> ASGIRouteHandler:
    """The phone app in a browser: its Python side runs here, with a store of its own for each browser."""
    os.environ.setdefault("QIXUN_SERVER_URL", f"http://127.0.0.1:{settings.port}")
    os.environ.setdefault("QIXUN_PHONE_DIR", str(settings.data_dir / "phones"))
    import flet as ft  # noqa: PLC0415 - reads its environment when imported
    import flet_web.fastapi  # noqa: PLC0415

    from mobile_app.main import before_main, main  # noqa: PLC0415

    app = flet_web.fastapi.app(
        main,
        before_main=before_main,
        no_cdn=True,
        assets_dir=str(Path(__file__).parent.parent / "mobile_app" / "assets"),
        web_renderer=ft.WebRenderer.CANVAS_KIT,
    )

    @asgi(PHONE, is_mount=True, copy_scope=True)
    async def mount(scope: Scope, receive: Receive, send: Send) -> None:
        # Litestar hands over the path without the mount's prefix and with a slash at the end ("/ws/");
        # Starlette wants its root_path, the whole path and no slash, else the websocket answers 403.
        path = f"{PHONE}/{scope['path'].strip('/')}"
        inner = dict(scope, root_path=PHONE, path=path, raw_path=path.encode())
        for key in ("app", "litestar_app", "router", "route_handler", "path_params"):
            inner.pop(key, None)
        await app(inner, receive, send)

    return mount


@asynccontextmanager
async def _phone_sessions(_: Litestar) -> AsyncIterator[None]:
    import flet_web.fastapi  # noqa: PLC0415

    await flet_web.fastapi.app_manager.start()
    yield
    await flet_web.fastapi.app_manager.shutdown()


def _closing(hub: Hub) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        yield
        hub.close()

    return lifespan
