"""`/events`: what just happened in the visitor's part of the tree, as server-sent events that htmx and the map hear."""

import asyncio
import time
from collections.abc import AsyncGenerator

import msgspec
from litestar import get
from litestar.datastructures import State
from litestar.response import ServerSentEvent, ServerSentEventMessage

from backend.accounts import service as accounts
from backend.db import Database
from backend.errors import AppError
from backend.events import Event
from backend.scope import Caller, signed_in
from web_console.rendering import Visit

# A proxy closes a connection on which nothing is said for a minute; and who listens is asked for this often.
_KEEP_ALIVE_S = 20.0

# The first word of an event's kind -> the name that pages listen for, and the right that shows it.
TOPICS = {
    "hazard": ("hazards", "hazard.view"),
    "leak": ("hazards", "hazard.view"),
    "works": ("hazards", "hazard.view"),
    "patrol": ("patrols", "patrol.view"),
    "checkpoint": ("patrols", "patrol.view"),
    "shift": ("patrols", "patrol.view"),
    "task": ("patrols", "patrol.view"),
    "plan": ("patrols", "patrol.view"),
    "position": ("positions", "patrol.view"),
    "track": ("positions", "patrol.view"),
    "delivery": ("deliveries", "delivery.view"),
    "order": ("deliveries", "delivery.view"),
    "visit": ("deliveries", "delivery.view"),
    "cylinder": ("cylinders", "cylinder.view"),
    "cylinders": ("cylinders", "cylinder.view"),
    "importing": ("importing", "cylinder.edit"),
    "station": ("stations", "station.view"),
    "alarm": ("alarms", "station.view"),
    "camera": ("cameras", "camera.view"),
    "employee": ("staff", "staff.view"),
    "licence": ("licences", "licence.view"),
    "certificate": ("certificates", "certificate.view"),
    "filling": ("fillings", "filling.view"),
    "customer": ("customers", "customer.view"),
    "device": ("devices", "devices.manage"),
    "hub": ("devices", "devices.manage"),
    "record": ("review", "records.review"),
    "records": ("records", "patrol.view"),
    "conflict": ("review", "records.review"),
    "network": ("network", "network.view"),
    "photo": ("photos", "patrol.view"),
}


@get("/events", guards=[signed_in])
async def stream(request: Visit, state: State, caller: Caller, database: Database) -> ServerSentEvent:
    return ServerSentEvent(_messages(request, state, caller, database))


async def _messages(
    request: Visit, state: State, caller: Caller, database: Database
) -> AsyncGenerator[ServerSentEventMessage, None]:
    paths = await _paths(database, caller)
    checked = time.monotonic()
    async with state.events.subscribe() as queue:
        yield ServerSentEventMessage(event="hello", data="", retry=2000)
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), _KEEP_ALIVE_S)
            except TimeoutError:
                event = None
            if time.monotonic() - checked >= _KEEP_ALIVE_S:
                known = await _still(request, state)
                if known is None:
                    return
                caller, checked = known, time.monotonic()
            if event is None:
                yield ServerSentEventMessage(comment="")
                continue
            if event.organisation_id and event.organisation_id not in paths:
                paths = await _paths(database, caller)  # a unit that was made since
            topic = topic_for(event, caller, paths)
            if topic == "importing":
                # Put into the page as it is.
                yield ServerSentEventMessage(event=topic, data="{done:,} / {total:,}".format(**event.facts))
            elif topic:
                yield ServerSentEventMessage(event=topic, data=msgspec.json.encode(event).decode())


async def _still(request: Visit, state: State) -> Caller | None:
    """The visitor with his rights of now; None once he has signed out or may not come in any more."""
    try:
        found: Caller | None = await state.authenticate(request)
    except AppError:
        return None
    return found


async def _paths(database: Database, caller: Caller) -> dict[str, str]:
    async with database.sessions() as session:
        return {found.id: found.path for found in await accounts.list_organisations(session, caller)}


def topic_for(event: Event, caller: Caller, paths: dict[str, str]) -> str:
    """The name under which this caller hears of it; empty: not his to hear."""
    if event.kind == "reload":
        return "reload"
    topic, right = TOPICS.get(event.kind.partition(".")[0], ("", ""))
    path = paths.get(event.organisation_id)
    return topic if topic and path is not None and caller.holds(right, path) else ""
