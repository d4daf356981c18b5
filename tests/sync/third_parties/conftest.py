"""The hubs and the peers that every test here is run with."""

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.sync.replication.hubs import ADMIN, KEY, HubProcess
from tests.sync.third_parties.peers import Node, Peer, PhonePeer, PouchPeer, Server

COUCHDB = os.environ.get("QIXUN_COUCHDB_URL", "")


@pytest.fixture(scope="session", params=["embedded hub", *(["CouchDB"] if COUCHDB else [])])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded hub, and the CouchDB that `QIXUN_COUCHDB_URL` names (with an administrator's account)."""
    if request.param == "CouchDB":
        yield _couchdb()
        return
    hub = HubProcess(tmp_path_factory.mktemp("third_parties"))
    hub.start()
    yield Server(hub.url, ADMIN)
    hub.kill()


def _couchdb() -> Server:
    parts = urlsplit(COUCHDB)
    host = parts.netloc.rpartition("@")[2]
    server = Server(f"{parts.scheme}://{host}{parts.path}".rstrip("/"), (parts.username or "", parts.password or ""))
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    server.ask("PUT", "_node/_local/_config/jwt_keys/ec:k1", json=pem.strip().replace("\n", "\\n"))
    return server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A new database of Li's."""
    name = f"user_li_{secrets.token_hex(6)}"
    server.ask("PUT", name)
    members = {"admins": {"names": [], "roles": ["_admin"]}, "members": {"names": [], "roles": ["device:li"]}}
    server.ask("PUT", f"{name}/_security", json=members)
    yield name
    server.ask("DELETE", name)


@pytest.fixture(scope="session")
async def node() -> AsyncIterator[Node]:
    process = Node()
    await process.start()
    yield process
    await process.stop()


Make = Callable[[str], Awaitable[Peer]]


@pytest.fixture
async def make_peer(node: Node, server: Server, database: str, tmp_path: Path) -> AsyncIterator[Make]:
    """A peer of the kind asked for: "PouchDB" or "phone"."""
    made: list[Peer] = []

    async def make(kind: str) -> Peer:
        folder = tmp_path / str(len(made))
        if kind == "phone":
            peer: Peer = PhonePeer(server, database, folder)
        else:
            folder.mkdir()
            peer = PouchPeer(node, server, database, folder / "pouch")
            await peer.open()  # type: ignore[attr-defined]
        made.append(peer)
        return peer

    yield make
    for peer in made:
        await peer.close()


@pytest.fixture(params=["PouchDB", "phone"])
async def peer(request: pytest.FixtureRequest, make_peer: Make) -> Peer:
    return await make_peer(request.param)


@pytest.fixture
async def pouch(make_peer: Make) -> Peer:
    return await make_peer("PouchDB")
