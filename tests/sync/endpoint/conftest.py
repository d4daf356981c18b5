"""A real hub behind a real server on loopback, and the tokens that phones would come with."""

import threading
import time
from types import SimpleNamespace

import jwt
import pytest
import requests
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub, Limits

ADMIN = ("admin", "adminpw")
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


# Parametrised tests hold tokens from the beginning of the whole run: they must outlive it.
def token(*roles, seconds=7_200, key=KEY, algorithm="ES256", kid="k1", **claims):
    payload = {"sub": "li", "exp": int(time.time()) + seconds, "_couchdb.roles": list(roles), **claims}
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


class Client:
    """`requests` against one hub, as the administrator or as the holder of a token."""

    def __init__(self, root, bearer=None):
        self.root = root
        self.session = requests.Session()
        if bearer is None:
            self.session.auth = ADMIN
        else:
            self.session.headers["Authorization"] = f"Bearer {bearer}"

    def __call__(self, method, path, **options):
        return self.session.request(method, self.root + path, timeout=10, **options)


def serve(app):
    config = uvicorn.Config(app, port=0, log_level="warning", ws="none", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def stop():
        server.should_exit = True
        thread.join(10)

    return f"http://127.0.0.1:{port}", stop


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    keys = {"k1": PUBLIC}
    limits = Limits(
        document_bytes=200_000,
        request_bytes=1_000_000,
        answer_bytes=2_000_000,
        stranger_bytes=1000,
        local_bytes=5000,
        local_count=20,
    )
    hub = Hub(tmp_path_factory.mktemp("hub"), ADMIN, lambda: keys, limits=limits)
    address, stop = serve(hub_app(hub))
    yield SimpleNamespace(hub=hub, root=address + "/sync", keys=keys)
    hub.end_feeds()
    stop()
    hub.close()


@pytest.fixture
def hub(running):
    """The hub with three databases: two inspectors' and one unit's."""
    for name, role in (("user_li_2026q4", "device:li"), ("user_wang_2026q4", "device:wang"), ("unit_7", "unit:7")):
        running.hub.create_database(name)
        running.hub.set_security(name, [role])
    yield running.hub
    for name in running.hub.list_databases():
        running.hub.delete_database(name)


@pytest.fixture
def admin(running, hub):
    return Client(running.root)


@pytest.fixture
def li(running, hub):
    return Client(running.root, token("device:li", "unit:7"))


@pytest.fixture
def client(running, hub):
    return lambda bearer: Client(running.root, bearer)
