"""The wiring: one ASGI application of backend, console, hub and the app in a browser."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar

from backend.accounts.keys import SigningKeys
from backend.app import Lifespan, create_app
from backend.settings import Settings
from qixun.starting import hub_administrator
from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub
from web_console.router import router as console

HUB, PHONE = "/sync", "/m"
# Folders of the data directory that no other user of the machine reads; PostgreSQL's own user must reach the rest.
_PRIVATE = ("hub", "photos", "phones", "demo-shift")

# Flutter compiles WebAssembly and styles inline. Nothing is asked of another host: its player of animations, which
# the app does not use, would be fetched from a CDN.
_PHONE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; frame-ancestors 'none'"
)
_PHONE_HEADERS = (
    (b"content-security-policy", _PHONE_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Server(uvicorn.Server):
    """Ends the hub's feeds before it waits for the last answers: they would go on for ever."""

    def __init__(self, config: uvicorn.Config, hub: Hub | None) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._hub is not None:
            self._hub.end_feeds()
        await super().shutdown(sockets)


def build(settings: Settings) -> tuple[ASGIApp, Hub | None]:
    """The application and its embedded hub, if it has one; `settings` must name a database that is migrated."""
    for name in _PRIVATE:
        (settings.data_dir / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.couchdb_url:
        hub = None
    else:
        settings = msgspec.structs.replace(settings, hub_admin=hub_administrator(settings))
        hub = embedded_hub(settings)
    phone = phone_app(settings)
    lifespans = [_phone_sessions, *([_closing(hub)] if hub else [])]
    office = create_app(settings, route_handlers=[console], lifespans=lifespans)
    mounts = {PHONE: phone} | ({HUB: hub_app(hub, HUB)} if hub else {})

    # Not Litestar's mounts: those match a prefix of letters ("/map" under "/m"), and both apps bring their own headers.
    async def root(scope: Scope, receive: Receive, send: Send) -> None:
        head, _, rest = scope.get("path", "").removeprefix("/").partition("/")
        app = mounts.get(f"/{head}") if scope["type"] != "lifespan" else None
        if app is None:
            await _until_cut_off(office, scope, receive, send)  # type: ignore[arg-type]
        elif head == PHONE.strip("/") and not rest and not scope["path"].endswith("/"):
            await _redirect(send, f"{PHONE}/")
        else:
            await _until_cut_off(app, scope, receive, send)

    return root, hub


async def _until_cut_off(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """A stream that is still open when the server ends (a console's events) is no error to be logged."""
    try:
        await app(scope, receive, send)
    except asyncio.CancelledError:
        if scope["type"] == "http":
            with contextlib.suppress(RuntimeError):  # no answer had begun
                await send({"type": "http.response.body", "body": b""})


def embedded_hub(settings: Settings) -> Hub:
    keys = SigningKeys(settings.data_dir / "keys")
    name, _, password = settings.hub_admin.partition(":")
    return Hub(settings.data_dir / "hub", (name, password), lambda: _Public(keys))


class _Public(Mapping[str, str]):
    """Public keys that check tokens, by id; a new one that another process has made is found when it is asked for."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def __getitem__(self, key_id: str) -> str:
        pem = self._keys.public_pem(key_id)
        if pem is None:
            raise KeyError(key_id)
        return pem

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys.token_pems())

    def __len__(self) -> int:
        return len(self._keys.token_pems())


def phone_app(settings: Settings) -> ASGIApp:
    """The phone app in a browser: its Python side runs here, with a store of its own for each browser."""
    os.environ.setdefault("QIXUN_SERVER_URL", f"http://127.0.0.1:{settings.port}")
    os.environ.setdefault("QIXUN_PHONE_DIR", str(settings.data_dir / "phones"))
    import flet as ft  # noqa: PLC0415 - reads its environment when imported
    import flet_web.fastapi  # noqa: PLC0415

    from mobile_app.main import before_main, main  # noqa: PLC0415

    app: ASGIApp = flet_web.fastapi.app(
        main,
        before_main=before_main,
        no_cdn=True,
        assets_dir=str(Path(__file__).parent.parent / "mobile_app" / "assets"),
        web_renderer=ft.WebRenderer.CANVAS_KIT,
    )

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_PHONE_HEADERS]
            await send(message)

        await app({**scope, "root_path": PHONE}, receive, guarded)

    return mounted


async def _redirect(send: Send, to: str) -> None:
    await send({"type": "http.response.start", "status": 307, "headers": [(b"location", to.encode())]})
    await send({"type": "http.response.body", "body": b""})


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
