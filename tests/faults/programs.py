"""What the zygote forks: the shipped command line, the hub on its own, a phone, a link."""

import importlib
import mmap
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

_MODULES = (
    "qixun.cli",
    "qixun.server",
    "qixun.setup",
    "backend.worker",
    "flet_web.fastapi",
    "mobile_app.main",
    "mobile_app.phone",
    "mobile_app.syncing",
    "tests.faults.hub",
    "tests.faults.link",
    "tests.faults.phone",
)


def load() -> None:
    for name in _MODULES:
        importlib.import_module(name)


def run(program: str, arguments: dict[str, Any], control: socket.socket, doom: mmap.mmap) -> None:
    _arm(doom)
    if program == "qixun":
        control.close()
        _command_line(**arguments)
    else:
        importlib.import_module(f"tests.faults.{program}").main(control, **arguments)


def _command_line(argv: list[str], environ: dict[str, str], said: str = "") -> None:
    """`qixun` as a person starts it."""
    from qixun import cli  # noqa: PLC0415 - imported by `load` already

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("QIXUN_")]:
        del os.environ[name]
    os.environ.update(environ)
    if said:
        reading, writing = os.pipe()
        os.write(writing, said.encode())
        os.close(writing)
        os.dup2(reading, 0)
    sys.argv = ["qixun", *argv]
    cli.main()


def _arm(doom: mmap.mmap) -> None:
    """The process counts its statements down where it was told to, and is gone before the last of them runs."""

    def tick(*_: Any, **__: Any) -> None:
        left = int.from_bytes(doom[:4], "little")
        if left:
            doom[:4] = (left - 1).to_bytes(4, "little")
            if left == 1:
                os.kill(os.getpid(), signal.SIGKILL)

    _count_sqlite(tick)
    _count_postgres(tick)


def _count_sqlite(tick: Callable[..., None]) -> None:
    connect = sqlite3.connect

    def counted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(tick)
        return connection

    sqlite3.connect = counted  # type: ignore[assignment]


def _count_postgres(tick: Callable[..., None]) -> None:
    from sqlalchemy import event  # noqa: PLC0415
    from sqlalchemy.engine import Engine  # noqa: PLC0415

    event.listen(Engine, "before_cursor_execute", tick)
    event.listen(Engine, "commit", tick)
