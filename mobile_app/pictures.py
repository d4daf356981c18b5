"""Photos as pictures: opened upright, shrunk, marked. Loaded with the first photo: Pillow would hold up the start."""

import io
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from mobile_app.errors import PhotoRefused
from mobile_app.photo_drafts import Picture
from sync.documents.photos import MAX_PHOTO_BYTES

# Enough to read a type plate; at quality 85 about 600 kB.
LONGEST_SIDE = 1920
_QUALITIES = (85, 75, 65, 50, 35)
# A camera's largest file, with room; more is no photo.
LARGEST_UPLOAD_BYTES = 60_000_000

_FONTS = (
    Path(__file__).parent / "assets" / "assets" / "fonts" / "NotoSansSC-Regular.ttf",
    Path("/system/fonts/NotoSansCJK-Regular.ttc"),
    Path("/system/fonts/NotoSansSC-Regular.otf"),
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    Path("/System/Library/Fonts/PingFang.ttc"),
    Path("C:/Windows/Fonts/msyh.ttc"),
)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def opened(picture: bytes) -> Image.Image:
    if len(picture) > LARGEST_UPLOAD_BYTES:
        raise _not_a_picture()
    try:
        with Image.open(io.BytesIO(picture)) as found:
            # A camera turns the picture by a note in the file; without it a mark would lie on its side.
            upright = ImageOps.exif_transpose(found)
            if upright.mode in {"RGBA", "LA", "P", "PA"}:
                coloured = upright.convert("RGBA")
                ground = Image.new("RGBA", coloured.size, "white")
                upright = Image.alpha_composite(ground, coloured)
            return upright.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise _not_a_picture() from error


def shrunk(image: Image.Image) -> Picture:
    """At most `MAX_PHOTO_BYTES`: first by quality, then by size."""
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    while True:
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= MAX_PHOTO_BYTES:
                return Picture.of(out.getvalue(), image.size)
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)))


def marked(image: Image.Image, lines: list[str]) -> Image.Image:
    size = max(14, min(image.size) // 30)
    font = mark_font(size)
    margin = size // 2
    text = "\n".join(part for line in lines for part in _wrapped(line, font, image.width - 2 * margin))
    draw = ImageDraw.Draw(image, "RGBA")
    box = draw.multiline_textbbox((0, 0), text, font=font, spacing=size // 3)
    top = image.height - (box[3] - box[1]) - 2 * margin
    draw.rectangle((0, top, image.width, image.height), fill=(0, 0, 0, 150))
    draw.multiline_text((margin, top + margin - box[1]), text, font=font, fill="white", spacing=size // 3)
    return image


def _wrapped(line: str, font: Font, width: int) -> list[str]:
    parts = [""]
    for letter in line:
        if parts[-1] and font.getlength(parts[-1] + letter) > width:
            parts.append("")
        parts[-1] += letter
    return parts


@lru_cache(maxsize=8)
def mark_font(size: int) -> Font:
    """A font with Chinese letters: the app's own, else the system's; Pillow's where there is none."""
    for path in _FONTS:
        if path.exists():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def _not_a_picture() -> PhotoRefused:
    return PhotoRefused(
        "photo.not_a_picture",
        "这不是可用的照片",
        "This is not a picture that can be used",
        action_zh="重新拍一张",
        action_en="take it again",
    )
