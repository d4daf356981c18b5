"""From the start of the app's process to its first list, with a full phone and no network.

`python -m qixun.bench.app_start FOLDER NUMBER PASSWORD STARTED` is the app without a window: it loads the app's
screens, opens the phone, signs in and reads the lists as the app does, and writes one JSON line (`Started`).
"""

import time

_RUNNING = time.monotonic()

import asyncio  # noqa: E402 - what is loaded from here on is part of the start
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import msgspec  # noqa: E402

from mobile_app.main import desk_in  # noqa: E402

_LOADED = time.monotonic()


class Started(msgspec.Struct, frozen=True):
    """Seconds from the start of the process: until its code was loaded, until somebody could sign in, to the list."""

    loaded_s: float
    opened_s: float
    listed_s: float
    listed: int
    peak_mib: float


async def start(folder: Path, number: str, password: str, started: float) -> Started:
    desk = await desk_in(folder)
    opened = time.monotonic()
    await desk.sign_in(number, password)
    listed = time.monotonic()
    lines = len(desk.book.lines)
    from qixun.bench.client import peak_mib  # noqa: PLC0415 - not the app's own

    found = Started(_LOADED - started, opened - started, listed - started, lines, peak_mib())
    await desk.sign_out()
    return found


def main() -> None:
    folder, number, password, started = sys.argv[1:]
    print(msgspec.json.encode(asyncio.run(start(Path(folder), number, password, float(started)))).decode())


if __name__ == "__main__":
    main()
