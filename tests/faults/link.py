"""The network between one phone and the servers: a proxy that understands HTTP just enough to spoil it.

Requests under `/sync/` go to the hub, all else to the office's server, as a TLS proxy sends them in production. It can
be cut, throttled, broken in the middle of a body; it delivers a request twice, late, after its sender is gone, or
after a later one; it loses an answer whose request was carried out, and it can answer by itself as a captive portal.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

_PIECE = 65_536
_SMALL_PIECE = 2_048
_HEAD_BYTES = 65_536
_ABORT = struct.pack("ii", 1, 0)


class Head:
    """The first lines of a request or an answer."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        first, *lines = raw.decode("latin-1").split("\r\n")
        self.first = first.split(" ")
        self.fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }

    @property
    def chunked(self) -> bool:
        return "chunked" in self.fields.get("transfer-encoding", "")

    @property
    def length(self) -> int | None:
        return int(self.fields["content-length"]) if "content-length" in self.fields else None


class Link:
    def __init__(self, port: int, hub_port: int, office_port: int) -> None:
        self.port, self._hub_port, self._office_port = port, hub_port, office_port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._later: set[asyncio.Task[None]] = set()
        self.calm()

    def calm(self) -> None:
        """No more mischief; what is under way already goes on."""
        self._bytes_per_s: float | None = None
        self._breaks: dict[str, int] = {}
        self._twice: list[float] = []
        self._holds: list[float] = []
        self._portal: tuple[int, str] | None = None

    async def restore(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port, limit=_HEAD_BYTES)

    async def cut(self) -> None:
        """Nothing gets through, and what is under way is reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            _abort(writer)

    async def slow(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s

    async def break_after(self, way: str, count: int) -> None:
        """Resets the connection on which the so-maniest byte from now goes `up` or `down`."""
        self._breaks[way] = count

    async def twice(self, delays_s: list[float]) -> None:
        """The next writing requests are delivered once more, so much later."""
        self._twice += delays_s

    async def hold(self, delays_s: list[float]) -> None:
        """The next writing requests wait so long on their way, while others overtake them."""
        self._holds += delays_s

    async def portal(self, status: int, kind: str) -> None:
        """Somebody else answers everything: a captive portal, a broken proxy."""
        self._portal = (status, kind)

    # Inside

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        far: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        try:
            while await self._exchange(reader, writer, far):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self._open.discard(writer)
            for each in (writer, *(far_writer for _, far_writer in far.values())):
                self._open.discard(each)
                _abort(each)

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    ) -> bool:
        """One request and its answer; whether the connection goes on."""
        head = Head(await reader.readuntil(b"\r\n\r\n"))
        method, path = head.first[0], head.first[1]
        if self._portal is not None:
            await self._answer_alone(reader, writer, head)
            return False
        writes = method in {"POST", "PUT"} and path.startswith("/sync/") and "/_changes" not in path
        port = self._hub_port if path.startswith("/sync/") else self._office_port
        if writes and (self._twice or self._holds):
            return await self._mischief(reader, writer, head, port)
        if port not in far or far[port][1].is_closing():
            far[port] = await asyncio.open_connection("127.0.0.1", port, limit=_HEAD_BYTES)
            self._open.add(far[port][1])
        far_reader, far_writer = far[port]
        await self._carry("up", head.raw, far_writer)
        async for piece in _body(reader, head, answer_to=""):
            await self._carry("up", piece, far_writer)
        await self._answer(method, far_reader, writer)
        return True

    async def _mischief(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head, port: int
    ) -> bool:
        """A request that is known whole: it can wait, outlive its sender, and come twice."""
        whole = head.raw + b"".join([piece async for piece in _body(reader, head, answer_to="")])
        wait_s = self._holds.pop(0) if self._holds else 0.0
        again_s = self._twice.pop(0) if self._twice else None
        delivering = asyncio.create_task(self._deliver(head.first[0], whole, port, wait_s, writer))
        self._keep(delivering)
        if again_s is not None:
            self._keep(asyncio.create_task(self._deliver(head.first[0], whole, port, wait_s + again_s, None)))
        await asyncio.shield(delivering)
        return False

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _deliver(
        self, method: str, whole: bytes, port: int, wait_s: float, writer: asyncio.StreamWriter | None
    ) -> None:
        await asyncio.sleep(wait_s)
        far_writer = None
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, limit=_HEAD_BYTES)
            far_writer.write(whole)
            await far_writer.drain()
            await self._answer(method, far_reader, writer)
        if far_writer is not None:
            far_writer.close()

    async def _answer(self, method: str, far_reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
        head = Head(await far_reader.readuntil(b"\r\n\r\n"))
        await self._carry("down", head.raw, writer)
        async for piece in _body(far_reader, head, answer_to=method):
            await self._carry("down", piece, writer)

    async def _carry(self, way: str, data: bytes, writer: asyncio.StreamWriter | None) -> None:
        if writer is None:
            return
        size = _SMALL_PIECE if self._breaks or self._bytes_per_s else _PIECE
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            if self._bytes_per_s:
                await asyncio.sleep(len(piece) / self._bytes_per_s)
            if way in self._breaks:
                self._breaks[way] -= len(piece)
                if self._breaks[way] <= 0:
                    del self._breaks[way]
                    raise ConnectionResetError
            writer.write(piece)
            await writer.drain()

    async def _answer_alone(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head) -> None:
        assert self._portal is not None
        async for _ in _body(reader, head, answer_to=""):
            pass
        status, kind = self._portal
        page = b'{"error":"unauthorized","reason":"no"}' if kind == "json" else b"<html>Welcome to our Wi-Fi</html>"
        mime = "application/json" if kind == "json" else "text/html"
        writer.write(
            f"HTTP/1.1 {status} Said\r\nContent-Type: {mime}\r\nContent-Length: {len(page)}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        if head.first[0] != "HEAD":
            writer.write(page)
        await writer.drain()
        writer.close()


async def _body(reader: asyncio.StreamReader, head: Head, *, answer_to: str) -> AsyncIterator[bytes]:
    """The bytes of a body as they are on the wire; `answer_to` is the method of the request, empty for a request."""
    if answer_to == "HEAD" or (answer_to and head.first[1] in {"204", "304"}):
        return
    if head.chunked:
        while True:
            line = await reader.readuntil(b"\r\n")
            yield line
            size = int(line.split(b";")[0], 16)
            async for piece in _exactly(reader, size + 2):
                yield piece
            if size == 0:
                return
    elif head.length is not None:
        async for piece in _exactly(reader, head.length):
            yield piece
    elif answer_to:
        while piece := await reader.read(_PIECE):
            yield piece
        raise ConnectionResetError  # the answer ends with its connection


async def _exactly(reader: asyncio.StreamReader, count: int) -> AsyncIterator[bytes]:
    while count:
        piece = await reader.read(min(count, _PIECE))
        if not piece:
            raise ConnectionResetError
        count -= len(piece)
        yield piece


def _abort(writer: asyncio.StreamWriter) -> None:
    """The other end is told of a reset, not of an orderly end."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    writer.transport.abort()


async def _serve(control: socket.socket, port: int, hub_port: int, office_port: int) -> None:
    link = Link(port, hub_port, office_port)
    await link.restore()
    reader, writer = await asyncio.open_connection(sock=control)
    while line := await reader.readline():
        command: dict[str, Any] = json.loads(line)
        do = getattr(link, command.pop("do"))
        if asyncio.iscoroutinefunction(do):
            await do(**command)
        else:
            do(**command)
        writer.write(b"{}\n")
        await writer.drain()


def main(control: socket.socket, port: int, hub_port: int, office_port: int) -> None:
    asyncio.run(_serve(control, port, hub_port, office_port))
