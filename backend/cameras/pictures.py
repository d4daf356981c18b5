"""A camera's live picture, as the server fetches it: one JPEG, bounded in size, time and number at once.

Whoever watches the same camera at the same moment shares one picture, so a wall on ten screens costs a camera as much
as one. MJPEG is read up to its first whole picture.
"""

import asyncio
import io
import time
from collections.abc import Awaitable, Callable

import msgspec
from PIL import Image, UnidentifiedImageError

from backend.cameras.reach import Failed, Networks, Reached, Target, reach

# A snapshot of 4K is half of this.
_MOST_BYTES = 4_000_000
_MOST_PIXELS = 60_000_000
_DEADLINE_S = 8.0
# The inner network and this process at once; more wait, and of those only so many.
_AT_ONCE = 8
_MOST_WAITING = 64
# So long a picture serves all who ask for it.
_FRESH_S = 0.8
_START, _END = b"\xff\xd8\xff", b"\xff\xd9"


class Picture(msgspec.Struct, frozen=True):
    jpeg: bytes
    width: int
    height: int


class Sharing:
    def __init__(self, fetch: Callable[[Target, Networks], Awaitable[Picture]] | None = None) -> None:
        self._fetch = fetch or fetch_picture
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._flights: dict[str, asyncio.Task[Picture]] = {}
        self._fresh: dict[str, tuple[float, Picture]] = {}

    async def look(self, target: Target, networks: Networks) -> Picture:
        """Raises `Failed`."""
        now = time.monotonic()
        self._fresh = {key: kept for key, kept in self._fresh.items() if now - kept[0] < _FRESH_S}
        if target.key in self._fresh:
            return self._fresh[target.key][1]
        flight = self._flights.get(target.key)
        if flight is None:
            if len(self._flights) >= _MOST_WAITING:
                raise Failed("busy")
            flight = asyncio.create_task(self._fly(target, networks))
            self._flights[target.key] = flight
        # One who goes away must not take the picture from the others.
        return await asyncio.shield(flight)

    async def _fly(self, target: Target, networks: Networks) -> Picture:
        try:
            async with self._gate:
                picture = await self._fetch(target, networks)
            self._fresh[target.key] = (time.monotonic(), picture)
            return picture
        finally:
            self._flights.pop(target.key, None)


async def fetch_picture(target: Target, networks: Networks) -> Picture:
    """Raises `Failed`."""
    if not target.picture_address:
        raise Failed("no_address")
    reached = await reach(
        "GET",
        target.picture_address,
        networks=networks,
        credentials=target.credentials,
        most_bytes=_MOST_BYTES,
        deadline_s=_DEADLINE_S,
        enough=lambda body, kind: _is_stream(kind) and first_of_stream(body) is not None,
    )
    return await asyncio.to_thread(read_picture, reached)


def read_picture(reached: Reached) -> Picture:
    """By its content, whatever the camera calls it. Raises `Failed`."""
    body = first_of_stream(reached.body) if _is_stream(reached.content_type) else reached.body
    if reached.status != 200 or body is None or not body.startswith(_START):
        raise Failed("not_a_picture")
    try:
        with Image.open(io.BytesIO(body), formats=("JPEG",)) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Failed("not_a_picture") from error
    if width * height > _MOST_PIXELS:
        raise Failed("too_large")
    return Picture(body, width, height)


def first_of_stream(body: bytes) -> bytes | None:
    """The first whole picture of MJPEG (`multipart/x-mixed-replace`); None while it is not all there."""
    head_end = body.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    begin = head_end + 4
    for line in body[:head_end].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            length = int(value)
            return body[begin : begin + length] if len(body) >= begin + length else None
    end = body.find(_END + b"\r\n--", begin)
    return body[begin : end + 2] if end >= 0 else None


def _is_stream(content_type: str) -> bool:
    return content_type.strip().lower().startswith("multipart/")
