"""A photo between the shutter and the record that it belongs to: on the disk at once, a document when that is saved."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from sync.documents.envelope import Moment, Position
from sync.documents.photos import ATTACHMENT_NAME, Photo
from sync.store.records import RecordStore

PhotoSource = Literal["camera", "album", "screen"]
PHOTO_DRAFTS = "photo/"


class Picture(msgspec.Struct, frozen=True):
    """A JPEG that is small enough to travel."""

    sha256: str
    width: int
    height: int
    data: bytes

    @classmethod
    def of(cls, data: bytes, size: tuple[int, int]) -> "Picture":
        return cls(hashlib.sha256(data).hexdigest(), size[0], size[1], data)

    @property
    def id(self) -> str:
        return f"photo:{self.sha256}"


class PhotoDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`picture` is what a record names: with its watermark, or a signature; `original` is the unmarked one."""

    picture: Picture
    original: Picture | None
    source: PhotoSource
    recorded: Moment
    position: Position | None
    check_code: str = ""
    personal: bool = False

    @property
    def id(self) -> str:
        return self.picture.id


def save_photo_draft(store: RecordStore, photo: PhotoDraft) -> None:
    store.save_draft(PHOTO_DRAFTS + photo.id, msgspec.msgpack.encode(photo))


def find_photo_draft(stores: Iterable[RecordStore], photo_id: str) -> PhotoDraft | None:
    for store in stores:
        draft = store.draft(PHOTO_DRAFTS + photo_id)
        if draft is not None:
            return msgspec.msgpack.decode(draft.body, type=PhotoDraft)
    return None


def drop_photo_draft(stores: Iterable[RecordStore], photo_id: str) -> None:
    for store in stores:
        if store.draft(PHOTO_DRAFTS + photo_id) is not None:
            store.drop_draft(PHOTO_DRAFTS + photo_id)


def keep_photos(
    store: RecordStore, photos: Sequence[PhotoDraft], *, record_id: str, envelope: Mapping[str, Any]
) -> None:
    """The photos as documents, before the record that names them: no record ever names a photo that is not there."""
    for photo in photos:
        if photo.original is not None:
            _keep(store, photo.original, photo, record_id, envelope, role="original")
        role = "marked" if photo.original is not None else "signature"
        _keep(store, photo.picture, photo, record_id, envelope, role=role)


def _keep(
    store: RecordStore, picture: Picture, photo: PhotoDraft, record_id: str, envelope: Mapping[str, Any], *, role: Any
) -> None:
    if store.get(picture.id) is not None:
        return  # the same picture twice, or a kill between photo and record
    marked = role == "marked"

    def make(number: int) -> Photo:
        return Photo(
            id=picture.id,
            schema_version=Photo.current_schema,
            record_number=number,
            recorded=photo.recorded,
            staff_id=envelope["staff_id"],
            unit_id=envelope["unit_id"],
            device_id=envelope["device_id"],
            position=photo.position,
            task_id=envelope["task_id"],
            sha256=picture.sha256,
            length_bytes=len(picture.data),
            width=picture.width,
            height=picture.height,
            role=role,
            source=photo.source,
            record_id=record_id,
            original=photo.original.id if marked and photo.original else "",
            check_code=photo.check_code if marked else "",
            personal=photo.personal,
        )

    store.append(make, attachments={ATTACHMENT_NAME: ("image/jpeg", picture.data)})
