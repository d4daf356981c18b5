"""Nothing that a phone may record is without a domain that takes it."""

from backend.intake.takes import TAKES
from sync.documents import FIELD_TYPES


def test_every_type_of_record_is_taken_by_a_domain():
    assert set(TAKES) == set(FIELD_TYPES)
