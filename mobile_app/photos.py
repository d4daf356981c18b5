"""Photos as proof: shrunk so that a bad link carries them, marked with when, where and who, the original kept."""

import asyncio
from datetime import datetime

from mobile_app.phone import Phone
from mobile_app.photo_drafts import (
    PhotoDraft,
    PhotoSource,
    drop_photo_draft,
    find_photo_draft,
    save_photo_draft,
)
from sync.databases import BEIJING
from sync.documents.envelope import Moment, Position
from sync.rules.photos import check_code


async def take_photo(
    phone: Phone, picture: bytes, *, source: PhotoSource = "camera", address: str = "", personal: bool = False
) -> PhotoDraft:
    """The picture marked and kept across a kill until a record is saved with it. Raises PhotoRefused."""
    moment, position = phone.clock.now(), phone.position()
    staff = phone.profile.staff

    def make() -> PhotoDraft:
        from mobile_app.pictures import marked, opened, shrunk  # noqa: PLC0415 - Pillow is loaded with the first photo

        original = shrunk(opened(picture))
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
        proof = shrunk(marked(opened(original.data), lines))
        draft = PhotoDraft(
            picture=proof,
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
        from mobile_app.pictures import opened, shrunk  # noqa: PLC0415 - Pillow is loaded with the first photo

        draft = PhotoDraft(
            picture=shrunk(opened(picture)),
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
