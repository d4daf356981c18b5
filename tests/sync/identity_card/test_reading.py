"""Drawn cards of invented people through the real recogniser; one reading takes one to two seconds."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from PIL import Image

from sync.identity_card import TROUBLES, doubts_of, read_identity_card, reading
from tests.factories.customers import IDENTITY
from tests.factories.identity_cards import (
    ADDRESS,
    NAME,
    emblem_side,
    no_card,
    photographed,
    portrait_side,
    under_a_thumb,
)

DAY = date(2026, 11, 23)


class TestRead:
    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param({"degrees": 3}, id="a little aslant"),
            pytest.param({"degrees": -7, "width": 640, "blur": 1.2}, id="aslant, far and soft"),
            pytest.param({"degrees": 90, "brightness": 0.5}, id="upright and in a dim room"),
        ],
    )
    def test_every_field_of_the_card_is_read(self, seen: dict[str, Any]) -> None:
        read = read_identity_card(photographed(portrait_side(), **seen))
        card = read.card
        assert read.trouble == ""
        assert (card.name, card.number, card.address) == (NAME, IDENTITY, ADDRESS)
        assert (card.sex, card.nation, card.born) == ("男", "汉", "1885-01-01")
        assert doubts_of(card, DAY) == ()
        assert min(card.confidence[field] for field in ("name", "number", "address")) > 0.8

    def test_a_woman_of_a_minority_with_an_x_at_the_end(self) -> None:
        drawn = portrait_side(name="演示-阿依夏", number="22010018900305058X", nation="朝鲜", address="松河县江沿路7号")
        card = read_identity_card(photographed(drawn)).card
        assert (card.name, card.number, card.sex, card.nation) == ("演示-阿依夏", "22010018900305058X", "女", "朝鲜")
        assert (card.born, card.address) == ("1890-03-05", "松河县江沿路7号")

    def test_a_number_that_cannot_be_right_is_read_as_it_stands_and_doubted(self) -> None:
        card = read_identity_card(photographed(portrait_side(number=IDENTITY[:-1] + "8"))).card
        assert card.number == IDENTITY[:-1] + "8"
        assert [doubt.code for doubt in doubts_of(card, DAY)] == ["identity.check_digit"]


class TestTrouble:
    @pytest.mark.parametrize(
        ("take", "trouble"),
        [
            pytest.param(lambda: photographed(portrait_side(), brightness=0.04), "too_dark", id="night"),
            pytest.param(lambda: photographed(portrait_side(), glare=(600, 560)), "glare", id="lamp over the number"),
            pytest.param(lambda: photographed(portrait_side(), width=420, blur=6), "no_card", id="out of focus"),
            pytest.param(lambda: photographed(under_a_thumb()), "unclear", id="thumb over the number"),
            pytest.param(lambda: photographed(emblem_side(), degrees=2), "other_side", id="emblem"),
            pytest.param(no_card, "no_card", id="receipt"),
            pytest.param(lambda: b"not a picture", "not_a_picture", id="text"),
            pytest.param(lambda: photographed(portrait_side())[:20_000], "not_a_picture", id="cut short"),
        ],
    )
    def test_what_could_not_be_read_is_said_with_what_to_do(self, take: Callable[[], bytes], trouble: str) -> None:
        read = read_identity_card(take())
        assert read.trouble == trouble
        assert read.card.number == ""
        assert all(TROUBLES[trouble])

    @pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3)])
    def test_a_picture_of_an_odd_size_holds_no_card(self, size: tuple[int, int]) -> None:
        out = io.BytesIO()
        Image.new("RGB", size, "white").save(out, "PNG")
        assert read_identity_card(out.getvalue()).card.number == ""

    def test_without_the_recogniser_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading.importlib.util, "find_spec", lambda name: None)
        assert read_identity_card(photographed(portrait_side())).trouble == "no_reader"
