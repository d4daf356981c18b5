"""What the hub itself can do, without a replicator: `_revs_diff`, `_bulk_docs` and `_bulk_get`, two requests at a time.

Beside it stand the figures of Apache CouchDB 3.5.0 (10,000 documents of 0.9 KB, on an idle machine of two cores) as
they were recorded, since no package brings it here. `--hub URL` measures one in the embedded hub's place.
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import msgspec
import uuid_utils

from qixun.bench.documents import read_documents
from qixun.bench.servers import BenchError, HubAdmin
from sync.documents.envelope import encode_body

COUCHDB_BULK_DOCS, COUCHDB_BULK_GET, COUCHDB_REVS_DIFF = 9_900, 12_900, 41_000
_BATCH = 1000
_IN_FLIGHT = 2


class Call(msgspec.Struct, frozen=True):
    """Documents a second, and those of the recorded CouchDB."""

    docs_per_s: float
    couchdb_docs_per_s: int
    ratio_to_couchdb: float
    rounds_s: list[float]


class HubAlone(msgspec.Struct, frozen=True):
    documents: int
    bulk_docs: Call
    bulk_get: Call
    revs_diff: Call


class _Revision(msgspec.Struct, frozen=True):
    id: str
    rev: str
    json: bytes


async def measure_hub(admin: HubAdmin, documents: Path, count: int, *, rounds: int) -> HubAlone:
    revisions = await asyncio.to_thread(_revisions, documents)
    parts = [revisions[at : at + _BATCH] for at in range(0, count, _BATCH)]
    seconds: dict[str, list[float]] = {"bulk_docs": [], "bulk_get": [], "revs_diff": []}
    for number in range(rounds):
        print(f"  {number + 1}/{rounds} hub alone ...", file=sys.stderr, flush=True)
        name = f"bench_{uuid_utils.uuid7().hex}"
        await admin.create(name)
        seconds["revs_diff"].append(await _post(admin, f"{name}/_revs_diff", parts, _diff))
        seconds["bulk_docs"].append(await _post(admin, f"{name}/_bulk_docs", parts, _docs))
        await admin.require_count(name, count)
        seconds["bulk_get"].append(await _post(admin, f"{name}/_bulk_get?revs=true&latest=true", parts, _wanted))
        await admin.drop(name)
    return HubAlone(
        documents=count,
        bulk_docs=_call(count, seconds["bulk_docs"], COUCHDB_BULK_DOCS),
        bulk_get=_call(count, seconds["bulk_get"], COUCHDB_BULK_GET),
        revs_diff=_call(count, seconds["revs_diff"], COUCHDB_REVS_DIFF),
    )


def _call(count: int, rounds_s: list[float], couchdb: int) -> Call:
    rate = count / min(rounds_s)
    return Call(rate, couchdb, rate / couchdb, rounds_s)


def _revisions(documents: Path) -> list[_Revision]:
    found = []
    for record in read_documents(documents):
        body = encode_body(record)
        name = hashlib.md5(body, usedforsecurity=False).hexdigest()
        head = {"_id": record.id, "_rev": f"1-{name}", "_revisions": {"start": 1, "ids": [name]}}
        found.append(_Revision(record.id, f"1-{name}", msgspec.json.encode(head)[:-1] + b"," + body[1:]))
    return found


def _diff(part: Sequence[_Revision]) -> bytes:
    return msgspec.json.encode({one.id: [one.rev] for one in part})


def _docs(part: Sequence[_Revision]) -> bytes:
    return b'{"new_edits":false,"docs":[' + b",".join(one.json for one in part) + b"]}"


def _wanted(part: Sequence[_Revision]) -> bytes:
    return msgspec.json.encode({"docs": [{"id": one.id, "rev": one.rev} for one in part]})


async def _post(
    admin: HubAdmin, path: str, parts: Sequence[Sequence[_Revision]], body: Callable[[Sequence[_Revision]], bytes]
) -> float:
    """The seconds until all of them are answered; what is sent was made before."""
    waiting = [body(part) for part in parts]
    headers = {"Content-Type": "application/json", "Accept": "application/json"}

    async def send(http: aiohttp.ClientSession) -> None:
        while waiting:
            async with http.post(f"{admin.url}/{path}", data=waiting.pop()) as answer:
                said = await answer.read()
                if answer.status >= 400:
                    raise BenchError(f"{path}: {answer.status} {said[:200].decode(errors='replace')}")

    async with aiohttp.ClientSession(headers=headers) as http:
        begun = time.perf_counter()
        await asyncio.gather(*(send(http) for _ in range(_IN_FLIGHT)))
        return time.perf_counter() - begun
