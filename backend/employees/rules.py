"""A portrait as it is kept: pure, and slow enough to want a thread."""

import warnings
from io import BytesIO

from PIL import Image, ImageOps

# A badge's picture; what is larger only costs room and shows no more of the person.
_LONGEST_PX = 800
_MOST_PIXELS = 60_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")


def portrait(content: bytes) -> bytes:
    """Upright, small, a JPEG, without what the camera wrote about place and time. Raises `ValueError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise ValueError("too many pixels")
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("no picture") from error
    upright.thumbnail((_LONGEST_PX, _LONGEST_PX))
    # A new picture of the same points: nothing that came along with the old one goes into the file.
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    out = BytesIO()
    clean.save(out, "JPEG", quality=85)
    return out.getvalue()
