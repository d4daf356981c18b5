"""The hub's side of one database over HTTP: the calls that replication needs, and their errors.

aiocouch owns the session, but has none of these calls: `_revs_diff`, `_local`, `_bulk_get`, `_bulk_docs` with
`new_edits=false`, a document with its files as multipart, and the paging of `_changes`; bodies are left as bytes.
https://docs.couchdb.org/en/stable/replication/protocol.html
"""

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar
from urllib.parse import quote

import aiocouch
import aiohttp
import msgspec
from msgspec import Raw, Struct
from yarl import URL

from sync.errors import (
    BadRequest,
    Conflict,
    FileExists,
    Forbidden,
    NotAllowed,
    NotFound,
    NotImplementedHere,
    SyncError,
    TooLarge,
    Unauthorized,
    Unreachable,
    UnsupportedType,
)
from sync.replication.related import write_related
from sync.store.models import Document
from sync.store.wire import decode_document, decode_fields

# A phone on a bad link gives up a connection after so many seconds without one, and a silent answer after so many.
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
# A whole upload: 1 MB at 6 kB/s.
SEND_TIMEOUT_S = 180
# A waiting feed says that it is alive so often; silent for longer, the link is dead.
HEARTBEAT_S = 15
FEED_TIMEOUT_S = 40
# Below this, packing costs more than it saves.
WORTH_PACKING_BYTES = 500

_REFUSALS: Mapping[int, type[SyncError]] = {
    error.status: error
    for error in (
        BadRequest, Unauthorized, Forbidden, NotFound, NotAllowed, Conflict, FileExists, TooLarge,
        UnsupportedType, NotImplementedHere,
    )
}  # fmt: skip
OK = 200
CREATED = 201
FAILED = 500
JSON = "application/json"

T = TypeVar("T")

_log = logging.getLogger(__name__)


class ChangedRev(Struct, frozen=True):
    rev: str


class RemoteChange(Struct, frozen=True):
    seq: str | int
    id: str
    changes: tuple[ChangedRev, ...]


class ChangesPage(Struct, frozen=True):
    """A sequence is the hub's own word: opaque, not to be compared."""

    results: tuple[RemoteChange, ...]
    last_seq: str | int
    pending: int = 0


class Refusal(Struct, frozen=True):
    """A document that the hub did not take, though it took its neighbours."""

    id: str
    error: str
    rev: str = ""
    reason: str = ""


class HubFailed(Unreachable):
    """The hub itself failed at this request (500): it may be one document that it fails at."""


class _Diff(Struct, frozen=True):
    missing: tuple[str, ...] = ()


class _Got(Struct, frozen=True):
    ok: Raw = Raw()
    error: Refusal | None = None


class _GotDocument(Struct, frozen=True):
    id: str
    docs: tuple[_Got, ...]


class _BulkGot(Struct, frozen=True):
    results: tuple[_GotDocument, ...]


class _Error(Struct, frozen=True):
    error: str
    reason: str | None = None


