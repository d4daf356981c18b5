import io

import pytest
import segno
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from device_bridge.codes import make_qr, read_codes
from device_bridge.errors import DeviceGarbled
from device_bridge.models import Code


def picture_of(symbology: zxingcpp.BarcodeFormat, text: str) -> Image.Image:
    code = zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, symbology), scale=4, add_quiet_zones=True)
    return Image.fromarray(code) if not isinstance(code, Image.Image) else code


def stored(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


class TestReadCodes:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_the_qr_code_of_a_cylinder(self, kind: str):
        printed = Image.open(io.BytesIO(make_qr("https://gas.example.cn/c/YSP35.5-0001"))).convert("RGB")
        assert read_codes(stored(printed, kind)) == [Code("https://gas.example.cn/c/YSP35.5-0001", "QRCode")]

    def test_chinese_text(self):
        assert read_codes(make_qr("松河-气瓶-0002")) == [Code("松河-气瓶-0002", "QRCode")]

    def test_a_code_askew_blurred_and_partly_covered(self):
        printed = Image.open(io.BytesIO(make_qr("YSP118-0007"))).convert("L")
        ImageDraw.Draw(printed).rectangle((100, 100, 124, 124), fill=128)
        scene = Image.new("L", (600, 600), 200)
        scene.paste(printed.rotate(17, expand=True, fillcolor=200), (120, 150))
        photo = stored(scene.filter(ImageFilter.GaussianBlur(1.5)), "JPEG")
        assert read_codes(photo) == [Code("YSP118-0007", "QRCode")]

    def test_two_codes_in_one_picture(self):
        scene = Image.new("L", (700, 300), 255)
        for place, text in ((0, "A-1"), (350, "B-2")):
            scene.paste(Image.open(io.BytesIO(make_qr(text))).convert("L"), (place, 0))
        assert {code.text for code in read_codes(stored(scene, "PNG"))} == {"A-1", "B-2"}

    @pytest.mark.parametrize("name", ["Code128", "DataMatrix"])
    def test_other_printed_codes(self, name: str):
        image = picture_of(zxingcpp.BarcodeFormat[name], "YSP35-0003")
        assert read_codes(stored(image.convert("L"), "PNG")) == [Code("YSP35-0003", name)]

    def test_a_picture_without_a_code(self):
        assert read_codes(stored(Image.new("RGB", (64, 64)), "JPEG")) == []

    @pytest.mark.parametrize("data", [b"", b"no picture at all", make_qr("CUT-OFF")[:60], b"GIF89a" + bytes(50)])
    def test_what_is_not_a_picture_is_refused(self, data: bytes):
        with pytest.raises(DeviceGarbled) as caught:
            read_codes(data)
        assert "手工输入" in caught.value.what_to_do_zh

    @pytest.mark.parametrize("side", [8_100, 9_600, 14_000])
    def test_a_crafted_picture_of_too_many_pixels_is_refused(self, side: int):
        with pytest.raises(DeviceGarbled):
            read_codes(stored(Image.new("1", (side, side)), "PNG"))


class TestMakeQr:
    def test_a_png_that_another_reader_agrees_about(self):
        module_count = segno.make_qr("X-1", error="q").symbol_size()[0]
        assert Image.open(io.BytesIO(make_qr("X-1"))).size[0] == module_count * 8
