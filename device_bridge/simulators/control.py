"""How a simulator is driven and how it ends: line commands on standard input and on a loopback TCP port.

Every line gets one answer, `ok ...` or `error ...`. The process ends on `quit`, at the end of standard input and on
SIGTERM or SIGINT, so that whoever started it cannot leave it behind.
"""

import asyncio
import inspect
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import msgspec

Command = Callable[[list[str]], str | Awaitable[str]]
LONGEST_COMMAND_BYTES = 1_000_000  # a walked route may have thousands of corners
# What a mistyped command raises; anything else is a fault of the simulator and must show.
WRONG_INPUT = (ValueError, IndexError, KeyError, TypeError, msgspec.DecodeError, RuntimeError)


class Control:
    """The commands of one simulator and the moment at which it shall end."""

    def __init__(self, commands: dict[str, Command]) -> None:
        self._commands = commands
        self._ended = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def run(self, addresses: Mapping[str, object], *, control_port: int | None) -> None:
        """Prints `ready {json}` and serves commands until the process shall end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        if control_port is not None:
            self._server = await asyncio.start_server(
                self._serve_peer, "127.0.0.1", control_port, limit=LONGEST_COMMAND_BYTES
            )
            addresses = {**addresses, "control": self._server.sockets[0].getsockname()[1]}
        print("ready " + msgspec.json.encode(addresses).decode(), flush=True)
        threading.Thread(target=self._read_stdin, args=(loop,), daemon=True).start()
        await self._ended.wait()
        if self._server is not None:
            self._server.close()

    async def answer(self, line: str) -> str:
        name, _, rest = line.strip().partition(" ")
        if name == "quit":
            self._ended.set()
            return "ok"
        command = self._commands.get(name)
        if command is None:
            return f"error unknown command {name!r}; there are: {' '.join(sorted(self._commands))} quit"
        try:
            result = command(rest.split())
            if inspect.isawaitable(result):
                result = await result
        except WRONG_INPUT as error:
            return f"error {type(error).__name__}: {error}"
        return f"ok {result}".rstrip()

    async def _serve_peer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                writer.write((await self.answer(line.decode(errors="replace")) + "\n").encode())
                await writer.drain()
        writer.close()

    def _read_stdin(self, loop: asyncio.AbstractEventLoop) -> None:
        # os.read, not sys.stdin: a daemon thread that holds sys.stdin's lock crashes the interpreter at exit.
        pending = b""
        with suppress(RuntimeError, OSError):  # the loop has closed, or standard input was never open
            while chunk := os.read(0, 65536):
                *lines, pending = (pending + chunk).split(b"\n")
                for line in filter(bytes.strip, lines):
                    asyncio.run_coroutine_threadsafe(self._print_answer(line), loop).result()
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._ended.set)

    async def _print_answer(self, line: bytes) -> None:
        try:
            print(await self.answer(line.decode(errors="replace")), flush=True)
        except BrokenPipeError:
            # Nobody reads any more; keep the interpreter from failing on it again at exit.
            sys.stdout = open(os.devnull, "w")  # noqa: ASYNC230, PTH123, SIM115 - lives as long as the process
