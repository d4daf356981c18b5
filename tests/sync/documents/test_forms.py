from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sync.documents import BACKEND_TYPES, FIELD_TYPES
from sync.documents.forms import FormField, form_of
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported
from sync.documents.patrol import CheckPointVisited
from sync.documents.receipts import Receipt
from sync.documents.tasks import CustomerCard


def field(struct: type[msgspec.Struct], name: str) -> FormField:
    return next(f for f in form_of(struct) if f.name == name)


class TestFormOf:
    def test_fields_come_in_the_order_of_the_form_with_the_words_of_both_languages(self) -> None:
        fields = {f.name: f for f in form_of(HazardReported)}
        order = list(fields)
        assert order.index("hazard_type") < order.index("proposed_grade") < order.index("address")
        assert fields["hazard_type"].title("zh") == "隐患类型"
        assert fields["hazard_type"].title("en") == "Hazard type"

    def test_what_the_program_fills_in_is_no_field(self) -> None:
        names = {f.name for f in form_of(LeakSuspected)}
        assert names.isdisjoint({"id", "record_number", "recorded", "device_id", "position", "patrol_id"})

    def test_a_choice_names_its_list(self) -> None:
        assert field(HazardReported, "hazard_type").kind == "choice"
        assert field(HazardReported, "hazard_type").choices == "hazard_type"
        assert field(ThirdPartyWorksReported, "machinery").kind == "choices"

    def test_a_fixed_choice_lists_its_values(self) -> None:
        assert field(CheckPointVisited, "result").kind == "choice"
        assert set(field(CheckPointVisited, "result").options) == {"normal", "abnormal", "unreachable"}

    def test_a_number_has_its_unit_and_bounds(self) -> None:
        reading = field(LeakSuspected, "reading_ppm")
        assert (reading.kind, reading.unit, reading.ge, reading.le) == ("number", "ppm", 0, 1_000_000)

    def test_an_optional_number_keeps_its_words_and_bounds(self) -> None:
        retest = field(LeakSuspected, "retest_ppm")
        assert (retest.zh, retest.kind, retest.required, retest.ge) == ("复测读数", "number", False, 0)

    def test_kinds(self) -> None:
        kinds = {f.name: f.kind for f in form_of(LeakSuspected)}
        assert kinds["emergency"] == "yes_no"
        assert kinds["instrument_verified_until"] == "date"
        assert kinds["address"] == "text"

    def test_what_must_be_given_is_required(self) -> None:
        assert field(HazardReported, "hazard_type").required
        assert not field(HazardReported, "address").required

    def test_personal_data_is_marked(self) -> None:
        assert {f.name for f in form_of(CustomerCard) if f.personal} == {"name", "phone", "address", "safety_officer"}

    def test_help_comes_in_both_languages(self) -> None:
        address = field(HazardReported, "address")
        assert address.help_zh
        assert address.help_en

    def test_a_receipt_has_nothing_to_fill_in(self) -> None:
        assert form_of(Receipt) == ()


def every_field() -> Iterator[Any]:
    for tag, struct in {**FIELD_TYPES, **BACKEND_TYPES}.items():
        for one in form_of(struct):
            yield pytest.param(one, id=f"{tag}-{one.name}")


@pytest.mark.parametrize("one", list(every_field()))
def test_every_labelled_field_speaks_both_languages(one: FormField) -> None:
    assert one.zh
    assert one.en
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in one.en)
    assert bool(one.help_zh) == bool(one.help_en)
