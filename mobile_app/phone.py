"""One phone: who works with it, what it knows, and what was recorded on it. All of it works without a network.

A record is on the disk when `record` returns. Nothing here talks to the server but signing in and out; sending is
`mobile_app.syncing`. Files are read and written in threads, so that a screen never waits for them.
"""

import asyncio
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from device_bridge.models import Fix
from mobile_app.clock import Clock, monotonic
from mobile_app.errors import NotReady, SignInError, StoreProblem, store_problem
from mobile_app.photo_drafts import PHOTO_DRAFTS, PhotoDraft, drop_photo_draft, keep_photos
from mobile_app.recording import Corrections, Loss, checked, position_of, total_counts
from mobile_app.reference import Reference
from mobile_app.session import Profile, Session
from mobile_app.store_keys import FileKey, KeySource, store_key
from mobile_app.stores import Stores
from mobile_app.tasks import Task, Tasks
from mobile_app.voice_drafts import VOICE_DRAFTS, VoiceDraft, drop_voice_draft, keep_voice_note
from sync.documents import FieldRecord, decode_record
from sync.documents.envelope import Moment, Position, Record, new_id
from sync.documents.reference import (
    Certificate,
    ChoiceList,
    CompanySettings,
    Cylinder,
    Facility,
    InspectionReminder,
    Pipe,
    TagKeys,
)
from sync.errors import StoreError
from sync.rules.geometry import Nearest
from sync.store.records import Draft, RecordLine, RecordState, RecordStore

APP_VERSION = "0.1.0"
# States of what the office does not have.
ONLY_HERE: tuple[RecordState, ...] = ("saved", "sent", "refused")
# Drafts that belong to another draft: a running patrol's task.
HELPS_A_DRAFT = frozenset({"patrol/task"})
# An older position is not where the worker stands.
POSITION_FRESH_S = 60.0

