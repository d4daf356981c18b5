"""The demo's storage station: its simulated controller and its PC, each a process of its own while the server runs."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from device_bridge.simulators.station import station_map
from qixun.demo.children import ChildFailed, simulator
from qixun.demo.shift import PASSWORD, STATION_PC

STATION_CODE = "CZ-001"
_STOP_S = 5.0


@asynccontextmanager
async def monitored_station(folder: Path, server: str) -> AsyncIterator[None]:
    """The PC's records lie in `folder` and outlive it. Where a process cannot start, the demo goes on without it."""
    tanks = simulator("station", folder, "tanks")
    try:
        await tanks.start()
    except (ChildFailed, OSError) as error:
        print(f"演示场站没有启动 / the demo station did not start: {error}", file=sys.stderr, flush=True)
        yield
        return
    gateway = await _start_gateway(folder, server, str(tanks.ready["address"]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            gateway.terminate()
        try:
            await asyncio.wait_for(gateway.wait(), _STOP_S)
        except TimeoutError:
            gateway.kill()
            await gateway.wait()
        await tanks.stop()


async def _start_gateway(folder: Path, server: str, address: str) -> asyncio.subprocess.Process:
    map_path, secret = folder / "station.json", folder / "password"
    await asyncio.to_thread(_write, map_path, secret, address)
    given = ("--server", server, "--data", folder / "pc", "--staff", STATION_PC, "--password-file", secret)
    with (folder / "gateway.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "qixun.cli", "station-gateway", map_path, *given),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={name: value for name, value in os.environ.items() if not name.startswith("QIXUN_")},
            start_new_session=True,
        )


def _write(map_path: Path, secret: Path, address: str) -> None:
    map_path.write_bytes(msgspec.json.format(msgspec.json.encode(station_map(address, STATION_CODE))))
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD, encoding="utf-8")
