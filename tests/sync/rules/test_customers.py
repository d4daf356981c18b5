import msgspec

from sync.documents.tasks import CustomerCard
from sync.rules.customers import customer_field_label, missing_fields

FULL = CustomerCard(
    customer_id="c1",
    code="KH001",
    name="演示-张用户",
    category="resident",
    phone="100-0000-0001",
    address="站前街 1 号",
    identity_number_given=True,
)
REQUIRED = ("name", "category", "phone", "address", "identity_number")


class TestMissingFields:
    def test_a_full_card_lacks_nothing(self) -> None:
        assert missing_fields(FULL, REQUIRED) == ()

    def test_blank_and_absent_are_missing_in_the_order_asked(self) -> None:
        card = msgspec.structs.replace(FULL, phone="  ", identity_number_given=False)
        assert missing_fields(card, REQUIRED) == ("phone", "identity_number")

    def test_a_required_field_that_nobody_knows_is_missing(self) -> None:
        assert missing_fields(FULL, ("safety_officer",)) == ("safety_officer",)

    def test_labels_are_the_documents_own_words(self) -> None:
        assert customer_field_label("identity_number") == "身份证号"
        assert customer_field_label("phone", "en") == "Phone"
