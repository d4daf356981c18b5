import io

import pytest
from PIL import Image

from qixun.demo.pictures import signature, street

SUBJECTS = ("hazard", "works", "snow", "door", "leak")


class TestStreet:
    @pytest.mark.parametrize("subject", SUBJECTS)
    def test_it_is_a_photograph_of_a_phone_s_size(self, subject: str) -> None:
        content = street(subject, 1)
        image = Image.open(io.BytesIO(content))
        image.load()
        assert (image.format, image.size) == ("JPEG", (1280, 960))
        assert 30_000 < len(content) < 400_000

    def test_no_two_are_alike_and_each_comes_again(self) -> None:
        taken = [street(subject, seed) for subject in SUBJECTS for seed in (1, 2)]
        assert len(set(taken)) == len(taken)
        assert street("hazard", 1) == taken[0]


class TestSignature:
    def test_it_is_strokes_on_white(self) -> None:
        image = Image.open(io.BytesIO(signature(1))).convert("L")
        dark = sum(image.histogram()[:128])
        assert 0.01 < dark / (image.width * image.height) < 0.3
        assert signature(1) != signature(2)
