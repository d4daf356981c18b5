"""Photos as proof: shrunk so that a bad link carries them, marked with when, where and who, the original kept."""

import asyncio
import io
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from mobile_app.errors import PhotoRefused
from mobile_app.phone import Phone
from mobile_app.photo_drafts import (
    PhotoDraft,
    PhotoSource,
    Picture,
    drop_photo_draft,
    find_photo_draft,
    save_photo_draft,
)
from sync.databases import BEIJING
from sync.documents.envelope import Moment, Position
from sync.documents.photos import MAX_PHOTO_BYTES
from sync.rules.photos import check_code

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


async def take_photo(
    phone: Phone, picture: bytes, *, source: PhotoSource = "camera", address: str = "", personal: bool = False
) -> PhotoDraft:
    """The picture marked and kept across a kill until a record is saved with it. Raises PhotoRefused."""
    moment, position = phone.clock.now(), phone.position()
    staff = phone.profile.staff

    def make() -> PhotoDraft:
        original = _shrunk(_opened(picture))
        code = check_code(original.sha256, moment.at, staff.staff_id, phone.device_id)
        lines = watermark_lines(
            moment,
            position,
            address=address,
            person=f"{staff.name} {staff.staff_number}",
            company=staff.company_name,
            code=code,
            source=source,
        )
        marked = _shrunk(_marked(_opened(original.data), lines))
        draft = PhotoDraft(
            picture=marked,
            original=original,
            source=source,
            recorded=moment,
            position=position,
            check_code=code,
            personal=personal,
        )
        save_photo_draft(phone.record_store(), draft)
        return draft

    return await asyncio.to_thread(make)


async def take_signature(phone: Phone, picture: bytes) -> PhotoDraft:
    """A signature from the screen: personal, without a watermark. Raises PhotoRefused."""
    moment, position = phone.clock.now(), phone.position()

    def make() -> PhotoDraft:
        draft = PhotoDraft(
            picture=_shrunk(_opened(picture)),
            original=None,
            source="screen",
            recorded=moment,
            position=position,
            personal=True,
        )
        save_photo_draft(phone.record_store(), draft)
        return draft

    return await asyncio.to_thread(make)


async def photo_draft(phone: Phone, photo_id: str) -> PhotoDraft | None:
    """A photo that was taken and belongs to no saved record yet."""
    return await asyncio.to_thread(lambda: find_photo_draft(phone.stores.all_own("user"), photo_id))


async def discard_photo(phone: Phone, photo_id: str) -> None:
    """The worker does not want this one."""
    await asyncio.to_thread(lambda: drop_photo_draft(phone.stores.all_own("user"), photo_id))


def watermark_lines(
    moment: Moment,
    position: Position | None,
    *,
    address: str,
    person: str,
    company: str,
    code: str,
    source: PhotoSource,
) -> list[str]:
    local: datetime = moment.at.astimezone(BEIJING)
    unset = "  未校时" if moment.clock == "unset" else ""
    where = "无定位"
    if position is not None:
        mocked = "  模拟定位" if position.mocked else ""
        where = f"经度 {position.lon:.6f}  纬度 {position.lat:.6f}  ±{position.accuracy_m:.0f} m{mocked}"
    album = "  相册导入" if source == "album" else ""
    lines = [f"{local:%Y-%m-%d %H:%M:%S} 北京时间{unset}", where, address, f"{person}  {company}".strip()]
    return [line for line in (*lines, f"校验码 {code}{album}") if line]


def _opened(picture: bytes) -> Image.Image:
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


def _shrunk(image: Image.Image) -> Picture:
    """At most `MAX_PHOTO_BYTES`: first by quality, then by size."""
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    while True:
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= MAX_PHOTO_BYTES:
                return Picture.of(out.getvalue(), image.size)
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)))


def _marked(image: Image.Image, lines: list[str]) -> Image.Image:
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
