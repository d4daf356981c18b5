"""The processes of a played shift: simulated devices, phones, and the network between them and the server."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

_READY_S = 60.0
_ANSWER_S = 90.0
_STOP_S = 5.0


class ChildFailed(Exception):  # noqa: N818 - read in an except line
    """A process of the play did not start, did not answer, or ended; its last words are in its log."""


class Refused(Exception):  # noqa: N818 - what a phone answered a worker
    """A phone refused what was asked of it: `code` is stable, `zh` what the worker reads."""

    def __init__(self, code: str, zh: str) -> None:
        super().__init__(f"{code}: {zh}")
        self.code = code
        self.zh = zh


class Child:
    """A process that says one line when it is ready and then answers each line with one line."""

    def __init__(self, log: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self._log = log
        self._arguments = arguments
        self._environ = environ or {}
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self.ready: dict[str, Any] = {}

    async def start(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *self._arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **self._environ},
                limit=16_000_000,
                # Ctrl-C reaches the one that started them, which stops them in order.
                start_new_session=True,
            )
        line = await self._read(_READY_S)
        self.ready = msgspec.json.decode(line.removeprefix("ready "))

    async def command(self, line: str) -> str:
        """Raises `ChildFailed` for an answer that is not `ok`."""
        answer = await self._ask(line)
        if not answer.startswith("ok"):
            raise ChildFailed(f"{self._arguments[0]}: {line!r} was answered {answer!r}")
        return answer.removeprefix("ok").strip()

    async def kill(self) -> None:
        """SIGKILL, as a phone's system does with an app."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, line: str) -> str:
        async with self._turn:
            process = self._process
            assert process is not None
            assert process.stdin is not None
            try:
                process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()
            except (BrokenPipeError, ConnectionResetError) as error:
                raise ChildFailed(f"{self._arguments[0]} has ended; see {self._log}") from error
            return await self._read(_ANSWER_S)

    async def _read(self, timeout_s: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), timeout_s)
        except TimeoutError as error:
            raise ChildFailed(f"{self._arguments[0]} did not answer in {timeout_s:.0f} s; see {self._log}") from error
        if not line:
            raise ChildFailed(f"{self._arguments[0]} has ended; see {self._log}")
        return line.decode().strip()


class SimulatedPhone(Child):
    """A phone in a process of its own; its data outlive the process."""

    def __init__(self, name: str, folder: Path, server: str, environ: Mapping[str, str]) -> None:
        arguments = ("qixun.demo.phone", "--data", str(folder / name), "--server", server)
        super().__init__(folder / f"{name}.log", *arguments, environ=environ)
        self.name = name

    async def do(self, command: str, **arguments: Any) -> Any:
        """Raises `Refused` with what the worker would read."""
        line = msgspec.json.encode({"do": command, **arguments}).decode()
        answer = msgspec.json.decode(await self._ask(line))
        if "error" in answer:
            raise Refused(answer["error"], answer["zh"])
        return answer["ok"]


def simulator(kind: str, folder: Path, name: str, *options: str) -> Child:
    return Child(folder / f"{name}.log", "device_bridge.simulators", kind, *options)


def cable(folder: Path, host: str, port: int) -> Child:
    """The network of all phones; `cut` and `restore` it."""
    return Child(folder / "cable.log", "qixun.demo.cable", "--to", f"{host}:{port}")
