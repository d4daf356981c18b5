"""Personal texts and pictures of records about a customer: kept under his own key, gone when he is erased."""

from collections.abc import Mapping, Sequence

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import insert_new, one_of
from backend.customers import sealing
from backend.customers.models import Customer, PersonalPicture
from backend.personal_keys import data_dir, office_key
from backend.photos import service as photos
from backend.photos.service import PhotoStore
from sync.sealed import NotOpened, open_sealed

_log = structlog.get_logger(__name__)


class Personal(msgspec.Struct, frozen=True):
    """A personal text of a record about a customer; `field` says which, and of which record."""

    customer_id: str
    field: str
    text: str


async def seal_for(session: AsyncSession, texts: Sequence[Personal]) -> dict[str, bytes]:
    """By field. Nothing is kept of a customer who is unknown or erased: his fields are left out."""
    wanted = sorted({text.customer_id for text in texts})
    rows = await session.execute(select(Customer.id, Customer.organisation_id).where(one_of(Customer.id, wanted)))
    keys = await sealing.person_keys(session, {customer_id: organisation_id for customer_id, organisation_id in rows})  # noqa: C416
    return {
        text.field: sealing.seal_with(keys[text.customer_id], text.customer_id, text.field, text.text)
        for text in texts
        if text.customer_id in keys
    }


async def unseal_for(session: AsyncSession, customer_id: str, field: str, sealed: bytes | None) -> str:
    """Empty once the person is erased."""
    if sealed is None:
        return ""
    try:
        return await sealing.unseal(session, customer_id, field, sealed)
    except sealing.ErasedError:
        return ""


def opened(session: AsyncSession, record_id: str, sealed: str) -> str | None:
    """What a phone sealed for the office in this record; None where this office cannot open it."""
    if not sealed:
        return ""
    try:
        return open_sealed(office_key(data_dir(session)), sealed, record_id).decode()
    except (NotOpened, UnicodeDecodeError):
        _log.warning("customers.sealed_text_not_opened", record_id=record_id)
        return None


async def note_pictures(session: AsyncSession, pictures: Mapping[str, str]) -> None:
    """Pictures of a person that records name: the customer's id by the picture's."""
    rows = [
        {"photo_id": photo_id, "customer_id": own} for photo_id, own in sorted(pictures.items()) if photo_id and own
    ]
    await insert_new(session, PersonalPicture, rows)


async def delete_pictures_of_the_erased(session: AsyncSession, store: PhotoStore) -> int:
    """Their files, with the unmarked originals, also of those that arrived after the erasure."""
    gone = (
        select(PersonalPicture.photo_id)
        .join(Customer, Customer.id == PersonalPicture.customer_id)
        .where(Customer.state == "erased")
    )
    named = (await session.scalars(gone)).all()
    arrived = await photos.forget(session, named)
    for photo_id in arrived:
        await store.delete(photo_id)
    return len(arrived)
