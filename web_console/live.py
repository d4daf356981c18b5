"""`/events`: what just happened in the visitor's part of the tree, as server-sent events that htmx and the map hear."""

import asyncio
from collections.abc import AsyncGenerator

import msgspec
from litestar import get
from litestar.datastructures import State
from litestar.response import ServerSentEvent, ServerSentEventMessage

from backend.accounts import service as accounts
from backend.db import Database
from backend.events import Event
from backend.scope import Caller, signed_in

# A proxy closes a connection on which nothing is said for a minute.
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
    "customer": ("customers", "customer.view"),
    "device": ("devices", "devices.manage"),
    "record": ("review", "records.review"),
    "records": ("records", "patrol.view"),
    "conflict": ("review", "records.review"),
    "network": ("network", "network.view"),
    "photo": ("photos", "patrol.view"),
}


@get("/events", guards=[signed_in])
async def stream(state: State, caller: Caller, database: Database) -> ServerSentEvent:
    return ServerSentEvent(_messages(state, caller, database))


async def _messages(state: State, caller: Caller, database: Database) -> AsyncGenerator[ServerSentEventMessage, None]:
    paths = await _paths(database, caller)
    async with state.events.subscribe() as queue:
        yield ServerSentEventMessage(event="hello", data="", retry=2000)
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), _KEEP_ALIVE_S)
            except TimeoutError:
                yield ServerSentEventMessage(comment="")
                continue
            if event.organisation_id and event.organisation_id not in paths:
                paths = await _paths(database, caller)  # a unit that was made since
            topic = topic_for(event, caller, paths)
            if topic:
                yield ServerSentEventMessage(event=topic, data=msgspec.json.encode(event).decode())


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
