"""Cut networks, killed phones, restored hubs, and servers that are none: nothing lost, nothing twice."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from sync.errors import BadRequest, Unreachable
from sync.replication import Replicator
from sync.store.records import RecordStore
from tests.sync.replication.hubs import HERE, USER, bearer, body, hazard, states


def kept(store: RecordStore) -> dict[str, list[str]]:
    return {change.id: list(change.revs) for change in store.changes()}


class TestCutNetwork:
    async def test_a_push_that_was_cut_is_resumed(self, hub, store, remote, cable) -> None:
        for _ in range(60):
            store.append(hazard(note="远" * 300))

        cuts: list[asyncio.Task[None]] = []

        def cut_half_way(ids: list[str]) -> None:
            if store.counts()["sent"] >= 20 and not cuts:
                cuts.append(asyncio.create_task(cable.cut()))

        url = f"http://127.0.0.1:{cable.port}/sync"
        replicator = Replicator(store, remote(url=url), push=True, pull=False, batch_bytes=5_000, on_sent=cut_half_way)
        with pytest.raises(Unreachable):
            await replicator.run_once()
        assert 20 <= store.counts()["sent"] < 60
        assert await asyncio.gather(*cuts)
        for _ in range(30):
            await cable.restore()
            try:
                await replicator.run_once()
            except Unreachable:
                continue
            break
        assert states(store) == {"sent": 60}
        assert hub.revisions(USER) == kept(store)

    async def test_a_pull_that_was_cut_is_resumed(self, hub, store, remote, cable) -> None:
        documents = [{"_id": f"task.patrol:{n:03}", "title": "巡" * 300} for n in range(200)]
        hub.ask("POST", f"{USER}/_bulk_docs", json={"docs": documents})
        cuts, cutting = iter([True, True]), []

        def cut_twice(ids: list[str]) -> None:
            # Cut, not only reset: between two requests nothing is open that a reset could break.
            if next(cuts, False):
                cutting.append(asyncio.ensure_future(cable.cut()))

        url = f"http://127.0.0.1:{cable.port}/sync"
        replicator = Replicator(store, remote(url=url), push=False, pull=True, batch_bytes=30_000, on_pulled=cut_twice)
        failures = 0
        for _ in range(5):
            try:
                await replicator.run_once()
            except Unreachable:
                failures += 1
                await asyncio.gather(*cutting)
                await cable.restore()
            else:
                break
        assert failures == 2
        assert hub.revisions(USER) == kept(store)


class TestKilledPhone:
    async def test_killed_while_pushing_nothing_is_lost_and_nothing_twice(self, hub, store, remote) -> None:
        for _ in range(300):
            store.append(hazard(note="远" * 300))
        command = [sys.executable, str(HERE / "phone_process.py"), str(store.path), hub.url, USER]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
        told = 0
        with subprocess.Popen(  # noqa: ASYNC220 (only the phone runs meanwhile)
            [*command, bearer("device:li")], env=environment, stdout=subprocess.PIPE, text=True
        ) as phone:
            for _ in range(5):
                told += int(phone.stdout.readline())
            phone.kill()
        arrived = len(hub.ids(USER))
        assert told <= arrived < 300
        assert told <= store.counts()["sent"] <= arrived
        await Replicator(store, remote(), push=True, pull=True).run_once()
        assert states(store) == {"sent": 300}
        assert hub.revisions(USER) == kept(store)


class TestRestoredHub:
    async def test_what_the_older_copy_lacks_is_pushed_again(self, hub, store, remote) -> None:
        replicator = Replicator(store, remote(), push=True, pull=True)
        store.append(hazard())
        await replicator.run_once()
        backup = hub.copy()
        for _ in range(3):
            store.append(hazard())
            await replicator.run_once()
        assert states(store) == {"sent": 4}
        hub.restore(backup)
        assert len(hub.ids(USER)) == 1
        assert (await Replicator(store, remote(), push=True, pull=True).run_once()).written == 3
        assert hub.revisions(USER) == kept(store)

    async def test_a_running_replicator_notices_it_too(self, hub, store, remote) -> None:
        replicator = Replicator(store, remote(), push=True, pull=True)
        store.append(hazard())
        await replicator.run_once()
        backup = hub.copy()
        store.append(hazard())
        await replicator.run_once()
        hub.restore(backup)
        store.append(hazard())
        await replicator.run_once()
        assert hub.revisions(USER) == kept(store)

    async def test_tasks_of_the_office_are_pulled_again_from_the_copy(self, hub, store, remote) -> None:
        """After the restore the hub counts anew: its sequences come again for other documents."""
        replicator = Replicator(store, remote(), push=True, pull=True)
        hub.put(USER, "task.patrol:1", title="一")
        await replicator.run_once()
        backup = hub.copy()
        for name in ("2", "3"):
            hub.put(USER, f"task.patrol:{name}", title="二")
        await replicator.run_once()
        hub.restore(backup)
        for name in ("4", "5"):
            hub.put(USER, f"task.patrol:{name}", title="三")
        await replicator.run_once()
        assert [document.id for document in store.list()] == [f"task.patrol:{n}" for n in (1, 2, 3, 4, 5)]

    async def test_a_database_that_was_made_anew_gets_everything(self, hub, store, remote) -> None:
        replicator = Replicator(store, remote(), push=True, pull=True)
        for _ in range(5):
            store.append(hazard())
        await replicator.run_once()
        hub.ask("DELETE", USER)
        hub.create(USER, "device:li")
        await replicator.run_once()
        await Replicator(store, remote(), push=True, pull=True).run_once()
        assert hub.revisions(USER) == kept(store)

    async def test_a_phone_that_lost_its_checkpoint_compares_all_and_sends_nothing_twice(
        self, hub, store, remote
    ) -> None:
        for _ in range(5):
            store.append(hazard())
        await Replicator(store, remote(), push=True, pull=True).run_once()
        for key, _ in store.list_local():
            store.delete_local(key)
        assert (await Replicator(store, remote(), push=True, pull=True).run_once()).written == 0


class Server:
    """Answers everything with what it is told: a captive portal, a broken proxy, CouchDB's recorded words."""

    def __init__(self) -> None:
        self.answers: dict[str, web.Response] = {}
        self.bodies: list[bytes] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.rpartition("/")[2]
        if path == "_bulk_docs":
            self.bodies.append(await request.read())
        told = self.answers.get(path) or self.answers.get("*")
        if told is not None:
            return web.Response(status=told.status, body=told.body, content_type=told.content_type)
        if "/_local/" in request.path:
            found = {"error": "not_found", "reason": "missing"}
            return (
                web.json_response({"ok": True, "rev": "0-1"}, status=201)
                if request.method == "PUT"
                else (web.json_response(found, status=404))
            )
        if path == "_revs_diff":
            wanted = msgspec.json.decode(await request.read())
            return web.json_response({doc_id: {"missing": revs} for doc_id, revs in wanted.items()})
        return web.json_response({"db_name": USER, "instance_start_time": "0"})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def html(status: int) -> web.Response:
    return web.Response(status=status, text="<html>Sign in to the network</html>", content_type="text/html")


