"""What the phone makes of a tag: whose it is, whether its entries may be believed, and what goes into a record."""

import base64
import binascii

import msgspec

from device_bridge.models import Tag
from device_bridge.tag_content import TagReading, judge
from device_bridge.tag_slots import SECRET_BYTES, TagKey
from mobile_app.phone import Phone
from sync.documents.cylinders import TagSaid
from sync.documents.reference import Cylinder


class TagRead(msgspec.Struct, frozen=True, kw_only=True):
    """`cylinder`: whose tag this is by the archive, or the one that the tag claims to be."""

    tag: Tag
    reading: TagReading
    cylinder: Cylinder | None

    @property
    def code(self) -> str:
        """The number that the tag claims; the archive's where the tag does not say one."""
        content = self.reading.content
        return self.tag.text or (content.code if content else "") or (self.cylinder.code if self.cylinder else "")

    def said(self) -> TagSaid:
        content = self.reading.content
        if content is None:
            return TagSaid(state=self.reading.state)
        return TagSaid(
            state=self.reading.state,
            sequence=self.reading.sequence,
            factory_number=content.factory_number,
            next_inspection_on=content.next_inspection_on,
            filling_company=content.filling_company,
            filled_on=content.filled_on,
            gross_kg=content.gross_kg,
            delivered_on=content.delivered_on,
        )


async def tag_keys(phone: Phone) -> tuple[TagKey, ...]:
    """The company's keys, the one to write with first; empty before the office has sent any."""
    found = await phone.tag_keys()
    secrets = [(_secret(each.secret), each.retired) for each in found.keys] if found else []
    return tuple(TagKey(secret, retired) for secret, retired in secrets if secret)


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
    return secret if len(secret) == SECRET_BYTES else b""


async def judge_tag(phone: Phone, tag: Tag) -> TagRead:
    """Works offline: by the archive and the keys that are on the phone."""
    bound = await phone.cylinder(tag.uid)
    keys = await tag_keys(phone)
    uid = bytes.fromhex(tag.uid)
    reading = judge(tag.slots, uid, keys, empty=tag.empty, foreign=tag.foreign)
    claimed = tag.text or (reading.content.code if reading.content else "")
    cylinder = bound or (await phone.cylinder(claimed) if claimed else None)
    if cylinder is None and tag.page_url:
        cylinder = await phone.cylinder(tag.page_url)
    if reading.state == "damaged" and cylinder is not None:
        theirs = [bytes.fromhex(known) for known in (cylinder.tag_uid, *cylinder.former_tags) if _is_hex(known)]
        reading = judge(tag.slots, uid, keys, bound_uids=[each for each in theirs if each != uid])
    return TagRead(tag=tag, reading=reading, cylinder=cylinder)


def _is_hex(text: str) -> bool:
    return bool(text) and len(text) % 2 == 0 and all(c in "0123456789ABCDEFabcdef" for c in text)
