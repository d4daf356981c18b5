import hashlib
import io
import random
from datetime import UTC, datetime

import pytest
from PIL import Image

from mobile_app.errors import PhotoRefused
from mobile_app.hazards.work import report_hazard
from mobile_app.phone import Phone
from mobile_app.photos import photo_draft, take_photo, take_signature, watermark_lines
from sync.documents.envelope import Moment, Position
from sync.documents.photos import ATTACHMENT_NAME, MAX_PHOTO_BYTES, Photo
from sync.rules.photos import check_code
from tests.mobile_app.phones import DEVICE_ID, STAFF_ID, fix_at, jpeg, open_phone


def noise(size: tuple[int, int]) -> bytes:
    image = Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    return out.getvalue()


class TestTakePhoto:
    @pytest.mark.parametrize("rubbish", [b"", b"not a picture", jpeg()[:200], b"GIF89a"])
    async def test_what_is_not_a_picture_is_refused(self, phone: Phone, rubbish: bytes) -> None:
        with pytest.raises(PhotoRefused):
            await take_photo(phone, rubbish)

    async def test_a_camera_picture_is_shrunk_to_a_megabyte(self, phone: Phone) -> None:
        photo = await take_photo(phone, noise((3000, 2250)))
        assert photo.original is not None
        assert len(photo.picture.data) <= MAX_PHOTO_BYTES
        assert len(photo.original.data) <= MAX_PHOTO_BYTES

    async def test_the_mark_is_drawn_at_the_foot_and_the_original_is_not_marked(self, phone: Phone) -> None:
        photo = await take_photo(phone, jpeg(), address="站前街 1 号")
        assert photo.original is not None
        marked, original = (Image.open(io.BytesIO(p.data)).convert("L") for p in (photo.picture, photo.original))
        foot, head = (0, 400, 640, 480), (0, 0, 640, 80)
        assert marked.crop(foot).getextrema()[1] > 240  # white letters
        assert original.crop(foot).getextrema()[1] < 200
        assert marked.crop(head).getextrema()[1] < 200

    async def test_the_check_code_can_be_verified_from_the_original(self, phone: Phone) -> None:
        photo = await take_photo(phone, jpeg())
        assert photo.original is not None
        again = hashlib.sha256(photo.original.data).hexdigest()
        assert photo.check_code == check_code(again, photo.recorded.at, STAFF_ID, DEVICE_ID)

    async def test_survives_a_kill_before_it_belongs_to_a_record(self, phone: Phone) -> None:
        photo = await take_photo(phone, jpeg())
        await phone.close()
        again = await open_phone(phone.data_dir)
        assert await photo_draft(again, photo.id) == photo
        await again.close()


class TestWatermark:
    moment = Moment(at=datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC), boot_id="b", monotonic_s=1, clock="gnss")
    here = Position(lon=126.5, lat=43.8, accuracy_m=4.4, source="gnss")
    words = {"address": "站前街 1 号", "person": "演示-李巡检 1001", "company": "松河", "code": "0123456789"}  # noqa: RUF012

    def test_carries_beijing_time_place_person_and_code(self) -> None:
        lines = watermark_lines(self.moment, self.here, source="camera", **self.words)
        assert lines == [
            "2026-11-23 09:02:03 北京时间",
            "经度 126.500000  纬度 43.800000  ±4 m",
            "站前街 1 号",
            "演示-李巡检 1001  松河",
            "校验码 0123456789",
        ]

    def test_an_untrusted_clock_and_an_album_picture_are_marked(self) -> None:
        unset = Moment(at=self.moment.at, boot_id="b", monotonic_s=1)
        text = "\n".join(watermark_lines(unset, None, source="album", **self.words))
        assert "未校时" in text
        assert "相册导入" in text
        assert "无定位" in text


class TestSavedWithTheRecord:
    async def test_a_hazards_two_photos_are_documents_with_their_originals(self, phone: Phone) -> None:
        phone.take_fix(fix_at(10, 5, datetime.now(UTC)))
        photos = [await take_photo(phone, jpeg(shade)) for shade in (10, 200)]
        hazard = await report_hazard(phone, hazard_type="corrosion", photos=photos)
        assert hazard.photos == tuple(photo.id for photo in photos)
        assert (await phone.photo_counts())["saved"] == 4
        for photo in photos:
            kept = await phone.read(photo.id)
            assert isinstance(kept, Photo)
            assert photo.original is not None
            assert (kept.record_id, kept.role, kept.original) == (hazard.id, "marked", photo.original.id)
            document = phone.photo_store().get(photo.id)
            assert document is not None
            data = phone.photo_store().attachment(document.attachments[ATTACHMENT_NAME].digest)
            assert hashlib.sha256(data).hexdigest() == kept.sha256
            assert await photo_draft(phone, photo.id) is None

    async def test_the_same_photo_in_two_records_is_kept_once(self, phone: Phone) -> None:
        photo = await take_photo(phone, jpeg())
        await report_hazard(phone, hazard_type="corrosion", photos=[photo])
        await report_hazard(phone, hazard_type="other", photos=[photo])
        assert (await phone.photo_counts())["saved"] == 2

    async def test_a_signature_carries_no_mark(self, phone: Phone) -> None:
        out = io.BytesIO()
        Image.new("RGBA", (300, 100), (0, 0, 0, 0)).save(out, "PNG")
        signature = await take_signature(phone, out.getvalue())
        image = Image.open(io.BytesIO(signature.picture.data)).convert("L")
        assert image.getextrema()[0] > 240
        assert (signature.original, signature.personal) == (None, True)
