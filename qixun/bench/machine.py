"""On what the figures were measured: without it they say nothing."""

import os
import platform
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec
import psycopg

from backend.cluster import Cluster
from qixun.bench import peer


class Machine(msgspec.Struct, frozen=True):
    """`load_average` is the last minute's as the measurement began: an idle machine's is near 0."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    load_average: float


def this_machine() -> Machine:
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(pages * page_bytes / 2**30, 1),
        system=platform.platform(terse=True),
        load_average=round(os.getloadavg()[0], 2),
    )


def versions(cluster: Cluster | None, *, with_peer: bool) -> dict[str, str]:
    found = {
        "qixun": version("qixun") + _revision(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if cluster is not None:
        with psycopg.connect(cluster.url("postgres")) as connection:
            found["postgresql"] = str(connection.info.server_version // 10000)
    if with_peer:
        node = subprocess.run([peer.node(), "--version"], check=True, capture_output=True, text=True)  # noqa: S603
        found |= {"pouchdb": peer.version(), "node": node.stdout.strip().removeprefix("v")}
    return found


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _revision() -> str:
    """Of a checkout; an installed package has its version alone."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    except OSError:
        return ""
    return f" ({done.stdout.strip()})" if done.returncode == 0 else ""
