"""Hubs that QIXUN_COUCHDB_URL may name: our own, served by itself; the same behind what only Apache CouchDB answers;
and a real CouchDB where the environment names one.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import jwt
import requests
from aiohttp import web

from tests.sync.replication.hubs import ADMIN, free_port

HERE = Path(__file__).parent
REAL = os.environ.get("QIXUN_COUCHDB_URL", "")
_START_S = 30
# CouchDB's `max_db_number_for_dbs_info_req`.
_INFOS_AT_MOST = 100
# What CouchDB calls itself where it is no cluster.
NODE = "nonode@nohost"
_ONE_LINE = re.compile(r"-----BEGIN PUBLIC KEY-----\\n[^\n]+\\n-----END PUBLIC KEY-----")


class ServedHub:
    """Our own hub as a process of its own, at the root of its address as CouchDB is."""

    def __init__(self, folder: Path, keys: Path) -> None:
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        self.url = self.root.replace("://", "://admin:adminpw@")
        command = [sys.executable, str(HERE / "served_hub.py"), str(folder / "hub"), str(port), str(keys)]
        self._process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HERE.parents[2])})
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                requests.get(f"{self.root}/_up", timeout=1).raise_for_status()
            except requests.ConnectionError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise TimeoutError("the hub did not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


# What CouchDB 3.5 documents of each request that the backend makes: method, path, query, and the body's check.
_DB = r"/(?P<db>(user|media)_[a-z0-9]+_\d{4}[1-4]|unit_[a-z0-9]+)"
_DOCUMENTED: tuple[tuple[str, str, set[str], type[Any] | None], ...] = (
    ("GET", r"/_membership", set(), None),
    ("GET", r"/_node/[^/]+/_config/jwt_keys", set(), None),
    ("PUT", r"/_node/[^/]+/_config/jwt_keys/ec:[0-9a-f]{32}", set(), str),
    ("DELETE", r"/_node/[^/]+/_config/jwt_keys/ec:[0-9a-f]{32}", set(), None),
    ("PUT", r"/_global_changes", set(), None),
    ("GET", r"/_db_updates", {"since", "feed", "timeout"}, None),
    ("GET", r"/_all_dbs", set(), None),
    ("POST", r"/_dbs_info", set(), dict),
    ("PUT", _DB, {"q"}, None),
    ("DELETE", _DB, set(), None),
    ("PUT", _DB + r"/_security", set(), dict),
    ("PUT", _DB + r"/_revs_limit", set(), int),
    ("PUT", _DB + r"/_design/guard", set(), dict),
    ("GET", _DB + r"/_changes", {"style", "since", "limit", "include_docs"}, None),
    ("POST", _DB + r"/_bulk_get", {"revs", "attachments"}, dict),
    ("POST", _DB + r"/_bulk_docs", set(), dict),
    ("POST", _DB + r"/_all_docs", {"include_docs"}, dict),
    ("GET", _DB + r"/_local/intake", set(), None),
    ("PUT", _DB + r"/_local/intake", set(), dict),
    ("GET", _DB + r"/[a-z.]+(:|%3A)[^/]+(/[^/]+)?", {"rev"}, None),
)


class AsCouchDB:
    """Answers what our hub has not (`_membership`, `_node`, `_global_changes`) in CouchDB 3.5's words, checks phones'
    tokens by the keys in its own configuration, and passes the rest on. Each of the administrator's requests must be
    one that CouchDB documents; `strange` names the others.
    """

    def __init__(
        self, hub: ServedHub, *, nodes: tuple[str, ...] = ("nonode@nohost",), keeps_updates: bool = True
    ) -> None:
        self.hub = hub
        self.keys: dict[str, dict[str, str]] = {node: {} for node in nodes}
        self.has_updates = False
        self.keeps_updates = keeps_updates
        self.asked: list[tuple[str, str]] = []
        self.strange: list[str] = []
        self.root = self.url = ""
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.root = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = self.root.replace("://", "://admin:adminpw@")
        self._http = aiohttp.ClientSession(auto_decompress=False)

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, body = request.raw_path.partition("?")[0], await request.read()
        if request.headers.get("Authorization", "").startswith("Bearer "):
            if fault := self._token_fault(request.headers["Authorization"].removeprefix("Bearer ")):
                return _error(401, "unauthorized", fault)
            return await self._pass_on(request, body)
        if request.headers.get("Authorization") != aiohttp.encode_basic_auth(*ADMIN):
            return _error(401, "unauthorized", "You are not a server admin.")
        self.asked.append((request.method, path))
        if fault := await _undocumented(request, path):
            self.strange.append(f"{request.method} {request.raw_path}: {fault}")
        return await self._administer(request, path) or await self._pass_on(request, body)

    async def _administer(self, request: web.Request, path: str) -> web.Response | None:
        """What only CouchDB has; None for the rest."""
        if path.startswith("/_node/"):
            return await self._configuration(request, path)
        if path == "/_membership":
            return web.json_response({"all_nodes": list(self.keys), "cluster_nodes": list(self.keys)})
        if path == "/_global_changes":
            return self._global_changes()
        if path == "/_db_updates" and not self.has_updates:
            return _error(404, "not_found", "Database does not exist.")
        return None

    def _global_changes(self) -> web.Response:
        if not self.keeps_updates:
            return _error(403, "forbidden", "You are not allowed to access this db.")
        if self.has_updates:
            return _error(412, "file_exists", "The database could not be created, the file already exists.")
        self.has_updates = True
        return web.json_response({"ok": True}, status=201)

    async def _configuration(self, request: web.Request, path: str) -> web.Response:
        _, _, node, _, section, *key = path.split("/")
        node = next(iter(self.keys)) if node == "_local" else node
        if node not in self.keys:
            return _error(404, "not_found", f"no such node: {node}")
        there = self.keys[node]
        if request.method == "GET":
            return web.json_response(there if section == "jwt_keys" else {})
        if request.method == "DELETE" and key[0] not in there:
            return _error(404, "not_found", "unknown_config_value")
        before = there.pop(key[0], "")
        if request.method == "PUT":
            there[key[0]] = await request.json()
        return web.json_response(before)

    def _token_fault(self, token: str) -> str:
        try:
            kid = jwt.get_unverified_header(token)["kid"]
            lines = {keys.get(f"ec:{kid}", "") for keys in self.keys.values()}
            if "" in lines:
                return f"Key id {kid} is not known"
            jwt.decode(token, lines.pop().replace("\\n", "\n"), algorithms=["ES256"], options={"require": ["exp"]})
        except jwt.ExpiredSignatureError:
            return "exp not in future"
        except jwt.InvalidTokenError as error:
            return str(error)
        return ""

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        assert self._http is not None
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {"host", "content-length"}}
        async with self._http.request(
            request.method, self.hub.root + request.raw_path, data=body or None, headers=headers
        ) as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() in {"content-type", "content-encoding"}}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


async def _undocumented(request: web.Request, path: str) -> str:
    for method, pattern, query, kind in _DOCUMENTED:
        if method == request.method and re.fullmatch(pattern, path):
            if unknown := set(request.query) - query:
                return f"unknown query {sorted(unknown)}"
            if kind is None:
                return ""
            if request.content_type != "application/json":
                return f"content type {request.content_type}"
            body = await request.json()
            return _fault(path, body) if isinstance(body, kind) else f"body is {type(body).__name__}"
    return "not a documented request"


def _fault(path: str, body: Any) -> str:
    if path == "/_dbs_info" and not 0 < len(body["keys"]) <= _INFOS_AT_MOST:
        return f"{len(body['keys'])} keys"
    if path.endswith("/_security"):
        shape = {name: sorted(group) for name, group in body.items()}
        return "" if shape == {"admins": ["names", "roles"], "members": ["names", "roles"]} else f"security {body}"
    if "/jwt_keys/" in path and not re.fullmatch(
        r"-----BEGIN PUBLIC KEY-----\\n[^\n]+\\n-----END PUBLIC KEY-----", body
    ):
        return "the key is not one line"
    return ""


def _error(status: int, error: str, reason: str) -> web.Response:
    return web.json_response({"error": error, "reason": reason}, status=status)


class RealCouchDB:
    """An Apache CouchDB that somebody runs, with its administrator in the address."""

    def __init__(self) -> None:
        parts = urlsplit(REAL)
        self.url = REAL.rstrip("/")
        self.root = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def ask(url: str, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
    """As the administrator in the address, or as who `headers` say; the status and what was answered."""
    parts = urlsplit(url)
    root = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    auth = None if headers else (parts.username or "", parts.password or "")
    said = {"Accept": "application/json", **(headers or {})}
    answer = requests.request(method, f"{root}/{path}", auth=auth, headers=said, timeout=30, **options)
    return answer.status_code, answer.json()
