"""One phone: who works with it, what it knows, and what was recorded on it. All of it works without a network.

A record is on the disk when `record` returns. Nothing here talks to the server but signing in and out; sending is
`mobile_app.syncing`.
"""

import asyncio
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from device_bridge.models import Fix
from mobile_app.clock import Clock, monotonic
from mobile_app.from_office import FromOffice, not_ready
from mobile_app.own_records import OwnRecords
from mobile_app.photo_drafts import PhotoDraft, drop_photo_draft, keep_photos
from mobile_app.recording import Loss, checked, position_of
from mobile_app.session import Session
from mobile_app.store_keys import FileKey, KeySource
from mobile_app.tasks import Task
from mobile_app.voice_drafts import VoiceDraft, drop_voice_draft, keep_voice_note
from sync.documents.envelope import Moment, Position, Record, new_id

APP_VERSION = "0.1.0"
# An older position is not where the worker stands.
POSITION_FRESH_S = 60.0

__all__ = ["APP_VERSION", "Loss", "Phone", "Task", "position_of"]

R = TypeVar("R", bound=Record)


class Phone(FromOffice, OwnRecords):
    """Open with `await Phone.open(...)`; `close` when done."""

    _fix: tuple[Fix, float] | None = None

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

    # Recording

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

    # Inside

    async def _unit_of(self, task_id: str) -> str:
        if task_id:
            found = await self.task(task_id)
            if found is not None:
                return found.task.unit_id
        units = self.profile.units
        if not units:
            raise not_ready("所属班组", "the unit you belong to")
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
