"""A hub that answers 500 at one document, or at all of them: neighbours travel, and nobody is blamed wrongly."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from sync.errors import Unreachable
from sync.replication import Replicator, aside
from sync.store.records import RecordStore
from tests.sync.replication.hubs import MEDIA, USER, HubProcess, hazard, states, until


class Failing:
    """The hub, but for what carries `marked` (or, with `always`, any document): that it answers with 500."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        self.marked = b"the hub fails here"
        self.always = False
        self.tried = 0
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        plain = gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body
        moves = request.path.endswith(("/_bulk_docs", "/_bulk_get")) or request.method == "PUT"
        if moves and ((self.always and "_local" not in request.path) or (self.marked and self.marked in plain)):
            self.tried += 1
            return web.json_response({"error": "internal_server_error", "reason": "function_clause"}, status=500)
        url = self._hub.url.removesuffix("/sync") + request.path_qs
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        headers["Accept-Encoding"] = "identity"
        async with (
            aiohttp.ClientSession(auto_decompress=False) as http,
            http.request(request.method, url, data=body, headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)


@pytest.fixture
async def failing(hub: HubProcess) -> AsyncIterator[Failing]:
    server = Failing(hub)
    app = web.Application(client_max_size=2**26, handler_args={"auto_decompress": False})
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/sync"
    yield server
    await runner.cleanup()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries without pauses between them."""
    monkeypatch.setattr(aside, "PAUSES_S", (0.0, 0.0))


def record(store: RecordStore, *, bad: bool = False) -> str:
    store.append(hazard(note="the hub fails here" if bad else "东侧"))
    return store.records(limit=1)[0].id


class TestOneBadDocument:
    @pytest.mark.parametrize("place", [0, 3, 6])
    async def test_its_neighbours_travel_at_once(self, hub, store, remote, failing, place: int) -> None:
        ids = [record(store, bad=number == place) for number in range(7)]
        result = await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert (result.written, result.parked) == (6, ())
        assert sorted(hub.ids(USER)) == sorted({*ids} - {ids[place]})
        assert states(store) == {"sent": 6, "saved": 1}

    async def test_it_is_not_tried_again_before_its_pause_is_over(self, hub, store, remote, failing) -> None:
        record(store, bad=True)
        record(store)
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        tried = failing.tried
        record(store)
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert failing.tried == tried
        assert states(store) == {"sent": 2, "saved": 1}

    @pytest.mark.usefixtures("impatient")
    async def test_after_some_tries_it_is_parked_with_words_and_goes_when_it_is_retried(
        self, hub, store, remote, failing
    ) -> None:
        bad = record(store, bad=True)
        record(store)
        for _ in range(3):  # each as after a start of the app
            assert store.record(bad).state == "saved"
            result = await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert result.parked == (bad,)
        line = store.record(bad)
        assert (line.state, line.code) == ("refused", "hub_failed")
        assert "服务器" in line.reason_zh
        assert line.action_zh
        failing.marked = b""
        store.retry([bad])
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert states(store) == {"sent": 2}

    @pytest.mark.usefixtures("impatient")
    async def test_a_hub_that_recovers_gets_it_without_a_word(self, hub, store, remote, failing) -> None:
        bad = record(store, bad=True)
        record(store)
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        failing.marked = b""
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert states(store) == {"sent": 2}
        assert bad in hub.ids(USER)
        assert store.to_retry() == []

    async def test_live_it_is_tried_again_by_itself(self, hub, store, remote, failing, monkeypatch) -> None:
        monkeypatch.setattr(aside, "PAUSES_S", (0.1,) * 100)
        record(store, bad=True)
        record(store)
        stop = asyncio.Event()
        replicator = Replicator(store, remote(url=failing.url), push=True, pull=False)
        live = asyncio.create_task(replicator.run_live(stop))
        await until(lambda: states(store) == {"sent": 1, "saved": 1}, 30)
        failing.marked = b""
        await until(lambda: states(store) == {"sent": 2}, 30)
        stop.set()
        await live

    async def test_one_photo_does_not_hold_up_the_others(self, hub, store, remote, failing) -> None:
        for number in range(3):
            jpeg = (b"the hub fails here" if number == 1 else b"jpeg") + bytes([number]) * 50_000
            store.append(hazard(), attachments={"photo.jpg": ("image/jpeg", jpeg)})
        result = await Replicator(store, remote(MEDIA, url=failing.url), push=True, pull=False).run_once()
        assert (result.written, result.parked) == (2, ())

    @pytest.mark.usefixtures("impatient")
    async def test_one_that_was_sent_before_goes_to_a_hub_that_lost_it(self, hub, store, remote, failing) -> None:
        """The office may not have it yet: what is sent apart is remembered whatever happens to others."""
        failing.marked = b""
        bad = record(store, bad=True)
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        hub.ask("DELETE", USER)
        hub.create(USER, "device:li")
        failing.marked = b"the hub fails here"
        for _ in range(2):
            record(store)
            await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert bad not in hub.ids(USER)
        failing.marked = b""
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert bad in hub.ids(USER)


class TestHubThatFailsAtEverything:
    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize("sent_before", [0, 2])
    async def test_parks_nothing_however_often_it_is_tried(self, hub, store, remote, failing, sent_before: int) -> None:
        for _ in range(sent_before):
            record(store)
            await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        failing.always = True
        for _ in range(5):
            record(store)
            with pytest.raises(Unreachable):
                await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert states(store)["saved"] == 5
        assert store.to_retry() == []
        failing.always = False
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert states(store) == {"sent": 5 + sent_before}

    @pytest.mark.usefixtures("impatient")
    async def test_what_was_set_aside_before_is_not_blamed_for_it(self, hub, store, remote, failing) -> None:
        bad = record(store, bad=True)
        record(store)
        await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        failing.always = True
        for _ in range(5):
            with pytest.raises(Unreachable):
                await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert store.record(bad).state == "saved"

    async def test_is_not_asked_for_each_of_many_records(self, hub, store, remote, failing) -> None:
        failing.always = True
        for _ in range(200):
            record(store)
        with pytest.raises(Unreachable):
            await Replicator(store, remote(url=failing.url), push=True, pull=False).run_once()
        assert failing.tried < 20


class TestPull:
    async def test_the_others_come_and_the_one_with_a_later_run(self, hub, store, remote, failing) -> None:
        failing.marked = b"task.patrol:0003"
        ids = [f"task.patrol:{number:04}" for number in range(700)]  # more than a checkpoint's worth
        hub.ask("POST", f"{USER}/_bulk_docs", json={"docs": [{"_id": doc_id} for doc_id in ids]})
        result = await Replicator(store, remote(url=failing.url), push=False, pull=True).run_once()
        assert result.read == 699
        assert {document.id for document in store.list()} == {*ids} - {"task.patrol:0003"}
        failing.marked = b""
        result = await Replicator(store, remote(url=failing.url), push=False, pull=True).run_once()
        assert result.read == 1
        assert [document.id for document in store.list()] == ids

    async def test_a_hub_that_can_read_nothing_is_unreachable(self, hub, store, remote, failing) -> None:
        failing.always = True
        hub.ask("POST", f"{USER}/_bulk_docs", json={"docs": [{"_id": f"task.patrol:{n}"} for n in range(200)]})
        with pytest.raises(Unreachable):
            await Replicator(store, remote(url=failing.url), push=False, pull=True).run_once()
        assert store.list() == []
        assert failing.tried < 20
