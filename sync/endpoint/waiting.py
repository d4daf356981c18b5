"""What a feed waits for: a change, a heartbeat, or its end. It holds no thread meanwhile."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress

from sync.endpoint.hub import Hub
from sync.endpoint.messages import Receive, Request
from sync.errors import BadRequest

# CouchDB's own: how long a feed waits where nothing else is said, and its heartbeat for `heartbeat=true`.
DEFAULT_WAIT_MS = 60_000
# A heartbeat more often than this would only be load.
SHORTEST_HEARTBEAT_MS = 100


class Waiter:
    """Waits for a change, the reader's leaving, a heartbeat or the end, whichever comes first."""

    def __init__(self, hub: Hub, request: Request, receive: Receive) -> None:
        self._hub = hub
        self._heartbeat_s = _heartbeat_s(request)
        asked = request.number("timeout")
        self._quiet_s = (DEFAULT_WAIT_MS if asked is None else min(asked, DEFAULT_WAIT_MS)) / 1000
        self._expires = request.principal.expires
        self._last_sent = time.monotonic()
        self._signal = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._gone = asyncio.ensure_future(_until_gone(receive))

    def wake(self) -> None:
        """May be called from any thread."""
        with suppress(RuntimeError):  # the loop has just been closed
            self._loop.call_soon_threadsafe(self._signal.set)

    def sent(self) -> None:
        """Something went to the reader: heartbeat and time-out count from now."""
        self._last_sent = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the feed ends: its reader, its token, the hub or its time has gone."""
        expired = self._expires is not None and self._expires <= time.time()
        # As in CouchDB: who asks for heartbeats waits without end.
        timed_out = self._heartbeat_s is None and time.monotonic() >= self._last_sent + self._quiet_s
        return expired or timed_out or self._gone.done() or self._hub.closing

    async def beats(self) -> AsyncGenerator[bytes, None]:
        """Heartbeats until there is a change or the feed is over."""
        while not self._signal.is_set() and not self.over:
            await self._wait_once()
            due = self._heartbeat_s is not None and time.monotonic() >= self._last_sent + self._heartbeat_s
            if due and not self.over:
                self.sent()
                yield b"\n"
        self._signal.clear()

    async def _wait_once(self) -> None:
        waits = [self._last_sent + (self._heartbeat_s or self._quiet_s) - time.monotonic()]
        if self._expires is not None:
            waits.append(self._expires - time.time())
        signal = asyncio.ensure_future(self._signal.wait())
        try:
            await asyncio.wait({signal, self._gone}, timeout=max(0.0, min(waits)), return_when=asyncio.FIRST_COMPLETED)
        finally:
            signal.cancel()

    def close(self) -> None:
        self._gone.cancel()


def _heartbeat_s(request: Request) -> float | None:
    heartbeat = request.query.get("heartbeat")
    if heartbeat in {None, "false"}:
        return None
    every_ms = DEFAULT_WAIT_MS if heartbeat == "true" else request.number("heartbeat") or 0
    if not every_ms:
        raise BadRequest("The heartbeat value should be a positive integer (in milliseconds).")
    return max(every_ms, SHORTEST_HEARTBEAT_MS) / 1000


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
