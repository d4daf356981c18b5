"""What every request leaves behind: an id, one log line, two metrics, and the headers that keep a browser safe.

A log line holds no body, cookie, token or query: those carry passwords and people.
"""

import logging
import re
import sys
import time
from typing import Any

import structlog
import uuid_utils
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from backend.figures import count_event
from backend.settings import Settings

REQUESTS = Counter("qixun_requests", "Answered requests", ["method", "route", "status"])
SECONDS = Histogram("qixun_request_seconds", "Time to answer", ["method", "route"])

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# MapLibre draws from blobs in workers, tiles and photos come from here; nothing else is loaded from elsewhere.
_CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: {tiles}; "
    "connect-src 'self' {tiles}; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# The app in a browser is WebAssembly and brings its own page; the API's own page loads its viewer.
_OWN_PAGES = ("/m", "/schema", "/sync")

_log = structlog.get_logger("qixun.request")


def configure_logging(settings: Settings) -> None:
    """JSON lines on standard error, or coloured ones for a person (`log_format` "console")."""
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if settings.log_format == "console" else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            count_event,
            _at_least(level),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        # Warnings are counted also where only errors are written.
        wrapper_class=structlog.make_filtering_bound_logger(min(level, logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _at_least(level: int) -> Any:
    def kept(_: Any, method: str, event: Any) -> Any:
        if logging.getLevelNamesMapping()["ERROR" if method == "exception" else method.upper()] < level:
            raise structlog.DropEvent
        return event

    return kept


def observing(settings: Settings) -> Any:
    """The outermost middleware."""
    headers = _headers(settings)

    def middleware(app: ASGIApp) -> ASGIApp:
        async def observed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            began, status = time.perf_counter(), 500
            request_id = _request_id(scope)

            async def sending(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message.setdefault("headers", [])
                    _set(MutableScopeHeaders.from_message(message), headers, scope["path"], request_id)
                await send(message)

            with structlog.contextvars.bound_contextvars(request_id=request_id):
                try:
                    await app(scope, receive, sending)
                finally:
                    _note(scope, status, time.perf_counter() - began)

        return observed

    return middleware


def _request_id(scope: Scope) -> str:
    given = MutableScopeHeaders(scope).get("x-request-id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid_utils.uuid7().hex
    scope["state"]["request_id"] = request_id
    return request_id


def _headers(settings: Settings) -> dict[str, str]:
    headers = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Security-Policy": _CSP.format(tiles=_tile_hosts(settings)),
    }
    if settings.https:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers


def _tile_hosts(settings: Settings) -> str:
    """Those of the base map that is shown, and no others."""
    if settings.basemap:
        return ""
    if settings.tianditu_key:
        return " ".join(f"https://t{number}.tianditu.gov.cn" for number in range(8))
    origin = re.match(r"https?://[^/]+", settings.basemap_url)
    return origin[0] if origin else ""


def _set(answer: MutableScopeHeaders, headers: dict[str, str], path: str, request_id: str) -> None:
    answer["X-Request-ID"] = request_id
    own_page = any(path == prefix or path.startswith(f"{prefix}/") for prefix in _OWN_PAGES)
    for name, value in headers.items():
        if name not in answer and not (own_page and name == "Content-Security-Policy"):
            answer[name] = value
    if path.startswith("/api/"):
        answer.setdefault("Cache-Control", "no-store")


def _note(scope: HTTPScope, status: int, seconds: float) -> None:
    handler = scope.get("route_handler")
    # The route's pattern, never the path: ids would make a metric for each row.
    route = scope.get("path_template") or ("unmatched" if handler is None else next(iter(sorted(handler.paths)), "/"))
    REQUESTS.labels(scope["method"], route, status).inc()
    SECONDS.labels(scope["method"], route).observe(seconds)
    _log.info("answered", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))
