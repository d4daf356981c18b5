"""The hub over HTTP, as the administrator: the same calls whether it is Apache CouchDB or the embedded one.

https://docs.couchdb.org/en/stable/api/
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import aiohttp
import msgspec
from yarl import URL

# A unit's database has one writer; old revisions of reference data would make every pull grow.
UNIT_REVS_LIMIT = 20
CHECKPOINT = "_local/intake"
GUARD = """function (newDoc, oldDoc, userCtx, secObj) {
  if (userCtx.roles.indexOf('_admin') < 0) {
    throw({forbidden: 'Reference data is written by the office only.'});
  }
}"""
_TIMEOUT_S = 60
_NOTHING = msgspec.Raw(b"")
_NO_DOCUMENT = (b"", b"null")
_INFOS_AT_ONCE = 100
# A page of changes is read into memory; five hundred records come to a few megabytes.
_PAGE_BYTES = 32 * 1024 * 1024


class HubError(Exception):
    """The hub refused or could not be reached; `status` is 0 when it did not answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}" if status else reason)
        self.status = status


class TooMuchError(Exception):
    """The answer is larger than was asked for."""


class Revision(msgspec.Struct, frozen=True):
    """One revision as the hub gave it: `body` without underscore fields, or all that came if it is no JSON object."""

    id: str
    rev: str
    seq: str
    body: bytes
    deleted: bool = False
    attachments: tuple[str, ...] = ()
    readable: bool = True


class ChangedDocument(msgspec.Struct, frozen=True):
    seq: str
    id: str
    revs: tuple[str, ...]
    winner: Revision | None


class Changes(msgspec.Struct, frozen=True):
    documents: tuple[ChangedDocument, ...]
    last_seq: str
    pending: int


class Held(msgspec.Struct, frozen=True):
    """What the hub has now under an id."""

    rev: str
    deleted: bool
    body: bytes


class _Rev(msgspec.Struct):
    rev: str


class _History(msgspec.Struct):
    start: int
    ids: list[str]


class _WithHistory(msgspec.Struct):
    history: _History = msgspec.field(name="_revisions")


class _Row(msgspec.Struct):
    seq: str | int
    id: str
    changes: list[_Rev]
    deleted: bool = False
    # Raw stands for any JSON and cannot be one arm of a union; empty where the hub sent none.
    doc: msgspec.Raw = _NOTHING


class _Feed(msgspec.Struct):
    results: list[_Row]
    last_seq: str | int
    pending: int = 0


class _Update(msgspec.Struct):
    db_name: str
    type: str


class _Updates(msgspec.Struct):
    results: list[_Update]
    last_seq: str | int


class _HeldValue(msgspec.Struct):
    rev: str
    deleted: bool = False


class _HeldRow(msgspec.Struct):
    key: str
    value: _HeldValue | None = None
    doc: msgspec.Raw = _NOTHING


class _HeldRows(msgspec.Struct):
    rows: list[_HeldRow]


class _Info(msgspec.Struct):
    update_seq: str | int


class _InfoRow(msgspec.Struct):
    key: str
    info: _Info | None = None


class Written(msgspec.Struct):
    """What became of one document of a bulk write."""

    id: str
    ok: bool = False
    rev: str = ""
    error: str = ""
    reason: str = ""


def number_of(seq: str) -> int:
    """The counting part of a sequence of a database with one shard: "12-g1AAA" -> 12; 0 where there is none."""
    head = seq.partition("-")[0]
    return int(head) if head.isdigit() else 0


def split(raw: bytes) -> tuple[dict[str, msgspec.Raw], bytes]:
    """A document's underscore fields, and its body without them, byte for byte in its values."""
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    own = {name: fields.pop(name) for name in [name for name in fields if name[:1] == "_"]}
    return own, msgspec.json.encode(fields)


