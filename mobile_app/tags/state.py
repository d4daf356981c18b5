"""电子标签, as the screens see it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args

import flet as ft

from device_bridge.models import WrittenTag
from device_bridge.tag_reader import TagReader
from mobile_app.deliveries.scans import identify
from mobile_app.devices import tag_readers
from mobile_app.errors import FieldError, NotReady
from mobile_app.photo_drafts import PhotoDraft
from mobile_app.scanning.state import NO_TAG_READER, PlainScanning, Scan
from mobile_app.state import AppState
from mobile_app.tags.reading import tag_keys
from mobile_app.tags.work import Refreshed, Writing, bind_tag, finish, give_up, unfinished
from sync.documents.cylinders import CylinderScan
from sync.documents.reference import Cylinder, ListEntry
from sync.documents.tags import TagKind

Kind = Literal["ok", "warn", "quiet"]
Refresh = Callable[[CylinderScan], Awaitable[Refreshed]]
WRITING = ("正在更新标签，把标签贴住读写器", "Updating the tag: hold it to the reader")
WRITTEN = ("标签已更新", "The tag is up to date")
BROKEN_OFF = (
    "标签没写完，到“我的 → 电子标签”接着写；记录已存，不受影响",
    "The tag is not fully written: go on under “Me → Tags”; the record is saved all the same",
)
# Who puts tags on cylinders; a tag that was begun is finished by whoever began it.
BINDERS = frozenset({"filler", "station_keeper", "company_admin", "system_admin"})


@ft.observable
@dataclass
class TagFollow:
    """The tag follows a record that is saved already: nobody waits for it, and whatever becomes of it the record
    stands. `words` is the one sentence that the worker reads.
    """

    app: AppState
    words: tuple[str, str] = ("", "")
    kind: Kind = "quiet"

    def begin(self, scans: Sequence[CylinderScan], refresh: Refresh) -> None:
        """Of those that were told by their tags, since only these tags are at hand."""
        told = [scan for scan in scans if scan.method in ("nfc", "uhf") and scan.tag_uid]
        if told:
            self.app.run(self._follow(told, refresh))

    async def _follow(self, scans: Sequence[CylinderScan], refresh: Refresh) -> None:
        if not await tag_keys(self.app.phone):
            return  # a company that writes no tags
        self.kind, self.words = "quiet", WRITING
        kind: Kind = "warn"
        words = BROKEN_OFF
        try:
            outcomes = [(scan.code, (await refresh(scan)).outcome) for scan in scans]
            missed = [code for code, outcome in outcomes if outcome == "no_writer"]
            if all(outcome == "written" for _, outcome in outcomes):
                kind, words = "ok", WRITTEN
            elif all(outcome != "unfinished" for _, outcome in outcomes):
                words = _missed(missed)
        finally:
            self.kind, self.words = kind, words
            self.app.reload_soon()  # what was broken off is in the list under 我的 at once


def _missed(codes: Sequence[str]) -> tuple[str, str]:
    return (
        f"没读到 {'、'.join(codes)} 的标签，标签没更新；记录已存，不受影响",
        f"The tag of {', '.join(codes)} was not read and is as before; the record is saved all the same",
    )


@ft.observable
@dataclass
class Tagging:
    """绑定 for the cylinder that was scanned, and what was begun on a tag and is not finished."""

    app: AppState
    begun: tuple[Writing, ...] = ()
    reasons: tuple[ListEntry, ...] = ()
    kinds: tuple[TagKind, ...] = ()
    kind: TagKind = "nfc"
    cylinder: Cylinder | None = None
    told: CylinderScan | None = None
    stamp: PhotoDraft | None = None
    reason: str = ""
    # The tag held somebody else's content; and the worker says that it is the company's own all the same.
    foreign: bool = False
    replace_foreign: bool = False
    writing: bool = False
    giving_up: str = ""
    # The cylinder whose tag was written last.
    done: str = ""

    def __post_init__(self) -> None:
        self.scanning = self.app.follow(PlainScanning(self.app, "filling", on_code=self._scan))

    @property
    def may_bind(self) -> bool:
        profile = self.app.phone.session.profile
        return profile is not None and not BINDERS.isdisjoint(profile.staff.roles)

    @property
    def shown(self) -> bool:
        """Whether there is anything here for this worker."""
        return self.may_bind or bool(self.begun)

    async def open(self) -> str:
        self.put_back()
        self.done = self.giving_up = ""
        with suppress(NotReady):
            self.reasons = (await self.app.phone.lists("tag_replacement_reason")).entries
        readers = await asyncio.to_thread(tag_readers, self.app.folder)
        self.kinds = tuple(kind for kind in get_args(TagKind) if kind in readers)
        self.kind = self.kinds[0] if self.kinds else "nfc"
        await self.look()
        return "/tags"

    async def look(self) -> None:
        self.begun = tuple(await unfinished(self.app.phone))

    def put_back(self) -> None:
        """Not this cylinder: on to the next."""
        self.cylinder = self.told = self.stamp = None
        self.reason, self.foreign, self.replace_foreign = "", False, False

    def change(self, name: Literal["reason", "kind", "replace_foreign"], value: Any) -> None:
        setattr(self, name, value)

    async def _scan(self, scan: Scan) -> None:
        found = await self.app.attempt(self._identified(scan))
        if found is not None:
            self.put_back()
            (self.told, self.cylinder), self.stamp, self.done = found, scan.photo, ""

    async def _identified(self, scan: Scan) -> tuple[CylinderScan, Cylinder]:
        told, cylinder = await identify(self.app.phone, scan.code, scan.method, photo=scan.photo)
        if cylinder is None:
            raise FieldError(
                "tags.unknown_cylinder",
                f"档案里没有 {told.code}，不能绑标签",
                f"{told.code} is not on record: no tag is bound to it",
                action_zh="请站里先建档，同步后再绑",
                action_en="have the station enter it first, then sync",
            )
        return told, cylinder

    async def bind(self) -> None:
        cylinder, told = self.cylinder, self.told
        if cylinder is None or told is None or not self.may_bind:
            return
        written = await self._write(self._bind(cylinder, told), cylinder.code)
        if written or any(each.scan.cylinder_id == told.cylinder_id for each in self.begun):
            self.put_back()  # bound; what is not written yet is in the list

    async def _bind(self, cylinder: Cylinder, told: CylinderScan) -> WrittenTag:
        try:
            return await bind_tag(
                self.app.phone,
                await self._reader(self.kind),
                self.kind,
                cylinder,
                told,
                # Without a reason only the tag that it has is written anew.
                replaces=cylinder.tag_uid if self.reason else "",
                reason=self.reason if cylinder.tag_uid else "",
                photos=(self.stamp,) if self.stamp else (),
                replace_foreign=self.replace_foreign,
            )
        except FieldError as error:
            self.foreign = self.foreign or error.code == "tags.foreign"
            raise

    async def finish(self, writing: Writing) -> None:
        await self._write(self._finish(writing), writing.scan.code)

    async def _finish(self, writing: Writing) -> WrittenTag:
        return await finish(self.app.phone, await self._reader(writing.kind), writing)

    async def give_up(self, writing: Writing) -> None:
        """The first touch asks, the second does it."""
        if self.giving_up != writing.tag_uid:
            self.giving_up = writing.tag_uid
            return
        self.giving_up = ""
        await self.app.attempt(give_up(self.app.phone, writing))
        await self.look()

    async def _write(self, work: Coroutine[Any, Any, WrittenTag], code: str) -> bool:
        """One tag at a time."""
        if self.writing:
            work.close()
            return False
        self.writing, self.done, self.giving_up = True, "", ""
        try:
            written = await self.app.attempt(work)
        finally:
            self.writing = False
        await self.look()
        self.done = code if written else ""
        return written is not None

    async def _reader(self, kind: TagKind) -> TagReader:
        reader = (await asyncio.to_thread(tag_readers, self.app.folder)).get(kind)
        if reader is None:
            raise NO_TAG_READER
        return reader
