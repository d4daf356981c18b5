"""The demo company's cameras: two at the storage station, one on the vehicle, simulated while the demo is served."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cameras import service as cameras
from backend.cameras.schemas import CameraIn, Holder
from backend.scope import Caller
from backend.settings import Settings
from backend.stations import service as stations
from backend.vehicles import service as vehicles
from qixun.demo.children import Child, ChildFailed
from sync.databases import beijing_today

# The port that the cameras' records name: the simulator takes it again at each later start.
_PORT_FILE = "demo-cameras.port"
_LOOPBACK = "127.0.0.1/32"
_USER, _PASSWORD = "qixun", "camera-2026"
# Holder, name, area; the second keeps less than the ninety days of a storage station.
_CAMERAS: tuple[tuple[Holder, str, str], ...] = (
    ("station", "储罐区枪机", "tanks"),
    ("station", "灌装间球机", "filling"),
    ("vehicle", "货厢摄像头", "cargo"),
)
_KEPT_DAYS = "96,61,5"


async def write_cameras(session: AsyncSession, caller: Caller, folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    station = (await stations.list_stations(session, caller, kind="storage", limit=1)).items[0].id
    vehicle = (await vehicles.list_vehicles(session, caller, limit=1)).items[0].id
    address = f"http://127.0.0.1:{port}"
    for number, (holder, name, area) in enumerate(_CAMERAS, 1):
        given = CameraIn(
            holder=holder,
            place_id=station if holder == "station" else vehicle,
            name=name,
            area=area,
            picture_address=f"{address}/snapshot/{number}.jpg",
            stream_address=f"rtsp://127.0.0.1/demo/{number}",
            recorder_address=f"{address}/onvif/device_service",
            recording=f"REC-{number}",
            username=_USER,
            password=_PASSWORD,
            installed_on=beijing_today() - timedelta(days=900),
        )
        await cameras.create_camera(session, caller, given)
    (folder / _PORT_FILE).write_text(str(port))


def permitting(settings: Settings) -> Settings:
    """The simulated recorder stands on this machine."""
    networks = ",".join(filter(None, (settings.camera_networks, _LOOPBACK)))
    return msgspec.structs.replace(settings, camera_networks=networks)


@asynccontextmanager
async def simulated_cameras(folder: Path) -> AsyncIterator[None]:
    """Where their port is taken by something else they stay silent, as real ones would."""
    path = folder / _PORT_FILE
    if not path.exists():
        yield
        return
    names = ",".join(name for _, name, _ in _CAMERAS)
    options = ("--port", path.read_text(), "--channels", "3", "--names", names, "--kept", _KEPT_DAYS)
    child = Child(folder / "demo-shift" / "cameras.log", "device_bridge.simulators", "camera", *options)
    try:
        await child.start()
    except (ChildFailed, msgspec.DecodeError) as error:
        print(f"演示摄像头没有启动 / the demo's cameras did not start: {error}", flush=True)
    try:
        yield
    finally:
        await child.stop()
