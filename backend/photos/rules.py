"""Whether what came as a photo is the picture that its id names. Pure, and slow enough to want a thread."""

import hashlib
import warnings
from io import BytesIO

from PIL import Image

# A phone's camera has fewer; a picture that unpacks to more is an attack on the server's memory.
MAX_PIXELS = 60_000_000
FORMATS = ("JPEG", "PNG", "WEBP")


def check_picture(photo_id: str, picture: bytes | None) -> str:
    """Empty for a good picture, else `photo_missing`, `photo_differs` or `not_an_image`."""
    if not picture:
        return "photo_missing"
    if photo_id != f"photo:{hashlib.sha256(picture).hexdigest()}":
        return "photo_differs"
    return "" if _is_picture(picture) else "not_an_image"


def _is_picture(picture: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(picture), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    return False
                # Only unpacking shows a picture that was cut off.
                image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True
