"""Identity numbers: what a number itself proves wrong, and what is only unusual."""

from datetime import date

import pytest

from sync.rules.identity import check_identity, masked, normal_identity

TODAY = date(2026, 11, 23)
# Invented: born in 1885, with a valid check digit.
NUMBER = "220100188501010017"


def codes(number: str, kind: str = "person") -> list[str]:
    return [finding.code for finding in check_identity(normal_identity(number), kind, TODAY)]  # type: ignore[arg-type]


class TestCheckIdentity:
    @pytest.mark.parametrize(
        "number", ["", "22010018850101001", NUMBER + "1", "22010018850101001A", "２20100188501010017"]
    )
    def test_anything_but_eighteen_digits_is_refused(self, number: str) -> None:
        assert codes(number) == ["identity.length"]

    @pytest.mark.parametrize("born", ["19000230", "20270101", "18000101", "19991301"])
    def test_a_birthday_that_never_was_is_refused(self, born: str) -> None:
        assert codes(f"220100{born}0017") == ["identity.date"]

    def test_a_slip_of_one_digit_is_caught(self) -> None:
        wrong = [NUMBER[:i] + str((int(NUMBER[i]) + 1) % 10) + NUMBER[i + 1 :] for i in (0, 3, 14, 16, 17)]
        assert [codes(number) for number in wrong] == [["identity.check_digit"]] * 5

    def test_an_old_customer_with_a_right_number_is_accepted(self) -> None:
        assert codes(f" {NUMBER[:6]} {NUMBER[6:]} ") == []

    def test_a_small_x_is_a_check_digit_too(self) -> None:
        assert codes("22010018850101005x") == []

    def test_an_unknown_area_only_warns(self) -> None:
        digits = "990100188501010010"
        number = next(
            digits[:17] + last for last in "0123456789X" if "identity.check_digit" not in codes(digits[:17] + last)
        )
        (finding,) = check_identity(number, "person", TODAY)
        assert (finding.code, finding.blocks) == ("identity.area", False)

    def test_a_company_code_is_checked_by_its_own_rule(self) -> None:
        assert codes("91350100M000100Y43", "organisation") == []
        assert codes("91350100M000100Y44", "organisation") == ["identity.organisation"]


def test_a_masked_number_shows_its_ends_alone() -> None:
    assert masked(NUMBER) == "220100********0017"