class TestServersThatAreNoHub:
    @pytest.fixture(autouse=True)
    def a_record(self, store: RecordStore) -> None:
        store.append(hazard())

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 500, 502, 503])
    async def test_a_page_instead_of_an_answer_says_nothing_about_the_records(
        self, store, remote, server, status: int
    ) -> None:
        server.answers["*"] = html(status)
        with pytest.raises(Unreachable):
            await Replicator(store, remote(url=server.url), push=True, pull=True).run_once()
        assert states(store) == {"saved": 1}

    @pytest.mark.parametrize("status", [200, 202, 400, 404, 502])
    async def test_a_page_in_answer_to_the_records_parks_none(self, store, remote, server, status: int) -> None:
        server.answers["_bulk_docs"] = html(status)
        with pytest.raises(Unreachable):
            await Replicator(store, remote(url=server.url), push=True, pull=False).run_once()
        assert states(store) == {"saved": 1}

    async def test_half_an_answer_is_no_answer(self, store, remote, server) -> None:
        server.answers["_bulk_docs"] = web.Response(status=201, text='[{"id":"a"', content_type="application/json")
        with pytest.raises(Unreachable):
            await Replicator(store, remote(url=server.url), push=True, pull=False).run_once()
        assert states(store) == {"saved": 1}


