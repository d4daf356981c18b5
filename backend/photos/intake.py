"""A photo's document becomes a row; its picture was checked and stored before the batch."""

from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.photos.models import Photo
from backend.taken import Take, Taken
from sync.documents import photos


async def take_photo(session: AsyncSession, taken: Taken[Any]) -> None:
    photo: photos.Photo = taken.record
    row = insert(Photo).values(
        id=photo.id,
        organisation_id=taken.organisation_id,
        company_id=taken.company_id,
        staff_id=taken.staff_id,
        device_id=taken.device_id,
        record_id=photo.record_id,
        role=photo.role,
        source=photo.source,
        original_id=photo.original,
        check_code=photo.check_code,
        personal=photo.personal,
        length_bytes=photo.length_bytes,
        width=photo.width,
        height=photo.height,
        recorded_at=taken.recorded_at,
    )
    await session.execute(row.on_conflict_do_nothing())


TAKES: dict[str, Take] = {"photo": take_photo}
