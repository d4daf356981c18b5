"""The CouchDB HTTP API as an ASGI application: who asks, may they, which handler, and what went wrong.

A raw ASGI application, since a hub speaks in streams, multipart messages and encoded slashes, which a web
framework's routes only hinder. Handlers are ordinary functions that run in a thread; only feeds are async.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable

import msgspec

from sync.endpoint import databases, documents, feeds, server
from sync.endpoint.access import ANONYMOUS, INTAKE, UNIT_PREFIX, Principal, require_server_admin, writes
from sync.endpoint.hub import Hub
from sync.endpoint.messages import (
    Disconnected,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    drain,
    packed,
    read_body,
    read_head,
    refusal,
    send_response,
)
from sync.endpoint.users import USERS
from sync.errors import BadRequest, Forbidden, NotFound, StoreError, SyncError, Unauthorized

_log = logging.getLogger(__name__)

# Answered to anyone, as CouchDB does: they tell nothing but that the hub is there.
_OPEN = frozenset({"_up", "_session"})


def hub_app(hub: Hub, prefix: str = "/sync") -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The hub's ASGI application, to be mounted under the prefix (or served alone, with either path)."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        head = scope["method"] == "HEAD"
        try:
            request = read_head(scope, prefix)
            response = await _answer(hub, request, receive)
        except Disconnected:
            return
        except SyncError as error:
            if isinstance(error, StoreError):
                _log.exception("the database file could not be used: %s", scope["path"])
            response = refusal(error)
        except msgspec.MsgspecError as error:
            response = refusal(BadRequest(f"invalid UTF-8 JSON: {error}"))
        except sqlite3.ProgrammingError:
            # The database was deleted while this request was under way.
            response = refusal(NotFound("Database does not exist."))
        except sqlite3.Error as error:
            _log.exception("the database file could not be used: %s", scope["path"])
            response = refusal(SyncError(f"The database file could not be used: {error}"))
        await send_response(send, response, head=head)

    return app


async def _answer(hub: Hub, request: Request, receive: Receive) -> Response:
    try:
        await asyncio.to_thread(_admit, hub, request)  # it may check a password and open a database
    except SyncError:
        # The body is read before it is refused, so that the peer hears the reason.
        await drain(receive, hub.limits.request_bytes)
        raise
    stranger = request.principal is ANONYMOUS
    limit_bytes = hub.limits.stranger_bytes if stranger else hub.limits.request_bytes
    request.body = await read_body(receive, request.headers, limit_bytes)
    feed = feeds.find(request)
    if feed is not None:
        return await feed(hub, request, receive)
    return await asyncio.to_thread(_dispatch, hub, request)


def _admit(hub: Hub, request: Request) -> None:
    """Who may not is told so before anything of the request is looked at."""
    request.principal = principal = hub.gate.principal(request.headers)
    parts = request.parts
    if not parts or parts[0] in _OPEN:
        return
    if principal is ANONYMOUS:
        raise Unauthorized("You are not authorized to access this db.")
    if parts[0].startswith("_"):
        if parts[0] not in server.FOR_EVERYONE:
            require_server_admin(principal)
    elif len(parts) == 1 and request.method in {"PUT", "DELETE"}:
        require_server_admin(principal)
    else:
        _admit_to_database(hub, request, principal)


def _admit_to_database(hub: Hub, request: Request, principal: Principal) -> None:
    name, rest = request.parts[0], request.parts[1:]
    if not principal.is_admin and not hub.has_database(name):
        # Not 404: only the administrator learns which databases there are.
        raise Forbidden("You are not allowed to access this db.")
    security = hub.security(name)
    security.require_member(principal)
    if request.method not in {"GET", "HEAD"} and rest == ["_local", INTAKE] and not principal.is_admin:
        # What intake knows the hub again by; a phone that changes it has everything read from the beginning.
        raise Forbidden("This local document is the server's.")
    if not writes(request.method, request.parts) or principal.is_admin:
        return
    if rest and rest[0] in {"_security", "_revs_limit", "_compact", "_design"}:
        security.require_admin(principal)
    if name.startswith(UNIT_PREFIX):
        raise Forbidden("This database is read-only for its members.")


def _dispatch(hub: Hub, request: Request) -> Response:
    return packed(request, _handle(hub, request))


def _handle(hub: Hub, request: Request) -> Response:
    parts = request.parts
    if not parts or (parts[0].startswith("_") and parts[0] != USERS):
        return server.handle(hub, request)
    if len(parts) == 1 or (parts[1].startswith("_") and parts[1] not in {"_design", "_local"}):
        return databases.handle(hub, request)
    return documents.handle(hub, request)