class TestRefusedDocuments:
    """What CouchDB 3.5 answered when a guard refused one document of several."""

    async def test_one_forbidden_inside_a_201_is_parked_and_the_others_are_sent(self, store, remote, server) -> None:
        for _ in range(3):
            store.append(hazard())
        bad = store.records()[1].id
        refusal = [{"id": bad, "rev": "1-a", "error": "forbidden", "reason": "no"}]
        server.answers["_bulk_docs"] = web.json_response(refusal, status=201)
        result = await Replicator(store, remote(url=server.url), push=True, pull=False).run_once()
        assert result.parked == (bad,)
        assert states(store) == {"sent": 2, "refused": 1}
        assert store.record(bad).code == "forbidden"

    async def test_a_passing_failure_inside_a_201_is_tried_again(self, store, remote, server) -> None:
        store.append(hazard())
        failure = [{"id": store.records()[0].id, "error": "internal_server_error", "reason": "timeout"}]
        server.answers["_bulk_docs"] = web.json_response(failure, status=201)
        with pytest.raises(Unreachable):
            await Replicator(store, remote(url=server.url), push=True, pull=False).run_once()
        assert states(store) == {"saved": 1}
        server.answers["_bulk_docs"] = web.json_response([], status=201)
        await Replicator(store, remote(url=server.url), push=True, pull=False).run_once()
        assert states(store) == {"sent": 1}

    async def test_a_batch_refused_as_a_whole_is_taken_apart_to_the_culprit(self, store, remote, server) -> None:
        for _ in range(8):
            store.append(hazard())
        too_large = {"error": "document_too_large", "reason": "x"}
        server.answers["_bulk_docs"] = web.json_response(too_large, status=413)
        result = await Replicator(store, remote(url=server.url), push=True, pull=False).run_once()
        assert len(result.parked) == 8
        assert len(server.bodies) == 8 + 4 + 2 + 1

    async def test_bodies_travel_packed(self, store, remote, server) -> None:
        store.append(hazard(note="远" * 1500))
        server.answers["_bulk_docs"] = web.json_response([], status=201)
        await Replicator(store, remote(url=server.url), push=True, pull=False).run_once()
        assert states(store) == {"sent": 1}


class TestUnfitDocuments:
    async def test_a_document_of_no_use_does_not_keep_the_others_from_coming(self, hub, tmp_path: Path, remote) -> None:
        """Written by another program: its history cannot be merged here."""
        hub.put(USER, "task.patrol:1", title="一")
        hub.put(USER, "task.patrol:2", title="二")
        store = RecordStore.open(tmp_path / "p.db")
        write = store.write

        def refuse_one(documents: object) -> None:
            chosen = list(documents)
            if any(document.id == "task.patrol:1" for document in chosen):
                raise BadRequest("Invalid _revisions")
            write(chosen)

        store.write = refuse_one
        result = await Replicator(store, remote(), push=False, pull=True).run_once()
        assert result.skipped == ("task.patrol:1",)
        assert [document.id for document in store.list()] == ["task.patrol:2"]
        store.close()


class TestConcurrentReplicators:
    async def test_two_phones_of_one_worker_do_not_disturb_each_other(self, hub, tmp_path: Path, remote) -> None:
        phones = [RecordStore.open(tmp_path / f"{n}.db") for n in range(2)]
        for phone in phones:
            for _ in range(20):
                phone.append(hazard())
        await asyncio.gather(*(Replicator(p, remote(), push=True, pull=True).run_once() for p in phones))
        for phone in phones:
            await Replicator(phone, remote(), push=True, pull=True).run_once()
        assert phones[0].info().doc_count == phones[1].info().doc_count == len(hub.ids(USER)) == 40
        for phone in phones:
            phone.close()

    async def test_two_replicators_of_one_store_lose_nothing(self, hub, store, remote) -> None:
        for _ in range(20):
            store.append(hazard())
        store.put("draft", body(n=1))
        runs = (Replicator(store, remote(), push=True, pull=True, batch_bytes=3_000).run_once() for _ in range(2))
        await asyncio.gather(*runs, return_exceptions=True)
        await Replicator(store, remote(), push=True, pull=True).run_once()
        assert states(store) == {"sent": 20}
        assert len(hub.ids(USER)) == 20
