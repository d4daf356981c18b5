"""The office's own reading of a customer's identity card: drawn cards, really read; sealed, compared, audited."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.customers import service as customers
from backend.customers.models import CardReading
from backend.db import Database
from backend.intake.models import Conflict
from backend.jobs import jobs_app, read_identity_cards
from backend.personal_keys import data_dir, office_public_pem
from backend.photos.service import PhotoStore
from backend.settings import Settings
from mobile_app.deliveries.registering_state import Registering
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.preferences import Preferences, keep_preferences
from mobile_app.state import AppState
from sync.databases import media_database
from sync.documents import decode_record
from sync.documents.customers import CustomerCompleted
from sync.documents.photos import Photo
from tests.backend.customers.test_intake import completion
from tests.factories.accounts import bearer, make_staff
from tests.factories.customers import IDENTITY
from tests.factories.deliveries import Station, make_station
from tests.factories.identity_cards import ADDRESS, NAME, emblem_side, photographed, portrait_side
from tests.factories.taken import record, take
from tests.mobile_app.phones import (
    DELIVERY,
    NOW,
    NOWHERE,
    NUMBER,
    PASSWORD,
    SETTINGS,
    STAFF_ID,
    UNIT_ID,
    fill,
    lay_out,
    put,
)

WOMAN = "22010018900305058X"


@pytest.fixture
def store(settings: Settings) -> PhotoStore:
    return PhotoStore.of(settings)


async def photo_came(session: AsyncSession, station: Station, store: PhotoStore, picture: bytes, **fields: Any) -> str:
    """A photo of a person as intake leaves it: sealed in the store, then its row."""
    digest = hashlib.sha256(picture).hexdigest()
    made = record(
        Photo,
        station.driver,
        sha256=digest,
        length_bytes=len(picture),
        width=1600,
        height=1200,
        **{"role": "signature", "source": "camera", "record_id": "x", "personal": True, **fields},
    )
    await store.put(f"photo:{digest}", picture, sealed=True)
    await take(session, station.company, station.driver, msgspec.structs.replace(made, id=f"photo:{digest}"))
    return f"photo:{digest}"


async def registered(session: AsyncSession, station: Station, photo_id: str, **personal: str) -> CustomerCompleted:
    fact = completion(session, station, **personal)
    fact = msgspec.structs.replace(fact, identity_photo=photo_id, photos=(photo_id,))
    await take(session, station.company, station.driver, fact)
    return fact


async def read_all(session: AsyncSession, store: PhotoStore) -> int:
    read = 0
    while await customers.read_next_card(session, store):
        read += 1
    await session.flush()
    return read


async def the_reading(session: AsyncSession) -> CardReading:
    return (await session.scalars(select(CardReading).execution_options(populate_existing=True))).one()


class TestCompareCards:
    """What drivers took down beside what the office read."""

    async def test_who_may_not_edit_customers_sees_neither(
        self, client: AsyncTestClient[Litestar], session: AsyncSession
    ) -> None:
        station, other = await make_station(session), await make_station(session)
        keeper = await make_staff(session, other.company, roles=["station_keeper"])
        path = f"/api/customers/{station.customer_id}/identity-cards"
        answers = [
            await client.get(path, headers=headers)
            for headers in ({}, bearer(client, station.driver), bearer(client, keeper))
        ]
        assert [answer.status_code for answer in answers] == [401, 403, 404]

    async def test_both_values_are_shown_to_who_may_and_that_is_written_down(
        self, client: AsyncTestClient[Litestar], session: AsyncSession, store: PhotoStore
    ) -> None:
        station = await make_station(session, identity_number="")
        drawn = photographed(portrait_side(number=WOMAN), degrees=2)
        photo_id = await photo_came(session, station, store, drawn)
        fact = await registered(session, station, photo_id, identity_number=IDENTITY)
        assert await read_all(session, store) == 1
        keeper = await make_staff(session, station.company, roles=["station_keeper"])
        shown = await client.get(f"/api/customers/{station.customer_id}/identity-cards", headers=bearer(client, keeper))
        (one,) = shown.json()
        assert (one["taken_down"]["identity_number"], one["card"]["number"]) == (IDENTITY, WOMAN)
        (conflict,) = (await session.scalars(select(Conflict))).all()
        assert (conflict.kind, conflict.record_ids) == ("customer.card_differs", [fact.id])
        assert conflict.facts["fields"] == ["identity_number"]
        entry = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "customer.identity_read"))).one()
        assert (entry.actor_id, entry.subject_id) == (keeper.id, station.customer_id)
        # Neither number lies readable in a table: not in the reading, the conflict, nor the audit.
        tables = (CardReading, Conflict, AuditEntry)
        rows = [await session.scalars(select(func.row_to_json(t.__table__.table_valued()))) for t in tables]
        kept = "".join(str(row) for table in rows for row in table)
        assert IDENTITY not in kept
        assert WOMAN not in kept


class TestReadNextCard:
    async def test_it_waits_for_the_unmarked_original_and_is_read_once(
        self, session: AsyncSession, store: PhotoStore
    ) -> None:
        """The watermark lies over the number of the marked picture, as it does where a card fills the photo."""
        station = await make_station(session, identity_number="")
        clear = photographed(portrait_side(), degrees=2)
        hidden = photographed(portrait_side(), glare=(600, 560))
        original = f"photo:{hashlib.sha256(clear).hexdigest()}"
        photo_id = await photo_came(session, station, store, hidden, role="marked", original=original)
        await registered(session, station, photo_id, identity_number=IDENTITY)
        assert await read_all(session, store) == 0
        await photo_came(session, station, store, clear, role="original")
        assert await read_all(session, store) == 1
        assert await read_all(session, store) == 0
        reading = await the_reading(session)
        assert (reading.state, reading.trouble, reading.differs) == ("read", "", [])
        assert await session.scalar(select(func.count()).select_from(Conflict)) == 0

    async def test_a_picture_that_shows_no_number_accuses_nobody(
        self, session: AsyncSession, store: PhotoStore
    ) -> None:
        station = await make_station(session, identity_number="")
        photo_id = await photo_came(session, station, store, photographed(emblem_side()))
        await registered(session, station, photo_id, identity_number=IDENTITY)
        await read_all(session, store)
        found = await customers.find_customer(session, station.caller, station.customer_id)
        (shown,) = found.card_readings
        assert (shown.state, shown.trouble, shown.differs) == ("unread", "other_side", [])
        assert await session.scalar(select(func.count()).select_from(Conflict)) == 0

    async def test_a_worker_reads_it_and_a_card_of_somebody_else_is_told_by_its_name(
        self, own_database: Database, own_settings: Settings
    ) -> None:
        drawn = photographed(portrait_side(name="演示-周邻居"))
        async with own_database.sessions() as session, session.begin():
            station = await make_station(session, identity_number="")
            photo_id = await photo_came(session, station, PhotoStore.of(own_settings), drawn)
            await registered(session, station, photo_id, identity_number=IDENTITY)
        app = jobs_app(own_database)
        async with app.open_async():
            await app.tasks[read_identity_cards.name].defer_async(timestamp=0)
            context = {"database": own_database}
            await app.run_worker_async(wait=False, install_signal_handlers=False, additional_context=context)
        async with own_database.sessions() as session:
            assert (await the_reading(session)).differs == ["name"]
            assert await session.scalar(select(Conflict.kind)) == "customer.card_differs"

    async def test_another_drivers_photo_is_not_read_for_this_record(
        self, session: AsyncSession, store: PhotoStore
    ) -> None:
        ours, theirs = await make_station(session, identity_number=""), await make_station(session)
        photo_id = await photo_came(session, theirs, store, photographed(portrait_side()))
        await registered(session, ours, photo_id, identity_number=IDENTITY)
        assert await read_all(session, store) == 0

    async def test_nothing_is_kept_of_who_was_erased(self, session: AsyncSession, store: PhotoStore) -> None:
        station = await make_station(session, identity_number="")
        photo_id = await photo_came(session, station, store, photographed(portrait_side()))
        await registered(session, station, photo_id, identity_number=IDENTITY)
        await customers.erase_customer(session, station.caller, station.customer_id, "本人要求")
        assert await read_all(session, store) == 0
        assert await session.scalar(select(func.count()).select_from(CardReading)) == 0


@pytest.fixture
async def drivers_phone(tmp_path: Path, session: AsyncSession) -> AsyncIterator[tuple[Station, Registering]]:
    """A customer without a number in the office; at his door the driver's phone, which has this office's key."""
    station = await make_station(session, name="", identity_number="")
    lay_out(tmp_path)
    keep_preferences(tmp_path, Preferences(server_url=NOWHERE))
    app = await AppState.open(tmp_path)
    await app.phone.sign_in(NUMBER, PASSWORD)
    fill(app.phone)
    key = office_public_pem(data_dir(session))
    put(app.phone.stores.unit(UNIT_ID), [msgspec.structs.replace(SETTINGS, version=2, personal_key=key)])
    app.settings = await app.phone.settings()
    card = await customers.card(session, station.customer_id)
    task = msgspec.structs.replace(DELIVERY, customer=card)
    yield station, Registering(await DeliveryRun.open(app, task))
    await app.phone.close()


@pytest.mark.requirement("E5.8.4-3")
async def test_a_card_is_scanned_at_the_door_recorded_and_read_again_by_the_office(
    drivers_phone: tuple[Station, Registering], session: AsyncSession, store: PhotoStore
) -> None:
    """From the photo to the customer's record: read on the phone, sealed on the way, registered, read once more."""
    station, form = drivers_phone
    await form.take_card(photographed(portrait_side(), degrees=4), "camera")
    assert form.read is not None
    assert (form.read.card.name, form.read.card.number, form.read.card.address) == (NAME, IDENTITY, ADDRESS)
    assert await form.save()
    phone = form.run.app.phone
    [fact] = await phone.recorded(CustomerCompleted)
    await take(session, station.company, station.driver, fact)
    assert (await the_reading(session)).state == "waiting"
    media = phone.stores.named(media_database(STAFF_ID, NOW))
    assert media is not None
    for held in media.list(start="photo:", end="photo:\uffff"):
        (attached,) = held.attachments.values()
        picture = media.attachment(attached.digest)
        await store.put(held.id, picture, sealed=True)
        await take(session, station.company, station.driver, decode_record(held.id, held.body))
    assert await read_all(session, store) == 1
    found = await customers.find_customer(session, station.caller, station.customer_id)
    assert (found.customer.name, found.identity_masked) == (NAME, "220100********0017")
    (again,) = found.card_readings
    assert (again.entry, again.state, again.differs) == ("scanned", "read", [])
    (both,) = await customers.compare_cards(session, station.caller, station.customer_id)
    assert both.card is not None
    assert both.taken_down.identity_number == both.card.number == IDENTITY
