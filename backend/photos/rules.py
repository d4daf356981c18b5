"""Whether what came as a photo or a voice note is what its id names. Pure, and slow enough to want a thread."""

import hashlib
import struct
import warnings
from io import BytesIO

from PIL import Image

# A phone's camera has fewer; a picture that unpacks to more is an attack on the server's memory.
MAX_PIXELS = 60_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
# WAVE's number for G.711 mu-law (RFC 2361), one byte a sample.
_MU_LAW = 7
_SAMPLES_A_SECOND = (8_000, 48_000)


def check_file(doc_id: str, content: bytes | None) -> str:
    """Empty for a good one, else `photo_missing`, `photo_differs`, `not_an_image` or `not_a_recording`."""
    if not content:
        return "photo_missing"
    tag, _, digest = doc_id.partition(":")
    if digest != hashlib.sha256(content).hexdigest():
        return "photo_differs"
    if tag == "voice_note":
        return "" if _is_recording(content) else "not_a_recording"
    return "" if is_picture(content) else "not_an_image"


def _is_recording(content: bytes) -> bool:
    """A WAV file as phones write it: nothing that a browser would take for a page or a program."""
    chunks: dict[bytes, bytes] = {}
    try:
        riff, size, wave = struct.unpack_from("<4sI4s", content)
        at = 12
        while at < len(content):
            name, length = struct.unpack_from("<4sI", content, at)
            chunks[name] = content[at + 8 : at + 8 + length]
            at += 8 + length
        kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunks.get(b"fmt ", b""))
    except struct.error:
        return False
    whole = (riff, wave, size, at) == (b"RIFF", b"WAVE", len(content) - 8, len(content))
    sound = (kind, channels, bits) == (_MU_LAW, 1, 8) and _SAMPLES_A_SECOND[0] <= rate <= _SAMPLES_A_SECOND[1]
    return whole and sound and bool(chunks.get(b"data")) and set(chunks) <= {b"fmt ", b"fact", b"data"}


def is_picture(picture: bytes) -> bool:
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
