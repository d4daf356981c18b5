"""What the backend asks of a hub as its administrator, beyond reading and writing: keys, whole listings, dropping.

Apache CouchDB keeps the public keys that check phones' tokens in its configuration, one `[jwt_keys] ec:<key id>` each:
https://docs.couchdb.org/en/stable/api/server/configuration.html, .../api/server/authn.html#jwt-authentication
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import structlog

from backend.accounts.keys import SigningKeys
from backend.intake.hub import HubClient, HubError

# Ids and revisions alone: a quarter of a busy worker comes in two pages.
_LISTED_AT_ONCE = 10_000
_NO_SUCH_CALL = (404, 405, 501)
_NOT_ALLOWED = (400, 401, 403)
_EC = "ec:"

_log = structlog.get_logger(__name__)


class Leaf(msgspec.Struct, frozen=True):
    """A current revision of a document, as a listing names it."""

    id: str
    rev: str
    deleted: bool


class _Rev(msgspec.Struct):
    rev: str


class _ListRow(msgspec.Struct):
    id: str
    changes: list[_Rev]
    deleted: bool = False


class _Listing(msgspec.Struct):
    results: list[_ListRow]
    last_seq: str | int
    pending: int = 0


class _Membership(msgspec.Struct):
    cluster_nodes: list[str] = []


class _BulkRevision(msgspec.Struct):
    ok: msgspec.Raw = msgspec.Raw(b"")


class _BulkRow(msgspec.Struct):
    docs: list[_BulkRevision]


class _BulkAnswer(msgspec.Struct):
    results: list[_BulkRow]


async def show_keys(hub: HubClient, keys: SigningKeys) -> bool:
    """Has each node check tokens by the keys that sign them, and by none that has ended. False where the hub has no
    configuration to write (our own, which reads the keys itself).
    """
    wanted = {f"{_EC}{key_id}": one_line(pem) for key_id, pem in keys.token_pems().items()}
    ended = {f"{_EC}{key_id}" for key_id in keys.ended_ids()}
    for node in await _nodes(hub):
        section = f"/_node/{node}/_config/jwt_keys"
        try:
            there = msgspec.json.decode(await hub.ask("GET", section), type=dict[str, str])
        except HubError as error:
            if error.status in _NO_SUCH_CALL:
                return False
            raise
        for name, line in wanted.items():
            if there.get(name) != line:
                await hub.ask("PUT", f"{section}/{quote(name, safe=':')}", json=line)
                _log.info("hub.key_shown", node=node, key=name)
        for name in sorted(ended & set(there)):
            await hub.ask("DELETE", f"{section}/{quote(name, safe=':')}", accept=(404,))
            _log.info("hub.key_removed", node=node, key=name)
    return True


def one_line(pem: str) -> str:
    """A key as CouchDB's configuration holds it: on one line, a backslash and an n for each end of line."""
    return pem.strip().replace("\n", "\\n")


async def _nodes(hub: HubClient) -> Sequence[str]:
    """Each node of a cluster has a configuration of its own."""
    try:
        found = msgspec.json.decode(await hub.ask("GET", "/_membership"), type=_Membership).cluster_nodes
    except HubError as error:
        if error.status not in _NO_SUCH_CALL:
            raise
        found = []
    return [quote(node, safe="@") for node in found] if len(found) > 1 else ["_local"]


async def tell_updates(hub: HubClient) -> None:
    """Makes the database that `_db_updates` needs, where the administrator may and the hub keeps one."""
    try:
        await hub.ask("PUT", "/_global_changes", accept=(412,))
    except HubError as error:
        if error.status not in (*_NO_SUCH_CALL, *_NOT_ALLOWED):
            raise
        _log.info("hub.updates_not_kept", reason=str(error))


async def list_leaves(hub: HubClient, name: str) -> tuple[list[Leaf], str]:
    """Every current revision of every document, and the sequence that the list is true for."""
    rows: dict[str, _ListRow] = {}
    since = "0"
    while True:
        query = f"/{name}/_changes?style=all_docs&limit={_LISTED_AT_ONCE}&since={quote(since, safe='')}"
        page = msgspec.json.decode(await hub.ask("GET", query), type=_Listing)
        # A document that changes meanwhile is listed twice; its last line is the true one.
        rows |= {row.id: row for row in page.results}
        since = str(page.last_seq)
        if not page.results or page.pending == 0:
            return [Leaf(row.id, change.rev, row.deleted) for row in rows.values() for change in row.changes], since


async def read_leaves(
    hub: HubClient, name: str, leaves: Sequence[Leaf], at_once: int, *, attachments: bool
) -> AsyncIterator[tuple[Leaf, bytes]]:
    """Each revision as the hub holds it, with its history, and its attachments inside or as stubs."""
    for start in range(0, len(leaves), at_once):
        some = leaves[start : start + at_once]
        asked = {"docs": [{"id": leaf.id, "rev": leaf.rev} for leaf in some]}
        path = f"/{name}/_bulk_get?revs=true" + ("&attachments=true" if attachments else "")
        rows = msgspec.json.decode(await hub.ask("POST", path, json=asked), type=_BulkAnswer).results
        for leaf, row in zip(some, rows, strict=True):
            raw = bytes(row.docs[0].ok) if row.docs else b""
            if not raw:
                raise HubError(404, f"{name} listed {leaf.id} {leaf.rev} and does not give it")
            yield leaf, raw


async def write_again(hub: HubClient, name: str, documents: Sequence[bytes]) -> None:
    """Puts revisions back as they were."""
    body = b'{"new_edits":false,"docs":[' + b",".join(documents) + b"]}"
    answer = msgspec.json.decode(await hub.ask("POST", f"/{name}/_bulk_docs", data=body), type=list[dict[str, Any]])
    if refused := [one for one in answer if one.get("error")]:
        raise HubError(403, f"{name} does not take {refused[0].get('id')}: {refused[0].get('reason')}")


async def drop_database(hub: HubClient, name: str) -> None:
    """Nothing changes where it is gone already."""
    await hub.ask("DELETE", f"/{name}", accept=(404,))