__all__ = ["APP_VERSION", "Loss", "Phone", "Task", "position_of"]

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Phone:
    """Open with `await Phone.open(...)`; `close` when done."""

    def __init__(self, data_dir: Path, session: Session, clock: Clock, keys: KeySource) -> None:
        self.data_dir = data_dir
        self.keys = keys
        self.session = session
        self.clock = clock
        self._stores: Stores | None = None
        self._reference: Reference | None = None
        self._fix: tuple[Fix, float] | None = None
        self._tasks: Tasks | None = None
        self._corrections = Corrections()
        self._listeners: dict[object, Callable[[], None]] = {}

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        server_url: str,
        *,
        name: str = "",
        app_version: str = APP_VERSION,
        keys: KeySource | None = None,
    ) -> "Phone":
        """The phone whose data lie in `data_dir`, sealed with the key of `keys`; nobody is signed in yet."""
        clock = await asyncio.to_thread(Clock, data_dir / "clock.json")
        session = Session(
            data_dir,
            server_url,
            name=name or platform.node() or "phone",
            platform=platform.system().lower(),
            app_version=app_version,
        )
        session.on_server_time = clock.take_server
        return cls(data_dir, session, clock, keys or FileKey.beside(data_dir))

    async def close(self) -> None:
        await self.session.close()
        if self._stores is not None:
            await asyncio.to_thread(self._stores.close)
        self._stores = self._reference = self._tasks = None

    # Who

    @property
    def profile(self) -> Profile:
        """Of who is signed in. Raises SignInError when nobody is."""
        if self.session.profile is None:
            raise SignInError("sign_in.needed", "请先登录", "Sign in first")
        return self.session.profile

    @property
    def signed_in(self) -> bool:
        return self.session.profile is not None

    @property
    def device_id(self) -> str:
        return self.profile.device_id

    async def sign_in(self, staff_number: str, password: str) -> Profile:
        """Needs the network the first time only. Raises SignInError, ServerError, StoreProblem."""
        folder = self.data_dir / "stores"
        try:
            key = await store_key(self.keys, folder)
        except StoreError as error:
            raise store_problem(error) from error
        profile = await self.session.sign_in(staff_number, password)
        if self._stores is not None:
            await asyncio.to_thread(self._stores.close)
        self._stores = Stores(folder / profile.staff.staff_id, profile.staff.staff_id, seal=key)
        self._reference = Reference(self._stores)
        self._tasks = Tasks(self._stores)
        try:
            await self._in_thread(self.record_store)
        except StoreProblem:
            # Nobody works on files that do not open; they stay as they are.
            await asyncio.to_thread(self._stores.close)
            self.session.profile = self._stores = self._reference = self._tasks = None
            raise
        return profile

    async def sign_out(self) -> None:
        """All that was recorded stays on the phone and is sent after the next sign-in."""
        await self.session.sign_out()
        if self._stores is not None:
            await asyncio.to_thread(self._stores.close)
        self._stores = self._reference = self._tasks = None

    async def what_would_be_lost(self) -> Loss:
        return await self._in_thread(self._loss)

    # What the office has sent

    async def tasks(self) -> list[Task]:
        """The office's tasks, believed by its signature: open ones first, then by when they are due."""
        tasks, keys = self._tasks, self.profile.signing_keys
        return await self._in_thread(lambda: tasks.all(keys)) if tasks else []

    async def task(self, task_id: str) -> Task | None:
        return next((found for found in await self.tasks() if found.task.id == task_id), None)

    async def settings(self) -> CompanySettings:
        """The company's limits. Raises NotReady before the first sync."""
        found = await self._in_thread(self.reference.settings)
        if found is None:
            raise _not_ready("公司设置", "the company's settings")
        return found

    async def lists(self, name: str) -> ChoiceList:
        """A list to choose from. Raises NotReady before the first sync."""
        found = await self._in_thread(lambda: self.reference.choices(name))
        if found is None:
            raise _not_ready(f"选项表“{name}”", f"the list “{name}”")
        return found

    async def pipes(self, ids: Iterable[str] | None = None) -> dict[str, Pipe]:
        """By pipe id, those that are on this phone."""
        return await self._in_thread(lambda: self.reference.pipes(ids))

    async def facilities(self) -> list[Facility]:
        return await self._in_thread(self.reference.facilities)

    async def certificates(self) -> list[Certificate]:
        """Those of the company and of its staff that were sent to this phone."""
        return await self._in_thread(self.reference.certificates)

    async def inspections_due(self) -> list[InspectionReminder]:
        """What the office reminded this phone's stations of."""
        return await self._in_thread(self.reference.inspections_due)

    async def cylinder(self, code_or_uid: str) -> Cylinder | None:
        return await self._in_thread(lambda: self.reference.cylinder(code_or_uid))

    async def index_cylinders(self) -> None:
        await self._in_thread(self.reference.index_cylinders)

    async def tag_keys(self) -> TagKeys | None:
        """The company's keys for its tags, believed by the office's signature; None before the first sync."""
        keys = self.profile.signing_keys
        return await self._in_thread(lambda: self.reference.tag_keys(keys))

    async def nearest_pipe(self, position: Position) -> Nearest | None:
        return await self._in_thread(lambda: self.reference.nearest_pipe(position.lon, position.lat))

    # Where and when

    def take_fix(self, fix: Fix) -> None:
        """The latest position: records carry it, and its satellite time sets the trusted clock."""
        self._fix = (fix, monotonic())
        if fix.time_utc is not None:
            self.clock.take_gnss(fix.time_utc, mocked=fix.mocked)

    def position(self) -> Position | None:
        """Where the phone is, if it knows from the last minute."""
        fix = self.fresh_fix()
        return None if fix is None else position_of(fix)

    def fresh_fix(self) -> Fix | None:
        if self._fix is None or monotonic() - self._fix[1] > POSITION_FRESH_S:
            return None
        return self._fix[0]

    def today(self) -> date:
        return self.clock.today()

    # What was recorded

    async def record(
        self,
        kind: type[R],
        /,
        *,
        photos: Sequence[PhotoDraft] = (),
        photo_ids: Sequence[str] = (),
        voice: VoiceDraft | None = None,
        task_id: str = "",
        position: Position | None = None,
        record_id: str = "",
        recorded: Moment | None = None,
        unit_id: str = "",
        draft: str = "",
        **fields: Any,
    ) -> R:
        """Completes the record with its envelope and keeps it, its photos first; on the disk when it returns.

        Without `position` the latest known one is taken; `photo_ids` are photos kept before; `draft` is dropped
        with the saving. `voice` is for a type that can carry a voice note. Raises FieldError.
        """
        doc_id = record_id or new_id(str(kind.__struct_config__.tag))
        envelope: dict[str, Any] = {
            "id": doc_id,
            "schema_version": kind.current_schema,
            "recorded": recorded or self.clock.now(),
            "staff_id": self.profile.staff.staff_id,
            "unit_id": unit_id or await self._unit_of(task_id),
            "device_id": self.device_id,
            "position": position or self.position(),
            "task_id": task_id,
            "photos": tuple(dict.fromkeys((*(photo.id for photo in photos), *photo_ids))),
        }
        if voice is not None:
            envelope["voice_note"] = voice.id
        record = await self._in_thread(lambda: self._keep(kind, envelope | fields, tuple(photos), voice, draft))
        self._tell()
        return record

    async def read(self, record_id: str) -> FieldRecord | None:
        """A record kept on this phone."""
        return await self._in_thread(lambda: self._read(record_id))

    async def line(self, record_id: str) -> RecordLine | None:
        """What became of one record."""
        return await self._in_thread(
            lambda: next((line for s in self.stores.all_own("user") if (line := s.record(record_id))), None)
        )

    async def read_many(self, record_ids: Sequence[str]) -> dict[str, FieldRecord]:
        """Those of these records that are kept on this phone."""

        def read() -> dict[str, FieldRecord]:
            found = [store.winners(record_ids).values() for store in self.stores.all_own("user")]
            return {d.id: decode_record(d.id, d.body) for documents in found for d in documents if d.body}

        return await self._in_thread(read)

    async def files_of(self, record: Record) -> list[RecordLine]:
        """What became of each photo that a record names, and of its voice note."""
        named = [*record.photos, getattr(record, "voice_note", "")]

        def read() -> list[RecordLine]:
            stores = self.stores.all_own("media")
            lines = (store.record(file_id) for file_id in named for store in stores)
            return [line for line in lines if line is not None]

        return await self._in_thread(read)

    async def recorded(self, kind: type[R], *, after: str = "") -> list[R]:
        """All records of one kind that are on this phone, the oldest first; or only those made after this record."""
        return await self._in_thread(lambda: self._recorded(kind, after))

    async def records(
        self,
        *,
        states: Sequence[RecordState] | None = None,
        tags: Sequence[str] | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[RecordLine]:
        """What became of each record, the latest first."""

        def read() -> list[RecordLine]:
            lines = [
                line
                for store in self.stores.all_own("user")
                for line in store.records(states=states, tags=tags, limit=limit, before=before)
            ]
            return sorted(lines, key=lambda line: line.number, reverse=True)[:limit]

        return await self._in_thread(read)

    async def counts(self) -> dict[str, int]:
        """Records by state."""
        return await self._in_thread(lambda: total_counts(self.stores.all_own("user")))

    async def photo_counts(self) -> dict[str, int]:
        return await self._in_thread(lambda: total_counts(self.stores.all_own("media")))

    async def retry(self, record_ids: Sequence[str]) -> None:
        """Sends records once more that the hub would not take."""

        def again() -> None:
            for store in (*self.stores.all_own("user"), *self.stores.all_own("media")):
                store.retry(record_ids)

        await self._in_thread(again)
        self._tell()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after each record and each news of one; returns the way to stop it."""
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    # Unfinished work, kept across a kill

    async def save_draft(self, key: str, body: bytes) -> None:
        await self._in_thread(lambda: self.record_store().save_draft(key, body))

    async def draft(self, key: str) -> Draft | None:
        def read() -> Draft | None:
            found = (store.draft(key) for store in self.stores.all_own("user"))
            return max((d for d in found if d), key=lambda d: d.changed_at, default=None)

        return await self._in_thread(read)

    async def drafts(self) -> list[Draft]:
        return await self._in_thread(lambda: [d for store in self.stores.all_own("user") for d in store.drafts()])

    async def drop_draft(self, key: str) -> None:
        await self._in_thread(lambda: self._drop_draft(key))

    # For the parts of the app (called in threads)

    @property
    def stores(self) -> Stores:
        if self._stores is None:
            raise SignInError("sign_in.needed", "请先登录", "Sign in first")
        return self._stores

    @property
    def reference(self) -> Reference:
        if self._reference is None:
            raise SignInError("sign_in.needed", "请先登录", "Sign in first")
        return self._reference

    def record_store(self) -> RecordStore:
        """This quarter's file of records."""
        return self.stores.own("user", self._quarter())

    def photo_store(self) -> RecordStore:
        return self.stores.own("media", self._quarter())

    def corrections_here(self) -> dict[str, str]:
        """Which record of this phone corrects which: corrected id -> id of the correction."""
        return self._corrections.of(self.stores.all_own("user"))

    def tell(self) -> None:
        """Something about the records has changed (a receipt came)."""
        self._tell()

    # Inside

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except StoreError as error:
            raise store_problem(error) from error

    def _tell(self) -> None:
        for listener in tuple(self._listeners.values()):
            listener()

    def _quarter(self) -> str:
        now = self.clock.now()
        named = self.profile.databases.user
        return self.stores.current_quarter(now.at, trusted=now.clock != "unset", named_by_server=named)

    async def _unit_of(self, task_id: str) -> str:
        if task_id:
            found = await self.task(task_id)
            if found is not None:
                return found.task.unit_id
        units = self.profile.units
        if not units:
            raise _not_ready("所属班组", "the unit you belong to")
        return units[0].unit_id

    def _keep(
        self,
        kind: type[R],
        fields: dict[str, Any],
        photos: tuple[PhotoDraft, ...],
        voice: VoiceDraft | None,
        draft: str,
    ) -> R:
        made: list[R] = []

        def make(number: int) -> R:
            made.append(checked(kind(**fields, record_number=number)))
            return made[-1]

        make(1)  # a field out of bounds is found before any photo is kept
        store = self.record_store()
        keep_photos(self.photo_store(), photos, record_id=fields["id"], envelope=fields)
        if voice is not None:
            keep_voice_note(self.photo_store(), voice, record_id=fields["id"], envelope=fields)
        store.append(make, draft=draft)
        if draft:
            self._drop_draft(draft)
        for photo in photos:
            drop_photo_draft(self.stores.all_own("user"), photo.id)
        if voice is not None:
            drop_voice_draft(self.stores.all_own("user"), voice.id)
        return made[-1]

    def _read(self, record_id: str) -> FieldRecord | None:
        for store in (*self.stores.all_own("user"), *self.stores.all_own("media")):
            document = store.get(record_id)
            if document is not None:
                return decode_record(document.id, document.body)
        return None

    def _recorded(self, kind: type[R], after: str) -> list[R]:
        tag = str(kind.__struct_config__.tag)
        stores = self.stores.all_own("user")
        line = next((line for store in stores if (line := store.record(after))), None) if after else None
        found = [
            decode_record(document.id, document.body)
            for store in stores
            for document in (
                store.list(start=f"{tag}:", end=f"{tag}:\uffff")
                if line is None
                else store.winners(store.made_after(line.number, tag)).values()
            )
            if not document.deleted
        ]
        return sorted((r for r in found if isinstance(r, kind)), key=lambda record: record.record_number)

    def _drop_draft(self, key: str) -> None:
        for store in self.stores.all_own("user"):
            if store.draft(key) is not None:
                store.drop_draft(key)

    def _loss(self) -> Loss:
        own = self.stores.all_own("user")
        unsent = sum((Counter(store.count_types(ONLY_HERE)) for store in own), Counter[str]())
        photos = total_counts(self.stores.all_own("media"))
        keys = [draft.key for store in own for draft in store.drafts() if draft.key not in HELPS_A_DRAFT]
        pictures = sum(key.startswith((PHOTO_DRAFTS, VOICE_DRAFTS)) for key in keys)
        waiting = sum(photos.get(state, 0) for state in ONLY_HERE)
        return Loss(dict(unsent), waiting, len(keys) - pictures, pictures)


def _not_ready(zh: str, en: str) -> NotReady:
    return NotReady(
        "reference.not_here",
        f"手机里还没有{zh}",
        f"The phone does not have {en} yet",
        action_zh="联网同步一次",
        action_en="sync once with a network",
    )
