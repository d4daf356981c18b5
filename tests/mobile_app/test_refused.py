"""A server that answers 401, 403 or 404 to everything, for as long as it likes, costs a phone nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from mobile_app import syncing as syncing_module
from mobile_app.hazards.work import report_hazard
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from mobile_app.syncing import Syncing
from qixun.demo.cable import Cable
from tests.mobile_app.office import MEDIA, UNIT, USER, Office
from tests.mobile_app.phones import CYLINDERS, NUMBER, PASSWORD, PATROL, SETTINGS, jpeg
from tests.sync.replication.hubs import HubProcess

# An hour of rounds that are 30 s apart.
ROUNDS = 120


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path_factory.mktemp("refusing"))
    process.start()
    yield process
    process.kill()


class Gate:
    """Stands before the hub and the API, and passes on what comes or answers all of it with `refusal`."""

    def __init__(self, hub: str, office: Office) -> None:
        self._hub, self._office = hub, office
        self.refusal = 0
        self.refused = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Gate"]:
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        async with aiohttp.ClientSession(auto_decompress=False) as self._http:
            yield self
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        if self.refusal:
            self.refused += 1
            error = {401: "unauthorized", 403: "forbidden", 404: "not_found"}[self.refusal]
            return web.json_response({"error": error, "reason": "no", "code": error}, status=self.refusal)
        root = self._hub if request.path.startswith("/sync/") else self._office.url
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {"host", "content-length"}}
        async with self._http.request(
            request.method, root + request.raw_path, data=await request.read() or None, headers=headers
        ) as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() in {"content-type", "content-encoding"}}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


@pytest.fixture
async def office(hub: HubProcess) -> AsyncIterator[Office]:
    found = Office(hub)
    async with Gate(f"http://127.0.0.1:{hub.port}", found).open() as gate:
        found.network = Cable("127.0.0.1", gate.port)
        found.gate = gate  # type: ignore[attr-defined]
        await found.start()
        found.post(USER, PATROL)
        for document in (SETTINGS, *CYLINDERS):
            found.post(UNIT, document)
        yield found
        gate.refusal = 0
        await found.stop()


@pytest.fixture
async def phone(office: Office, tmp_path: Path) -> AsyncIterator[Phone]:
    """Synchronised once; then a hazard with a photo and a draft that nobody has but the phone."""
    opened = await Phone.open(tmp_path, office.gate.url)  # type: ignore[attr-defined]
    await opened.sign_in(NUMBER, PASSWORD)
    await Syncing(opened).sync_now()
    await report_hazard(opened, hazard_type="corrosion", photos=[await take_photo(opened, jpeg())])
    await opened.save_draft("half", b'{"note":"x"}')
    yield opened
    await opened.close()


def held(phone: Phone) -> dict[str, Any]:
    """Everything on the phone: documents, what became of each record, drafts, the units' data."""
    stores = [*phone.stores.all_own("user"), *phone.stores.all_own("media"), *phone.stores.units()]
    found: dict[str, Any] = {s.path.name: sorted((d.id, d.rev, d.body) for d in s.list()) for s in stores}
    own = (*phone.stores.all_own("user"), *phone.stores.all_own("media"))
    found["records"] = [(line.id, line.state) for store in own for line in store.records()]
    found["drafts"] = [(draft.key, draft.body) for store in own for draft in store.drafts()]
    return found


@pytest.mark.parametrize("refusal", [401, 403, 404])
async def test_an_hour_of_refusals_costs_a_phone_nothing(
    office: Office, phone: Phone, refusal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rounds of an hour, its pauses left out; and afterwards everything arrives."""
    for pause in ("ASK_AGAIN_S", "OFFLINE_PAUSE_S", "LONGEST_PAUSE_S", "PHOTOS_EVERY_S"):
        monkeypatch.setattr(syncing_module, pause, 0.005)
    syncing, gate, before = Syncing(phone), office.gate, held(phone)  # type: ignore[attr-defined]
    gate.refusal = refusal
    # The phone's token is still good as far as it knows: the hub's refusals come first, then the API's.
    syncing.start()
    async with asyncio.timeout(60):
        while gate.refused < ROUNDS:  # noqa: ASYNC110 - the phone's own rounds
            await asyncio.sleep(0.01)
    assert held(phone) == before
    assert syncing.status.state != "accepted"
    await syncing.stop()
    gate.refusal = 0
    await phone.sign_in(NUMBER, PASSWORD)
    await Syncing(phone).sync_now()
    (record,) = await phone.records()
    assert record.id in office.hub.ids(USER)
    photos = [line.id for store in phone.stores.all_own("media") for line in store.records()]
    assert sorted(photos) == sorted(office.hub.ids(MEDIA))
