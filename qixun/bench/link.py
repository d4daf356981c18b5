"""A slow link that breaks: a TCP proxy as a process of its own between phones and a server.

`python -m qixun.bench.link --to 127.0.0.1:8000 --bits-per-s 1000000 --reset-every-s 20` prints one JSON line with its
port. Each direction carries so much, whatever the number of connections; all of them are reset in between. When its
input ends it stops and prints what it has carried (`Carried`).
"""

import argparse
import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

# Small, as a phone's modem queues little: what waits in a buffer would count as sent and be lost with a reset.
_BUFFER_BYTES = 8192


class Opened(msgspec.Struct, frozen=True):
    port: int


class Carried(msgspec.Struct, frozen=True):
    """Bytes from the phones (`up`) and to them, whether they arrived or were lost in a reset."""

    up_bytes: int
    down_bytes: int
    resets: int


class Link:
    """Between `127.0.0.1:port` and one server."""

    def __init__(self, host: str, port: int, bits_per_s: float) -> None:
        self._target = (host, port)
        self._bytes_per_s = bits_per_s / 8
        self._free_at = {"up": 0.0, "down": 0.0}
        self._carried = {"up": 0, "down": 0}
        self._resets = 0
        self._connections = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> int:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        sock.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._connect, sock=sock, limit=_BUFFER_BYTES)
        return int(sock.getsockname()[1])

    async def keep_resetting(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            self._resets += 1
            self.reset()

    def reset(self) -> None:
        for writer in self._open:
            # Not lingering: the other end is told of a reset, not of an orderly end.
            connection = writer.get_extra_info("socket")
            if connection.fileno() >= 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._open.clear()

    async def end(self) -> Carried:
        self._server.close()
        self.reset()
        while self._connections:  # noqa: ASYNC110 - each ends with the bytes that it is holding
            await asyncio.sleep(0.02)
        return Carried(self._carried["up"], self._carried["down"], self._resets)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target, limit=_BUFFER_BYTES)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._open |= both
        self._connections += 1
        await asyncio.gather(self._carry(reader, far_writer, "up"), self._carry(far_reader, writer, "down"))
        self._connections -= 1
        self._open -= both

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await reader.read(_BUFFER_BYTES):
                self._carried[way] += len(data)
                self._free_at[way] = max(self._free_at[way], loop.time()) + len(data) / self._bytes_per_s
                await asyncio.sleep(self._free_at[way] - loop.time())
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()


class SlowLink:
    """A link's process while it runs; `carried` once it has ended."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    async def close(self) -> Carried:
        said, _ = await self._process.communicate(b"")
        return msgspec.json.decode(said, type=Carried)


@asynccontextmanager
async def slow_link(
    port: int, *, bits_per_s: float, reset_every_s: float, host: str = "127.0.0.1"
) -> AsyncIterator[SlowLink]:
    """To the server at this port."""
    options = ["--to", f"{host}:{port}", "--bits-per-s", str(bits_per_s), "--reset-every-s", str(reset_every_s)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "qixun.bench.link", *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        opened = msgspec.json.decode(await process.stdout.readline(), type=Opened)
        yield SlowLink(process, opened.port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _main(host: str, port: int, bits_per_s: float, reset_every_s: float) -> None:
    link = Link(host, port, bits_per_s)
    print(msgspec.json.encode(Opened(await link.listen())).decode(), flush=True)
    resetting = asyncio.create_task(link.keep_resetting(reset_every_s))
    ended = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    await ended.read()
    resetting.cancel()
    print(msgspec.json.encode(await link.end()).decode(), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", required=True, help="host:port of the server")
    parser.add_argument("--bits-per-s", type=float, required=True)
    parser.add_argument("--reset-every-s", type=float, required=True)
    given = parser.parse_args()
    to_host, _, to_port = given.to.rpartition(":")
    asyncio.run(_main(to_host, int(to_port), given.bits_per_s, given.reset_every_s))
