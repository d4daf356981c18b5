"""The ASGI application: one flat list of routers, one error handler, headers, health and metrics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import SerializationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import text

from backend import errors, figures
from backend.accounts import routes as accounts
from backend.accounts import service as accounts_service
from backend.accounts.keys import SigningKeys
from backend.alarms import routes as alarms
from backend.cameras import routes as cameras
from backend.certificates import routes as certificates
from backend.customers import routes as customers
from backend.cylinders import routes as cylinders
from backend.db import Database, transaction
from backend.deliveries import routes as deliveries
from backend.employees import routes as employees
from backend.errors import UnauthenticatedError
from backend.events import EventFeed
from backend.filling import routes as filling
from backend.hazards import routes as hazards
from backend.inspections import routes as inspections
from backend.intake import routes as intake
from backend.licensing import routes as licences
from backend.lookups import routes as lookups
from backend.network import routes as network
from backend.observing import configure_logging, observing
from backend.patrol import routes as patrol
from backend.photos import routes as photos
from backend.positions import routes as positions
from backend.reference import routes as reference
from backend.regulator import routes as regulator
from backend.scope import Caller, current_caller
from backend.settings import Settings
from backend.stations import routes as stations
from backend.statistics import routes as statistics
from backend.vehicles import routes as vehicles
from backend.worker import working

VERSION = "0.1.0"
# A compressed feed would hold back its last events; photos, tiles and the app come compressed already, and a piece of
# a file is no piece any more when it is packed.
_UNCOMPRESSED = ["^/sync", "^/m(/|$)", "/events", "^/api/photos", "/picture$", "^/api/voice-notes", "^/basemap"]
Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]

ROUTERS: tuple[ControllerRouterHandler, ...] = (
    accounts.router,
    network.router,
    intake.router,
    photos.router,
    photos.voice_router,
    reference.router,
    positions.router,
    patrol.router,
    hazards.router,
    customers.router,
    cylinders.router,
    inspections.router,
    certificates.router,
    cylinders.stock_router,
    filling.router,
    stations.router,
    alarms.router,
    cameras.router,
    statistics.router,
    licences.router,
    employees.router,
    deliveries.router,
    vehicles.router,
    regulator.router,
    lookups.router,
)


def create_app(
    settings: Settings,
    *,
    route_handlers: Sequence[ControllerRouterHandler] = (),
    lifespans: Sequence[Lifespan] = (),
    database: Database | None = None,
) -> Litestar:
    """`settings.database_url` is set and migrated; with a `database` given (tests) no worker runs."""
    configure_logging(settings)
    opened = database or Database(settings)
    state = State(
        {
            "settings": settings,
            "database": opened,
            "signing_keys": SigningKeys(settings.data_dir / "keys"),
            "authenticate": accounts_service.authenticate,
            "events": EventFeed(opened),
        }
    )
    return Litestar(
        route_handlers=[healthz, readyz, metrics, *ROUTERS, *route_handlers],
        state=state,
        lifespan=[_running, *lifespans, *([working] if database is None and settings.worker == "inside" else [])],
        dependencies={
            "session": Provide(transaction),
            "caller": Provide(_caller),
            "database": Provide(_database, sync_to_thread=False),
            "settings": Provide(_settings, sync_to_thread=False),
            "keys": Provide(_keys, sync_to_thread=False),
        },
        middleware=[observing(settings)],
        exception_handlers={Exception: errors.answer},
        request_class=_JsonRequest,
        request_max_body_size=settings.max_body_bytes,
        compression_config=CompressionConfig(backend="gzip", minimum_size=1000, exclude=_UNCOMPRESSED),
        openapi_config=_openapi(),
        logging_config=None,
    )


class _JsonRequest(Request[Any, Any, State]):
    """msgspec raises other errors than its own for a text that is no UTF-8 and for nesting without end; Litestar would
    call them failures of the server.
    """

    async def json(self) -> Any:
        try:
            return await super().json()
        except (UnicodeDecodeError, RecursionError) as error:
            raise SerializationException(f"JSON is malformed: {error}") from error


async def _caller(request: Request[Any, Any, Any]) -> Caller:
    return await current_caller(request)


def _database(state: State) -> Database:
    database: Database = state.database
    return database


def _settings(state: State) -> Settings:
    settings: Settings = state.settings
    return settings


def _keys(state: State) -> SigningKeys:
    keys: SigningKeys = state.signing_keys
    return keys


@asynccontextmanager
async def _running(app: Litestar) -> AsyncIterator[None]:
    """The listening connection for the console's events lives as long as the application."""
    feed = asyncio.create_task(app.state.events.run())
    try:
        yield
    finally:
        feed.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feed
        await app.state.database.close()


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="气巡 Qixun",
        version=VERSION,
        path="/schema",
        render_plugins=[ScalarRenderPlugin()],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
    )


@get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@get("/readyz", include_in_schema=False)
async def readyz(database: Database) -> Response[dict[str, str]]:
    """503 while PostgreSQL does not answer."""
    try:
        async with asyncio.timeout(2), database.sessions() as session:
            await session.execute(text("SELECT 1"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the service is not ready
        return Response({"status": "not ready", "reason": type(error).__name__}, status_code=503)
    return Response({"status": "ready"})


@get("/metrics", media_type=MediaType.TEXT, include_in_schema=False)
async def metrics(request: Request[Any, Any, Any], database: Database, settings: Settings) -> Response[bytes]:
    """For this machine, or with the token of the settings: figures are no secret, but nobody else's either."""
    client = request.client.host if request.client else ""
    if not figures.may_scrape(client, request.headers, settings.metrics_token):
        raise UnauthenticatedError(
            "metrics.token_needed",
            "只能在本机或凭 QIXUN_METRICS_TOKEN 读取。",
            "Read from this machine, or with QIXUN_METRICS_TOKEN as a bearer token.",
        )
    return Response(await figures.page(database), headers={"Content-Type": CONTENT_TYPE_LATEST})
