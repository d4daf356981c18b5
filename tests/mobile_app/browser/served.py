"""The composed server as a process, on a database of its own with the demo company, and the office's planning."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec

from backend.settings import Settings
from qixun.demo.office import Office
from qixun.demo.shift import ADMINISTRATOR, DISPATCHER, DRIVER, INSPECTOR, PASSWORD
from qixun.demo.walk import Point, walking_route
from sync.databases import BEIJING

AREA, LEVEL = "站前街片区", "medium_a"
READY_S = 60


class Planned(msgspec.Struct, frozen=True):
    """What the office has sent out: the patrol's way through the streets, and how long its pipes are."""

    route: list[Point]
    length_m: float


@asynccontextmanager
async def serving(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[str]:
    """`qixun serve`, its address; its log is in the data directory."""
    own = {
        "PATH": os.environ["PATH"],
        "QIXUN_DATABASE_URL": settings.database_url,
        "QIXUN_DATA_DIR": str(settings.data_dir),
        "QIXUN_PORT": str(settings.port),
    }
    log = settings.data_dir / "server.log"
    with log.open("wb") as output:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "qixun.cli", "serve"), env=own | environ, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{settings.port}"
    try:
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as http:
            while not await _ready(http, url):
                assert server.returncode is None, log.read_text()
                await asyncio.sleep(0.1)
        yield url
    finally:
        server.terminate()
        await asyncio.wait_for(server.wait(), 30)


async def _ready(http: aiohttp.ClientSession, url: str) -> bool:
    with suppress(aiohttp.ClientError):
        async with http.get(f"{url}/readyz") as answer:
            return answer.ok
    return False


async def plan_the_day(server: str) -> Planned:
    """A patrol for Li from now on, and an order of one cylinder for Wang."""
    async with Office(server, ADMINISTRATOR, PASSWORD) as office:
        staff = {s["staff_number"]: s["id"] for s in await office.get("/api/staff")}
    async with Office(server, DISPATCHER, PASSWORD) as office:
        area = next(a for a in await office.get("/api/network/areas") if a["name"] == AREA)
        picked = await office.get("/api/patrol/plans/preview", area_id=area["id"], pressure_level=LEVEL)
        found = await office.get("/api/network/pipes.geojson", area_id=area["id"], levels=LEVEL)
        route = walking_route([f["geometry"]["coordinates"] for f in found["features"]])
        await office.post("/api/patrol/plans", _plan(area["id"], staff[INSPECTOR], route))
        await office.post("/api/deliveries/orders", await _order(office, staff[DRIVER]))
    return Planned(route, picked["length_m"])


def _plan(area_id: str, staff_id: str, route: list[Point]) -> dict[str, Any]:
    now = datetime.now(BEIJING)
    (first_lon, first_lat), (last_lon, last_lat) = route[0], route[len(route) // 2]
    return {
        "name": f"{AREA}中压A 日巡",
        "area_id": area_id,
        "pressure_levels": [LEVEL],
        "staff_id": staff_id,
        "recurrence": {"windows": [{"start": f"{now:%H:%M:%S}", "end": f"{now + timedelta(hours=4):%H:%M:%S}"}]},
        "check_points": [
            {"name": "站前街阀井 F-03", "proof": "gps", "radius_m": 20.0, "lon": first_lon, "lat": first_lat},
            {"name": "站前街调压箱 R-05", "proof": "qr", "code": "SH-JC-0002", "lon": last_lon, "lat": last_lat},
        ],
    }


async def _order(office: Office, staff_id: str) -> dict[str, Any]:
    customer = (await office.get("/api/customers", search="K0001"))["items"][0]
    now = datetime.now(UTC)
    return {
        "customer_id": customer["id"],
        "station_id": customer["organisation_id"],
        "staff_id": staff_id,
        "vehicle": "吉·演示01",
        "lines": [{"specification": "YSP35.5", "quantity": 1}],
        "start_at": now.isoformat(),
        "due_at": (now + timedelta(hours=6)).isoformat(),
    }
