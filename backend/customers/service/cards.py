"""The office's own reading of the identity card that a driver photographed, held against what he took down (E5.8.4-3).

Only what is sure is held against a person: a number whose check digit holds, a name that was read clearly.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.bulk import insert_new
from backend.customers import sealing
from backend.customers.models import CardReading, Customer
from backend.customers.schemas import CardReadingOut, TakenDown
from backend.errors import MissingError
from backend.intake import service as intake
from backend.photos import service as photos
from backend.photos.service import PhotoStore
from backend.taken import Taken
from sync.databases import beijing_today
from sync.documents.customers import CustomerCompleted, CustomerPersonal
from sync.identity_card import IdentityCard, doubts_of, read_card
from sync.rules.identity import normal_identity

# Names hold rare characters; one that was read less clearly than this says nothing against a person.
_CLEAR_NAME = 0.9


async def note_card(
    session: AsyncSession, taken: Taken[CustomerCompleted], customer: Customer, personal: CustomerPersonal
) -> None:
    """To be read once its picture is here; a business licence is none."""
    record = taken.record
    if record.identity_kind != "person" or not record.identity_photo:
        return
    given = TakenDown(name=personal.name.strip(), identity_number=normal_identity(personal.identity_number))
    text = msgspec.json.encode(given).decode()
    row = {
        "record_id": record.id,
        "organisation_id": taken.organisation_id,
        "customer_id": customer.id,
        "staff_id": taken.staff_id,
        "photo_id": record.identity_photo,
        "entry": record.identity_entry,
        "taken_down_sealed": await sealing.seal(
            session, customer.id, customer.organisation_id, _taken_down(record.id), text
        ),
        "recorded_at": taken.recorded_at,
    }
    await insert_new(session, CardReading, [row])


async def read_next_card(session: AsyncSession, store: PhotoStore) -> bool:
    """Reads one whose picture has arrived; False when there is none. Several workers never read the same one."""
    picture = photos.unmarked()
    mine = (picture.c.named == CardReading.photo_id) & (picture.c.staff_id == CardReading.staff_id)
    found = (
        await session.execute(
            select(CardReading, picture.c.original)
            .join(picture, mine)
            .where(CardReading.state == "waiting")
            .order_by(CardReading.record_id)
            .limit(1)
            .with_for_update(of=CardReading, skip_locked=True)
        )
    ).first()
    if found is None:
        return False
    reading, original = found
    customer = await session.get_one(Customer, reading.customer_id)
    await _read(session, store, reading, original, customer)
    return True


async def _read(
    session: AsyncSession, store: PhotoStore, reading: CardReading, original: str, customer: Customer
) -> None:
    try:
        read = await read_card(await store.get(original))
        card, trouble = read.card, str(read.trouble)
    except MissingError:
        card, trouble = IdentityCard(), "not_a_picture"
    text = msgspec.json.encode(card).decode()
    try:
        here = await taken_down(session, reading)
        reading.read_sealed = await sealing.seal(
            session, customer.id, customer.organisation_id, _on_card(reading.record_id), text
        )
    except sealing.ErasedError:
        await session.delete(reading)
        return
    sure = bool(card.number) and not any(doubt.blocks for doubt in doubts_of(card, beijing_today()))
    reading.differs = _differing(card, here, customer.name, sure=sure)
    reading.state = "read" if sure else "unread"
    reading.trouble = "" if sure else trouble or "doubtful"
    reading.read_at = datetime.now(UTC)
    unit, facts = reading.organisation_id, {"record_id": reading.record_id, "state": reading.state}
    if reading.differs:
        told = {"customer_id": customer.id, "code": customer.code, "fields": reading.differs} | {
            "staff_id": reading.staff_id
        }
        await intake.open_conflict(session, unit, "customer.card_differs", [reading.record_id], told)
    await audit.record(
        session,
        None,
        "customer.card_read",
        "customer",
        customer.id,
        facts | {"differs": reading.differs},
        organisation_id=unit,
    )
    await events.announce(session, "customer.changed", customer.id, unit)


def _differing(card: IdentityCard, here: TakenDown, name_on_record: str, *, sure: bool) -> list[str]:
    found = ["identity_number"] if sure and card.number != here.identity_number else []
    name = here.name or name_on_record
    clear = card.confidence.get("name", 0.0) >= _CLEAR_NAME
    if clear and name and _letters(card.name) != _letters(name):
        found.append("name")
    return found


def _letters(name: str) -> str:
    """The point in a minority's name is typed in many ways."""
    return "".join(letter for letter in name if letter.isalnum())


def _taken_down(record_id: str) -> str:
    return f"card_taken_down/{record_id}"


def _on_card(record_id: str) -> str:
    return f"card_read/{record_id}"


async def taken_down(session: AsyncSession, reading: CardReading) -> TakenDown:
    """Raises `ErasedError`."""
    text = await sealing.unseal(session, reading.customer_id, _taken_down(reading.record_id), reading.taken_down_sealed)
    return msgspec.json.decode(text, type=TakenDown)


async def on_card(session: AsyncSession, reading: CardReading) -> IdentityCard | None:
    """None until it was read. Raises `ErasedError`."""
    if reading.read_sealed is None:
        return None
    text = await sealing.unseal(session, reading.customer_id, _on_card(reading.record_id), reading.read_sealed)
    return msgspec.json.decode(text, type=IdentityCard)


async def readings_of(session: AsyncSession, customer_id: str) -> Sequence[CardReading]:
    query = select(CardReading).where(CardReading.customer_id == customer_id)
    rows = await session.scalars(query.order_by(CardReading.recorded_at.desc(), CardReading.record_id))
    return rows.all()


async def list_card_readings(session: AsyncSession, customer_id: str) -> list[CardReadingOut]:
    own = CardReadingOut.__struct_fields__
    return [
        CardReadingOut(**{name: getattr(row, name) for name in own}) for row in await readings_of(session, customer_id)
    ]


async def forget_cards(session: AsyncSession, customer_id: str) -> None:
    await session.execute(delete(CardReading).where(CardReading.customer_id == customer_id))
