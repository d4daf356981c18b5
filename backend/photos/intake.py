"""Photos' and voice notes' documents become rows; what they carry was checked and stored before the batch."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import Row, insert_new
from backend.photos.models import Photo, VoiceNote
from backend.taken import NONE_WAIT, Take, Taken, Waiting
from sync.documents import photos


async def take_photos(session: AsyncSession, takens: Sequence[Taken[photos.Photo]]) -> Mapping[str, Waiting]:
    await insert_new(session, Photo, sorted((_row(taken) for taken in takens), key=lambda row: row["id"]))
    return NONE_WAIT


def _row(taken: Taken[photos.Photo]) -> Row:
    photo = taken.record
    copied = ("record_id", "role", "source", "check_code", "personal", "length_bytes", "width", "height")
    return {
        "id": photo.id,
        "organisation_id": taken.organisation_id,
        "company_id": taken.company_id,
        "staff_id": taken.staff_id,
        "device_id": taken.device_id,
        "original_id": photo.original,
        "recorded_at": taken.recorded_at,
        **{name: getattr(photo, name) for name in copied},
    }


async def take_voice_notes(session: AsyncSession, takens: Sequence[Taken[photos.VoiceNote]]) -> Mapping[str, Waiting]:
    rows = [
        {
            "id": taken.record.id,
            "organisation_id": taken.organisation_id,
            "company_id": taken.company_id,
            "staff_id": taken.staff_id,
            "device_id": taken.device_id,
            "record_id": taken.record.record_id,
            "length_bytes": taken.record.length_bytes,
            "duration_s": taken.record.duration_s,
            "recorded_at": taken.recorded_at,
        }
        for taken in takens
    ]
    await insert_new(session, VoiceNote, sorted(rows, key=lambda row: row["id"]))
    return NONE_WAIT


TAKES: dict[str, Take] = {"photo": take_photos, "voice_note": take_voice_notes}
