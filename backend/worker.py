"""What runs beside requests: intake and outbox, the hub's keeping, the audit's sealer, counting of patrols, due jobs.

Inside `qixun serve` by default (`working`, a lifespan), or as `qixun worker`, of which several may run.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote, urlsplit

import aiohttp
import psycopg
import structlog
from aiohttp import web
from litestar import Litestar
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, figures
from backend.accounts.keys import SigningKeys
from backend.db import Database
from backend.events import listen
from backend.intake import keeping
from backend.intake import running as intake
from backend.intake.hub import HubError
from backend.jobs import jobs_app
from backend.observing import configure_logging
from backend.patrol import service as patrol
from backend.settings import Settings

# The audit's chain follows its rows at this distance.
_SEAL_S = 1.0
# Patrols are counted when a commit says so; this often in case the word was lost.
_COUNT_S = 10.0
_BACK_OFF_S = (1.0, 30.0)

_log = structlog.get_logger(__name__)


async def run_worker(settings: Settings) -> None:
    """`qixun worker`: until SIGTERM or SIGINT."""
    configure_logging(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    database = Database(settings)
    try:
        async with shown_figures(settings, database):
            await work(settings, database, SigningKeys(settings.data_dir / "keys"), stop)
    finally:
        await database.close()


@asynccontextmanager
async def shown_figures(settings: Settings, database: Database) -> AsyncIterator[None]:
    """`/metrics` of a worker that runs apart from the server: lag and errors of intake are counted where it runs."""
    if not settings.metrics_port:
        yield
        return

    async def metrics(request: web.Request) -> web.Response:
        if not figures.may_scrape(request.remote or "", request.headers, settings.metrics_token):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        return web.Response(body=await figures.page(database), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.metrics_port).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def working(app: Litestar) -> AsyncIterator[None]:
    """The worker inside the server's process; the application's pool stays open until it has stopped."""
    stop = asyncio.Event()
    state = app.state
    task = asyncio.create_task(work(state.settings, state.database, state.signing_keys, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def work(settings: Settings, database: Database, keys: SigningKeys, stop: asyncio.Event) -> None:
    """All parts until `stop`; one that fails is begun again and takes none of the others with it."""
    hub_url = hub_root(settings)

    async def take() -> None:
        await intake.run(settings, database, stop, hub_url=hub_url, keys=keys)

    parts = [
        asyncio.create_task(_lasting(name, part, stop))
        for name, part in {
            "intake": take,
            "hub": lambda: keeping.keep(settings, database, keys, hub_url=hub_url),
            "audit": lambda: _sealing(database),
            "patrols": lambda: _counting(database),
            "jobs": lambda: _due_jobs(database),
        }.items()
    ]
    await stop.wait()
    # Intake ends by itself, between two batches; the rest may be cut off anywhere.
    for part in parts[1:]:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)


def hub_root(settings: Settings) -> str:
    """The hub's address with its administrator in it; the embedded one is reached on the loopback interface."""
    name, _, password = settings.hub_admin.partition(":")
    if not settings.couchdb_url:
        host = "127.0.0.1" if settings.host in {"0.0.0.0", "::", ""} else settings.host  # noqa: S104 - compared
        return f"http://{quote(name, safe='')}:{quote(password, safe='')}@{host}:{settings.port}/sync"
    parts = urlsplit(settings.couchdb_url)
    if parts.username or not name:
        return settings.couchdb_url
    return parts._replace(netloc=f"{quote(name, safe='')}:{quote(password, safe='')}@{parts.netloc}").geturl()


async def _lasting(name: str, part: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    wait_s, longest = _BACK_OFF_S
    while not stop.is_set():
        try:
            await part()
        except (DBAPIError, HubError, psycopg.Error, aiohttp.ClientError, OSError) as error:
            _log.warning("worker.part_stopped", part=name, reason=str(error)[:300])
        except Exception:  # noqa: BLE001 - the worker's outer loop
            _log.exception("worker.part_failed", part=name)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait_s)
        wait_s = min(wait_s * 2, longest)


async def _sealing(database: Database) -> None:
    while True:
        if not await _once(database, audit.seal):
            await asyncio.sleep(_SEAL_S)


async def _counting(database: Database) -> None:
    """At each word of a commit that left a patrol to count, and now and then in any case."""
    woken = asyncio.Event()

    async def hear() -> None:
        async for _ in listen(database, patrol.UNCOUNTED_CHANNEL):
            woken.set()

    hearing = asyncio.create_task(hear())
    try:
        while not hearing.done():
            woken.clear()
            while await _once(database, patrol.count_due):
                pass
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), _COUNT_S)
        hearing.result()
    finally:
        hearing.cancel()


async def _once(database: Database, step: Callable[[AsyncSession], Awaitable[int]]) -> int:
    async with database.sessions() as session, session.begin():
        return await step(session)


async def _due_jobs(database: Database) -> None:
    app = jobs_app(database)
    async with app.open_async():
        await app.run_worker_async(install_signal_handlers=False, additional_context={"database": database})
