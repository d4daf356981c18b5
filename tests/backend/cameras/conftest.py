"""A company with a storage station, its administrator, and a simulated recorder that the settings permit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.app import create_app
from backend.cameras.reach import Networks, networks_of
from backend.cameras.schemas import CameraLine
from backend.db import Database
from backend.settings import Settings
from sync.databases import beijing_today
from tests.device_bridge.conftest import Simulator, running
from tests.factories.accounts import Company, bearer, make_company, make_staff
from tests.factories.cameras import camera_in, make_camera
from tests.factories.stations import make_station_record

LOOPBACK = "127.0.0.0/8"


@pytest.fixture(scope="session")
def _process() -> Iterator[Simulator]:
    with running("camera", "--channels", "3", "--names", "储罐区,灌装间,货厢", "--kept", "100") as simulator:
        yield simulator


@pytest.fixture
def recorder(_process: Simulator) -> Iterator[Simulator]:
    """As it was at its start, whatever a test makes of it."""
    yield _process
    for command in ("resume", "password camera-2026", "clock 0", "searches on"):
        _process.tell(command)
    for channel in (1, 2, 3):
        _process.tell(f"whole {channel}")
        _process.tell(f"kept {channel} 100")


@pytest.fixture
def networks() -> Networks:
    return networks_of(LOOPBACK)


@pytest.fixture
async def client(settings: Settings, database: Database) -> AsyncIterator[AsyncTestClient[Any]]:
    permitted = msgspec.structs.replace(settings, camera_networks=LOOPBACK)
    async with AsyncTestClient(create_app(permitted, database=database), raise_server_exceptions=False) as client:
        yield client


class Office:
    def __init__(
        self, client: AsyncTestClient[Any], session: AsyncSession, company: Company, staff: Staff, recorder: Simulator
    ) -> None:
        self.client, self.session, self.company, self.staff = client, session, company, staff
        self.recorder, self.headers = recorder, bearer(client, staff)
        self.station_id = ""

    async def get(self, path: str = "", **params: Any) -> Any:
        return await self.client.get(f"/api/cameras{path}", headers=self.headers, params=params)

    async def post(self, **fields: Any) -> Any:
        body = msgspec.to_builtins(camera_in(self.recorder.address, self.station_id)) | fields
        return await self.client.post("/api/cameras", headers=self.headers, json=body)

    async def put(self, camera_id: str, **fields: Any) -> Any:
        body = msgspec.to_builtins(camera_in(self.recorder.address, self.station_id)) | fields
        return await self.client.put(f"/api/cameras/{camera_id}", headers=self.headers, json=body)

    async def check(self, camera_id: str) -> Any:
        answer = await self.client.post(f"/api/cameras/{camera_id}/checks", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()[0]

    async def camera(self, **fields: Any) -> CameraLine:
        """Put up long ago unless the test says otherwise."""
        fields.setdefault("installed_on", beijing_today() - timedelta(days=900))
        place = fields.pop("place_id", self.station_id)
        return await make_camera(self.session, self.company, self.staff, self.recorder.address, place, **fields)


@pytest.fixture
async def keeper(client: AsyncTestClient[Any], session: AsyncSession, recorder: Simulator) -> Office:
    company = await make_company(session)
    office = Office(client, session, company, await make_staff(session, company, roles=["company_admin"]), recorder)
    office.station_id = (await make_station_record(session, company, office.staff)).id
    return office


@pytest.fixture
async def trap() -> AsyncIterator[Any]:
    """A listener on loopback that nobody registered: it counts who comes."""
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], came
    server.close()
    await server.wait_closed()
