"""Electronic tags are bound and written, without a network. Clauses 5.8.6-3 to 5.8.6-5, E5.8.6-1, E5.8.6-2.

What is to be written is on the phone's disk before the first byte goes to the tag, and is dropped only together with
the record that says what became of it: after a kill, `unfinished` tells what was begun, and `finish` goes on.
"""

from datetime import date
from typing import Literal

import msgspec

from device_bridge.errors import DeviceError, TagAbsent
from device_bridge.models import WrittenTag
from device_bridge.tag_content import TagContent
from device_bridge.tag_reader import TagReader
from mobile_app import devices
from mobile_app.errors import FieldError, NotReady
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from mobile_app.tags.reading import TagRead, judge_tag, tag_keys
from sync.documents.cylinders import CylinderScan
from sync.documents.reference import Cylinder
from sync.documents.tags import TagBound, TagKind, TagWritten
from sync.rules.cylinders import plain_uid

JOURNAL = "tags/writing/"
Occasion = Literal["bound", "filled", "delivered"]
# After filling and delivery the worker has the tag at hand; he does not wait for one that is not.
REFRESH_TIMEOUT_S = 5.0


class Writing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of the journal: what is to be on this tag, and for whose sake."""

    tag_uid: str
    kind: TagKind
    scan: CylinderScan
    occasion: Occasion
    content: TagContent
    page_url: str = ""
    replace_foreign: bool = False


class Refreshed(msgspec.Struct, frozen=True):
    """What became of a tag after filling or delivery; the record that it follows was saved before.

    `no_writer`: nothing was begun. `unfinished`: begun, in the journal, `error` says what to do.
    """

    outcome: Literal["written", "no_writer", "unfinished"]
    written: WrittenTag | None = None
    error: DeviceError | None = None


async def refresh_after_filling(
    phone: Phone, scan: CylinderScan, *, filling_company: str, gross_kg: float, filled_on: date
) -> Refreshed:
    """To be called when a filling is saved: the tag that was scanned says so, and no customer any more. Never raises
    for a tag or a reader.
    """
    use = {"filling_company": filling_company, "gross_kg": gross_kg, "filled_on": filled_on}
    return await _refresh(phone, scan, "filled", use | {"customer_name": "", "address": "", "delivered_on": None})


async def refresh_after_delivery(
    phone: Phone, scan: CylinderScan, *, customer_name: str, address: str, delivered_on: date
) -> Refreshed:
    """To be called when a delivery is saved. Never raises for a tag or a reader."""
    return await _refresh(
        phone, scan, "delivered", {"customer_name": customer_name, "address": address, "delivered_on": delivered_on}
    )


async def _refresh(phone: Phone, scan: CylinderScan, occasion: Occasion, use: dict[str, object]) -> Refreshed:
    reader = devices.tag_readers(phone.data_dir).get(scan.method)
    cylinder = await phone.cylinder(scan.code)
    if reader is None or cylinder is None or not scan.tag_uid or not await tag_keys(phone):
        return Refreshed("no_writer")
    try:
        found = await judge_tag(phone, await reader.read(REFRESH_TIMEOUT_S))
    except DeviceError:
        return Refreshed("no_writer")
    if found.tag.uid != scan.tag_uid.upper() or found.cylinder is None or found.cylinder.id != cylinder.id:
        return Refreshed("no_writer")
    writing = Writing(
        tag_uid=found.tag.uid,
        kind="uhf" if scan.method == "uhf" else "nfc",
        scan=msgspec.structs.replace(scan, tag=None),
        occasion=occasion,
        content=content_of(cylinder, found, use),
        page_url=await _page_of(phone, cylinder),
    )
    try:
        return Refreshed("written", await write(phone, reader, writing))
    except TagAbsent:
        # The tag has gone before anything was put on it.
        await phone.drop_draft(JOURNAL + writing.tag_uid)
        return Refreshed("no_writer")
    except DeviceError as error:
        return Refreshed("unfinished", error=error)


def content_of(cylinder: Cylinder, found: TagRead | None = None, use: dict[str, object] | None = None) -> TagContent:
    """The archive's fields, the use that the tag tells of, and over it what is new."""
    # What a retired key vouches for is not carried over into an entry that the new one proves.
    proved = found is not None and found.reading.state == "genuine"
    before = (found.reading.content if found and proved else None) or TagContent()
    kept = {
        name: getattr(before, name)
        for name in ("filling_company", "gross_kg", "filled_on", "customer_name", "address", "delivered_on")
    }
    return TagContent(
        code=cylinder.code,
        manufacturer=cylinder.manufacturer,
        factory_number=cylinder.factory_number,
        made_on=cylinder.made_on,
        next_inspection_on=cylinder.next_inspection_on,
        **(kept | (use or {})),
    )


async def bind_tag(
    phone: Phone,
    reader: TagReader,
    kind: TagKind,
    cylinder: Cylinder,
    scan: CylinderScan,
    *,
    replaces: str = "",
    reason: str = "",
    photos: tuple[PhotoDraft, ...] = (),
    replace_foreign: bool = False,
) -> WrittenTag:
    """The tag that is held near becomes this cylinder's; `scan` is how the cylinder was told, `replaces` the tag that
    it had. The binding counts from here on, also where the tag then leaves in mid-write (`unfinished`).

    Raises FieldError for a tag or cylinder that must not be bound, and what the reader raises.
    """
    if not await tag_keys(phone):
        raise NotReady(
            "tags.no_key",
            "手机里还没有标签密钥",
            "The phone does not have the key for tags yet",
            action_zh="联网同步一次",
            action_en="sync once with a network",
        )
    found = await judge_tag(phone, await reader.read())
    # With what has been bound to it since it was chosen.
    cylinder = await phone.cylinder(cylinder.code) or cylinder
    await _require_bindable(phone, found, cylinder, replaces, reason, replace_foreign=replace_foreign)
    uid = found.tag.uid
    writing = Writing(
        tag_uid=uid,
        kind=kind,
        scan=scan,
        occasion="bound",
        content=content_of(cylinder),
        page_url=await _page_of(phone, cylinder),
        replace_foreign=replace_foreign,
    )
    await _note(phone, writing)
    if not await _already_bound_here(phone, uid, cylinder):
        await phone.record(
            TagBound, photos=photos, scan=scan, tag_uid=uid, kind=kind, replaces=replaces.upper(), reason=reason
        )
    return await write(phone, reader, writing)


