"""The hub in a process of its own, and what phones have for it."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import msgspec
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sync.documents.envelope import Moment, Record, new_id
from sync.documents.hazards import HazardReported
from sync.store.records import RecordStore

HERE = Path(__file__).parent
ADMIN = ("admin", "adminpw")
KEY = ec.generate_private_key(ec.SECP256R1())
USER, MEDIA, UNIT = "user_li_20264", "media_li_20264", "unit_7"


def bearer(*roles: str, seconds: float = 600) -> str:
    claims = {"sub": "li", "exp": time.time() + seconds, "_couchdb.roles": list(roles)}
    return jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": "k1"})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class HubProcess:
    """The hub that a phone reaches, and the administrator's look at it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "hub"
        self._public_key = folder / "public.pem"
        self._public_key.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/sync"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(HERE / "hub_process.py"), str(self.data), str(self.port), str(self._public_key)]
        self._process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HERE.parents[2])})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                requests.get(self.url + "/_up", timeout=1).raise_for_status()
            except requests.ConnectionError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("the hub did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def copy(self) -> Path:
        """A backup, taken while the hub is down."""
        self.kill()
        backup = self.data.with_name(f"backup-{time.monotonic_ns()}")
        shutil.copytree(self.data, backup)
        self.start()
        return backup

    def restore(self, backup: Path) -> None:
        self.kill()
        shutil.rmtree(self.data)
        shutil.copytree(backup, self.data)
        self.start()

    def ask(self, method: str, path: str, **options: Any) -> Any:
        answer = requests.request(method, f"{self.url}/{path}", auth=ADMIN, timeout=10, **options)
        answer.raise_for_status()
        return answer.json()

    def create(self, name: str, role: str) -> None:
        self.ask("PUT", name)
        security = {"admins": {"names": [], "roles": ["_admin"]}, "members": {"names": [], "roles": [role]}}
        self.ask("PUT", f"{name}/_security", json=security)

    def put(self, name: str, doc_id: str, **fields: Any) -> str:
        return str(self.ask("PUT", f"{name}/{doc_id}", json=fields)["rev"])

    def ids(self, name: str) -> list[str]:
        return [row["id"] for row in self.ask("GET", f"{name}/_all_docs")["rows"]]

    def revisions(self, name: str) -> dict[str, list[str]]:
        rows = self.ask("GET", f"{name}/_changes", params={"style": "all_docs"})["results"]
        return {row["id"]: [change["rev"] for change in row["changes"]] for row in rows}


async def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Waits for a condition, at most so long."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 (what is waited for is in another process)
            await asyncio.sleep(0.02)


def body(**fields: Any) -> bytes:
    return msgspec.json.encode(fields)


def hazard(**fields: Any) -> Callable[[int], Record]:
    """A record as the phone makes it around its number."""
    moment = Moment(at=datetime.now(UTC), boot_id="b", monotonic_s=1.0)
    return lambda number: HazardReported(
        id=new_id("hazard.reported"),
        schema_version=1,
        record_number=number,
        recorded=moment,
        staff_id="li",
        unit_id="7",
        device_id="li",
        hazard_type="exposed_pipe",
        **fields,
    )


def states(store: RecordStore) -> dict[str, int]:
    return {state: count for state, count in store.counts().items() if count}
