"""One cylinder at the filling gun (充装): 扫码 → 充装前检查 → 充装 → 充装后检查. No step before its turn, none skipped.

No record, no unlock: the gun opens only on the strength of a check before that is on the disk. What refuses locks it.
Between steps everything lies in a draft: after a kill the gun is locked (it holds only while weights are asked for)
and the unfinished filling is there to be finished or reported.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import msgspec

from device_bridge.errors import DeviceError, DeviceGarbled
from device_bridge.models import ScaleInfo, Weight
from device_bridge.scale import FillingScale
from mobile_app.deliveries.scans import identify, refuse_to_guess
from mobile_app.errors import FieldError, FillingBlocked, OutOfOrder
from mobile_app.filling.gun import fill_up, settled_gross_kg
from mobile_app.filling.progress import DRAFT, STEP_TITLES, Progress, Start, Step, fresh
from mobile_app.filling.tables import demands, last_filled_on, limits_of, permits, words_of
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from mobile_app.photos import photo_draft
from mobile_app.tags.reading import TagRead
from sync.documents.cylinders import CylinderScan, ScanMethod
from sync.documents.filling import (
    CylinderFilled,
    FillingCheckedAfter,
    FillingCheckedBefore,
    FillingCheckItem,
    FillingEnd,
    basic_date,
)
from sync.documents.reference import Cylinder
from sync.rules.cylinders import Reason, Verdict
from sync.rules.filling import (
    BEFORE_LIST,
    FILLING_RULES_VERSION,
    TAG_ITEM,
    FillingLimits,
    against_empty,
    failed_without_photo,
    items_pass,
    may_fill,
    not_judged,
    tag_unfit,
    target_kg,
)

CHECK_FAILED = "check_failed"


class Filling:
    """Open with `await Filling.open(phone)`: it goes on where it was left."""

    def __init__(self, phone: Phone, progress: Progress, *, medium: str) -> None:
        self.phone = phone
        self.medium = medium
        self._progress = progress
        self._stop = False

    @classmethod
    async def open(cls, phone: Phone, *, medium: str = "LPG") -> "Filling":
        draft = await phone.draft(DRAFT)
        if draft is None:
            return cls(phone, fresh(), medium=medium)
        filling = cls(phone, msgspec.json.decode(draft.body, type=Progress), medium=medium)
        await filling._catch_up()
        return filling

    @property
    def step(self) -> Step:
        return self._progress.step

    @property
    def progress(self) -> Progress:
        return self._progress

    # 扫码

    async def scan(
        self,
        code: str,
        method: ScanMethod,
        *,
        tag_uid: str = "",
        tag: TagRead | None = None,
        photo: PhotoDraft | None = None,
        stamped: str = "",
        scale: FillingScale | None = None,
    ) -> Verdict:
        """May this one be filled? A refusal is recorded, and locks the gun."""
        self.expect("scan")
        told, cylinder = await identify(
            self.phone, code, method, tag_uid=tag_uid, tag=tag, photo=photo, stamped=stamped
        )
        if cylinder is None:
            await refuse_to_guess(self.phone)
        found = may_fill(
            cylinder,
            told.code,
            self.phone.today(),
            await limits_of(self.phone, cylinder),
            await permits(self.phone),
            tag_uid=tag_uid,
            tag_state=tag.reading.state if tag else "",
            medium=self.medium,
            **await demands(self.phone),
        )
        photos = (photo,) if photo else ()
        if not found.allowed:
            await self._refuse(told, cylinder, found.reasons, scale, photos=photos)
            return found
        await self._advance("check", scan=told, cylinder=cylinder)
        return found

    # 充装前检查

    async def check(
        self,
        items: Sequence[FillingCheckItem],
        *,
        photos: Sequence[PhotoDraft] = (),
        residual_pressure_mpa: float | None = None,
        ambient_c: float | None = None,
        note: str = "",
        scale: FillingScale | None = None,
    ) -> bool:
        """Every item is judged, a failed one with its photo; a failure refuses the cylinder and locks the gun."""
        self.expect("check")
        await self.check_answers(items, BEFORE_LIST)
        facts: dict[str, Any] = {
            "items": tuple(items),
            "residual_pressure_mpa": residual_pressure_mpa,
            "ambient_c": ambient_c,
            "note": note,
        }
        scan, cylinder = self.scanned()
        stamp = await photo_draft(self.phone, scan.photo) if scan.photo else None
        photos = (*photos, stamp) if stamp else photos
        if not items_pass(items):
            reasons = [reason for reason in (tag_unfit(items), await self._failed(items)) if reason]
            await self._refuse(scan, cylinder, tuple(reasons), scale, photos=photos, **facts)
            return False
        await self._record_before(scan, cylinder, photos=photos, passed=True, **facts)
        await self._advance("fill")
        return True

    # 充装

    async def fill(
        self, scale: FillingScale, *, on_weight: Callable[[Weight], object] = lambda _w: None
    ) -> CylinderFilled:
        """Opens the gun, fills to the target, and records it; also finishes what was broken off.

        Raises FillingBlocked, DeviceError: the gun is locked then; what went in is to be finished or reported.
        """
        self.expect("fill", "filling")
        await self._refuse_without_record()
        _, cylinder = self.scanned()
        limits = await limits_of(self.phone, cylinder)
        info = await scale.info()
        await self._refuse_now(cylinder, info, limits, scale)
        start = await self._start(scale, info, cylinder, limits)
        self._stop = False
        try:
            ended = await fill_up(
                scale,
                self._progress.check_id,
                stop_at_gross_kg=start.tare_kg + start.target_kg,
                on_weight=on_weight,
                stopping=lambda: self._stop,
            )
            gross_kg = await settled_gross_kg(scale, on_weight=on_weight)
        except DeviceError as error:
            broken_by: FillingEnd = "scale_fault" if isinstance(error, DeviceGarbled) else "link_lost"
            await self._advance("filling", broken_by=broken_by)
            raise
        return await self._record_filled(gross_kg, ended)

    def stop(self) -> None:
        """The worker lets go: the gun locks with the next weight."""
        self._stop = True

    async def report(self, gross_kg: float) -> CylinderFilled:
        """What was broken off is not finished: what it weighs now, and why it ended."""
        self.expect("filling")
        if not self._progress.start or not 0 < gross_kg < 1000:
            raise FieldError("filling.no_weight", "请填写现在的总重", "Give its gross weight now", field="gross_kg")
        return await self._record_filled(gross_kg, self._progress.broken_by)

    # Inside

    def scanned(self) -> tuple[CylinderScan, Cylinder]:
        scan, cylinder = self._progress.scan, self._progress.cylinder
        assert scan is not None
        assert cylinder is not None
        return scan, cylinder

    def started(self) -> Start:
        assert self._progress.start is not None
        return self._progress.start

    async def _refuse(
        self,
        scan: CylinderScan,
        cylinder: Cylinder | None,
        reasons: tuple[Reason, ...],
        scale: FillingScale | None,
        *,
        photos: Sequence[PhotoDraft],
        **facts: Any,
    ) -> None:
        if scale is not None:
            # A scale that does not answer gets no heartbeat: it is locked already.
            with suppress(DeviceError):
                await scale.lock()
        codes = tuple(reason.code for reason in reasons)
        await self._record_before(scan, cylinder, photos=photos, passed=False, reasons=codes, draft=DRAFT, **facts)
        self.end("refused", scan=scan, cylinder=cylinder, reasons=reasons)

    async def _record_before(self, scan: CylinderScan, cylinder: Cylinder | None, **facts: Any) -> None:
        known: dict[str, Any] = {}
        if cylinder is not None:
            known = {"manufacturer": cylinder.manufacturer, "next_inspection_on": cylinder.next_inspection_on}
            known["owner"] = self.phone.profile.staff.company_name if cylinder.owned else ""
        await self.phone.record(
            FillingCheckedBefore,
            record_id=self._progress.check_id,
            scan=scan,
            rules_version=FILLING_RULES_VERSION,
            **(known | facts),
        )

    async def _refuse_without_record(self) -> None:
        checked = await self.phone.read(self._progress.check_id)
        if not isinstance(checked, FillingCheckedBefore) or not checked.passed:
            raise OutOfOrder(
                "filling.no_record",
                "没有充装前检查记录，枪不能开",
                "Without the record of its check the gun stays locked",
                step=self.step,
                wanted="fill",
            )

    async def _refuse_now(
        self, cylinder: Cylinder, info: ScaleInfo, limits: FillingLimits, scale: FillingScale
    ) -> None:
        """Once more at the gun: a certificate or the scale may have run out since the scan."""
        scan, _ = self.scanned()
        found = may_fill(
            cylinder,
            cylinder.code,
            self.phone.today(),
            limits,
            await permits(self.phone),
            tag_uid=scan.tag_uid,
            medium=self.medium,
            scale_verified_until=info.verified_until or date.min,
            **await demands(self.phone),
        )
        if not found.allowed:
            with suppress(DeviceError):
                await scale.lock()
            raise _blocked(found.reasons[0])

    async def _start(self, scale: FillingScale, info: ScaleInfo, cylinder: Cylinder, limits: FillingLimits) -> Start:
        if self._progress.start is not None:
            return self._progress.start
        gross_kg = await settled_gross_kg(scale)
        empty = against_empty(cylinder, gross_kg, limits)
        if not empty.allowed:
            raise _blocked(empty.reasons[0])
        start = Start(
            at=self.phone.clock.now().at,
            gross_kg=gross_kg,
            tare_kg=cylinder.tare_kg or 0.0,
            target_kg=target_kg(cylinder, limits),
            scale=info,
        )
        # On the disk before the gun opens: whatever happens now, somebody hears of this filling.
        await self._advance("filling", start=start)
        return start

    async def _record_filled(self, gross_kg: float, ended: FillingEnd) -> CylinderFilled:
        scan, cylinder = self.scanned()
        start = self.started()
        held = await permits(self.phone)
        staff = self.phone.profile.staff
        filled = await self.phone.record(
            CylinderFilled,
            record_id=self._progress.filled_id,
            scan=scan,
            check_id=self._progress.check_id,
            filling_company=staff.company_name or (await self.phone.settings()).company_name,
            inspection_company=cylinder.inspected_by,
            gun_number=start.scale.gun_number,
            gross_kg=round(gross_kg, 3),
            net_kg=max(0.0, round(gross_kg - start.tare_kg, 3)),
            tare_kg=start.tare_kg,
            residue_kg=max(0.0, round(start.gross_kg - start.tare_kg, 3)),
            target_kg=start.target_kg,
            medium=self.medium,
            filled_on=basic_date(self.phone.today()),
            last_filled_on=await last_filled_on(self.phone, cylinder.code) or _said_by_tag(scan),
            filler_number=staff.staff_number,
            filler_certificate=held.filler.number if held.filler else "",
            scale_number=start.scale.number,
            scale_verified_until=start.scale.verified_until,
            started_at=start.at,
            ended_at=max(self.phone.clock.now().at, start.at),
            ended=ended,
            rules_version=FILLING_RULES_VERSION,
        )
        await self._advance("after")
        return filled

    async def check_answers(self, items: Sequence[FillingCheckItem], name: str) -> None:
        words = await words_of(self.phone, name)
        for code, zh, en, names in (
            ("check.unanswered", "还没有检查", "Not judged yet", not_judged(items, tuple(words))),
            ("check.no_photo", "不合格要拍照", "A failed item needs a photo", failed_without_photo(items)),
        ):
            if names:
                raise FieldError(
                    code,
                    f"{zh}：{'、'.join(words.get(each, (each, each))[0] for each in names)}",
                    f"{en}: {', '.join(words.get(each, (each, each))[1] for each in names)}",
                    field="items",
                    items=names,
                )

    async def _failed(self, items: Sequence[FillingCheckItem]) -> Reason | None:
        """For what else than the tag has failed."""
        words = await words_of(self.phone, BEFORE_LIST)
        bad = [item.item for item in items if item.result == "fail" and item.item != TAG_ITEM]
        if not bad:
            return None
        failed = [words.get(item, (item, item)) for item in bad]
        return Reason(
            code=CHECK_FAILED,
            zh=f"充装前检查不合格：{'、'.join(zh for zh, _ in failed)}",
            en=f"Failed the check: {', '.join(en for _, en in failed)}",
            action_zh="不得充装，放到隔离区，交站里处理",
            action_en="do not fill it; set it aside for the station",
        )

    async def _catch_up(self) -> None:
        """Killed between a record and its draft: the record counts."""
        progress = self._progress
        if isinstance(await self.phone.read(progress.after_id), FillingCheckedAfter):
            await self.phone.drop_draft(DRAFT)
            self._progress = fresh()
        elif self.step in {"fill", "filling"} and await self.phone.read(progress.filled_id) is not None:
            await self._advance("after")
        elif self.step == "check":
            checked = await self.phone.read(progress.check_id)
            if isinstance(checked, FillingCheckedBefore):
                await self._advance("fill" if checked.passed else "refused")

    def expect(self, *steps: Step) -> None:
        if self.step in steps:
            return
        now_zh, now_en = STEP_TITLES[self.step]
        then_zh, then_en = STEP_TITLES[steps[0]]
        raise OutOfOrder(
            "filling.out_of_order",
            f"现在是“{now_zh}”，不能做“{then_zh}”",
            f"Now it is “{now_en}”, not “{then_en}”",
            step=self.step,
            wanted=steps[0],
        )

    def end(self, step: Step, **fields: object) -> None:
        """The record that ends it has taken the draft with it."""
        self._progress = msgspec.structs.replace(self._progress, step=step, **fields)

    async def _advance(self, step: Step, **fields: object) -> None:
        self._progress = msgspec.structs.replace(self._progress, step=step, **fields)
        await self.phone.save_draft(DRAFT, msgspec.json.encode(self._progress))


def _said_by_tag(scan: CylinderScan) -> str:
    """The time before, by what the tag had written on it."""
    return basic_date(scan.tag.filled_on) if scan.tag and scan.tag.filled_on else ""


def _blocked(reason: Reason) -> FillingBlocked:
    return FillingBlocked(
        f"filling.{reason.code}", reason.zh, reason.en, action_zh=reason.action_zh, action_en=reason.action_en
    )
