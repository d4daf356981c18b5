"""Bar codes in pictures: read with zxing-cpp, made with segno."""

import io

import segno
import zxingcpp
from PIL import Image

from device_bridge.errors import DeviceGarbled
from device_bridge.models import Code

# What is printed on cylinders, check points and papers; fewer kinds mean fewer false readings.
_SYMBOLOGIES = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.MicroQRCode,
        zxingcpp.BarcodeFormat.Code128,
        zxingcpp.BarcodeFormat.DataMatrix,
    ]
)
# A phone's camera takes 12 to 50 megapixels; more is a crafted file that would eat the memory.
LARGEST_PICTURE_PIXELS = 64_000_000
QR_PIXELS_PER_MODULE = 8
# What Pillow raises for damaged and for crafted files; its warning too, where warnings are errors.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def read_codes(image: bytes) -> list[Code]:
    """Every QR, Code 128 and DataMatrix code in a JPEG or PNG; [] if there is none. Raises DeviceGarbled."""
    try:
        with Image.open(io.BytesIO(image), formats=["JPEG", "PNG"]) as picture:
            if picture.width * picture.height > LARGEST_PICTURE_PIXELS:
                raise _not_a_picture()
            grey = picture.convert("L")
    except _UNREADABLE as error:
        raise _not_a_picture() from error
    found = zxingcpp.read_barcodes(grey, formats=_SYMBOLOGIES)
    return [Code(text=code.text, symbology=code.format.name) for code in found]


def make_qr(text: str) -> bytes:
    """A PNG of `text` as a QR code that survives a quarter of it being scratched (level Q)."""
    out = io.BytesIO()
    segno.make_qr(text, error="q").save(out, kind="png", scale=QR_PIXELS_PER_MODULE)
    return out.getvalue()


def _not_a_picture() -> DeviceGarbled:
    return DeviceGarbled(
        "不是能识别的照片",
        "this is not a picture that can be read",
        "请重新拍摄，或手工输入编号",
        "take it again, or type the number",
    )
