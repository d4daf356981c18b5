"""扫描身份证 at the door: real readings of drawn cards fill the form, and nothing that the driver typed is lost."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mobile_app.deliveries.registering_state import Registering
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.preferences import Preferences, keep_preferences
from mobile_app.state import AppState
from sync.documents.customers import CustomerCompleted, CustomerPersonal
from sync.documents.tasks import CustomerCard
from sync.identity_card import CardReading, IdentityCard, reading
from sync.sealed import open_sealed
from tests.factories.customers import IDENTITY
from tests.factories.identity_cards import ADDRESS, NAME, photographed, portrait_side
from tests.mobile_app.phones import (
    DELIVERY,
    NOWHERE,
    NUMBER,
    OFFICE_KEY,
    PASSWORD,
    fill,
    give_office_key,
    jpeg,
    lay_out,
)

TASK = msgspec.structs.replace(DELIVERY, customer=CustomerCard(customer_id="c1", code="KH-0102", phone="100-0000-0402"))


@pytest.fixture
async def form(tmp_path: Path) -> AsyncIterator[Registering]:
    """Of a customer whose name, address and number are not on record."""
    lay_out(tmp_path)
    keep_preferences(tmp_path, Preferences(server_url=NOWHERE))
    app = await AppState.open(tmp_path)
    await app.phone.sign_in(NUMBER, PASSWORD)
    fill(app.phone)
    give_office_key(app.phone)
    app.settings = await app.phone.settings()
    yield Registering(await DeliveryRun.open(app, TASK))
    await app.phone.close()


@pytest.fixture
def read_as(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is done with a reading, apart from the reading itself."""

    def stand_in(answer: CardReading) -> None:
        async def read(picture: bytes) -> CardReading:
            return answer

        monkeypatch.setattr("mobile_app.deliveries.registering_state.read_card", read)

    return stand_in


class TestTakeCard:
    async def test_name_and_number_are_filled_in_the_address_on_demand_and_saved_as_scanned(
        self, form: Registering
    ) -> None:
        await form.take_card(photographed(portrait_side(), degrees=3), "camera")
        assert (form.values["name"], form.values["identity_number"]) == (NAME, IDENTITY)
        assert form.offers() == {"address": ADDRESS}
        form.accept("address")
        assert form.offers() == {}
        assert form.open_fields() == ()
        assert await form.save()
        [kept] = await form.run.app.phone.recorded(CustomerCompleted)
        told = msgspec.json.decode(open_sealed(OFFICE_KEY, kept.sealed, kept.id), type=CustomerPersonal)
        assert (told.name, told.identity_number, kept.identity_entry) == (NAME, IDENTITY, "scanned")
        assert (told.district, told.road, told.house) == ("吉林省松河县", "林场小区", "3号楼2单元402室")
        assert IDENTITY.encode() not in msgspec.json.encode(kept)

    async def test_what_he_typed_stays_until_he_takes_the_cards(self, form: Registering, read_as: Any) -> None:
        read_as(CardReading(IdentityCard(name=NAME, number=IDENTITY, sex="男")))
        form.change("name", "演示-别人")
        await form.take_card(jpeg(1), "camera")
        assert form.values["name"] == "演示-别人"
        assert form.offers() == {"name": NAME}
        form.accept("name")
        assert form.values["name"] == NAME

    async def test_a_doubtful_number_is_offered_and_never_filled_in(self, form: Registering, read_as: Any) -> None:
        wrong = IDENTITY[:-1] + "8"
        read_as(CardReading(IdentityCard(name=NAME, number=wrong)))
        await form.take_card(jpeg(1), "camera")
        assert "identity_number" not in form.values
        assert [doubt.code for doubt in form.doubts(wrong)] == ["identity.check_digit"]
        form.accept("identity_number")
        assert [finding.blocks for finding in form.findings()] == [True]
        assert not await form.save()
        assert await form.run.app.phone.recorded(CustomerCompleted) == []

    async def test_a_number_put_right_by_hand_is_no_longer_scanned(self, form: Registering, read_as: Any) -> None:
        read_as(CardReading(IdentityCard(name=NAME, number=IDENTITY[:-1] + "8")))
        await form.take_card(jpeg(1), "camera")
        form.change("identity_number", IDENTITY)
        assert await form.save()
        [kept] = await form.run.app.phone.recorded(CustomerCompleted)
        assert kept.identity_entry == "keyed"

    async def test_without_the_recogniser_the_photo_is_kept_and_the_number_typed(
        self, form: Registering, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "can_read", lambda: False)
        await form.take_card(photographed(portrait_side()), "camera")
        assert form.read is not None
        assert form.read.trouble == "no_reader"
        assert form.photo is not None
        assert "identity_number" not in form.values

    async def test_a_licence_is_photographed_and_not_read(self, form: Registering) -> None:
        form.change("category", "catering")
        await form.take_card(photographed(portrait_side()), "camera")
        assert form.photo is not None
        assert form.read is None
