"""A morning at the filling station: server, hub, phone and scale each a process of its own, and no network.

Three cylinders are filled, one of them with the scale's cable pulled and the app killed on the way; an overdue one and
another company's are refused. Then the network comes back, and everything is in PostGIS once.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qixun.demo.children import Child, Refused, SimulatedPhone, cable, simulator
from tests.factories.certificates import in_days
from tests.qixun.command import Command, Server
from tests.qixun.conftest import ADMINISTRATOR, PASSWORD
from tests.qixun.crew import Person

FILLER, NUMBER = "演示-郑充装", "C901"
GOOD = ("CZ-0001", "CZ-0002", "CZ-0003")
OVERDUE, FOREIGN = "CZ-0090", "CZ-0092"


class Station:
    """The office's part of it, over HTTP alone."""

    def __init__(self, server: Server) -> None:
        self.admin = Person(server, ADMINISTRATOR)
        organisations = self.admin.get("/api/organisations")
        self.unit_id, self.company_id = (
            next(each["id"] for each in organisations if each["kind"] == kind) for kind in ("unit", "company")
        )
        self.staff_id = self._hire()
        self._certify("company", self.company_id, "filling_licence", "TS-901")
        self._certify("staff", self.staff_id, "filler", "CZ-901")
        for code in (*GOOD, OVERDUE, FOREIGN):
            self._enter(code)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.admin.ask("POST", path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def _hire(self) -> str:
        staff = {"staff_number": NUMBER, "name": FILLER, "organisation_id": self.unit_id, "password": PASSWORD}
        made = self.post("/api/staff", staff | {"unit_ids": [self.unit_id]})
        self.post(f"/api/staff/{made['id']}/grants", {"organisation_id": self.unit_id, "role": "filler"})
        return str(made["id"])

    def _certify(self, holder_kind: str, holder_id: str, kind: str, number: str) -> None:
        held = {"holder_kind": holder_kind, "holder_id": holder_id, "kind": kind, "number": number}
        self.post("/api/certificates", held | {"expires_on": in_days(300).isoformat()})

    def _enter(self, code: str) -> None:
        self.post(
            "/api/cylinders",
            {
                "organisation_id": self.unit_id,
                "code": code,
                "specification": "YSP35.5",
                "tag_uid": f"04{code[-4:]}AABB",
                "next_inspection_on": in_days(-3 if code == OVERDUE else 400).isoformat(),
                "service_ends_on": in_days(2000).isoformat(),
                "tare_kg": 16.5,
                "water_capacity_l": 35.5,
                "inspected_by": "演示检验站",
                "owned": code != FOREIGN,
            },
        )


@pytest.fixture
async def children(tmp_path: Path) -> AsyncIterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in reversed(started):
        await child.stop()


async def lock(scale: Child) -> dict[str, Any]:
    return msgspec.json.decode(await scale.command("state"), type=dict[str, Any])


async def until(find: Any, within_s: float = 60.0) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := await find():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"not there after {within_s} s")


async def fill_one(phone: SimulatedPhone, scale: Child, code: str) -> None:
    await scale.command("weight 16.7")
    assert await phone.do("scan_to_fill", code=code, tag_uid=f"04{code[-4:]}AABB") == []
    assert await phone.do("check_before")
    assert (await phone.do("fill"))["ended"] == "target_reached"
    assert await phone.do("check_after", code=code, gross_kg=31.0, tag_uid=f"04{code[-4:]}AABB")


async def cut_off_and_killed(phone: SimulatedPhone, scale: Child, code: str) -> None:
    """The scale's cable is pulled while gas flows, then the app is killed; the gun is locked by itself."""
    await scale.command("weight 16.6")
    await scale.command("flow 1")
    assert await phone.do("scan_to_fill", code=code, tag_uid=f"04{code[-4:]}AABB") == []
    assert await phone.do("check_before")
    filling = asyncio.create_task(phone.do("fill"))

    async def flows() -> bool:
        return bool((await lock(scale))["weight_kg"] > 18)

    await until(flows)
    await scale.command("cut")
    with pytest.raises(Refused, match="枪已锁"):
        await filling

    async def closed() -> bool:
        return (await lock(scale))["lock"] == "closed"

    await until(closed, 10)
    told = await lock(scale)
    assert (told["lock"], told["closed_by"]) == ("closed", "heartbeat")
    assert told["weight_kg"] < 27
    await phone.kill()


