"""What is asked of the hub as a whole: `/`, `/_all_dbs`, `/_session`, ..."""

import uuid
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from sync.endpoint.access import SESSION_SECONDS
from sync.endpoint.databases import database_info
from sync.endpoint.hub import Hub
from sync.endpoint.messages import Request, Response, answer
from sync.errors import BadRequest, NotAllowed, NotFound, NotImplementedHere

FOR_EVERYONE = frozenset({"_up", "_session", "_uuids"})
# CouchDB's own ceilings for one request.
UUIDS_AT_ONCE = 1000
NAMES_AT_ONCE = 100_000


class Keys(Struct):
    keys: list[str]


class Credentials(Struct):
    name: str
    password: str


def handle(hub: Hub, request: Request) -> Response:
    name = request.parts[0] if request.parts else ""
    handler = _HANDLERS.get(name)
    if handler is None or len(request.parts) > 1:
        raise NotImplementedHere(f"/{'/'.join(request.parts)} is not part of the embedded hub.")
    methods, function = handler
    if request.method not in methods:
        raise NotAllowed(f"Only {','.join(sorted(methods))} allowed")
    response: Response = function(hub, request)
    return response


def _welcome(hub: Hub, _request: Request) -> Response:
    vendor = {"name": "Qixun embedded hub"}
    said = {"couchdb": "Welcome", "version": "3.5.0", "git_sha": "11f0d36", "uuid": hub.uuid, "features": ["jwt"]}
    return answer({**said, "vendor": vendor})


def _up(_hub: Hub, _request: Request) -> Response:
    return answer({"status": "ok", "seeds": {}})


def _uuids(_hub: Hub, request: Request) -> Response:
    count = request.number("count")
    if count is not None and count > UUIDS_AT_ONCE:
        raise BadRequest(f"count parameter too large, max is {UUIDS_AT_ONCE}")
    uuids = [uuid.uuid4().hex for _ in range(1 if count is None else count)]
    return answer({"uuids": uuids}, cache_control="must-revalidate, no-cache")


def _all_dbs(hub: Hub, request: Request) -> Response:
    return answer(_names(hub, request))


def _names(hub: Hub, request: Request) -> list[str]:
    query = request.query
    start = request.json_query("startkey" if "startkey" in query else "start_key", str)
    end = request.json_query("endkey" if "endkey" in query else "end_key", str)
    names = [name for name in hub.list_databases() if (start is None or name >= start) and (end is None or name <= end)]
    if request.flag("descending"):
        names.reverse()
    skip = request.number("skip") or 0
    limit = request.number("limit")
    return names[skip : None if limit is None else skip + limit]


def _dbs_info(hub: Hub, request: Request) -> Response:
    keys = _names(hub, request) if request.method == "GET" else request.json(Keys).keys
    if len(keys) > NAMES_AT_ONCE:
        raise BadRequest(f"`keys` exceeds the maximum of {NAMES_AT_ONCE}")
    return answer([_one_info(hub, name) for name in keys])


def _one_info(hub: Hub, name: str) -> dict[str, Any]:
    try:
        return {"key": name, "info": database_info(hub.store(name), name)}
    except (NotFound, BadRequest):
        return {"key": name, "error": "not_found"}


def _session(hub: Hub, request: Request) -> Response:
    if request.method == "DELETE":
        return answer({"ok": True}, set_cookie="AuthSession=; Version=1; Path=/; HttpOnly; Max-Age=0")
    if request.method == "POST":
        return _sign_in(hub, request)
    who = request.principal
    info: dict[str, Any] = {"authentication_handlers": ["jwt", "cookie", "default"]}
    if who.name is not None:
        info["authenticated"] = who.how
    return answer({"ok": True, "userCtx": {"name": who.name, "roles": who.roles}, "info": info})


def _sign_in(hub: Hub, request: Request) -> Response:
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        given = Credentials(form.get("name", ""), form.get("password", ""))
    else:
        given = request.json(Credentials)
    who = hub.gate.sign_in(given.name, given.password)
    secure = "; Secure" if request.base.startswith("https:") else ""
    cookie = f"AuthSession={hub.gate.cookie(who)}; Version=1; Max-Age={SESSION_SECONDS}; Path=/; HttpOnly"
    return answer({"ok": True, "name": who.name, "roles": who.roles}, set_cookie=f"{cookie}; SameSite=Strict{secure}")


_READ = frozenset({"GET", "HEAD"})
_HANDLERS = {
    "": (_READ, _welcome),
    "_up": (_READ, _up),
    "_uuids": (_READ, _uuids),
    "_all_dbs": (_READ, _all_dbs),
    "_dbs_info": (_READ | {"POST"}, _dbs_info),
    "_session": (_READ | {"POST", "DELETE"}, _session),
}
