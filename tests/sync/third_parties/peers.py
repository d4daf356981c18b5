"""Who exchanges documents with a hub, each behind the same few calls; and what either side then holds."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import requests
from msgspec import Struct

from qixun.bench import peer as pouchdb
from sync.replication import RemoteDatabase
from sync.replication.replicator import Replicator
from sync.store.models import Document
from sync.store.store import Store
from sync.store.wire import decode_document, decode_fields
from tests.sync.replication.hubs import bearer

Way = Literal["push", "pull", "both"]
Doc = dict[str, Any]

# So few documents at once that a cut falls between batches.
SMALL_BATCH = 20
SMALL_BATCH_BYTES = 10_000
ANSWER_S = 60


class Leaf(Struct, frozen=True):
    """A current revision: everything that both sides must agree on."""

    body: dict[str, Any]
    deleted: bool
    history: tuple[str, ...]
    files: dict[str, tuple[str, bytes]]


State = dict[str, dict[str, Leaf]]


def leaf_of(doc: Doc) -> Leaf:
    revisions = doc["_revisions"]
    return Leaf(
        body={name: value for name, value in doc.items() if not name.startswith("_")},
        deleted=doc.get("_deleted", False),
        history=tuple(f"{revisions['start'] - age}-{name}" for age, name in enumerate(revisions["ids"])),
        files={
            name: (file["content_type"], base64.b64decode(file["data"]))
            for name, file in doc.get("_attachments", {}).items()
        },
    )


def state_of(docs: list[Doc]) -> State:
    state: State = {}
    for doc in docs:
        state.setdefault(doc["_id"], {})[doc["_rev"]] = leaf_of(doc)
    return state


class Server(Struct, frozen=True):
    """A hub as its administrator sees it."""

    url: str
    admin: tuple[str, str]

    def ask(self, method: str, path: str, **options: Any) -> Any:
        answer = requests.request(method, f"{self.url}/{path}", auth=self.admin, timeout=30, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def write(self, name: str, docs: list[Doc]) -> None:
        assert self.ask("POST", f"{name}/_bulk_docs", json={"docs": docs, "new_edits": False}) == []

    def edit(self, name: str, docs: list[Doc]) -> None:
        results = self.ask("POST", f"{name}/_bulk_docs", json={"docs": docs})
        assert [result for result in results if "error" in result] == []

    def rev(self, name: str, doc_id: str) -> str:
        return str(self.ask("GET", f"{name}/{doc_id}")["_rev"])

    def state(self, name: str) -> State:
        rows = self.ask("GET", f"{name}/_changes", params={"style": "all_docs"})["results"]
        wanted = [{"id": row["id"], "rev": change["rev"]} for row in rows for change in row["changes"]]
        params = {"revs": "true", "attachments": "true"}
        found = self.ask("POST", f"{name}/_bulk_get", params=params, json={"docs": wanted})["results"]
        return state_of([got["ok"] for result in found for got in result["docs"]])


class Peer(Protocol):
    """One database of a client. `url` is the hub's address where it is not the usual one."""

    async def edit(self, docs: list[Doc]) -> None: ...
    async def write(self, docs: list[Doc]) -> None: ...
    async def rev(self, doc_id: str) -> str: ...
    async def state(self) -> State: ...
    async def exchange(self, way: Way = "both", *, url: str = "") -> int:
        """How many documents moved; raises where the link broke."""

    async def go_live(self, *, url: str = "") -> None: ...
    async def end_live(self) -> None: ...
    async def close(self) -> None: ...


