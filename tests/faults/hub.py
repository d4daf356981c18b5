"""The hub on its own, in the place of Apache CouchDB: the backend reaches it by QIXUN_COUCHDB_URL.

It keeps what CouchDB keeps in its configuration (the public keys that check the phones' tokens) beside its data, so
that a hub restored from an old copy of its data still knows them, as CouchDB does.
"""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn

from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub

ADMIN = ("admin", "faults")
_CONFIG = "/_node/_local/_config"
_KEY = "ec:"


class Configuration:
    """CouchDB's `_node/_local/_config`, which the embedded hub has no need of."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}

    def keys(self) -> Mapping[str, str]:
        found = self._values.get("jwt_keys", {})
        return {name.removeprefix(_KEY): value.replace("\\n", "\n") for name, value in found.items()}

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        section, _, key = path.removeprefix(_CONFIG).strip("/").partition("/")
        values = self._values.setdefault(section, {}) if section else {}
        if not section:
            return 200, self._values
        if not key:
            return 200, values
        before = values.get(key)
        if method == "PUT":
            values[key] = json.loads(body)
        elif before is None:
            return 404, {"error": "not_found", "reason": "unknown_config_value"}
        elif method == "DELETE":
            del values[key]
        if method != "GET":
            self._path.write_text(json.dumps(self._values))
        return 200, before or ""


def main(control: socket.socket, data: str, port: int) -> None:
    configuration = Configuration(Path(f"{data}.config"))
    hub = Hub(Path(data), ADMIN, configuration.keys)
    inner = hub_app(hub, "/sync")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "").removeprefix("/sync")
        if scope["type"] != "http" or not path.startswith(_CONFIG):
            await inner(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, answer = configuration.answer(scope["method"], path, body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode() + b"\n"})

    control.close()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws="none")
