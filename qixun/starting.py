"""What every command needs before it starts: a free port, a database, the hub's administrator."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from backend.cluster import Cluster
from backend.db import psycopg_url
from backend.settings import Settings


class StartError(Exception):
    """Why nothing was started, in one sentence that says what to do."""


def require_free_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise StartError(
                f"端口 {settings.port} 已被占用，请停掉占用它的程序，或设置 QIXUN_PORT / port {settings.port} on "
                f"{settings.host} cannot be used ({error.strerror}): stop the program that holds it, or set QIXUN_PORT"
            ) from error


@contextmanager
def database_of(settings: Settings) -> Iterator[Settings]:
    """Settings with a database: the configured one, or the private cluster's, which runs meanwhile."""
    if settings.database_url:
        if not psycopg_url(settings.database_url).startswith("postgresql+psycopg://"):
            raise StartError("QIXUN_DATABASE_URL 应为 / must be postgresql://user:password@host:port/database")
        yield settings
        return
    try:
        cluster = Cluster(settings.data_dir)
        cluster.start()
    except OSError as error:
        raise StartError(
            f"数据目录 {settings.data_dir} 不能使用，请检查属主和权限，或设置 QIXUN_DATA_DIR / "
            f"the data directory cannot be used ({error}): see whose it is, or set QIXUN_DATA_DIR"
        ) from error
    try:
        yield msgspec.structs.replace(settings, database_url=cluster.create_database())
    finally:
        cluster.stop()


def hub_administrator(settings: Settings) -> str:
    """`name:password` of the hub; the embedded hub's is made at first start and kept in the data directory."""
    if settings.hub_admin:
        return settings.hub_admin
    path = settings.data_dir / "hub-admin"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"admin:{secrets.token_urlsafe(24)}", encoding="ascii")
    return path.read_text(encoding="ascii").strip()
