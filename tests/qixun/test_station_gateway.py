"""A station's PC as a process, against its simulated controller as another, with the network cut in between."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from qixun.demo.children import Child, cable, simulator
from tests.qixun.command import PROGRAM, Command, Server
from tests.qixun.conftest import ADMINISTRATOR, PASSWORD
from tests.qixun.crew import Person

NUMBER, CODE = "Z901", "CZ-901"


class Pc:
    """`qixun station-gateway` as the station's PC starts it."""

    def __init__(self, folder: Path, server: str, map_path: Path) -> None:
        secret = folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(PASSWORD + "\n")
        self.log = folder / "gateway.log"
        given = ["--server", server, "--data", folder / "pc", "--staff", NUMBER, "--password-file", secret]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "station-gateway", map_path, *given],
                env={name: value for name, value in os.environ.items() if not name.startswith("QIXUN_")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        return self.log.read_text()


async def until(find: Any, within_s: float = 60.0) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := await asyncio.to_thread(find):
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"not there after {within_s} s")


class Office:
    """What the office does and sees, over HTTP alone."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.admin = Person(server, ADMINISTRATOR)
        self.unit_id = next(o["id"] for o in self.admin.get("/api/organisations") if o["kind"] == "unit")
        staff = {"staff_number": NUMBER, "name": "储配站站控", "organisation_id": self.unit_id, "password": PASSWORD}
        self.post("/api/staff", staff | {"unit_ids": [self.unit_id]})
        self.post("/api/stations", {"organisation_id": self.unit_id, "code": CODE, "name": "储配站", "kind": "storage"})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.admin.ask("POST", path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def alarms(self, **params: Any) -> list[dict[str, Any]]:
        return list(self.admin.get("/api/alarms", **params)["items"])

    def sensors(self) -> dict[str, str]:
        """What each sensor's state is now."""
        return {s["sensor"]: s["state"] for one in self.admin.get("/api/alarms/stations") for s in one["sensors"]}

    def console(self, path: str) -> str:
        session = requests.Session()
        form = {"staff_number": ADMINISTRATOR, "password": PASSWORD}
        session.post(f"{self.server.url}/sign-in", data=form, timeout=30)
        return session.get(f"{self.server.url}{path}", headers={"HX-Request": "true"}, timeout=30).text


@pytest.fixture
async def children() -> AsyncIterator[list[Any]]:
    started: list[Any] = []
    yield started
    for child in reversed(started):
        if isinstance(child, Child):
            await child.stop()
        else:
            child.kill()


@pytest.mark.timeout(240)
@pytest.mark.requirement("E5.8.3-9")
@pytest.mark.requirement("E5.8.3-7")
async def test_alarms_and_fire_water_without_network_are_in_the_office_once_it_is_back(
    qixun: Command, tmp_path: Path, children: list[Any]
) -> None:
    server = Server(qixun)
    try:
        await asyncio.to_thread(server.wait_until_ready)
        await play(await asyncio.to_thread(Office, server), tmp_path, children)
    finally:
        await asyncio.to_thread(server.stop)


async def play(office: Office, folder: Path, children: list[Any]) -> None:
    network = cable(folder, "127.0.0.1", office.server.port)
    tanks = simulator("station", folder, "tanks")
    for child in (network, tanks):
        children.append(child)
        await child.start()
    map_path = await print_map(folder, tanks.ready["address"])
    address = f"http://127.0.0.1:{network.ready['port']}"

    def start() -> Pc:
        pc = Pc(folder, address, map_path)
        children.append(pc)
        return pc

    pc = start()
    await until(lambda: set(office.sensors().values()) == {"normal"}, 90)
    assert "不能代替经认证的安全联锁" in pc.said()
    await network.command("cut")

    await tanks.command("put level 91")
    await tanks.command("put gas-1 45")
    await tanks.command("put temperature 52")
    state = await until(lambda: "消防水 fire water: 运行" in pc.said(), 60) and await controller(tanks)
    assert (state["pump_runs"], state["starts"] >= 1) == (True, True)
    await until(lambda: all(word in pc.said() for word in ("储罐液位 超限", "可燃气体 超限", "储罐温度 超限")), 30)
    assert office.alarms() == []

    # A power cut: the PC starts by itself without network, knows its alarms, and clears what is over.
    pc.kill()
    await tanks.command("put level 62")
    pc = start()
    await until(lambda: "报警消除 cleared: 1# 储罐液位 超限" in pc.said(), 60)
    await tanks.command("break gas-2")
    await until(lambda: "压缩机房可燃气体 失联" in pc.said(), 30)
    await network.command("restore")
    await everything_is_there_once(office)

    await tanks.command("silent")
    await until(lambda: set(office.sensors().values()) == {"lost"}, 60)
    assert "失联" in await asyncio.to_thread(office.console, "/alarms/stations")


async def everything_is_there_once(office: Office) -> None:
    wanted = {
        ("level", "over", True),
        ("gas-1", "high", False),
        ("gas-1", "over", False),
        ("gas-2", "lost", False),
        ("temperature", "over", False),
    }

    def told() -> set[tuple[str, str, bool]]:
        return {(a["sensor"], a["reason"], a["cleared_at"] is not None) for a in office.alarms()}

    await until(lambda: told() == wanted, 90)
    lines = await asyncio.to_thread(office.alarms)
    assert len(lines) == len(wanted)
    started = {line["sensor"] for line in lines if line["fire_water_runs"]}
    assert started == {"temperature"}
    assert {line["station_name"] for line in lines} == {"储配站"}
    assert {line["sensor"] for line in await asyncio.to_thread(office.alarms, serious=True)} == {
        *("level", "gas-1", "temperature")
    }
    await until(lambda: office.sensors()["temperature"] == "over", 30)
    page = await asyncio.to_thread(office.console, "/overview/todo")
    assert "1# 储罐温度 超限 52 °C" in page
    assert await asyncio.to_thread(office.admin.get, "/api/conflicts") == {"items": [], "total": 0}


async def print_map(folder: Path, address: str) -> Path:
    """As an engineer makes the map: the simulator prints the one of its own registers."""
    port = address.rpartition(":")[2]
    command = ("-m", "device_bridge.simulators", "station", "--map", "--port", port, "--station", CODE)
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM.with_name("python")), *command, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    path = folder / "station.json"
    path.write_bytes(out)
    return path


async def controller(tanks: Child) -> dict[str, Any]:
    return msgspec.json.decode(await tanks.command("state"), type=dict[str, Any])
