"""The cylinder at the gun, as its screens see it."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import flet as ft

from device_bridge.errors import DeviceError
from device_bridge.models import Weight
from device_bridge.scale import FillingScale, open_scale
from mobile_app.components.forms import number_in
from mobile_app.devices import addresses
from mobile_app.errors import FieldError
from mobile_app.filling.after import check_after, weight_state
from mobile_app.filling.gun import settled_gross_kg
from mobile_app.filling.progress import DRAFT
from mobile_app.filling.tables import checker_certificate, limits_of
from mobile_app.filling.work import Filling
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.photos import take_photo
from mobile_app.scanning.state import PlainScanning, Scan
from mobile_app.state import AppState
from mobile_app.tags.state import TagFollow
from mobile_app.tags.work import Refreshed, refresh_after_filling
from sync.documents.cylinders import CylinderScan
from sync.documents.filling import CylinderFilled, FillingCheckedAfter, FillingCheckItem
from sync.documents.reference import ListEntry
from sync.rules.cylinders import Reason, stamp_doubt
from sync.rules.filling import AFTER_LIST, BEFORE_LIST, WeightState

NO_SCALE = FieldError(
    "scale.none",
    "还没有设置充装秤",
    "No filling scale is set up",
    action_zh="在“设置”里填充装秤地址",
    action_en="set its address under settings",
)


@ft.observable
@dataclass
class FillingRun:
    """`answers` are those of the check at hand; `scanned` is the scan of the check after, once it is there."""

    app: AppState
    filling: Filling
    lists: dict[str, tuple[ListEntry, ...]] = field(default_factory=dict)
    answers: dict[str, FillingCheckItem] = field(default_factory=dict)
    photos: dict[str, PhotoDraft] = field(default_factory=dict)
    open_item: str = ""
    values: dict[str, str] = field(default_factory=dict)
    weight: Weight | None = None
    running: bool = False
    weighing: bool = False
    scanned: Scan | None = None
    too_full: bool = False

    def __post_init__(self) -> None:
        self.scanning = self.app.follow(PlainScanning(self.app, "filling", on_code=self._scan))
        self.tag = self.app.follow(TagFollow(self.app))
        self._scale: FillingScale | None = None

    @classmethod
    async def open(cls, app: AppState) -> "FillingRun":
        run = cls(app, await Filling.open(app.phone, medium=app.preferences.gun_medium))
        for name in (BEFORE_LIST, AFTER_LIST):
            run.lists[name] = (await app.phone.lists(name)).entries
        run._open_next()
        if run.step == "filling":
            app.run(run.lock())
        return run

    @property
    def step(self) -> str:
        return self.filling.step

    @property
    def doubt(self) -> Reason | None:
        progress = self.filling.progress
        return stamp_doubt(progress.cylinder, progress.scan.stamped) if progress.scan else None

    @property
    def target_gross_kg(self) -> float | None:
        start = self.filling.progress.start
        return round(start.tare_kg + start.target_kg, 2) if start else None

    @property
    def net_kg(self) -> float | None:
        cylinder = self.filling.progress.cylinder
        if self.weight is None or cylinder is None or cylinder.tare_kg is None:
            return None
        return max(0.0, self.weight.kg - cylinder.tare_kg)

    def change(self, name: str, typed: str) -> None:
        self.values = {**self.values, name: typed}
        self.too_full = self.too_full and name == "drained"

    # The items of a check; named as the list of checks at a delivery names them.

    @property
    def items(self) -> tuple[ListEntry, ...]:
        return self.lists.get(BEFORE_LIST if self.step == "check" else AFTER_LIST, ())

    @property
    def unanswered(self) -> int:
        return sum(entry.code not in self.answers for entry in self.items)

    @property
    def failed(self) -> bool:
        return any(answer.result == "fail" for answer in self.answers.values())

    def answer(self, code: str, result: Any, *, photo: str = "") -> None:
        self.answers = {**self.answers, code: FillingCheckItem(item=code, result=result, photo=photo)}
        self._open_next()

    async def fail_with_photo(self, code: str, picture: bytes, source: PhotoSource) -> None:
        taken = await self.app.attempt(take_photo(self.app.phone, picture, source=source))
        if taken is not None:
            self.photos = {**self.photos, code: taken}
            self.answer(code, "fail", photo=taken.id)

    def reopen(self, code: str) -> None:
        self.open_item = code

    def _open_next(self) -> None:
        self.open_item = next((entry.code for entry in self.items if entry.code not in self.answers), "")

    def _kept_photos(self) -> tuple[PhotoDraft, ...]:
        failed = {code for code, answer in self.answers.items() if answer.result == "fail"}
        return tuple(photo for code, photo in self.photos.items() if code in failed)

    # The steps

    async def _scan(self, scan: Scan) -> None:
        if self.step == "scan":
            await self.app.attempt(self._judged(scan))
        elif self.step == "after":
            self.scanned = scan
        self._begin_answers()

    async def _judged(self, scan: Scan) -> bool:
        scale = self._quiet_scale()
        found = await self.filling.scan(
            scan.code,
            scan.method,
            tag_uid=scan.tag_uid,
            tag=scan.tag,
            photo=scan.photo,
            stamped=scan.stamped,
            scale=scale,
        )
        return found.allowed

    def _begin_answers(self) -> None:
        self.answers, self.photos = {}, {}
        self._open_next()

    async def check(self) -> None:
        work = self.filling.check(
            tuple(self.answers.values()),
            photos=self._kept_photos(),
            residual_pressure_mpa=number_in(self.values.get("pressure", "")),
            ambient_c=number_in(self.values.get("ambient", "")),
            scale=self._quiet_scale(),
        )
        await self.app.attempt(work)
        self._begin_answers()

    async def fill(self) -> None:
        """The gun is open while this runs, and only as long as weights come."""
        if self.running:
            return
        self.running = True
        try:
            await self.app.attempt(self._fill())
        finally:
            self.running = False
        if self.step == "filling" and self.weight is not None and not self.values.get("gross"):
            self.values = {**self.values, "gross": f"{self.weight.kg:.2f}"}
        if self.step == "after":
            await self._prepare_after()

    async def _fill(self) -> None:
        await self.filling.fill(self._gun(), on_weight=self._weighed)

    def _weighed(self, weight: Weight) -> None:
        self.weight = weight

    def stop(self) -> None:
        self.filling.stop()

    async def lock(self) -> None:
        """After a restart nobody holds the gun any more; this makes sure, where the scale answers."""
        scale = self._quiet_scale()
        if scale is not None:
            with suppress(DeviceError):
                await scale.lock()

    async def report(self) -> None:
        gross_kg = number_in(self.values.get("gross", "")) or 0.0
        await self.app.attempt(self.filling.report(gross_kg))
        if self.step == "after":
            await self._prepare_after()

    async def _prepare_after(self) -> None:
        self._begin_answers()
        number = await checker_certificate(self.app.phone)
        self.values = {key: value for key, value in self.values.items() if key in {"second", "certificate"}}
        if number and not self.values.get("certificate"):
            self.values = {**self.values, "certificate": number}

    async def weigh_again(self) -> None:
        """From the second scale, where it is connected."""
        self.weighing = True
        try:
            await self.app.attempt(self._weigh_again())
        finally:
            self.weighing = False

    async def _weigh_again(self) -> None:
        address = addresses(self.app.folder).check_scale
        if not address:
            raise NO_SCALE
        scale = open_scale(address)
        try:
            info, kg = await scale.info(), await settled_gross_kg(scale)
        finally:
            await scale.close()
        name = "drained" if self.too_full else "reweighed"
        self.values = {**self.values, "second": info.number, name: f"{kg:.2f}"}

    @property
    def has_check_scale(self) -> bool:
        return bool(addresses(self.app.folder).check_scale)

    async def second_weight(self) -> WeightState | None:
        gross_kg = number_in(self.values.get("reweighed", ""))
        if gross_kg is None or self.filling.progress.start is None:
            return None
        limits = await limits_of(self.app.phone, self.filling.progress.cylinder)
        return weight_state(self.filling, gross_kg, limits)

    async def finish(self) -> None:
        """Too full: asks for the weight after draining before anything is recorded."""
        if self.scanned is None:
            return
        if await self.second_weight() == "over" and not self.too_full:
            self.too_full = True
            return
        scan = self.scanned
        work = check_after(
            self.filling,
            scan.code,
            scan.method,
            tuple(self.answers.values()),
            second_scale_number=self.values.get("second", ""),
            gross_kg=number_in(self.values.get("reweighed", "")),
            drained_gross_kg=number_in(self.values.get("drained", "")) if self.too_full else None,
            checker_certificate=self.values.get("certificate", ""),
            tag_uid=scan.tag_uid,
            tag=scan.tag,
            photos=self._kept_photos(),
            stamp=scan.photo,
        )
        checked = await self.app.attempt(work)
        if checked is not None and checked.passed:
            # One that is set aside goes to no customer: its tag does not call it filled.
            self.tag.begin((checked.scan,), lambda told: self._refresh(told, checked))

    async def _refresh(self, told: CylinderScan, checked: FillingCheckedAfter) -> Refreshed:
        filled = await self.app.phone.read(checked.filled_id)
        if not isinstance(filled, CylinderFilled):
            return Refreshed("no_writer")
        drained = checked.drained_gross_kg
        return await refresh_after_filling(
            self.app.phone,
            told,
            filling_company=filled.filling_company,
            gross_kg=checked.reweighed_gross_kg if drained is None else drained,
            filled_on=date.fromisoformat(filled.filled_on),
        )

    def scan_again(self) -> None:
        self.scanned = None

    # The gun

    def _gun(self) -> FillingScale:
        scale = self._quiet_scale()
        if scale is None:
            raise NO_SCALE
        return scale

    def _quiet_scale(self) -> FillingScale | None:
        """Opened once for a run; None without an address."""
        address = addresses(self.app.folder).scale
        if self._scale is None and address:
            self._scale = open_scale(address)
        return self._scale

    async def leave(self) -> None:
        self.stop()
        if self._scale is not None:
            await self._scale.close()
            self._scale = None


async def unfinished(app: AppState) -> bool:
    """Whether a cylinder was left at the gun."""
    return await app.phone.draft(DRAFT) is not None
