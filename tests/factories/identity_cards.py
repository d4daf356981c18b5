"""Drawn identity cards of invented people, photographed well and badly."""

import io
import random

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from mobile_app.pictures import mark_font
from tests.factories.customers import IDENTITY

NAME, ADDRESS = "演示-孙客户", "吉林省松河县林场小区3号楼2单元402室"
# A card of 85.6 by 54 mm at 300 dots an inch.
_CARD = (1012, 638)
_LABEL, _INK, _GROUND = "#5B8FC0", "#1B1B1B", "#E4ECEF"


def portrait_side(
    *, name: str = NAME, number: str = IDENTITY, address: str = ADDRESS, nation: str = "汉"
) -> Image.Image:
    """As the standard lays it out: labels in pale blue, the portrait to the right, the number below."""
    card, draw = _blank()
    sex = "男" if int(number[16]) % 2 else "女"
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    for x, y, label in ((60, 68, "姓名"), (60, 150, "性别"), (288, 150, "民族"), (60, 228, "出生"), (60, 308, "住址")):
        draw.text((x, y + 4), f"{label[0]} {label[1]}", font=mark_font(30), fill=_LABEL)
    draw.text((170, 62), name, font=mark_font(42), fill=_INK)
    draw.text((170, 148), sex, font=mark_font(36), fill=_INK)
    draw.text((398, 148), nation, font=mark_font(36), fill=_INK)
    for x, value, label in ((170, str(year), "年"), (320, str(month), "月"), (420, str(day), "日")):
        draw.text((x, 226), value, font=mark_font(34), fill=_INK)
        draw.text((x + 24 * len(value), 230), label, font=mark_font(30), fill=_LABEL)
    for row in range(0, len(address), 11):
        draw.text((170, 302 + 52 * (row // 11)), address[row : row + 11], font=mark_font(36), fill=_INK)
    draw.text((60, 540), "公民身份号码", font=mark_font(30), fill=_LABEL)
    for at, digit in enumerate(number):
        draw.text((330 + 33 * at, 530), digit, font=mark_font(44), fill=_INK)
    draw.ellipse((740, 90, 900, 290), fill="#A6ABB2")
    draw.pieslice((670, 270, 970, 640), 180, 360, fill="#596070")
    return card


def under_a_thumb() -> Image.Image:
    card = portrait_side()
    ImageDraw.Draw(card).ellipse((280, 480, 1000, 700), fill="#C9967A")
    return card


def emblem_side() -> Image.Image:
    card, draw = _blank()
    draw.ellipse((70, 60, 240, 230), fill="#C8553D")
    draw.text((300, 80), "中华人民共和国", font=mark_font(64), fill=_INK)
    draw.text((300, 200), "居 民 身 份 证", font=mark_font(76), fill=_INK)
    draw.text((200, 420), "签发机关", font=mark_font(32), fill=_INK)
    draw.text((370, 416), "松河县公安局", font=mark_font(36), fill=_INK)
    draw.text((200, 510), "有效期限", font=mark_font(32), fill=_INK)
    draw.text((370, 506), "2020.03.01-2040.03.01", font=mark_font(36), fill=_INK)
    return card


def photographed(
    card: Image.Image,
    *,
    degrees: float = 0,
    width: int = 1050,
    blur: float = 0.8,
    brightness: float = 1.0,
    glare: tuple[int, int] | None = None,
) -> bytes:
    """On a table, as a phone's camera sees it; `glare`: where on the card a lamp is mirrored."""
    card = card.copy()
    if glare is not None:
        spot = Image.new("L", card.size, 0)
        x, y = glare
        ImageDraw.Draw(spot).ellipse((x - 330, y - 170, x + 330, y + 170), fill=255)
        card.paste("white", (0, 0), spot.filter(ImageFilter.GaussianBlur(24)))
    rng = random.Random(7)
    table = Image.effect_noise((1600, 1200), 22).convert("RGB")
    table = Image.blend(table, Image.new("RGB", table.size, "#7A5C3E"), 0.8)
    card = card.convert("RGBA").resize((width, width * card.height // card.width), Image.Resampling.LANCZOS)
    turned = card.rotate(degrees, expand=True, resample=Image.Resampling.BICUBIC)
    at = ((table.width - turned.width) // 2 + rng.randint(-20, 20), (table.height - turned.height) // 2)
    table.paste(turned, at, turned)
    seen = ImageEnhance.Brightness(table.filter(ImageFilter.GaussianBlur(blur))).enhance(brightness)
    out = io.BytesIO()
    seen.save(out, "JPEG", quality=88)
    return out.getvalue()


def no_card() -> bytes:
    """A table with a receipt on it."""
    paper = Image.new("RGB", (500, 700), "#F4F4EE")
    draw = ImageDraw.Draw(paper)
    for row, words in enumerate(("松河演示燃气", "收 据", "YSP35.5 一瓶", "金额 120.00 元")):
        draw.text((60, 60 + 90 * row), words, font=mark_font(44), fill=_INK)
    return photographed(paper, width=500)


def _blank() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    card = Image.new("RGB", _CARD, _GROUND)
    draw = ImageDraw.Draw(card)
    for x in range(-200, _CARD[0], 46):  # the fine lines of the ground
        draw.arc((x, -60, x + 420, _CARD[1] + 60), 100, 260, fill="#CBDCE4", width=2)
    return card, draw
