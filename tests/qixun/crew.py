"""People of one company on a running server, who speak to it over HTTP alone: the office, and phones at the hub."""

import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import requests

from sync.documents.envelope import Record
from tests.factories import records
from tests.qixun.command import Server
from tests.qixun.conftest import ADMINISTRATOR, PASSWORD

T = TypeVar("T")
_ANSWER_S = 30


def until(find: Callable[[], T | None], seconds: float = 30.0) -> T:
    """What is found once it is there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not there after {seconds} s")


class Person:
    """Signed in; with a phone, his databases in the hub are there."""

    def __init__(self, server: Server, number: str, password: str = PASSWORD, *, phone: bool = False) -> None:
        self.server, self.number, self.record_number = server, number, 0
        self.device_id = uuid.uuid4().hex if phone else ""
        device = {"device_id": self.device_id, "name": "手机"} if phone else None
        answer = self.ask(
            "POST", "/api/sign-in", json={"staff_number": number, "password": password, "device": device}, token=""
        )
        assert answer.status_code == 200, answer.text
        self.signed_in = answer.json()
        self.staff_id = self.signed_in["staff"]["staff_id"]
        if phone:
            self.user, self.media = (self.signed_in["databases"][kind][0] for kind in ("user", "media"))
            for database in (self.user, self.media):
                until(lambda name=database: self.hub("GET", name).status_code == 200)

    def ask(self, method: str, path: str, *, token: str | None = None, **options: Any) -> requests.Response:
        bearer = self.signed_in["access_token"] if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        headers |= options.pop("headers", {})
        return requests.request(method, self.server.url + path, headers=headers, timeout=_ANSWER_S, **options)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def hub(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.ask(method, f"/sync/{path}", **options)

    def hazard(self, **fields: Any) -> Record:
        return records.hazard(**self.envelope(), **fields)

    def photo(self, picture: bytes, record_id: str) -> Record:
        return records.photo(picture, record_id, **self.envelope())

    def envelope(self) -> dict[str, Any]:
        self.record_number += 1
        return {
            "staff_id": self.staff_id,
            "unit_id": self.signed_in["units"][0]["unit_id"],
            "device_id": self.device_id,
            "record_number": self.record_number,
        }

    def push(self, database: str, *documents: dict[str, Any]) -> None:
        """As the phone's replicator does: revisions made elsewhere."""
        answer = self.hub("POST", f"{database}/_bulk_docs", json={"new_edits": False, "docs": list(documents)})
        assert answer.status_code == 201, answer.text

    def ids(self, database: str) -> set[str]:
        """What lies in the hub, but for what the backend wrote."""
        rows = self.hub("GET", f"{database}/_all_docs").json()["rows"]
        return {row["id"] for row in rows if not row["id"].startswith(("receipt:", "membership:"))}

    def answers(self) -> dict[str, dict[str, Any]]:
        """The receipts' last word on each record."""
        rows = self.hub("GET", f"{self.user}/_all_docs", params={"include_docs": "true"}).json()["rows"]
        receipts = [row["doc"] for row in rows if row["id"].startswith("receipt:")]
        receipts.sort(key=lambda receipt: receipt["issued_at"])
        return {entry["record_id"]: entry for receipt in receipts for entry in receipt["entries"]}

    def answer_to(self, doc_id: str) -> dict[str, Any]:
        return until(lambda: self.answers().get(doc_id))


class Crew:
    """A dispatcher and a network engineer in the office, Li and Wang in the field, all of one unit."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.admin = Person(server, ADMINISTRATOR)
        organisations = self.admin.get("/api/organisations")
        (self.unit_id,) = (each["id"] for each in organisations if each["kind"] == "unit")
        self.office = Person(server, self._hire("演示-赵调度", "dispatcher"))
        self.engineer = Person(server, self._hire("演示-管网", "network_engineer"))
        self.li = Person(server, self._hire("演示-李巡检", "inspector"), phone=True)
        self.wang = Person(server, self._hire("演示-王送气", "driver"), phone=True)

    def _hire(self, name: str, role: str) -> str:
        number = f"N{uuid.uuid4().hex[:8]}"
        staff = {"staff_number": number, "name": name, "organisation_id": self.unit_id, "password": PASSWORD}
        made = self.admin.ask("POST", "/api/staff", json=staff | {"unit_ids": [self.unit_id]})
        assert made.status_code == 201, made.text
        grant = {"organisation_id": self.unit_id, "role": role}
        granted = self.admin.ask("POST", f"/api/staff/{made.json()['id']}/grants", json=grant)
        assert granted.status_code in {200, 201, 204}, granted.text
        return number

    def held(self, doc_id: str) -> list[dict[str, Any]]:
        """What the office finds in quarantine of this document."""
        items = self.office.get("/api/quarantine", limit=200)["items"]
        return [item for item in items if item["doc_id"] == doc_id]

    def hazards(self) -> dict[str, dict[str, Any]]:
        items = self.office.get("/api/hazards", limit=200)["items"]
        assert len({item["id"] for item in items}) == len(items)
        return {item["id"]: item for item in items}