@pytest.mark.requirement("5.8.8-2a")
@pytest.mark.requirement("5.8.8-2b")
async def test_a_morning_without_network_is_in_postgis_once(
    qixun: Command, tmp_path: Path, children: list[Child]
) -> None:
    server = Server(qixun)
    try:
        await asyncio.to_thread(server.wait_until_ready)
        station = await asyncio.to_thread(Station, server)
        await play(server, station, tmp_path, children)
    finally:
        for child in reversed(children):
            await child.stop()
        children.clear()
        await asyncio.to_thread(server.stop)


async def play(server: Server, station: Station, folder: Path, children: list[Child]) -> None:
    network = cable(folder, "127.0.0.1", server.port)
    # A slower lock than a real one: a machine that tests much at once keeps everybody waiting.
    scale = simulator("scale", folder, "scale", "--number", "CS-0007", "--gun", "3", "--heartbeat", "4")
    for child in (network, scale):
        children.append(child)
        await child.start()
    await scale.command("flow 5")
    address = f"http://127.0.0.1:{network.ready['port']}"
    environ = {"QIXUN_SCALE": scale.ready["address"]}
    phone = SimulatedPhone("filler", folder, address, environ)
    children.append(phone)
    await phone.start()
    await phone.do("sign_in", number=NUMBER, password=PASSWORD)

    async def ready() -> bool:
        await phone.do("sync")
        return all([await phone.do("ready_for_filling", code=code) for code in (*GOOD, OVERDUE, FOREIGN)])

    await until(ready, 120)
    await network.command("cut")

    await fill_one(phone, scale, GOOD[0])
    assert await phone.do("scan_to_fill", code=OVERDUE) == ["inspection_overdue"]
    assert await phone.do("scan_to_fill", code=FOREIGN) == ["not_owned"]
    with pytest.raises(Refused):
        await phone.do("fill")
    assert (await lock(scale))["lock"] == "closed"
    await fill_one(phone, scale, GOOD[1])
    await cut_off_and_killed(phone, scale, GOOD[2])

    again = SimulatedPhone("filler", folder, address, environ)
    children.append(again)
    await again.start()
    await again.do("sign_in", number=NUMBER, password=PASSWORD)
    assert await again.do("filling") == "filling"
    await scale.command("join")
    assert (await again.do("fill"))["ended"] == "target_reached"
    assert await again.do("check_after", code=GOOD[2], gross_kg=31.0, tag_uid=f"04{GOOD[2][-4:]}AABB")
    assert (await asyncio.to_thread(station.admin.get, "/api/fillings"))["total"] == 0
    await network.command("restore")
    await everything_is_there_once(station, again)


async def everything_is_there_once(station: Station, phone: SimulatedPhone) -> None:
    async def accepted() -> bool:
        await phone.do("sync")
        return {record["state"] for record in await phone.do("records")} == {"accepted"}

    await until(accepted, 120)
    get = station.admin.get
    fillings = await asyncio.to_thread(get, "/api/fillings")
    assert sorted((line["code"], line["state"], line["doubts"]) for line in fillings["items"]) == [
        (code, "passed", []) for code in GOOD
    ]
    assert {line["filler_number"] for line in fillings["items"]} == {NUMBER}
    refused = (await asyncio.to_thread(get, "/api/fillings/refusals"))["items"]
    assert sorted((line["code"], line["reasons"]) for line in refused) == [
        (OVERDUE, ["inspection_overdue"]),
        (FOREIGN, ["not_owned"]),
    ]
    cylinders = (await asyncio.to_thread(get, "/api/cylinders"))["items"]
    for line in cylinders:
        found = await asyncio.to_thread(get, f"/api/cylinders/{line['id']}")
        expected = "filled" if line["code"] in GOOD else "refused"
        assert [move["kind"] for move in found["chain"]] == [expected]
    conflicts = await asyncio.to_thread(get, "/api/conflicts")
    assert conflicts["total"] == 0