class HubClient:
    """One HTTP session with the hub at `url`, which carries the administrator's name and password."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if ":" in host:
            host = f"[{host}]"
        netloc = host if parts.port is None else f"{host}:{parts.port}"
        self._root = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
        self._headers = {}
        if parts.username:
            credentials = aiohttp.encode_basic_auth(unquote(parts.username), unquote(parts.password or ""))
            self._headers["Authorization"] = credentials
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # Databases

    async def create_database(self, name: str) -> None:
        """Nothing changes where it exists already."""
        await self.ask("PUT", f"/{name}?q=1", accept=(412,))

    async def set_members(self, name: str, roles: Sequence[str]) -> None:
        """Only tokens with one of these roles may read or write."""
        security = {"admins": {"names": [], "roles": ["_admin"]}, "members": {"names": [], "roles": sorted(roles)}}
        await self.ask("PUT", f"/{name}/_security", json=security)

    async def guard_unit(self, name: str) -> None:
        """Makes a unit's database one that phones only read."""
        await self.ask("PUT", f"/{name}/_revs_limit", data=str(UNIT_REVS_LIMIT).encode())
        guard = {"language": "javascript", "validate_doc_update": GUARD}
        await self.ask("PUT", f"/{name}/_design/guard", json=guard, accept=(409,))

    async def list_databases(self) -> list[str]:
        return msgspec.json.decode(await self.ask("GET", "/_all_dbs"), type=list[str])

    async def sequences(self, names: Sequence[str]) -> dict[str, str]:
        """Each existing database's newest sequence."""
        found: dict[str, str] = {}
        for start in range(0, len(names), _INFOS_AT_ONCE):
            keys = list(names[start : start + _INFOS_AT_ONCE])
            answer = await self.ask("POST", "/_dbs_info", json={"keys": keys})
            rows = msgspec.json.decode(answer, type=list[_InfoRow])
            found |= {row.key: str(row.info.update_seq) for row in rows if row.info is not None}
        return found

    async def updates_now(self) -> str:
        """Where `updates` begins; `HubError` where the hub cannot tell what changed."""
        return str(msgspec.json.decode(await self.ask("GET", "/_db_updates?since=now"), type=_Updates).last_seq)

    async def updates(self, since: str, wait_s: float) -> tuple[set[str], str]:
        """Databases changed after `since`, waiting up to `wait_s` for one."""
        query = f"/_db_updates?feed=longpoll&since={quote(since, safe='')}&timeout={int(wait_s * 1000)}"
        answer = await self.ask("GET", query, timeout_s=wait_s + _TIMEOUT_S)
        decoded = msgspec.json.decode(answer, type=_Updates)
        return {u.db_name for u in decoded.results if u.type != "deleted"}, str(decoded.last_seq)

    # Reading

    async def changes(self, name: str, since: str, limit: int) -> Changes:
        """A page of changed documents, each with its winning revision."""
        query = f"/{name}/_changes?style=all_docs&since={quote(since, safe='')}&limit={limit}"
        try:
            answer = await self.ask("GET", query + "&include_docs=true", most_bytes=_PAGE_BYTES if limit > 1 else None)
        except TooMuchError:
            # Documents much larger than any record: fewer of them at once.
            return await self.changes(name, since, max(limit // 10, 1))
        try:
            # In a thread: the loop goes on with what waits for PostgreSQL.
            return await asyncio.to_thread(_changes, answer)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            # One document that no reader of ours can take must not hold up the rest: they are fetched singly.
            return await asyncio.to_thread(_changes, await self.ask("GET", query))

    async def revision(self, name: str, doc_id: str, rev: str, seq: str) -> Revision | None:
        """One revision; None when the hub no longer has it."""
        try:
            raw = await self.ask("GET", f"/{name}/{quote(doc_id, safe='')}?rev={quote(rev, safe='')}")
        except HubError as error:
            if error.status == 404:
                return None
            raise
        return _revision(doc_id, rev, seq, raw, deleted=False)

    async def first_revision(self, name: str, doc_id: str, rev: str) -> str | None:
        """What this revision began as; None where the hub does not know that far back."""
        path = f"/{name}/{quote(doc_id, safe='')}?rev={quote(rev, safe='')}&revs=true"
        try:
            history = msgspec.json.decode(await self.ask("GET", path), type=_WithHistory).history
        except HubError as error:
            if error.status == 404:
                return None
            raise
        return f"1-{history.ids[-1]}" if history.start == len(history.ids) else None

    async def attachment(self, name: str, doc_id: str, rev: str, filename: str) -> bytes:
        path = f"/{name}/{quote(doc_id, safe='')}/{quote(filename, safe='')}?rev={quote(rev, safe='')}"
        return await self.ask("GET", path, headers={"Accept": "*/*"})

    async def local(self, name: str) -> dict[str, Any] | None:
        """What intake left in this database; None if nothing is there."""
        try:
            answer = await self.ask("GET", f"/{name}/{CHECKPOINT}")
        except HubError as error:
            if error.status == 404:
                return None
            raise
        found: dict[str, Any] = msgspec.json.decode(answer)
        return found

    async def put_local(self, name: str, fields: Mapping[str, Any]) -> str:
        """The new revision."""
        answer = await self.ask("PUT", f"/{name}/{CHECKPOINT}", json=dict(fields))
        return msgspec.json.decode(answer, type=_Rev).rev

    # Writing

    async def held(self, name: str, ids: Sequence[str]) -> dict[str, Held]:
        """What the hub has of these documents, tombstones included."""
        answer = await self.ask("POST", f"/{name}/_all_docs?include_docs=true", json={"keys": list(ids)})
        rows = msgspec.json.decode(answer, type=_HeldRows).rows
        return {
            row.key: Held(row.value.rev, row.value.deleted, _body(row.doc)) for row in rows if row.value is not None
        }

    async def write(self, name: str, documents: Sequence[bytes]) -> list[Written]:
        """Edits on top of each document's `_rev`, with what became of each."""
        body = b'{"docs":[' + b",".join(documents) + b"]}"
        answer = await self.ask("POST", f"/{name}/_bulk_docs", data=body)
        return msgspec.json.decode(answer, type=list[Written])

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
        timeout_s: float = _TIMEOUT_S,
        most_bytes: int | None = None,
    ) -> bytes:
        """The answer's body; `HubError` for a refusal whose status is not in `accept`, and for silence."""
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        if json is not None:
            data = msgspec.json.encode(json)
        # Never packed: a hub stands near, and packing a page costs more than carrying it.
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        if data is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method,
                URL(self._root + path, encoded=True),
                data=data,
                headers=sent,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                answer = await _read(response, most_bytes)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise HubError(0, f"the hub does not answer: {error!r}") from error
        if response.status >= 400 and response.status not in accept:
            raise HubError(response.status, answer[:300].decode(errors="replace"))
        return answer


async def _read(response: aiohttp.ClientResponse, most_bytes: int | None) -> bytes:
    if most_bytes is None:
        return await response.read()
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > most_bytes:
            raise TooMuchError
    return b"".join(parts)


def _body(raw: msgspec.Raw) -> bytes:
    return b"{}" if bytes(raw) in _NO_DOCUMENT else split(bytes(raw))[1]


def _changes(answer: bytes) -> Changes:
    feed = msgspec.json.decode(answer, type=_Feed)
    return Changes(tuple(_changed(row) for row in feed.results), str(feed.last_seq), feed.pending)


def _changed(row: _Row) -> ChangedDocument:
    seq = str(row.seq)
    revs = tuple(change.rev for change in row.changes)
    winner = None
    if bytes(row.doc) not in _NO_DOCUMENT:
        winner = _revision(row.id, revs[0], seq, bytes(row.doc), deleted=row.deleted)
    return ChangedDocument(seq, row.id, revs, winner)


def _revision(doc_id: str, rev: str, seq: str, raw: bytes, *, deleted: bool) -> Revision:
    try:
        own, body = split(raw)
        rev = msgspec.json.decode(own["_rev"], type=str) if "_rev" in own else rev
        deleted = deleted or ("_deleted" in own and bytes(own["_deleted"]) == b"true")
        names = msgspec.json.decode(own["_attachments"], type=dict[str, msgspec.Raw]) if "_attachments" in own else ()
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Revision(doc_id, rev, seq, raw, deleted, readable=False)
    return Revision(doc_id, rev, seq, body, deleted, tuple(names))
