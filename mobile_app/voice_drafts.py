"""What was said, between the microphone and its record: on the disk at once, a document when that is saved."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sync.documents.envelope import Moment, Position
from sync.documents.photos import VOICE_ATTACHMENT_NAME, VoiceNote
from sync.store.records import RecordStore

VOICE_DRAFTS = "voice/"


class VoiceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A WAV file that is small enough to travel."""

    sha256: str
    data: bytes
    duration_s: float
    recorded: Moment
    position: Position | None

    @property
    def id(self) -> str:
        return f"voice_note:{self.sha256}"


def save_voice_draft(store: RecordStore, voice: VoiceDraft) -> None:
    store.save_draft(VOICE_DRAFTS + voice.id, msgspec.msgpack.encode(voice))


def find_voice_draft(stores: Iterable[RecordStore], voice_id: str) -> VoiceDraft | None:
    for store in stores:
        draft = store.draft(VOICE_DRAFTS + voice_id)
        if draft is not None:
            return msgspec.msgpack.decode(draft.body, type=VoiceDraft)
    return None


def drop_voice_draft(stores: Iterable[RecordStore], voice_id: str) -> None:
    for store in stores:
        if store.draft(VOICE_DRAFTS + voice_id) is not None:
            store.drop_draft(VOICE_DRAFTS + voice_id)


def keep_voice_note(store: RecordStore, voice: VoiceDraft, *, record_id: str, envelope: Mapping[str, Any]) -> None:
    """As a document, before the record that names it."""
    if store.get(voice.id) is not None:
        return  # a kill between recording and record

    def make(number: int) -> VoiceNote:
        return VoiceNote(
            id=voice.id,
            schema_version=VoiceNote.current_schema,
            record_number=number,
            recorded=voice.recorded,
            staff_id=envelope["staff_id"],
            unit_id=envelope["unit_id"],
            device_id=envelope["device_id"],
            position=voice.position,
            task_id=envelope["task_id"],
            sha256=voice.sha256,
            length_bytes=len(voice.data),
            duration_s=voice.duration_s,
            record_id=record_id,
        )

    store.append(make, attachments={VOICE_ATTACHMENT_NAME: ("audio/wav", voice.data)})
