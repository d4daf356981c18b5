"""The office's console: server-rendered pages over the backend's services, closed unless a right opens them."""

from typing import Any

from litestar import Response, Router
from litestar.static_files import create_static_files_router

from web_console import basemap, errors, live
from web_console.pages import (
    alarms,
    audit,
    cameras,
    certificates,
    customers,
    cylinder_archive,
    cylinders,
    databases,
    deliveries,
    delivery_lists,
    devices,
    employees,
    fillings,
    findings,
    hazards,
    inspections,
    ledgers,
    licences,
    market,
    overview,
    people,
    plans,
    review,
    search,
    settings,
    sign_in,
    stations,
    statistics,
    stock,
    tasks,
    todo,
    vehicles,
)
from web_console.rendering import STATIC
from web_console.visiting import known

# An address carries its content's digest, so what it names never changes.
_FOR_EVER = "public, max-age=31536000, immutable"


async def _cached(response: Response[Any]) -> Response[Any]:
    response.headers["Cache-Control"] = _FOR_EVER
    return response


static = create_static_files_router(
    path="/static", directories=[STATIC], after_request=_cached, include_in_schema=False, name="console-static"
)
pages = Router(
    "/",
    guards=[known],
    route_handlers=[
        live.stream,
        basemap.pmtiles,
        sign_in.sign_out,
        sign_in.ask_password,
        sign_in.change_password,
        *overview.handlers,
        *findings.handlers,
        *todo.handlers,
        *hazards.handlers,
        *alarms.handlers,
        *tasks.handlers,
        *plans.handlers,
        *delivery_lists.handlers,
        *deliveries.handlers,
        *customers.handlers,
        *cylinders.handlers,
        *cylinder_archive.handlers,
        *inspections.handlers,
        *fillings.handlers,
        *market.handlers,
        *stock.handlers,
        *ledgers.handlers,
        *statistics.handlers,
        *cameras.handlers,
        *stations.handlers,
        *vehicles.handlers,
        *employees.handlers,
        *certificates.handlers,
        *licences.handlers,
        *review.handlers,
        *databases.handlers,
        *devices.handlers,
        *people.handlers,
        *audit.handlers,
        *settings.handlers,
        *search.handlers,
    ],
)
router = Router(
    "/",
    route_handlers=[static, sign_in.show, sign_in.sign_in, market.public, pages],
    exception_handlers={Exception: errors.answer},
    include_in_schema=False,
)
