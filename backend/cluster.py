"""A private PostgreSQL + PostGIS cluster in the data directory, for a machine where no database is configured.

PostgreSQL refuses root, so root's cluster runs as the system user `qixun` (made when missing). Where that user cannot
reach the data directory (one under /root), the cluster lives in /var/lib/qixun/<digest of the data directory> and
the data directory holds a note saying so. Passwords are SCRAM, the server listens on 127.0.0.1 alone.

Processes share a cluster: each holds a shared lock while it uses it, and the last one to leave stops it. A server
left over from a killed process is found and used again.
"""

import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

SYSTEM_USER = "qixun"
SUPERUSER = "qixun"
_ROOTS_CLUSTERS = Path("/var/lib/qixun")
_OLDEST_VERSION = 14
_START_ATTEMPTS = 3
_START_S = 60


class ClusterError(Exception):
    """Why there is no database, in one sentence (Chinese / English) that says what to do."""


class Cluster:
    """`start` it, use `url()`, `stop` it."""

    def __init__(self, data_dir: Path, *, options: Sequence[str] = ()) -> None:
        """`options` are PostgreSQL settings such as "fsync=off" (tests)."""
        self._data_dir = data_dir.absolute()
        self._options = options
        self._user = _postgres_user()
        self.directory = self._choose_directory()
        self.pgdata = self.directory / "pgdata"
        self._bin = Path()
        self._use_lock: int | None = None
        self._port = 0

    def start(self) -> None:
        """Raises `ClusterError`; 0.2 s when the cluster exists."""
        with self._start_lock():
            self._use_lock = os.open(self.directory / "use.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._use_lock, fcntl.LOCK_SH)
            self._bin = self._find_binaries()
            if not self.pgdata.exists():
                self._initialise()
            self._port = self._running_port() or self._start_server()

    def stop(self) -> None:
        """Stops the server unless another process still uses it."""
        if self._use_lock is None:
            return
        with self._start_lock():
            if _nobody_else_holds(self._use_lock) and self._running_port():
                self._pg_ctl("stop", "-m", "fast", "-t", str(_START_S))
            os.close(self._use_lock)
            self._use_lock = None

    def url(self, database: str = "qixun") -> str:
        return f"postgresql://{SUPERUSER}:{self._password()}@127.0.0.1:{self._port}/{database}"

    def create_database(self, name: str = "qixun") -> str:
        """Its address; made with PostGIS in it unless it is there."""
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
                if not found:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            with psycopg.connect(self.url(name), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
            raise ClusterError(
                f"PostgreSQL {self._version()} 缺少 PostGIS，请安装 postgresql-{self._version()}-postgis-3 / "
                f"PostgreSQL {self._version()} has no PostGIS: install postgresql-{self._version()}-postgis-3"
            ) from error
        except psycopg.OperationalError as error:
            raise ClusterError(f"无法连接私有数据库 / the private database does not answer: {error}") from error
        return self.url(name)

    def _choose_directory(self) -> Path:
        inside = self._data_dir / "postgres"
        self._data_dir.mkdir(parents=True, exist_ok=True)
        if self._user is None or _can_reach(self._user, self._data_dir):
            directory = inside
        else:
            digest = hashlib.sha256(str(self._data_dir).encode()).hexdigest()[:12]
            directory = _ROOTS_CLUSTERS / digest
            note = f"数据库在 {directory}，因为系统用户 {self._user.pw_name} 无法进入本目录。\n"
            note += f"The database is in {directory}: the system user cannot enter this directory.\n"
            (self._data_dir / "postgres-is-elsewhere.txt").write_text(note, encoding="utf-8")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if self._user is not None:
                os.chown(directory, self._user.pw_uid, self._user.pw_gid)
        except OSError as error:
            raise ClusterError(f"数据目录不可写 / the data directory cannot be written: {error}") from error
        return directory

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        with (self.directory / "start.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _password(self) -> str:
        path = self.directory / "password"
        if not path.exists():
            path.touch(mode=0o600)
            if self._user is not None:
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
            path.write_text(secrets.token_urlsafe(24), encoding="ascii")
        return path.read_text(encoding="ascii")

    def _version(self) -> str:
        path = self.pgdata / "PG_VERSION"
        try:
            return path.read_text(encoding="ascii").strip()
        except OSError as error:
            raise ClusterError(
                f"数据库目录 {self.pgdata} 已损坏（缺少 PG_VERSION），请恢复备份或移走该目录 / "
                f"{self.pgdata} is broken (no PG_VERSION): restore it from a backup or move it away"
            ) from error

    def _find_binaries(self) -> Path:
        installed = _installed()
        if not installed:
            raise ClusterError(
                "没有找到 PostgreSQL，请安装：apt-get install postgresql postgresql-postgis"
                f"（macOS：brew install postgis），需 {_OLDEST_VERSION} 以上 / "
                f"PostgreSQL {_OLDEST_VERSION}+ with PostGIS is not installed: "
                "apt-get install postgresql postgresql-postgis (macOS: brew install postgis)"
            )
        if not self.pgdata.exists():
            return installed[max(installed)]
        version = int(self._version())
        if version not in installed:
            raise ClusterError(
                f"数据库由 PostgreSQL {version} 建立，本机只有 {sorted(installed)}，请安装 postgresql-{version} / "
                f"the database was made by PostgreSQL {version}, this machine has {sorted(installed)}: "
                f"install postgresql-{version}"
            )
        return installed[version]

    def _initialise(self) -> None:
        # Made beside and renamed: an interrupted initdb never looks like a cluster.
        fresh = self.directory / "pgdata.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._password()
        locale = "C" if os.uname().sysname == "Darwin" else "C.UTF-8"
        self._run(
            "initdb",
            *("-D", str(fresh), "-U", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", f"--locale={locale}"),
            f"--pwfile={self.directory / 'password'}",
            *(("--no-sync",) if "fsync=off" in self._options else ()),
        )
        fresh.rename(self.pgdata)

    def _running_port(self) -> int:
        """0 if no server runs on the data; `postmaster.pid` holds the port in its fourth line."""
        if self._pg_ctl("status", check=False) != 0:
            return 0
        try:
            lines = (self.pgdata / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return int(lines[3])
        except (OSError, IndexError, ValueError):
            return 0

    def _start_server(self) -> int:
        log = self.directory / "server.log"
        for attempt in range(_START_ATTEMPTS):
            port = _free_port()
            settings = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", *self._options]
            options = " ".join(f"-c {name}" for name in settings)
            last = attempt == _START_ATTEMPTS - 1
            if (
                self._pg_ctl("start", "-w", "-t", str(_START_S), "-l", str(log), "-o", options, check=last, log=log)
                == 0
            ):
                return port
        raise AssertionError("the last attempt raises")

    def _pg_ctl(self, command: str, *arguments: str, check: bool = True, log: Path | None = None) -> int:
        return self._run("pg_ctl", command, "-D", str(self.pgdata), "-s", *arguments, check=check, log=log)

    def _as_user(self) -> list[str]:
        # Not `subprocess`'s own `user=`: for that Python forks, and a fork of a process with threads may wait for ever
        # for a lock that one of them held (seen in GDAL); without it the child shares memory until it is the program.
        user = self._user
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"] if user else []

    def _run(self, program: str, *arguments: str, check: bool = True, log: Path | None = None) -> int:
        # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with (self.directory / "last-command.log").open("w+") as output:
            done = subprocess.run(  # noqa: S603 - our own arguments
                [*self._as_user(), str(self._bin / program), *arguments],
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.directory)},
            )
            output.seek(0)
            said = output.read()
        if check and done.returncode != 0:
            tail = log.read_text(encoding="utf-8", errors="replace") if log and log.exists() else said
            reason = " ".join((tail.strip().splitlines() or ["?"])[-3:])
            raise ClusterError(
                f"私有数据库无法启动（{program}，目录 {self.directory}） / "
                f"the private database does not start: {reason}"
            )
        return done.returncode


def _postgres_user() -> pwd.struct_passwd | None:
    """The user to run PostgreSQL as; None for an ordinary user, who runs it himself."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    if useradd := shutil.which("useradd"):
        options = ("--system", "--no-create-home", "--shell", "/usr/sbin/nologin")
        subprocess.run([useradd, *options, SYSTEM_USER], check=False, capture_output=True)  # noqa: S603
    for name in (SYSTEM_USER, "postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ClusterError(
        "PostgreSQL 不能以 root 运行，请先建立系统用户 qixun / "
        "PostgreSQL refuses to run as root: create the system user qixun"
    )


def _can_reach(user: pwd.struct_passwd, directory: Path) -> bool:
    test = shutil.which("test") or "/usr/bin/test"
    done = subprocess.run(  # noqa: S603
        [test, "-x", str(directory)], check=False, cwd="/", user=user.pw_uid, group=user.pw_gid, extra_groups=[]
    )
    return done.returncode == 0


def _installed() -> dict[int, Path]:
    """Major version -> folder of PostgreSQL's programs: Debian's, Homebrew's, Red Hat's, and the PATH's."""
    folders = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin"),
        *Path("/usr/local/opt").glob("postgresql@*/bin"),
        *Path("/usr").glob("pgsql-*/bin"),
    ]
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).parent)
    found: dict[int, Path] = {}
    for folder in folders:
        if not (folder / "initdb").exists() or not (folder / "pg_ctl").exists():
            continue
        said = subprocess.run([folder / "initdb", "--version"], check=False, capture_output=True, text=True)  # noqa: S603
        version = re.search(r"PostgreSQL\) (\d+)", said.stdout)
        if version and int(version[1]) >= _OLDEST_VERSION:
            found[int(version[1])] = folder
    return found


def _nobody_else_holds(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