async def write(phone: Phone, reader: TagReader, writing: Writing) -> WrittenTag:
    """Journal first, tag second, record and end of the journal in one step last. Raises what the reader raises."""
    await _note(phone, writing)
    written = await reader.write_entry(
        writing.content,
        uid=writing.tag_uid,
        keys=await tag_keys(phone),
        page_url=writing.page_url or None,
        replace_foreign=writing.replace_foreign,
    )
    await _record(phone, writing, "written", written)
    return written


async def unfinished(phone: Phone) -> list[Writing]:
    """What was begun and is in no record yet: the app was killed, or the tag left too early."""
    drafts = [draft for draft in await phone.drafts() if draft.key.startswith(JOURNAL)]
    return [msgspec.json.decode(draft.body, type=Writing) for draft in drafts]


async def finish(phone: Phone, reader: TagReader, writing: Writing) -> WrittenTag:
    """Goes on with it; a tag that has the entry already is not written again. Raises what the reader raises."""
    return await write(phone, reader, writing)


async def give_up(phone: Phone, writing: Writing) -> None:
    """The tag cannot be had any more (lost, broken): the office hears that it may be half written."""
    await _record(phone, writing, "not_written", None)


async def _note(phone: Phone, writing: Writing) -> None:
    await phone.save_draft(JOURNAL + writing.tag_uid, msgspec.json.encode(writing))


async def _record(
    phone: Phone, writing: Writing, outcome: Literal["written", "not_written"], written: WrittenTag | None
) -> None:
    content = writing.content
    await phone.record(
        TagWritten,
        draft=JOURNAL + writing.tag_uid,
        scan=writing.scan,
        tag_uid=writing.tag_uid,
        occasion=writing.occasion,
        outcome=outcome,
        sequence=written.sequence if written else 0,
        next_inspection_on=content.next_inspection_on,
        filled_on=content.filled_on,
        gross_kg=content.gross_kg,
        delivered_on=content.delivered_on,
        left_out=written.left_out if written else (),
    )


async def _page_of(phone: Phone, cylinder: Cylinder) -> str:
    keys = await phone.tag_keys()
    return f"{keys.public_url}{cylinder.public_token}" if keys and keys.public_url and cylinder.public_token else ""


async def _already_bound_here(phone: Phone, uid: str, cylinder: Cylinder) -> bool:
    """Bound before, and only the writing is to be done again."""
    known = await phone.cylinder(uid)
    return known is not None and known.id == cylinder.id and plain_uid(known.tag_uid) == uid


async def _require_bindable(
    phone: Phone, found: TagRead, cylinder: Cylinder, replaces: str, reason: str, *, replace_foreign: bool
) -> None:
    if cylinder.scrapped:
        raise FieldError("tags.scrapped", "气瓶已报废，不能再绑标签", "The cylinder is scrapped: no tag any more")
    other = await _bound_to(phone, found, cylinder)
    if other:
        raise FieldError(
            "tags.bound_elsewhere",
            f"这张标签属于气瓶 {other}，不能用在别的气瓶上",
            f"This tag belongs to cylinder {other}; it must not be used on another",
            action_zh="换一张新标签；这张交站里作废",
            action_en="take a new tag; hand this one in",
        )
    if found.tag.uid in {uid.upper() for uid in cylinder.former_tags}:
        raise FieldError("tags.former", "这张标签已作废，不能再用", "This tag is void: it is not used again")
    if found.reading.state == "copied":
        raise FieldError("tags.copied", "这是复制的标签，不能使用", "This tag is a copy: it is not used")
    if found.reading.state in ("foreign", "other_company") and not replace_foreign:
        raise FieldError(
            "tags.foreign",
            "标签里有其他单位的内容",
            "The tag holds somebody else's content",
            action_zh="换一张空标签；确认是自家标签时可选择覆盖",
            action_en="take an empty tag; replace the content only when the tag is known to be yours",
        )
    had = cylinder.tag_uid.upper()
    if had and had not in (found.tag.uid, replaces.upper()):
        raise FieldError(
            "tags.has_one",
            f"这只瓶已有标签 {had}",
            f"This cylinder has the tag {had} already",
            action_zh="选“更换标签”，写明原因",
            action_en="choose “replace the tag” and say why",
            field="replaces",
        )
    if replaces and not reason:
        raise FieldError("tags.no_reason", "请选择更换原因", "Say why the tag is replaced", field="reason")


async def _bound_to(phone: Phone, found: TagRead, cylinder: Cylinder) -> str:
    """Another cylinder whose tag this is: by what the phone knows, or by the tag's proved word."""
    known = await phone.cylinder(found.tag.uid)
    if known is not None and known.id != cylinder.id:
        return known.code
    content = found.reading.content
    return content.code if content and content.code and content.code != cylinder.code else ""