class Node:
    """The process in which PouchDB's databases live."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._asked = 0

    async def start(self) -> None:
        pouchdb.prepare()
        module = pouchdb.HERE / "node_modules" / "pouchdb"
        script = Path(__file__).with_name("pouchdb_peer.js")
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            pouchdb.node(), str(script), str(module), stdin=pipe, stdout=pipe, limit=64 * 1024 * 1024
        )

    async def ask(self, **request: Any) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn, asyncio.timeout(ANSWER_S):
            self._asked += 1
            self._process.stdin.write(json.dumps({**request, "n": self._asked}).encode() + b"\n")
            answer = json.loads(await self._process.stdout.readline())
            while answer["n"] != self._asked:  # of a question that was given up
                answer = json.loads(await self._process.stdout.readline())
        if "error" in answer:
            raise ConnectionError(answer["error"])
        return answer["value"]

    async def stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # node may be the child of a wrapper: a signal would not reach it
            async with asyncio.timeout(ANSWER_S):
                await self._process.wait()


class PouchPeer:
    def __init__(self, node: Node, server: Server, name: str, folder: Path) -> None:
        self._node = node
        self._server = server
        self._name = name
        self._folder = folder

    async def open(self) -> None:
        await self._ask("open", folder=str(self._folder))

    async def _ask(self, op: str, **request: Any) -> Any:
        return await self._node.ask(op=op, db=str(self._folder), **request)

    def _hub(self, url: str) -> str:
        scheme, _, rest = (url or self._server.url).partition("://")
        return f"{scheme}://{':'.join(self._server.admin)}@{rest}/{self._name}"

    async def edit(self, docs: list[Doc]) -> None:
        assert await self._ask("edit", docs=docs) == []

    async def write(self, docs: list[Doc]) -> None:
        assert await self._ask("write", docs=docs) == []

    async def rev(self, doc_id: str) -> str:
        return str(await self._ask("rev", id=doc_id))

    async def state(self) -> State:
        return state_of(await self._ask("leaves"))

    async def exchange(self, way: Way = "both", *, url: str = "", **options: Any) -> int:
        options.setdefault("batch_size", SMALL_BATCH)
        return int(await self._ask("exchange", way=way, hub=self._hub(url), options=options))

    async def go_live(self, *, url: str = "") -> None:
        await self._ask("live", way="both", hub=self._hub(url))

    async def end_live(self) -> None:
        await self._ask("end")

    async def close(self) -> None:
        await self._ask("close")


class PhonePeer:
    """The phone's own replicator and store."""

    def __init__(self, server: Server, name: str, folder: Path) -> None:
        self._server = server
        self._name = name
        self.store = Store.open(folder / "phone.db")
        self._stop = asyncio.Event()
        self._live: asyncio.Task[None] | None = None

    async def edit(self, docs: list[Doc]) -> None:
        results = self.store.put_many([_document(doc) for doc in docs])
        assert [result for result in results if isinstance(result, Exception)] == []

    async def write(self, docs: list[Doc]) -> None:
        self.store.write([_document(doc) for doc in docs])

    async def rev(self, doc_id: str) -> str:
        found = self.store.get(doc_id)
        assert found is not None
        return found.rev

    async def state(self) -> State:
        return {
            change.id: {rev: self._leaf(self.store.get(change.id, rev)) for rev in change.revs}
            for change in self.store.changes()
        }

    def _leaf(self, found: Document | None) -> Leaf:
        assert found is not None
        files = {
            name: (file.content_type, self.store.attachment(file.digest)) for name, file in found.attachments.items()
        }
        return Leaf(json.loads(found.body), found.deleted, found.revisions, files)

    async def exchange(self, way: Way = "both", *, url: str = "") -> int:
        async with self._remote(url) as remote:
            moved = await self._replicator(remote, way).run_once()
        assert (moved.parked, moved.skipped) == ((), ())
        return moved.read + moved.written

    def _remote(self, url: str) -> RemoteDatabase:
        async def token() -> str:
            return bearer("device:li")

        return RemoteDatabase(url or self._server.url, self._name, token)

    def _replicator(self, remote: RemoteDatabase, way: Way) -> Replicator:
        return Replicator(
            self.store,
            remote,
            push=way != "pull",
            pull=way != "push",
            batch_bytes=SMALL_BATCH_BYTES,
            longest_wait_s=0.3,
        )

    async def go_live(self, *, url: str = "") -> None:
        self._stop.clear()

        async def run() -> None:
            async with self._remote(url) as remote:
                await self._replicator(remote, "both").run_live(self._stop)

        self._live = asyncio.create_task(run())

    async def end_live(self) -> None:
        self._stop.set()
        assert self._live is not None
        await self._live

    async def close(self) -> None:
        self.store.close()


def _document(doc: Doc) -> Document:
    return decode_document(decode_fields(json.dumps(doc).encode()))


class BreakingLink:
    """A TCP link that breaks once it has carried so many bytes, and carries nothing until it is mended."""

    def __init__(self, url: str, budget_bytes: int) -> None:
        self._target = urlsplit(url)
        self._left = budget_bytes
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.broken = False

    async def start(self) -> str:
        """The address at which the link's near end answers for its far end."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._target.path}"

    def mend(self) -> None:
        self.broken = False
        self._left = 2**60

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._break()

    def _break(self) -> None:
        self.broken = True
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.broken:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port or 80)
        self._open |= {writer, far_writer}
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        self._open -= {writer, far_writer}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(4096):
                self._left -= len(chunk)
                if self._left < 0:
                    self._break()
                    return
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


async def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Waits until what it awaits is true."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 (what is waited for is in another process)
            await asyncio.sleep(0.1)
