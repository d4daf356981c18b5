"""Requests and responses as the handlers see them, and their way in and out of ASGI."""

import gzip
import re
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec import Struct

from sync.endpoint.access import ANONYMOUS, Principal
from sync.errors import BadRequest, SyncError, TooLarge, UnsupportedType
from sync.store.wire import check_text, encode, unzip

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LINE_END = re.compile(r"[\r\n\x00]+")
# Digits of a number that a peer may send: what SQLite's integers hold in any case.
LONGEST_NUMBER = 18

# Below this, packing costs more than it saves.
WORTH_PACKING_BYTES = 1000
# More effort would save a tenth more at four times the cost.
PACKING = 1

# What is refused is still read to its end, up to this many times the limit, so that the peer hears why.
DRAIN_FACTOR = 4


class Disconnected(Exception):  # noqa: N818 (no error: the peer has gone)
    """The peer went away before its request was complete; nothing of it is kept."""


class Request(Struct):
    method: str
    parts: list[str]  # of the path, decoded: database, document, ...
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    base: str  # the address of the hub, without a slash at the end
    body: bytes = b""
    principal: Principal = ANONYMOUS

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.query.get(name)
        return default if value is None else value == "true"

    def number(self, name: str) -> int | None:
        value = self.query.get(name)
        if value is None:
            return None
        if not value.isascii() or not value.isdecimal() or len(value) > LONGEST_NUMBER:
            raise BadRequest(f"Invalid value for {name}: {value[:100]}", error="query_parse_error")
        return int(value)

    def json_query(self, name: str, kind: type[Any]) -> Any:
        """A query value written as JSON; None if it is not there."""
        value = self.query.get(name)
        if value is None:
            return None
        try:
            return msgspec.json.decode(value, type=kind)
        except msgspec.MsgspecError as error:
            raise BadRequest(f"Invalid value for {name}: {error}") from error

    def json(self, kind: type[Any]) -> Any:
        """The body, checked against the type."""
        content_type = self.headers.get("content-type", "application/json")
        if not content_type.startswith("application/json"):
            raise UnsupportedType("Content-Type must be application/json")
        check_text(self.body)
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind)
        except msgspec.ValidationError as error:
            raise BadRequest(f"Request body must be a JSON object of the right form: {error}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRequest("invalid UTF-8 JSON") from error

    @property
    def takes_gzip(self) -> bool:
        """Not so PouchDB in Node, whatever it says: node-fetch 2 waits for ever where a packed answer is cut off."""
        said = "gzip" in self.headers.get("accept-encoding", "")
        return said and not self.headers.get("user-agent", "").startswith("node-fetch/1.0")

    def accepts(self, multipart: str) -> bool:
        """Whether the answer may be this kind of multipart: CouchDB sends it to whoever takes anything."""
        accept = self.headers.get("accept", "*/*")
        return multipart in accept or ("*/*" in accept and "application/json" not in accept)


class Response(Struct):
    status: int
    body: bytes = b""
    headers: dict[str, str] = {}
    stream: AsyncGenerator[bytes, None] | None = None  # instead of the body


def answer(value: Any, status: int = 200, **headers: str) -> Response:
    """JSON as CouchDB sends it, with a line end. Header names are written with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, encode(value) + b"\n", {"content-type": "application/json", **named})


def refusal(error: SyncError) -> Response:
    return answer({"error": error.error, "reason": error.reason}, error.status)


def packed(request: Request, response: Response) -> Response:
    """The answer, packed where the reader takes gzip and it is worth it: a phone's link is slower than packing."""
    if (
        not request.takes_gzip
        or len(response.body) < WORTH_PACKING_BYTES
        or response.headers["content-type"] != "application/json"
    ):
        return response
    headers = {**response.headers, "content-encoding": "gzip", "vary": "accept-encoding, user-agent"}
    return msgspec.structs.replace(response, body=pack(response.body), headers=headers)


def pack(data: bytes) -> bytes:
    return gzip.compress(data, PACKING, mtime=0)


async def pack_stream(stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """For an answer that nobody reads before its end: what is packed stays here until there is enough of it."""
    packer = zlib.compressobj(PACKING, wbits=16 + zlib.MAX_WBITS)
    async with aclosing(stream):
        async for chunk in stream:
            if ready := packer.compress(chunk):
                yield ready
    yield packer.flush()


def read_head(scope: Scope, prefix: str) -> Request:
    """Everything of a request but its body and who it is from.

    The raw path is used: an encoded slash belongs to a name.
    """
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").partition("?")[0]
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = path[len(prefix) :]
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        parts = [unquote(part, errors="strict") for part in path.split("/")[1:]]
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise BadRequest("The address must be UTF-8") from error
    if parts and not parts[-1]:
        parts.pop()
    base = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}{prefix}"
    return Request(scope["method"], parts, query, headers, base)


async def read_body(receive: Receive, headers: Mapping[str, str], limit_bytes: int) -> bytes:
    """The whole body, unpacked; `TooLarge` beyond the limit, `Disconnected` where the peer breaks off."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit_bytes:
            chunks.append(chunk)
        if not message.get("more_body", False) or size > limit_bytes * DRAIN_FACTOR:
            break
    if size > limit_bytes:
        raise TooLarge("the request entity is too large")
    body = b"".join(chunks)
    return unzip(body, limit_bytes) if headers.get("content-encoding") == "gzip" else body


async def drain(receive: Receive, limit_bytes: int) -> None:
    """Reads a body that is not wanted, keeping none of it."""
    size, more = 0, True
    while more and size <= limit_bytes:
        message = await receive()
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


async def send_response(send: Send, response: Response, *, head: bool) -> None:
    headers = {"server": "CouchDB/3.5.0 (Qixun)", "cache-control": "must-revalidate", **response.headers}
    if response.stream is None:
        headers["content-length"] = str(len(response.body))
    # A line end in a value (a peer's own content type) would begin a header of its own.
    raw = [(name.encode(), _LINE_END.sub(" ", value).encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    if response.stream is None or head:
        await send({"type": "http.response.body", "body": b"" if head else response.body})
        return
    async with aclosing(response.stream):
        async for chunk in response.stream:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
