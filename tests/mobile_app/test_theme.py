import pytest

from mobile_app.theme import ALARM_FILL, ALLOWED_FILL, DARK, LIGHT, ON_FILL, Look

READ_ON = [
    ("ink", "ground"),
    ("ink_2", "ground"),
    ("ink_2", "surface"),
    ("ink", "chip"),
    ("on_primary", "primary"),
    ("primary", "surface"),
    ("primary_strong", "primary_soft"),
    ("ink_2", "primary_soft"),
    ("ok_strong", "surface"),
    ("ok_strong", "ok_soft"),
    ("on_ok", "ok_strong"),
    ("warn_strong", "warn_soft"),
    ("danger_strong", "surface"),
    ("danger_strong", "danger_soft"),
    ("on_danger", "danger_strong"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


class TestLooks:
    @pytest.mark.parametrize("look", [LIGHT, DARK], ids=["day", "night"])
    @pytest.mark.parametrize(("words", "ground"), READ_ON)
    def test_words_can_be_read_in_snow_light(self, look: Look, words: str, ground: str) -> None:
        assert contrast(getattr(look, words), getattr(look, ground)) >= 7

    @pytest.mark.parametrize("fill", [ALARM_FILL, ALLOWED_FILL])
    def test_a_verdict_can_be_read(self, fill: str) -> None:
        assert contrast(ON_FILL, fill) >= 7
