from datetime import date
from typing import Any

import msgspec
import pytest

from sync.documents.reference import Cylinder
from sync.rules.cylinders import verdict

TODAY = date(2026, 11, 23)
GOOD = Cylinder(
    id="reference.cylinder:c1",
    code="SH0001",
    specification="YSP35.5",
    tag_uid="04AABBCC",
    next_inspection_on=TODAY,
    service_ends_on=TODAY,
)


def but(**fields: Any) -> Cylinder:
    return msgspec.structs.replace(GOOD, **fields)


class TestVerdict:
    def test_a_good_cylinder_is_allowed_on_its_very_last_day(self) -> None:
        assert verdict(GOOD, "SH0001", TODAY, "delivery").allowed

    @pytest.mark.parametrize(
        ("cylinder", "code"),
        [
            (but(scrapped=True), "scrapped"),
            (but(owned=False), "not_owned"),
            (but(next_inspection_on=date(2026, 11, 22)), "inspection_overdue"),
            (but(service_ends_on=date(2026, 11, 22)), "service_ended"),
            (but(tag_torn=True), "tag_torn"),
            (None, "unknown_cylinder"),
        ],
    )
    @pytest.mark.parametrize("purpose", ["loading", "delivery"])
    def test_is_refused_with_its_reason(self, cylinder: Cylinder | None, code: str, purpose: Any) -> None:
        found = verdict(cylinder, "SH0001", TODAY, purpose)
        assert not found.allowed
        assert found.codes == (code,)
        assert all(reason.zh and reason.en and reason.action_zh and reason.action_en for reason in found.reasons)

    @pytest.mark.parametrize(("purpose", "codes"), [("loading", ("tag_missing",)), ("delivery", ()), ("return", ())])
    def test_without_a_tag_it_does_not_leave_the_station_and_comes_back_all_the_same(
        self, purpose: Any, codes: tuple[str, ...]
    ) -> None:
        assert verdict(but(tag_uid=""), "SH0001", TODAY, purpose, tag_required=True).codes == codes
        assert verdict(but(tag_uid=""), "SH0001", TODAY, purpose).codes == ()

    def test_a_tag_of_another_cylinder_is_refused(self) -> None:
        assert verdict(GOOD, "SH0001", TODAY, "delivery", tag_uid="04FFFFFF").codes == ("tag_mismatch",)

    def test_a_tag_that_carries_another_code_is_refused(self) -> None:
        assert verdict(GOOD, "SH0002", TODAY, "delivery", tag_uid="04AABBCC").codes == ("tag_mismatch",)

    def test_its_own_tag_in_any_case_is_allowed(self) -> None:
        assert verdict(GOOD, "SH0001", TODAY, "delivery", tag_uid="04aabbcc").allowed

    def test_every_reason_is_told(self) -> None:
        found = verdict(but(scrapped=True, owned=False, tag_torn=True), "SH0001", TODAY, "loading")
        assert set(found.codes) == {"scrapped", "not_owned", "tag_torn"}

    def test_an_empty_is_always_taken_back_with_its_faults_named(self) -> None:
        found = verdict(but(owned=False), "SH0001", TODAY, "return")
        assert (found.allowed, found.codes) == (True, ("not_owned",))
