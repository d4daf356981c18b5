"""What a photo of an identity card says, or why it says nothing.

The recogniser is RapidOCR with PP-OCR's Chinese models on ONNX Runtime. Its models lie in its wheel: nothing is fetched
when a card is read. The package group `cards` is optional: a slim phone build leaves it out, and the number is typed.
"""

import asyncio
import importlib.util
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from sync.identity_card.fields import IdentityCard, Line, card_in, is_other_side, labels_in

if TYPE_CHECKING:
    from PIL import Image

Trouble = Literal["", "no_reader", "not_a_picture", "too_dark", "glare", "other_side", "no_card", "unclear"]
# What happened, and what to do: Chinese, English.
TROUBLES: dict[str, tuple[str, str, str, str]] = {
    "no_reader": ("这台设备没有装证件识别", "This device cannot read cards", "请手工输入", "type the number"),
    "not_a_picture": ("这不是可用的照片", "This is not a picture", "重新拍一张", "take it again"),
    "too_dark": ("照片太暗，看不清证件", "Too dark to read the card", "打开手电筒再拍", "switch on the torch"),
    "glare": ("证件反光，字看不清", "The card reflects light", "换个角度，避开灯光再拍", "tilt it away from the light"),
    "other_side": (
        "拍的是国徽面",
        "This is the side with the emblem",
        "请拍有头像和号码的一面",
        "photograph the side with the portrait and the number",
    ),
    "no_card": (
        "照片里没有找到身份证",
        "No identity card in this picture",
        "把证件放平，拍满画面，对好焦",
        "lay it flat, fill the picture, let it focus",
    ),
    # Said where the number was read and fails its own check.
    "doubtful": (
        "识别出的号码通不过校验",
        "The number as read cannot be right",
        "请对照证件核对",
        "compare it with the card",
    ),
    "unclear": (
        "证件上的字没有看清",
        "The card could not be read",
        "别遮住字，拿稳、靠近、对好焦再拍",
        "uncover it, hold still, come closer, let it focus",
    ),
}
# A phone's camera has fewer; a picture that unpacks to more is an attack on the memory.
_MAX_PIXELS = 60_000_000
# Enough for a card that fills a third of the picture's width; the time grows with the area.
_LONGEST_SIDE = 1600
# Judged only where the reading failed: a picture that can be read is good enough.
_DARK_BELOW = 60
_BLOWN_FROM, _BLOWN_SHARE = 252, 0.02
_LABELS_OF_A_CARD = 2
_PARAMETERS = {
    # Its words go past our log, and what it reads is a person's.
    "Global.log_level": "critical",
    # Lines are found on a smaller picture and read on the larger one: a third of the time and of the memory.
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
    # Beside a server or an app that goes on working.
    "EngineConfig.onnxruntime.intra_op_num_threads": 2,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class CardReading(msgspec.Struct, frozen=True):
    """`trouble` is set where number or name were not read: what was read beside them is in `card` all the same."""

    card: IdentityCard = IdentityCard()
    trouble: Trouble = ""


def can_read() -> bool:
    """Whether the recogniser is installed here."""
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


# One card at a time: two would share the same cores, and a queue of cards must not hold the threads of others.
_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cards")


async def read_card(picture: bytes) -> CardReading:
    """`read_identity_card` in its turn, in the one thread of this process that reads cards."""
    return await asyncio.get_running_loop().run_in_executor(_reader, read_identity_card, picture)


def read_identity_card(picture: bytes) -> CardReading:
    """Blocks for a second or two. Never raises for what somebody photographed."""
    if not can_read():
        return CardReading(trouble="no_reader")
    image = _opened(picture)
    if image is None:
        return CardReading(trouble="not_a_picture")
    lines = _recognised(image)
    card = card_in(lines)
    return CardReading(card, "" if card.name and card.number else _trouble(image, lines, card))


def _opened(picture: bytes) -> "Image.Image | None":
    from PIL import Image, ImageOps  # noqa: PLC0415 - loaded with the first card, not with the app

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(picture)) as found:
                if found.width * found.height > _MAX_PIXELS:
                    return None
                image = ImageOps.exif_transpose(found).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    return image


def _trouble(image: "Image.Image", lines: list[Line], card: IdentityCard) -> Trouble:
    from PIL import ImageStat  # noqa: PLC0415 - as above

    grey = image.convert("L")
    if is_other_side(lines):
        return "other_side"
    if ImageStat.Stat(grey).mean[0] < _DARK_BELOW:
        return "too_dark"
    is_card = bool(card.number) or labels_in(lines) >= _LABELS_OF_A_CARD
    if _blown_share(grey) > _BLOWN_SHARE:
        return "glare"
    return "unclear" if is_card else "no_card"


def _blown_share(grey: "Image.Image") -> float:
    """How much of the picture is one white patch: single white pixels, as paper has them, are eaten away."""
    from PIL import ImageFilter  # noqa: PLC0415 - as above

    patch = grey.resize((max(1, grey.width // 4), max(1, grey.height // 4))).filter(ImageFilter.MinFilter(9))
    return sum(patch.histogram()[_BLOWN_FROM:]) / (patch.width * patch.height)


def _recognised(image: "Image.Image") -> list[Line]:
    found = _recogniser()(image)
    if found.boxes is None or found.txts is None or found.scores is None:
        return []
    return [
        Line(text, float(score), tuple((float(x), float(y)) for x, y in box))  # type: ignore[arg-type]
        for box, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
    ]


@lru_cache(maxsize=1)
def _recogniser() -> Any:
    from rapidocr import RapidOCR  # noqa: PLC0415 - heavy packages, loaded with the first card

    return RapidOCR(params=_PARAMETERS)
