"""The town of one seed: three phones with their links, the hub, the office's server, the worker, and PostGIS.

A town that has just been founded, its phones signed in, is made once for a run; each seed starts with copies of it.
"""

import contextlib
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from argon2 import PasswordHasher
from psycopg import sql

from backend.cluster import Cluster
from tests.faults.hub import ADMIN
from tests.faults.zygote import Program, Zygote

PHONES = 3
ADMINISTRATOR, PASSWORD = "A1", "faults-walk-2026"
TOKEN_S = 8
_READY_S = 60.0
# Killed processes lose nothing that was committed; only the machine's power cut is left out.
_OPTIONS = ("fsync=off", "full_page_writes=off", "max_connections=120", "max_wal_size=256MB")
_QUICK_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def until(find: Callable[[], Any], what: str, seconds: float = _READY_S) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.02)
    raise TimeoutError(f"{what}: not within {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def http(method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON; 0 where nobody answers."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, content = error.code, error.read()
    except OSError:
        return 0, None
    with contextlib.suppress(ValueError):
        return status, json.loads(content)
    return status, None


class Postgres:
    """A cluster of the fault test's own: it is crashed, and its databases are put back to old copies."""

    def __init__(self, folder: Path) -> None:
        self._cluster = Cluster(folder, options=_OPTIONS)
        self._cluster.start()

    def url(self, name: str) -> str:
        return self._cluster.url(name)

    def stop(self) -> None:
        self._cluster.stop()

    def create(self, name: str) -> str:
        return self._cluster.create_database(name)

    def copy(self, source: str, target: str) -> None:
        """`target` becomes what `source` is now; whoever was connected to either is thrown out, and may come back."""
        with self._connect() as connection:
            self._close(connection, source)
            self.drop(target)
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
            connection.execute(copy.format(sql.Identifier(target), sql.Identifier(source)))
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(source)))

    def drop(self, name: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def backends(self, name: str) -> list[int]:
        with self._connect() as connection:
            rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s ORDER BY pid", (name,))
            return [row[0] for row in rows]

    def answers(self) -> bool:
        try:
            with self._connect():
                return True
        except psycopg.OperationalError:
            return False

    def _close(self, connection: psycopg.Connection[Any], name: str) -> None:
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
        until(lambda: connection.execute(query, (name,)).fetchone() == (0,), f"the sessions of {name} to end")

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url("postgres"), autocommit=True)


class World:
    """One town's processes and files. What is killed here is started by `start_*`, whatever the reason."""

    def __init__(self, folder: Path, zygote: Zygote, postgres: Postgres, database: str) -> None:
        self.folder, self._zygote, self.postgres, self.database = folder, zygote, postgres, database
        self.hub_port, self.office_port = free_port(), free_port()
        self.hub: Program | None = None
        self.office: Program | None = None
        self.worker: Program | None = None
        self.phones: list[Program | None] = [None] * PHONES
        self.links: list[Program] = []
        self.link_ports: list[int] = []
        self.people: list[dict[str, Any]] = []
        self.boots = [0] * PHONES
        self.shifts = [0.0] * PHONES

    # Where things are

    @property
    def hub_url(self) -> str:
        return f"http://127.0.0.1:{self.hub_port}/sync"

    @property
    def office_url(self) -> str:
        return f"http://127.0.0.1:{self.office_port}"

    @property
    def hub_data(self) -> Path:
        return self.folder / "hub"

    @property
    def url(self) -> str:
        return self.postgres.url(self.database)

    def phone_data(self, number: int) -> Path:
        return self.folder / "phones" / str(number)

    def journal(self, number: int) -> Path:
        return self.folder / "journals" / f"{number}.jsonl"

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    # Starting and stopping

    def start_hub(self) -> None:
        self.kill(self.hub)
        self.hub = self._zygote.start("hub", self.log("hub"), data=str(self.hub_data), port=self.hub_port)
        self._wait(self.hub, f"{self.hub_url}/_up")

    def start_office(self) -> None:
        self.kill(self.office)
        self.office = self._qixun("serve")
        self._wait(self.office, f"{self.office_url}/readyz")

    def start_worker(self) -> None:
        self.kill(self.worker)
        self.worker = self._qixun("worker")

    def start_servers(self) -> None:
        if self.hub is None or not self.hub.alive:
            self.start_hub()
        if self.worker is None or not self.worker.alive:
            self.start_worker()
        if self.office is None or not self.office.alive:
            self.start_office()

    def start_link(self) -> None:
        port = free_port()
        ports = {"port": port, "hub_port": self.hub_port, "office_port": self.office_port}
        self.links.append(self._zygote.start("link", self.log(f"link-{len(self.links)}"), **ports))
        self.link_ports.append(port)
        self.links[-1].ask("calm")

    def start_phone(self, number: int) -> bool:
        """Whether it runs and somebody is signed in."""
        self.kill(self.phones[number])
        phone = self._zygote.start(
            "phone",
            self.log(f"phone-{number}"),
            data=str(self.phone_data(number)),
            server=f"http://127.0.0.1:{self.link_ports[number]}",
            journal=str(self.journal(number)),
            boot=self.boots[number],
            shift_s=self.shifts[number],
        )
        self.phones[number] = phone
        answer = phone.ask("open", number=self.people[number]["number"], password=PASSWORD)
        if answer is None or "error" in answer:
            return False
        self.people[number] |= answer
        return True

    def kill(self, program: Program | None) -> None:
        if program is not None:
            program.kill()

    def stop(self) -> None:
        for program in (*self.phones, *self.links, self.worker, self.office, self.hub):
            self.kill(program)

    # Inside

    def _qixun(self, *argv: str, said: str = "") -> Program:
        name, password = ADMIN
        environ = {
            "QIXUN_DATABASE_URL": self.url,
            "QIXUN_DATA_DIR": str(self.folder / "data"),
            "QIXUN_PORT": str(self.office_port),
            "QIXUN_COUCHDB_URL": f"http://{name}:{password}@127.0.0.1:{self.hub_port}/sync",
            "QIXUN_PUBLIC_HUB_URL": "/sync/",
            "QIXUN_ACCESS_TOKEN_S": str(TOKEN_S),
            "QIXUN_WORKER": "outside",
            "QIXUN_DATABASE_POOL": "8",
        }
        return self._zygote.start("qixun", self.log(argv[0]), argv=list(argv), environ=environ, said=said)

    def _wait(self, program: Program, url: str) -> None:
        def ready() -> bool:
            assert program.alive, f"{program.name} has ended, see {program.log}"
            return http("GET", url)[0] == 200

        until(ready, f"{url} of {program.name}, see {program.log}")


