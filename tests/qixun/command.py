"""`qixun` as a person starts it: a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import msgspec

PROGRAM = Path(sys.executable).with_name("qixun")
_COMMAND_S = 60
_READY_S = 60


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """`qixun` with a database and a data directory of its own."""

    database_url: str
    data_dir: Path
    environ: dict[str, str] = {}

    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("QIXUN_")}
        own |= {"QIXUN_DATABASE_URL": self.database_url, "QIXUN_DATA_DIR": str(self.data_dir)}
        return own | self.environ

    def __call__(self, *arguments: str | Path, said: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment() | environ,
            input=said,
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_S,
        )


class Server:
    """`qixun serve`, until `stop`."""

    def __init__(self, command: Command, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command.data_dir.mkdir(parents=True, exist_ok=True)
        self.log = command.data_dir / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", *arguments],
                env=command.environment() | {"QIXUN_PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"qixun serve has ended: {self.log.read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"{self.url}/readyz"):
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError(f"qixun serve was not ready in {_READY_S} s: {self.log.read_text()[-2000:]}")

    def stop(self) -> int:
        """As Ctrl-C does; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a command which failed said; raises where it said more, or a traceback."""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("qixun: ")
    return lines[0]


def lines_with(done: subprocess.CompletedProcess[str], words: Sequence[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if all(word in line for word in words)]
