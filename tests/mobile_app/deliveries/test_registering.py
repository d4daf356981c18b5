"""实名登记 at the door: what is missing is taken down offline, sealed, and the delivery goes on."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mobile_app.deliveries.registering import address_parts, complete_customer, keep_paper, missing_here
from mobile_app.deliveries.work import Delivery
from mobile_app.errors import DeliveryBlocked, FieldError, NotReady
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from sync.documents.customers import CustomerCompleted, CustomerPersonal
from sync.sealed import open_sealed
from tests.mobile_app.phones import (
    CUSTOMER,
    DELIVERY,
    OFFICE_KEY,
    OFFICE_PEM,
    SETTINGS,
    UNIT_ID,
    give_office_key,
    jpeg,
    put,
    signed,
)

# Invented: born in 1885, with a valid check digit.
IDENTITY = "220100188501010017"
CARD = msgspec.structs.replace(CUSTOMER, phone="", identity_number_given=False)
TASK = msgspec.structs.replace(DELIVERY, customer=CARD)


class TestComplete:
    @pytest.mark.requirement("5.8.3-07")
    async def test_the_missing_fields_are_named_filled_in_and_the_delivery_goes_on_offline(self, phone: Phone) -> None:
        give_office_key(phone)
        delivery = await Delivery.open(phone, TASK)
        with pytest.raises(DeliveryBlocked) as blocked:
            await delivery.check_customer()
        assert blocked.value.facts["missing"] == ("phone", "identity_number")
        await complete_customer(phone, TASK, {"phone": "100-0000-0777"})
        with pytest.raises(DeliveryBlocked) as blocked:
            await delivery.check_customer()
        assert blocked.value.facts["missing"] == ("identity_number",)
        photo = await take_photo(phone, jpeg(8), personal=True)
        await complete_customer(phone, TASK, {"identity_number": f" {IDENTITY} "}, photo=photo)
        await delivery.check_customer()
        assert delivery.step == "check"

    async def test_the_office_reads_it_and_the_phones_file_does_not(self, phone: Phone) -> None:
        give_office_key(phone)
        photo = await take_photo(phone, jpeg(8), personal=True)
        made = await complete_customer(
            phone, TASK, {"identity_number": IDENTITY, "phone": "100-0000-0777"}, photo=photo
        )
        told = msgspec.json.decode(open_sealed(OFFICE_KEY, made.sealed, made.id), type=CustomerPersonal)
        assert (told.identity_number, told.phone) == (IDENTITY, "100-0000-0777")
        assert IDENTITY.encode() not in msgspec.json.encode(made)
        assert (made.given, made.identity_photo, made.photos) == (("identity_number", "phone"), photo.id, (photo.id,))
        assert made.task_id == TASK.id

    @pytest.mark.parametrize(
        ("values", "code"),
        [
            ({}, "customer.nothing"),
            ({"identity_number": "22010018850101001"}, "identity.length"),
            ({"identity_number": "220100188513010017"}, "identity.date"),
            ({"identity_number": "220100188501010018"}, "identity.check_digit"),
            ({"identity_number": IDENTITY}, "identity.no_photo"),
            ({"phone": "keine"}, "customer.phone"),
            ({"category": "catering", "identity_number": IDENTITY}, "identity.organisation"),
        ],
    )
    async def test_what_cannot_be_right_is_refused_and_nothing_is_kept(
        self, phone: Phone, values: dict[str, str], code: str
    ) -> None:
        give_office_key(phone)
        with pytest.raises(FieldError) as refused:
            await complete_customer(phone, TASK, values)
        assert refused.value.code == code
        assert await phone.recorded(CustomerCompleted) == []

    async def test_without_the_offices_key_nothing_personal_is_kept(self, phone: Phone) -> None:
        with pytest.raises(NotReady):
            await complete_customer(phone, TASK, {"phone": "100-0000-0777"})
        assert await phone.recorded(CustomerCompleted) == []

    async def test_a_key_that_the_office_did_not_sign_is_not_used(self, phone: Phone) -> None:
        """Whoever can write to the hub would otherwise read what is sealed from then on."""
        give_office_key(phone)
        store = phone.stores.unit(UNIT_ID)
        held = store.get(SETTINGS.id)
        assert held is not None
        forged = msgspec.structs.replace(SETTINGS, version=3, personal_key=OFFICE_PEM)
        store.put(*signed(forged, ec.generate_private_key(ec.SECP256R1())), rev=held.rev)
        assert (await phone.settings()).version == 3
        with pytest.raises(NotReady):
            await complete_customer(phone, TASK, {"phone": "100-0000-0777"})
        assert await phone.recorded(CustomerCompleted) == []

    async def test_a_restaurant_must_name_its_safety_officer(self, phone: Phone) -> None:
        asked = msgspec.structs.replace(
            SETTINGS, version=2, personal_key=OFFICE_PEM, company_required_fields=("safety_officer",)
        )
        put(phone.stores.unit(UNIT_ID), [asked])
        card = msgspec.structs.replace(CUSTOMER, category="catering")
        task = msgspec.structs.replace(DELIVERY, customer=card)
        assert await missing_here(phone, card) == ("safety_officer",)
        await complete_customer(phone, task, {"safety_officer": "演示-安负责"})
        assert await missing_here(phone, card) == ()


class TestAddressParts:
    @pytest.mark.parametrize(
        ("address", "parts"),
        [
            ("吉林省松河县林场小区3号楼2单元402室", ("吉林省松河县", "林场小区", "3号楼2单元402室")),
            ("吉林省长春市南关区站前街12号", ("吉林省长春市南关区", "站前街", "12号")),
            ("长春市林场小区3号楼", ("长春市", "林场小区", "3号楼")),
            ("松河县东门村", ("松河县", "", "东门村")),
            ("内蒙古自治区呼伦贝尔市鄂伦春自治旗江沿路7号", ("内蒙古自治区呼伦贝尔市鄂伦春自治旗", "江沿路", "7号")),
            ("林场小区3号楼", ("", "林场小区", "3号楼")),
        ],
    )
    def test_a_cards_address_goes_into_the_forms_parts(self, address: str, parts: tuple[str, ...]) -> None:
        found = address_parts(address)
        assert tuple(found.get(name, "") for name in ("district", "road", "house")) == parts


class TestPapers:
    @pytest.mark.requirement("5.8.3-04")
    async def test_a_contract_is_photographed_and_linked_to_the_delivery(self, phone: Phone) -> None:
        pages = [await take_photo(phone, jpeg(shade), personal=True) for shade in (1, 2)]
        kept = await keep_paper(phone, DELIVERY, "agreement", pages, number=" HT-7 ")
        assert (kept.customer_id, kept.task_id, kept.number) == ("c1", DELIVERY.id, "HT-7")
        assert kept.photos == tuple(page.id for page in pages)

    async def test_a_contract_without_its_picture_is_none(self, phone: Phone) -> None:
        with pytest.raises(FieldError) as refused:
            await keep_paper(phone, DELIVERY, "agreement", [])
        assert refused.value.code == "paper.no_photo"

    async def test_where_the_company_asks_for_it_no_delivery_goes_without(self, phone: Phone) -> None:
        put(
            phone.stores.unit(UNIT_ID),
            [msgspec.structs.replace(SETTINGS, version=2, customer_required_fields=("name", "agreement_on"))],
        )
        assert await missing_here(phone, CUSTOMER) == ("agreement_on",)
        await keep_paper(phone, DELIVERY, "agreement", [await take_photo(phone, jpeg(1), personal=True)])
        assert await missing_here(phone, CUSTOMER) == ()