class Founded(World):
    """A town that was just founded: one company, a unit, and a phone for each of its workers, all quiet."""

    def found(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.postgres.create(self.database)
        making = self._qixun(
            "create-company", "故障测试燃气", "--administrator", ADMINISTRATOR, "--unit", "一班", said=f"{PASSWORD}\n"
        )
        assert making.ended(_READY_S), "create-company does not end"
        making.kill()
        self.start_servers()
        status, answer = http(
            "POST", f"{self.office_url}/api/sign-in", {"staff_number": ADMINISTRATOR, "password": PASSWORD}
        )
        assert status == 200, f"{answer}, see {making.log}"
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        _, organisations = http("GET", f"{self.office_url}/api/organisations", **bearer)
        (unit,) = [each["id"] for each in organisations if each["kind"] == "unit"]
        for number in range(PHONES):
            self._hire(number, unit, bearer)
        with psycopg.connect(self.url) as connection:  # signing in is not what is tested here
            connection.execute("UPDATE staff SET password_hash = %s", (_QUICK_HASH.hash(PASSWORD),))
        for number in range(PHONES):
            self.start_link()
            assert self.start_phone(number), f"phone {number} does not start, see {self.log(f'phone-{number}')}"
        until(self._quiet, "the new town to be quiet")
        for number, phone in enumerate(self.phones):
            assert phone is not None
            assert phone.ask("close") == {}, f"phone {number} does not close"
        self.stop()
        (self.folder / "people.json").write_text(json.dumps(self.people))

    def copy(self, folder: Path, database: str) -> World:
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("hub", "data", "phones"):
            shutil.copytree(self.folder / name, folder / name)
        shutil.copy(self.folder / "hub.config", folder / "hub.config")
        self.postgres.copy(self.database, database)
        world = World(folder, self._zygote, self.postgres, database)
        world.people = [dict(person) for person in self.people]
        return world

    def _hire(self, number: int, unit: str, bearer: dict[str, str]) -> None:
        staff = {
            "staff_number": f"W{number}",
            "name": f"演示-{number}号",
            "organisation_id": unit,
            "unit_ids": [unit],
            "password": PASSWORD,
        }
        status, made = http("POST", f"{self.office_url}/api/staff", staff, **bearer)
        assert status == 201, made
        grant = {"organisation_id": unit, "role": "inspector"}
        assert http("POST", f"{self.office_url}/api/staff/{made['id']}/grants", grant, **bearer)[0] < 300
        self.people.append({"number": f"W{number}", "unit_id": unit})

    def _quiet(self) -> bool:
        with psycopg.connect(self.url) as connection:
            open_ones = connection.execute(
                "SELECT (SELECT count(*) FROM outbox WHERE version <> sent_version)"
                " + (SELECT count(*) FROM hub_databases WHERE NOT provisioned)"
            ).fetchone()
        states = [phone.ask("status")["status"]["state"] for phone in self.phones if phone is not None]
        return open_ones == (0,) and states == ["accepted"] * PHONES
