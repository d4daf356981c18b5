"""A network that can be cut: a TCP proxy as a process of its own, driven by lines on standard input.

`python -m qixun.demo.cable --to 127.0.0.1:8000` prints `ready {"port": N}`. `cut` resets what is open and accepts
nothing more, `restore` lets through again, `reset` breaks what is open once, `quit` or end of input ends it.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import struct
import sys

_CHUNK = 65_536


class Cable:
    """Between `127.0.0.1:port` and one server."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def restore(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    def reset(self) -> None:
        for writer in self._open:
            # Not lingering: the other end is told of a reset, not of an orderly end.
            connection = writer.get_extra_info("socket")
            if connection.fileno() >= 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._open.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._open |= both
        await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        self._open -= both


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


async def _main(host: str, port: int) -> None:
    cable = Cable(host, port)
    await cable.restore()
    print("ready " + json.dumps({"port": cable.port}), flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).decode().strip():
        match line:
            case "cut":
                await cable.cut()
            case "restore":
                await cable.restore()
            case "reset":
                cable.reset()
            case "quit":
                break
            case _:
                print(f"error: {line!r} is none of cut, restore, reset, quit", flush=True)
                continue
        print(f"ok {line}", flush=True)
    await cable.cut()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", required=True, help="host:port of the server")
    to_host, _, to_port = parser.parse_args().to.rpartition(":")
    asyncio.run(_main(to_host, int(to_port)))
