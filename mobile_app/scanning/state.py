"""Scanning a cylinder: a code from a picture, a tag, or the stamped number typed; the verdict; the load that grows."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import flet as ft
import msgspec

from device_bridge.errors import DeviceError
from device_bridge.models import Code, Tag
from device_bridge.tag_reader import TagReader
from mobile_app.deliveries.rounds import came_back_empty, load_list
from mobile_app.deliveries.scans import Scanned, called_out, load, scan, scan_method
from mobile_app.devices import tag_reader, tag_readers
from mobile_app.errors import FieldError
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.photos import take_photo
from mobile_app.scanning.race import Race
from mobile_app.state import AppState
from mobile_app.tags.reading import TagRead, judge_tag
from sync.documents.cylinders import CylindersLoaded, ScanMethod
from sync.documents.tasks import DeliveryTask
from sync.rules.cylinders import Purpose

NO_TAG_READER = FieldError(
    "tags.no_reader",
    "还没有设置标签读写器",
    "No tag reader is set up",
    action_zh="改用扫码或手输；在“设置”里填读写器地址",
    action_en="scan or type instead; set the reader's address under settings",
)
NO_CODE = FieldError(
    "scan.no_code",
    "照片里没有读到二维码或条码",
    "No code could be read in the picture",
    action_zh="擦净标签，靠近再拍；或手输钢印号",
    action_en="wipe the label and try nearer, or type the stamped number",
)


async def code_in(picture: bytes) -> tuple[str, str]:
    """Text and symbology of the first code in a picture. Raises FieldError, DeviceGarbled."""

    def read() -> list[Code]:
        from device_bridge.codes import read_codes  # noqa: PLC0415 - its readers are loaded with the first picture

        return read_codes(picture)

    codes = await asyncio.to_thread(read)
    if not codes:
        raise NO_CODE
    return codes[0].text, codes[0].symbology


LISTEN_S = 30.0
NOTHING_READ = FieldError(
    "scan.nothing_read",
    "没有读到标签",
    "No tag was read",
    action_zh="把标签贴近读卡区再点一次；或拍码、手输钢印号",
    action_en="hold the tag to the reader and touch again, or take a picture or type the number",
)


class Answer(msgspec.Struct, frozen=True):
    """What one way of scanning gave."""

    code: str
    tag: Tag | None = None
    photo: PhotoDraft | None = None
    stamped: str = ""


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, before anybody has judged it."""

    code: str
    method: ScanMethod
    tag_uid: str = ""
    tag: TagRead | None = None
    photo: PhotoDraft | None = None
    stamped: str = ""


async def tag_near(app: AppState) -> tuple[str, str]:
    """Text and UID of the tag held near the reader. Raises FieldError, DeviceError."""
    reader = await asyncio.to_thread(tag_reader, app.folder)
    if reader is None:
        raise NO_TAG_READER
    tag = await reader.read()
    return tag.text, tag.uid


def _reading(reader: TagReader) -> Callable[[], Awaitable[Answer]]:
    async def read() -> Answer:
        tag = await reader.read(LISTEN_S)
        return Answer(tag.text, tag)

    return read


async def _refuse(error: FieldError | DeviceError) -> None:
    raise error


