"""What was recorded on this phone, what became of it, and what was begun and is no record yet."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from mobile_app.clock import Clock
from mobile_app.photo_drafts import PHOTO_DRAFTS
from mobile_app.recording import Corrections, Loss, total_counts
from mobile_app.session import Session
from mobile_app.signed_in import SignedIn
from mobile_app.store_keys import KeySource
from mobile_app.voice_drafts import VOICE_DRAFTS
from sync.documents import FieldRecord, decode_record
from sync.documents.envelope import Record
from sync.store.records import Draft, RecordLine, RecordState

# States of what the office does not have.
ONLY_HERE: tuple[RecordState, ...] = ("saved", "sent", "refused")
# Drafts that belong to another draft: a running patrol's task.
HELPS_A_DRAFT = frozenset({"patrol/task"})
R = TypeVar("R", bound=Record)


class OwnRecords(SignedIn):
    def __init__(self, data_dir: Path, session: Session, clock: Clock, keys: KeySource) -> None:
        super().__init__(data_dir, session, clock, keys)
        self._corrections = Corrections()

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

    async def what_would_be_lost(self) -> Loss:
        return await self._in_thread(self._loss)

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

    def corrections_here(self) -> dict[str, str]:
        """Which record of this phone corrects which: corrected id -> id of the correction."""
        return self._corrections.of(self.stores.all_own("user"))

    # Inside

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
