"""A cylinder is scanned: the verdict (可配送 / 禁止) at once and offline; a refusal is recorded."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from mobile_app.errors import FieldError, NotReady
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from mobile_app.reference import key_of
from mobile_app.tags.reading import TagRead
from sync.documents.cylinders import CylinderRefused, CylinderScan, CylindersLoaded, ScanMethod
from sync.documents.reference import Cylinder
from sync.documents.tasks import DeliveryTask
from sync.rules.certificates import in_force
from sync.rules.cylinders import RULES_VERSION, Purpose, Reason, Verdict, stamp_doubt, verdict
from sync.rules.loading import OnBoard, loading_cautions


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """A scan with its verdict; `scan` goes into the record, `photos` are to be saved with it."""

    verdict: Verdict
    scan: CylinderScan
    cylinder: Cylinder | None
    photo_ids: tuple[str, ...] = ()
    # What is odd about it where it is to be loaded: called out, and left to the driver.
    cautions: tuple[Reason, ...] = ()
    # The number on the cylinder is another than the archive's: said, and left to the office.
    doubt: Reason | None = None

    @property
    def allowed(self) -> bool:
        return self.verdict.allowed

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.verdict.reasons


async def scan(
    phone: Phone,
    code: str,
    method: ScanMethod,
    purpose: Purpose,
    *,
    tag_uid: str = "",
    tag: TagRead | None = None,
    stamped: str = "",
    photo: PhotoDraft | None = None,
    task_id: str = "",
) -> Scanned:
    """`tag` is the tag as it was judged, where one was read; `stamped` the number on the cylinder, where compared: one
    that is not the tag's tells that the tag was moved.
    """
    told, cylinder = await identify(phone, code, method, tag_uid=tag_uid, tag=tag, photo=photo, stamped=stamped)
    if cylinder is None and purpose != "return":
        await refuse_to_guess(phone)
    found = verdict(
        cylinder,
        told.code if cylinder else code.strip() or tag_uid,
        phone.today(),
        purpose,
        tag_uid=tag_uid,
        tag_state=tag.reading.state if tag else "",
        stamped=stamped if tag_uid else "",
        tag_required=await _tag_required(phone),
    )
    if not found.allowed:
        await phone.record(
            CylinderRefused,
            photos=(photo,) if photo else (),
            task_id=task_id,
            scan=told,
            purpose=purpose,
            reasons=found.codes,
            rules_version=RULES_VERSION,
        )
    photo_ids = (photo.id,) if photo and found.allowed else ()
    doubt = stamp_doubt(cylinder, told.stamped)
    return Scanned(verdict=found, scan=told, cylinder=cylinder, photo_ids=photo_ids, doubt=doubt)


async def refuse_to_guess(phone: Phone) -> None:
    """Unknown is no verdict while the archive is still on its way. Raises NotReady."""
    if await phone.downloading():
        raise NotReady(
            "scan.downloading",
            "气瓶档案还在下载，现在查不准",
            "The cylinders' archive is still being downloaded",
            action_zh="等下载完再扫",
            action_en="scan again when it is here",
        )


async def _tag_required(phone: Phone) -> bool:
    try:
        return in_force((await phone.settings()).tag_required_from, phone.today())
    except NotReady:
        return False


async def identify(
    phone: Phone,
    code: str,
    method: ScanMethod,
    *,
    tag_uid: str = "",
    tag: TagRead | None = None,
    photo: PhotoDraft | None = None,
    stamped: str = "",
) -> tuple[CylinderScan, Cylinder | None]:
    """`code` as read, also the address of the public page; an empty tag is told by its `tag_uid` alone. A typed number
    needs a photo of the stamp; `stamped` is what stands there, where that is another number.
    """
    code = code.strip()
    if not code and not tag_uid:
        raise FieldError("scan.empty", "没有读到气瓶编号", "No cylinder number was read", field="code")
    if method == "typed" and photo is None:
        raise FieldError(
            "scan.typed_without_photo",
            "手输钢印号要拍钢印照片",
            "A typed number needs a photo of the stamp",
            action_zh="对着钢印拍一张",
            action_en="take a photo of the stamped number",
            field="photo",
        )
    cylinder = await phone.cylinder(code) if code else None
    if cylinder is None and tag_uid:
        cylinder = await phone.cylinder(tag_uid)
    if cylinder is not None and "://" in code:
        code = cylinder.code
    told = CylinderScan(
        tag=tag.said() if tag else None,
        code=code or (cylinder.code if cylinder else tag_uid),
        method=method,
        cylinder_id=key_of(cylinder.id) if cylinder else "",
        tag_uid=tag_uid,
        photo=photo.id if photo else "",
        stamped=stamped.strip(),
    )
    return told, cylinder


async def called_out(
    phone: Phone, found: Scanned, kept: Sequence[Scanned], *, board: Sequence[OnBoard], came_back_empty: bool
) -> Scanned:
    """With what is odd about loading it: a size nobody ordered, more than ordered, not filled since it came back."""
    if found.cylinder is None or not found.allowed:
        return found
    ordered: Counter[str] = Counter()
    for each in await phone.tasks():
        if each.open and isinstance(each.task, DeliveryTask):
            for line in each.task.lines:
                ordered[line.specification] += line.quantity
    taken = Counter(one.cylinder.specification for one in kept if one.cylinder)
    for one in board:
        known = await phone.cylinder(one.code) if one.full else None
        if known is not None:
            taken[known.specification] += 1
    cautions = loading_cautions(found.cylinder, ordered=ordered, taken=taken, came_back_empty=came_back_empty)
    return msgspec.structs.replace(found, cautions=cautions)


async def load(
    phone: Phone, scans: Sequence[Scanned], *, station_id: str, vehicle: str = "", photos: Sequence[PhotoDraft] = ()
) -> CylindersLoaded:
    """出库扫码装车. Raises FieldError for a cylinder that may not go out, or that was scanned twice."""
    check_scans(scans)
    return await phone.record(
        CylindersLoaded,
        photos=photos,
        station_id=station_id,
        vehicle=vehicle,
        cylinders=tuple(found.scan for found in scans),
    )


def check_scans(scans: Sequence[Scanned]) -> None:
    if not scans:
        raise FieldError("scan.none", "还没有扫码", "Nothing has been scanned yet", field="cylinders")
    seen: set[str] = set()
    for found in scans:
        if not found.allowed:
            raise FieldError(
                "scan.forbidden",
                f"{found.scan.code} 禁止配送：{found.reasons[0].zh}",
                f"{found.scan.code} must not be supplied: {found.reasons[0].en}",
                field="cylinders",
            )
        key = found.scan.cylinder_id or found.scan.code
        if key in seen:
            raise FieldError(
                "scan.twice", f"{found.scan.code} 扫了两次", f"{found.scan.code} was scanned twice", field="cylinders"
            )
        seen.add(key)


def scan_method(symbology: str) -> ScanMethod:
    """The method for a code that the camera read."""
    return "qr" if "QR" in symbology else "barcode"