@ft.observable
@dataclass
class Scanning:
    """`purpose` loading gathers what goes onto the vehicle; a delivery has its own, for one task."""

    app: AppState
    purpose: Purpose
    task_id: str = ""
    typed: str = ""
    # What the stamp says, where it is not the number that was typed.
    stamped: str = ""
    stamp: PhotoDraft | None = None
    shown: Scanned | None = None
    kept: tuple[Scanned, ...] = ()
    # Readers that listen now, and what is wrong with the others.
    listening: tuple[str, ...] = ()
    faults: tuple[DeviceError, ...] = ()

    def __post_init__(self) -> None:
        self._race: Race[Answer] | None = None
        # What follows a loading: a round begins.
        self.on_load: list[Callable[[CylindersLoaded], Awaitable[object]]] = []

    async def listen(self) -> bool:
        """All readers at once, until the first answers or another way has; whether any did. A reader that
        has vanished is told, and the others go on.
        """
        if self._race is not None:
            return False
        readers = await asyncio.to_thread(tag_readers, self.app.folder)
        race = self._race = Race({name: _reading(reader) for name, reader in readers.items()}, self._told)
        self.listening, self.faults = tuple(readers), ()
        try:
            found = await race.run()
        finally:
            self._race, self.listening = None, ()
        if found is not None:
            await self._decide(found[0], found[1])
        return found is not None

    def stop_listening(self) -> None:
        if self._race is not None:
            self._race.stop()

    def _told(self, way: str, error: DeviceError) -> None:
        self.listening = tuple(name for name in self.listening if name != way)
        self.faults = (*self.faults, error)

    async def scan_picture(self, picture: bytes) -> None:
        found = await self.app.attempt(code_in(picture))
        if found is not None:
            await self._offer(scan_method(found[1]), Answer(found[0]))

    async def scan_tag(self) -> None:
        """The readers alone."""
        if not await asyncio.to_thread(tag_readers, self.app.folder):
            await self.app.attempt(_refuse(NO_TAG_READER))
        elif not await self.listen():
            await self.app.attempt(_refuse(self.faults[0] if self.faults else NOTHING_READ))

    async def scan_typed(self) -> None:
        await self._offer("typed", Answer(self.typed, photo=self.stamp, stamped=self.stamped))

    async def _offer(self, method: ScanMethod, answer: Answer) -> None:
        """First come, first served: a tag that was read meanwhile stays on the screen."""
        if self._race is None:
            await self._decide(method, answer)
        elif self._race.offer(method, answer):
            await asyncio.sleep(0)

    async def _decide(self, method: str, answer: Answer) -> None:
        way = msgspec.convert(method, ScanMethod)
        read = await self.app.attempt(judge_tag(self.app.phone, answer.tag)) if answer.tag else None
        code = read.code if read else answer.code
        uid = answer.tag.uid if answer.tag else ""
        scan = Scan(code=code, method=way, tag_uid=uid, tag=read, photo=answer.photo, stamped=answer.stamped)
        await self._judge(scan)

    async def take_stamp(self, picture: bytes, source: PhotoSource) -> None:
        self.stamp = await self.app.attempt(take_photo(self.app.phone, picture, source=source)) or self.stamp

    async def _judge(self, read: Scan) -> None:
        work = scan(
            self.app.phone,
            read.code,
            read.method,
            self.purpose,
            tag_uid=read.tag_uid,
            tag=read.tag,
            photo=read.photo,
            stamped=read.stamped,
            task_id=self.task_id,
        )
        found = await self.app.attempt(work)
        if found is not None:
            if self.purpose == "loading":
                found = await self.app.attempt(self._call_out(found)) or found
            self.shown = found
            self.forget_typed()

    async def _call_out(self, found: Scanned) -> Scanned:
        """A wrong cylinder is told while it is still in the hand."""
        phone, code = self.app.phone, found.scan.code
        board, empty = await load_list(phone), await came_back_empty(phone, code)
        return await called_out(phone, found, self.kept, board=board, came_back_empty=empty)

    def forget_typed(self) -> None:
        self.typed, self.stamped, self.stamp = "", "", None

    def put_back(self) -> None:
        """Not this one: on to the next."""
        self.shown = None

    def keep(self) -> None:
        found, self.shown = self.shown, None
        if found is None or not found.allowed:
            return
        if found.scan.code not in {k.scan.code for k in self.kept}:
            self.kept = (*self.kept, found)

    def take_out(self, code: str) -> None:
        self.kept = tuple(found for found in self.kept if found.scan.code != code)

    @property
    def wanted(self) -> int:
        """How many cylinders today's open deliveries ask for."""
        tasks = [t.task for t in self.app.tasks if t.open and isinstance(t.task, DeliveryTask)]
        return sum(line.quantity for task in tasks for line in task.lines)

    async def load(self) -> bool:
        """出库: what was gathered goes onto the vehicle."""
        deliveries = [t.task for t in self.app.tasks if isinstance(t.task, DeliveryTask)]
        units = self.app.phone.profile.units
        station = deliveries[0].station_id if deliveries else units[0].unit_id if units else ""
        vehicle = next((task.vehicle for task in deliveries if task.vehicle), "")
        done = await self.app.attempt(load(self.app.phone, self.kept, station_id=station, vehicle=vehicle))
        if done is None:
            return False
        for begin in tuple(self.on_load):
            await self.app.attempt(begin(done))
        self.kept = ()
        return True


@ft.observable
@dataclass
class PlainScanning(Scanning):
    """What was read is told to work that judges by its own rules."""

    on_code: Callable[[Scan], Awaitable[None]] | None = None

    async def _judge(self, read: Scan) -> None:
        if self.on_code is not None:
            await self.on_code(read)
        self.forget_typed()