class RemoteDatabase:
    """One database of a hub; `token` gives a bearer token that is valid now, before each request.

    Every call may raise `Unreachable`, and `Unauthorized`, `Forbidden` or `NotFound` as the hub says so.
    """

    def __init__(self, server_url: str, name: str, token: Callable[[], Awaitable[str]]) -> None:
        self.name = name
        self._token = token
        self._server_url = server_url.rstrip("/")
        self._couch: aiocouch.CouchDB | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._couch is not None:
            await self._couch.close()
            self._couch = None

    async def get_local(self, key: str) -> dict[str, Any] | None:
        """A document that is not replicated, with its `_rev`; None where there is none."""
        try:
            return _decode(await self._request("GET", f"/_local/{key}"), dict[str, Any])
        except NotFound as error:
            if error.reason in {"missing", "deleted"}:  # the database itself "does not exist"
                return None
            raise

    async def put_local(self, key: str, fields: Mapping[str, Any]) -> None:
        """CouchDB writes over what is there, whatever `_rev` says."""
        await self._request("PUT", f"/_local/{key}", body=msgspec.json.encode(fields), expect=CREATED)

    async def revs_diff(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """What of these revisions the hub lacks, by document."""
        answer = await self._request("POST", "/_revs_diff", body=msgspec.json.encode(wanted))
        return {doc_id: diff.missing for doc_id, diff in _decode(answer, dict[str, _Diff]).items()}

    async def bulk_docs(self, documents: Sequence[bytes]) -> list[Refusal]:
        """Writes revisions as they are (`new_edits=false`); those that were not taken. `BadRequest` and
        `TooLarge` where the hub took none of them.
        """
        body = b'{"new_edits":false,"docs":[' + b",".join(documents) + b"]}"
        limits = aiohttp.ClientTimeout(total=SEND_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        answer = await self._request("POST", "/_bulk_docs", body=body, expect=CREATED, limits=limits)
        results = _decode(answer, list[dict[str, Any]])
        return [msgspec.convert(result, Refusal) for result in results if "error" in result]

    async def put_revision(self, document: Document) -> None:
        """Writes one revision as it is, its files as the bytes they are; base64 is a third longer."""
        content_type, body = write_related(document)
        params = {"new_edits": "false"}
        path = f"/{quote(document.id, safe=':')}"
        limits = aiohttp.ClientTimeout(total=SEND_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        await self._request(
            "PUT", path, params=params, body=body, content_type=content_type, expect=CREATED, limits=limits
        )

    async def changes(self, since: str | int, *, limit: int, wait: bool = False) -> ChangesPage:
        """What changed after `since`, with every leaf; with `wait`, not before something did."""
        params: dict[str, str | int] = {"style": "all_docs", "since": since, "limit": limit}
        limits = None
        if wait:
            params |= {"feed": "longpoll", "heartbeat": HEARTBEAT_S * 1000}
            limits = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_S, sock_read=FEED_TIMEOUT_S)
        return _decode(await self._request("GET", "/_changes", params=params, limits=limits), ChangesPage)

    async def bulk_get(self, wanted: Mapping[str, Sequence[str]]) -> tuple[list[Document], int]:
        """These revisions, or those that came of them, with histories and attachments; and the answer's bytes.

        One that is gone meanwhile is left out: what took its place comes with a later change.
        """
        docs = [{"id": doc_id, "rev": rev} for doc_id, revs in wanted.items() for rev in revs]
        params = {"revs": "true", "latest": "true", "attachments": "true"}
        raw = await self._request("POST", "/_bulk_get", params=params, body=msgspec.json.encode({"docs": docs}))
        found: list[Document] = []
        for got in (got for result in _decode(raw, _BulkGot).results for got in result.docs):
            if raw_document := bytes(got.ok):
                try:
                    found.append(decode_document(decode_fields(raw_document)))
                except BadRequest as error:
                    _log.warning("not taken from the hub: %.200r: %s", raw_document, error.reason)
            elif got.error is not None and got.error.error != "not_found":
                raise HubFailed(f"the hub cannot read {got.error.id}: {got.error.error} {got.error.reason}")
        return found, len(raw)

    def _open(self) -> aiocouch.CouchDB:
        if self._couch is None:
            timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
            self._couch = aiocouch.CouchDB(self._server_url, middlewares=(self._authorize,), timeout=timeout)
            # Asked for anything, CouchDB answers some calls as multipart.
            self._couch._server._http_session.headers["Accept"] = JSON  # noqa: SLF001
        return self._couch

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.headers["Authorization"] = f"Bearer {await self._token()}"
        return await handler(request)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        expect: int = OK,
        limits: aiohttp.ClientTimeout | None = None,
    ) -> bytes:
        session: aiohttp.ClientSession = self._open()._server._http_session  # noqa: SLF001 (see above)
        options: dict[str, Any] = {"params": params}
        if body is not None:
            options |= {"data": body, "headers": {"Content-Type": content_type}}
            if content_type == JSON and len(body) >= WORTH_PACKING_BYTES:
                options["data"] = await asyncio.to_thread(gzip.compress, body, 3)
                options["headers"]["Content-Encoding"] = "gzip"
        if limits is not None:
            options["timeout"] = limits
        try:
            url = URL(f"{self._server_url}/{self.name}{path}", encoded=True)
            async with session.request(method, url, **options) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _raise(error)
        if response.status != expect:
            _refuse(response.status, answer)
        return answer


def _raise(error: BaseException) -> NoReturn:
    """The typed error for what aiohttp raised."""
    connected = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    raise Unreachable(f"{type(error).__name__}: {error}", connected=connected) from error


def _refuse(status: int, answer: bytes) -> NoReturn:
    """What is no hub's own refusal (a proxy's page, a captive portal's) says nothing about the documents."""
    said = None
    with suppress(msgspec.MsgspecError):
        said = msgspec.json.decode(answer, type=_Error)
    refusal = _REFUSALS.get(status)
    if status == FAILED:
        raise HubFailed(f"the hub failed: {said.reason or said.error if said else 'no reason given'}")
    if status == TooLarge.status:
        words = said or _Error(TooLarge.default_error, "the request entity is too large")
        raise TooLarge(words.reason or words.error, error=words.error)
    if said is None or refusal is None:
        raise Unreachable(f"the hub's answer was {status} {said.reason or said.error if said else ''}".rstrip())
    raise refusal(said.reason or said.error)


def _decode(answer: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreachable(f"the answer is not a hub's, or it was cut short: {error}") from error
