"""Lines as a recogniser gives them, in fields: split, out of order, aslant, with labels unread."""

import math
from datetime import date

import pytest

from sync.identity_card.fields import IdentityCard, Line, card_in, doubts_of, is_other_side, labels_in
from tests.factories.customers import IDENTITY

DAY = date(2026, 11, 23)


def line(text: str, x: float, y: float, *, turn: float = 0.0, score: float = 0.99) -> Line:
    """A line 30 high whose upper left corner lies at x, y on a card that is turned about its corner."""
    width = 30 * len(text)
    corners = [(x, y), (x + width, y), (x + width, y + 30), (x, y + 30)]
    c, s = math.cos(turn), math.sin(turn)
    return Line(text, score, tuple((a * c - b * s, a * s + b * c) for a, b in corners))  # type: ignore[arg-type]


def card(turn: float = 0.0) -> list[Line]:
    return [
        line("公民身份号码", 60, 540, turn=turn),
        line("3号楼2单元402室", 170, 360, turn=turn, score=0.7),
        line("220100188501010017", 330, 542, turn=turn),
        line("性别男", 60, 150, turn=turn),
        line("民族 汉", 288, 152, turn=turn),
        line("姓名", 60, 68, turn=turn),
        line("演示-孙客户", 170, 64, turn=turn),
        line("住址", 60, 308, turn=turn),
        line("松河县林场小区", 170, 304, turn=turn),
        line("出生1885年1月1日", 60, 228, turn=turn),
    ]


class TestCardIn:
    @pytest.mark.parametrize("turn", [0.0, 0.12, -0.12])
    def test_rows_are_put_together_as_they_stand_on_the_card(self, turn: float) -> None:
        found = card_in(card(turn))
        assert (found.name, found.number) == ("演示-孙客户", IDENTITY)
        assert found.address == "松河县林场小区3号楼2单元402室"
        assert (found.sex, found.nation, found.born) == ("男", "汉", "1885-01-01")
        assert found.confidence["address"] == 0.7

    def test_where_pale_labels_were_not_read_the_rows_tell(self) -> None:
        found = card_in([each for each in card() if each.text not in {"姓名", "住址", "公民身份号码"}])
        assert (found.name, found.address) == ("演示-孙客户", "松河县林场小区3号楼2单元402室")

    def test_nothing_is_made_up_from_nothing(self) -> None:
        assert card_in([]) == IdentityCard()
        assert card_in([line("收据", 0, 0), line("金额120.00元", 0, 60)]) == IdentityCard()

    def test_a_number_that_lost_a_digit_is_shown_and_doubted(self) -> None:
        found = card_in([line("公民身份号码22010018850101001", 60, 540)])
        assert found.number == IDENTITY[:-1]
        assert [doubt.code for doubt in doubts_of(found, DAY)] == ["identity.length"]

    def test_a_date_that_does_not_exist_is_left_out(self) -> None:
        assert card_in([line("出生1885年13月41日", 60, 228), line("住址松河县", 60, 300)]).born == ""


class TestDoubts:
    def test_what_the_card_says_beside_the_number_is_held_against_it(self) -> None:
        told = IdentityCard(number=IDENTITY, sex="女", born="1886-01-01")
        assert [doubt.code for doubt in doubts_of(told, DAY)] == ["identity.born_differs", "identity.sex_differs"]

    def test_no_number_no_doubt(self) -> None:
        assert doubts_of(IdentityCard(name="演示-孙客户"), DAY) == ()


class TestSides:
    def test_the_emblem_is_known_by_its_words(self) -> None:
        lines = [line("中华人民共和国", 300, 80), line("居民身份证", 300, 200), line("签发机关松河县公安局", 200, 420)]
        assert is_other_side(lines)
        assert labels_in(lines) == 0
        assert not is_other_side(card())
        assert labels_in(card()) == 6
