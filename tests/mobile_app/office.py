"""The office as a phone sees it: the real hub in its own process, behind a network that can be cut, and the few calls
of the API that a sync needs. What the office writes is signed with its key.
"""

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web

from qixun.demo.cable import Cable
from sync.databases import media_database, unit_database, user_database
from sync.documents.envelope import BackendDocument
from sync.documents.receipts import Receipt, ReceiptEntry
from tests.mobile_app.phones import DEVICE_ID, KEY_ID, NOW, NUMBER, PASSWORD, PEM, STAFF_ID, UNIT_ID, signed
from tests.sync.replication.hubs import HubProcess, bearer, free_port

USER, MEDIA, UNIT = user_database(STAFF_ID, NOW), media_database(STAFF_ID, NOW), unit_database(UNIT_ID)


class Office:
    def __init__(self, hub: HubProcess) -> None:
        self.hub = hub
        self.network = Cable("127.0.0.1", hub.port)
        self.api_network = Cable("127.0.0.1", port := free_port())
        self._port = port
        self._runner: web.AppRunner | None = None
        self.refresh_tokens = {"r1"}
        self.failing = False
        self.roles = [f"device:{DEVICE_ID}", f"unit:{UNIT_ID}"]
        self.units = [UNIT]
        self.device_id = DEVICE_ID
        self.statuses: list[dict[str, Any]] = []
        self.server_time = datetime.now(UTC)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_network.port}"

    async def start(self) -> None:
        for name, role in ((USER, f"device:{DEVICE_ID}"), (MEDIA, f"device:{DEVICE_ID}"), (UNIT, f"unit:{UNIT_ID}")):
            self.hub.create(name, role)
        app = web.Application()
        app.router.add_post("/api/sign-in", self._sign_in)
        app.router.add_post("/api/refresh", self._refresh)
        app.router.add_post("/api/sign-out", self._sign_out)
        app.router.add_post("/api/devices/status", self._status)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        await self.restore()

    async def stop(self) -> None:
        await self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
        for name in self.hub.ask("GET", "_all_dbs"):
            self.hub.ask("DELETE", name)

    async def cut(self) -> None:
        await self.network.cut()
        await self.api_network.cut()

    async def restore(self) -> None:
        await self.network.restore()
        await self.api_network.restore()

    # What the office writes

    def post(self, database: str, document: BackendDocument, *, forged: bool = False) -> None:
        doc_id, body = signed(document)
        fields = msgspec.json.decode(body)
        if forged:
            fields["signature"] = fields["signature"][:-4] + "AAAA"
        found = self.hub.ask("POST", f"{database}/_all_docs", json={"keys": [doc_id]})["rows"][0]
        rev = {"_rev": found["value"]["rev"]} if "value" in found else {}
        self.hub.ask("PUT", f"{database}/{doc_id}", json=fields | rev)

    def receipt(self, state: Any = "accepted", *, forged: bool = False, **words: str) -> None:
        """For every record and photo that the hub holds."""
        entries = [
            ReceiptEntry(record_id=doc_id, rev=revs[0], state=state, **words)
            for name in (USER, MEDIA)
            for doc_id, revs in self.hub.revisions(name).items()
            if not doc_id.startswith(("task.", "receipt:", "membership:"))
        ]
        receipt = Receipt(
            id=f"receipt:{uuid.uuid4()}", device_id=self.device_id, issued_at=datetime.now(UTC), entries=tuple(entries)
        )
        self.post(USER, receipt, forged=forged)

    # The calls

    def _signed_in(self) -> web.Response:
        token = f"r{time.monotonic_ns()}"
        self.refresh_tokens.add(token)
        return web.json_response(
            {
                "access_token": bearer(*self.roles),
                "expires_at": (self.server_time + timedelta(minutes=10)).isoformat(),
                "refresh_token": token,
                "server_time": self.server_time.isoformat(),
                "staff": {
                    "staff_id": STAFF_ID,
                    "staff_number": NUMBER,
                    "name": "演示-李巡检",
                    "company_id": "c",
                    "company_name": "松河演示燃气有限公司",
                    "roles": [],
                },
                "units": [{"unit_id": UNIT_ID, "name": "东门供应站", "kind": "station"}],
                "hub_url": f"http://127.0.0.1:{self.network.port}/sync/",
                "databases": {"user": [USER], "media": [MEDIA], "units": self.units},
                "signing_keys": {KEY_ID: PEM},
            }
        )

    async def _sign_in(self, request: web.Request) -> web.Response:
        if self.failing:
            return web.Response(status=500)
        asked = await request.json()
        if (asked["staff_number"], asked["password"]) != (NUMBER, PASSWORD):
            return _problem("sign_in.wrong_password", "工号或密码不对")
        self.device_id = asked["device"]["device_id"]
        return self._signed_in()

    async def _refresh(self, request: web.Request) -> web.Response:
        token = (await request.json())["refresh_token"]
        if token not in self.refresh_tokens:
            return _problem("sign_in.expired", "登录已过期")
        self.refresh_tokens.discard(token)
        return self._signed_in()

    async def _sign_out(self, _request: web.Request) -> web.Response:
        self.refresh_tokens.clear()
        return web.Response(status=204)

    async def _status(self, request: web.Request) -> web.Response:
        self.statuses.append(await request.json())
        return web.json_response({"server_time": datetime.now(UTC).isoformat()})


def _problem(code: str, detail: str) -> web.Response:
    body = {"type": "about:blank", "title": "Unauthorized", "status": 401, "code": code, "detail": detail}
    return web.json_response(body, status=401, content_type="application/problem+json")
