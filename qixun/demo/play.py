"""`qixun serve --demo`: on an empty database the demo company and a played shift, with the server running."""

import asyncio
import sys
import time
from contextlib import nullcontext

import msgspec
from sqlalchemy import func, select

from backend.accounts.models import Organisation
from backend.db import Database
from backend.settings import Settings
from qixun.cli import server_of
from qixun.demo.cameras import permitting, simulated_cameras
from qixun.demo.company import found_company
from qixun.demo.shift import ADMINISTRATOR, DISPATCHER, DRIVER, INSPECTOR, PASSWORD, Setting, Shift
from qixun.demo.station import monitored_station


async def serve_with_demo(settings: Settings) -> int:
    """Until Ctrl-C; a shift that failed leaves the server running and says what went wrong."""
    if settings.log_level == "info":
        # The screen belongs to the play; a line for each request would bury it.
        settings = msgspec.structs.replace(settings, log_level="warning")
    database = Database(settings)
    try:
        async with database.sessions() as session:
            empty = not await session.scalar(select(func.count()).select_from(Organisation))
        if empty:
            _line(
                "松河演示燃气有限公司：人员、管网、客户、气瓶",
                "the demo company: people, network, customers, cylinders",
            )
            await found_company(database, settings)
    finally:
        await database.close()
    settings = permitting(settings)
    async with simulated_cameras(settings.data_dir):
        return await _serve(settings, play=empty)


async def _serve(settings: Settings, *, play: bool) -> int:
    server = server_of(settings)
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells no other way
        await asyncio.sleep(0.05)
    if server.started:
        print(
            f"\n  http://{settings.host}:{settings.port}/     控制台 console: {DISPATCHER}, {ADMINISTRATOR}", flush=True
        )
        print(f"  http://{settings.host}:{settings.port}/m/   手机 app: {INSPECTOR}, {DRIVER}", flush=True)
        print(f"  密码 password: {PASSWORD}    Ctrl-C 停止 stops everything\n", flush=True)
    playing = asyncio.create_task(_play(settings)) if play and server.started else None
    # A database that is not the demo company's knows no such station: it is monitored where it was founded.
    folder = settings.data_dir / "demo-station"
    monitored = play or await asyncio.to_thread(folder.exists)
    async with monitored_station(folder, _address(settings)) if monitored and server.started else nullcontext():
        await serving
    if playing is not None:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    return 0 if server.started else 1


def _address(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.port}"


async def _play(settings: Settings) -> None:
    started, number = time.monotonic(), 0

    def narrate(zh: str, en: str) -> None:
        nonlocal number
        number += 1
        _line(zh, en, f"{number:2}  {time.monotonic() - started:5.1f} s")

    setting = Setting(
        server=_address(settings),
        host="127.0.0.1",
        port=settings.port,
        folder=settings.data_dir / "demo-shift",
    )
    _line(
        "演示一个班次：两部手机、检漏仪、定位、读卡器都是独立进程",
        "a shift is played by phones and devices of their own",
    )
    try:
        await Shift(setting, narrate).play()
    except Exception as error:  # noqa: BLE001 - the server goes on whatever became of the play
        print(f"\n演示中断 / the play stopped: {error}\n  {setting.folder}/*.log", file=sys.stderr, flush=True)
        return
    _line("演示完成，一张图上可以看到全部", "the play is over; everything is on the map")


def _line(zh: str, en: str, head: str = "") -> None:
    print(f"  {head}  {zh} / {en}" if head else f"{zh} / {en}", flush=True)
