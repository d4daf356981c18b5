"""A lost phone, a stolen key and a worker who was moved, on the server as it runs: shut out at once, nothing lost."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import jwt
import pytest
import requests

from backend.accounts.keys import SigningKeys
from backend.accounts.service.tokens import issue_access_token
from backend.cluster import Cluster
from mobile_app.hazards.work import report_hazard
from mobile_app.phone import Phone
from mobile_app.syncing import Syncing
from sync.databases import unit_database
from tests.factories import records
from tests.qixun.command import Command, Server, sentence
from tests.qixun.conftest import PASSWORD, copy, drop
from tests.qixun.crew import Crew, Person, until

_ENDS_S = 60


@pytest.fixture(scope="module")
def command(cluster: Cluster, founded: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    made = copy(cluster, founded, tmp_path_factory.mktemp("lost"))
    yield made
    drop(cluster, made.database_url.rpartition("/")[2])


@pytest.fixture(scope="module")
def crew(command: Command) -> Iterator[Crew]:
    running = Server(command)
    try:
        running.wait_until_ready()
        yield Crew(running)
    finally:
        running.stop()


class OpenFeed:
    """A continuous feed that somebody reads for as long as the hub gives it."""

    def __init__(self, person: Person, database: str, *, token: str = "") -> None:
        self._url = f"{person.server.url}/sync/{database}/_changes"
        self._token = token or person.signed_in["access_token"]
        self.began, self.ended = threading.Event(), threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        assert self.began.wait(_ENDS_S)

    def _read(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        asked = {"feed": "continuous", "heartbeat": "200"}
        with requests.get(self._url, headers=headers, params=asked, stream=True, timeout=_ENDS_S) as answer:
            assert answer.status_code == 200
            self.began.set()
            for _ in answer.iter_content(1):
                pass
        self.ended.set()


class TestLostPhone:
    def test_it_neither_pulls_nor_pushes_and_the_other_phone_works_on(self, crew: Crew) -> None:
        lost, kept = crew.li, Person(crew.server, crew.li.number, phone=True)
        until(lambda: kept.hub("GET", kept.user).status_code == 200)
        feeds = [OpenFeed(lost, lost.user), OpenFeed(lost, lost.media)]
        others = OpenFeed(kept, kept.user)
        assert crew.admin.ask("POST", f"/api/devices/{lost.device_id}/revoke").status_code == 204
        assert all(feed.ended.wait(_ENDS_S) for feed in feeds)
        for database in (lost.user, lost.media):
            assert lost.hub("GET", f"{database}/_changes").status_code == 403
            pushed = {"new_edits": False, "docs": [records.document(lost.hazard())]}
            assert lost.hub("POST", f"{database}/_bulk_docs", json=pushed).status_code == 403
        again = {"refresh_token": lost.signed_in["refresh_token"], "device_id": lost.device_id}
        assert lost.ask("POST", "/api/refresh", json=again, token="").status_code == 401
        assert lost.ask("GET", "/api/me").status_code == 401
        assert not others.ended.is_set()
        hazard = kept.hazard()
        kept.push(kept.user, records.document(hazard))
        assert kept.answer_to(hazard.id)["state"] == "accepted"

    def test_a_unit_it_may_read_until_its_token_ends(self, crew: Crew) -> None:
        """With a token that lives for three seconds instead of ten minutes: then nothing is open to it."""
        unit = unit_database(crew.unit_id)
        token, _ = issue_access_token(
            SigningKeys(crew.server.log.parent / "keys"),
            subject=crew.wang.staff_id,
            organisation_id=crew.unit_id,
            lifetime_s=3,
            device_id=crew.wang.device_id,
            unit_ids=[crew.unit_id],
        )
        assert OpenFeed(crew.wang, unit, token=token).ended.wait(_ENDS_S)
        assert crew.wang.hub("GET", f"{unit}/_changes", token=token).status_code == 401


class TestKeys:
    def test_a_new_key_is_shown_to_phones_before_it_signs(self, crew: Crew, command: Command) -> None:
        done = command("rotate-key")
        assert done.returncode == 0, done.stderr
        key_id = done.stdout.split()[0]
        until(lambda: key_id in crew.wang.get("/api/signing-keys"))
        fresh = Person(crew.server, crew.wang.number)
        assert jwt.get_unverified_header(fresh.signed_in["access_token"])["kid"] != key_id

    def test_a_stolen_one_opens_nothing_and_phones_go_on_by_themselves(self, crew: Crew, command: Command) -> None:
        wang = Person(crew.server, crew.wang.number, phone=True)
        hazard = wang.hazard()
        wang.push(wang.user, records.document(hazard))
        wang.answer_to(hazard.id)
        done = command("rotate-key", "--stolen")
        assert done.returncode == 0, done.stderr
        until(lambda: wang.ask("GET", "/api/me").status_code == 401)
        until(lambda: wang.hub("GET", wang.user).status_code == 401)
        renewed = {"refresh_token": wang.signed_in["refresh_token"], "device_id": wang.device_id}
        wang.signed_in = wang.ask("POST", "/api/refresh", json=renewed, token="").json()
        assert set(wang.signed_in["signing_keys"]) == {done.stdout.split()[0]}
        further = wang.hazard()
        wang.push(wang.user, records.document(further))
        assert wang.answer_to(further.id)["state"] == "accepted"
        for person in (crew.admin, crew.office):
            person.signed_in = Person(crew.server, person.number).signed_in
        assert not crew.held(hazard.id)


class TestHubCommands:
    def test_hub_and_postgis_are_compared_and_listed(self, crew: Crew, command: Command) -> None:
        here = {"QIXUN_PORT": str(crew.server.port)}
        done = command("compare-hub", **here)
        assert done.returncode == 0, done.stderr
        assert crew.wang.user in done.stdout

    def test_an_archive_that_is_not_there_is_one_sentence(self, crew: Crew, command: Command) -> None:
        done = command("restore-archive", crew.wang.user, QIXUN_COUCHDB_URL="http://a:b@127.0.0.1:9")
        assert done.returncode == 1
        assert "没有这个库的归档" in sentence(done)


class TestMovedWorker:
    @pytest.fixture
    async def phone(self, crew: Crew, tmp_path: Path) -> AsyncIterator[Phone]:
        """Wang's further phone, synchronised, with a record of the old unit that nobody has but it."""
        opened = await Phone.open(tmp_path, crew.server.url)
        await opened.sign_in(crew.wang.number, PASSWORD)
        await self.settle(opened, until_units={crew.unit_id})
        await report_hazard(opened, hazard_type="corrosion")
        yield opened
        await opened.close()

    async def settle(self, phone: Phone, *, until_units: set[str]) -> None:
        async with asyncio.timeout(_ENDS_S):
            while True:
                await Syncing(phone).sync_now()
                if set(phone.stores.unit_ids()) == until_units:
                    return
                await asyncio.sleep(0.1)

    async def test_the_old_units_data_go_and_his_unsent_records_arrive(self, crew: Crew, phone: Phone) -> None:
        (company,) = (o["id"] for o in crew.admin.get("/api/organisations") if o["kind"] == "company")
        named = {"parent_id": company, "kind": "unit", "name": f"巡线{uuid.uuid4().hex[:6]}班"}
        new = crew.admin.ask("POST", "/api/organisations", json=named).json()["id"]
        moved = crew.admin.ask("PUT", f"/api/staff/{crew.wang.staff_id}/units", json={"unit_ids": [new]})
        assert moved.status_code == 204
        await self.settle(phone, until_units={new})
        async with asyncio.timeout(_ENDS_S):
            while (await phone.counts())["accepted"] < 1:
                await Syncing(phone).sync_now()
                await asyncio.sleep(0.1)
        (line,) = await phone.records()
        assert line.id in crew.hazards()
        token = await phone.session.token()
        roles = jwt.decode(token, options={"verify_signature": False})["_couchdb.roles"]
        assert set(roles) == {f"device:{phone.device_id}", f"unit:{new}"}
        assert crew.wang.hub("GET", unit_database(crew.unit_id), token=token).status_code == 403
        assert crew.wang.hub("GET", unit_database(new), token=token).status_code == 200
