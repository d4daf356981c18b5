"""The photo archive: pictures and voice notes by their SHA-256 in an object store, only for who may see their unit."""

import contextlib
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore
from sqlalchemy import Select, Subquery, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend.bulk import one_of
from backend.errors import MissingError
from backend.personal_keys import decrypt, encrypt, master_key
from backend.photos.models import Photo, VoiceNote
from backend.photos.rules import check_file, is_picture
from backend.scope import Caller, scoped, within
from backend.settings import Settings

__all__ = [
    "PhotoOut",
    "PhotoStore",
    "VoiceNoteOut",
    "check_file",
    "count_photos",
    "forget",
    "is_picture",
    "list_photos",
    "list_voice_notes",
    "open_photo",
    "open_voice_note",
    "unmarked",
]

# What a sealed file begins with: no picture's or recording's own first bytes.
_SEALED = b"QXSEALED"
# Any of these shows what the field work of a unit brought home; a picture of a person needs one of the last two.
VIEWS = frozenset({"patrol.view", "hazard.view", "delivery.view", "customer.view", "records.review"})
PERSONAL_VIEWS = frozenset({"delivery.view", "customer.view"})


class PhotoOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    record_id: str
    role: str
    source: str
    original_id: str
    check_code: str
    personal: bool
    width: int
    height: int
    recorded_at: str


class VoiceNoteOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    record_id: str
    duration_s: float
    recorded_at: str


class PhotoStore:
    """A folder under the data directory, laid out as an object store would be."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._store = LocalStore(folder)
        # The key of sealed pictures lies in the data directory, beside the folder.
        self._keys = folder.parent

    @classmethod
    def of(cls, settings: Settings) -> "PhotoStore":
        return cls(settings.data_dir / "photos")

    async def put(self, photo_id: str, picture: bytes, *, sealed: bool = False) -> None:
        """Nothing changes for one that is there: its name is its content's hash. `OSError` where it cannot be kept.

        `sealed`: a picture of a person (a signature, an identity card) does not lie readable on the disk.
        """
        if sealed:
            picture = _SEALED + encrypt(master_key(self._keys), picture, photo_id)
        try:
            await obstore.put_async(self._store, _path(photo_id), picture, mode="create")
        except AlreadyExistsError:
            return
        except BaseError as error:
            raise OSError(f"the photo store cannot keep {photo_id}: {error}") from error

    async def get(self, photo_id: str) -> bytes:
        try:
            found = await obstore.get_async(self._store, _path(photo_id))
        except FileNotFoundError:
            raise _missing(photo_id) from None
        kept = bytes(await found.bytes_async())
        return decrypt(master_key(self._keys), kept[len(_SEALED) :], photo_id) if kept.startswith(_SEALED) else kept

    async def delete(self, photo_id: str) -> None:
        """For good; nothing happens where it is gone already."""
        with contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._store, _path(photo_id))


async def open_photo(session: AsyncSession, caller: Caller, store: PhotoStore, photo_id: str) -> bytes:
    """The picture; `MissingError` where there is none or it is not this caller's to see."""
    found = await session.scalar(_visible(caller).where(Photo.id == photo_id))
    if found is None:
        raise _missing(photo_id)
    return await store.get(photo_id)


async def list_photos(session: AsyncSession, caller: Caller, record_id: str) -> list[PhotoOut]:
    """What has arrived of a record's photos, originals after the marked ones."""
    rows = await session.scalars(
        _visible(caller).where(Photo.record_id == record_id).order_by(Photo.role, Photo.recorded_at, Photo.id)
    )
    return [
        PhotoOut(
            id=p.id,
            record_id=p.record_id,
            role=p.role,
            source=p.source,
            original_id=p.original_id,
            check_code=p.check_code,
            personal=p.personal,
            width=p.width,
            height=p.height,
            recorded_at=p.recorded_at.isoformat(),
        )
        for p in rows
    ]


async def count_photos(session: AsyncSession, caller: Caller, record_ids: Collection[str]) -> dict[str, int]:
    """How many pictures of each of these records have arrived, without the originals of marked ones."""
    seen = _visible(caller).where(Photo.record_id.in_(sorted(record_ids)), Photo.role != "original").subquery()
    rows = await session.execute(select(seen.c.record_id, func.count()).group_by(seen.c.record_id))
    return {row[0]: row[1] for row in rows}


async def open_voice_note(session: AsyncSession, caller: Caller, store: PhotoStore, note_id: str) -> bytes:
    """The WAV file; `MissingError` where there is none or it is not this caller's to hear."""
    if await session.scalar(_audible(caller).where(VoiceNote.id == note_id)) is None:
        raise _missing(note_id)
    return await store.get(note_id)


async def list_voice_notes(session: AsyncSession, caller: Caller, record_id: str) -> list[VoiceNoteOut]:
    """What has arrived of what was said about a record."""
    rows = await session.scalars(
        _audible(caller).where(VoiceNote.record_id == record_id).order_by(VoiceNote.recorded_at, VoiceNote.id)
    )
    return [
        VoiceNoteOut(id=n.id, record_id=n.record_id, duration_s=n.duration_s, recorded_at=n.recorded_at.isoformat())
        for n in rows
    ]


def unmarked() -> Subquery:
    """Pictures that have arrived with their originals, for who reads what is on them: a watermark may hide it.

    `named` by a record of `staff_id`, `original` in the store.
    """
    original = aliased(Photo)
    return (
        select(Photo.id.label("named"), Photo.staff_id, func.coalesce(original.id, Photo.id).label("original"))
        .outerjoin(original, original.id == Photo.original_id)
        .where(or_(Photo.original_id == "", original.id.is_not(None)))
        .subquery()
    )


async def forget(session: AsyncSession, photo_ids: Sequence[str]) -> list[str]:
    """Takes these pictures and their originals off the archive's list; answers whose files are to be deleted."""
    wanted = sorted(set(photo_ids))
    marked = select(Photo.original_id).where(one_of(Photo.id, wanted), Photo.original_id != "")
    rows = await session.scalars(
        delete(Photo).where(or_(one_of(Photo.id, wanted), Photo.id.in_(marked))).returning(Photo.id)
    )
    return sorted(rows)


def _audible(caller: Caller) -> Select[VoiceNote]:
    views = msgspec.structs.replace(caller, grants=tuple(g for g in caller.grants if g.rights & VIEWS))
    return scoped(select(VoiceNote), VoiceNote.organisation_id, views)


def _visible(caller: Caller) -> Select[Photo]:
    views = msgspec.structs.replace(caller, grants=tuple(g for g in caller.grants if g.rights & VIEWS))
    persons = msgspec.structs.replace(caller, grants=tuple(g for g in caller.grants if g.rights & PERSONAL_VIEWS))
    seen = scoped(select(Photo), Photo.organisation_id, views)
    return seen.where(or_(~Photo.personal, within(Photo.organisation_id, persons)))


def _path(photo_id: str) -> str:
    digest = photo_id.partition(":")[2]
    return f"{digest[:2]}/{digest}"


def _missing(photo_id: str) -> MissingError:
    return MissingError(
        "photo.missing", "没有这张照片，或无权查看。", "There is no such photo for you.", photo_id=photo_id
    )
