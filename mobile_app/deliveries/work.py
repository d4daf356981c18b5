"""One delivery (送气), a step at a time: 到户核客户 → 随瓶安检 → 换瓶 → 检漏拍照 → 签收 → 完成 (收款、空瓶回收).

No step before its turn, none skipped. A failed check or a customer whose record is incomplete ends it with the
cylinder still on the vehicle. Between steps everything lies in a draft: a killed app goes on where it was.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from mobile_app.deliveries.registering import missing_here
from mobile_app.deliveries.scans import Scanned, check_scans, load, scan, scan_method
from mobile_app.deliveries.visits import Outcome, fail_visit
from mobile_app.errors import DeliveryBlocked, FieldError, OutOfOrder
from mobile_app.for_office import sealed_for_office
from mobile_app.hazards.work import report_hazard
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from mobile_app.photos import photo_draft
from sync.documents.deliveries import (
    DeliveryChecked,
    DeliveryCheckItem,
    DeliveryCompleted,
    DepositSlip,
    LeakTest,
    Payment,
    ReturnedCylinder,
    Signature,
)
from sync.documents.envelope import new_id
from sync.documents.tasks import CustomerCard, DeliveryTask
from sync.rules.customers import customer_field_label
from sync.rules.deliveries import short_of, supply_allowed, unanswered, without_photo

__all__ = ["Delivery", "Outcome", "Scanned", "Step", "fail_visit", "load", "scan", "scan_method"]

Step = Literal["customer", "check", "exchange", "leak_test", "sign", "complete", "done", "stopped"]
STEP_TITLES: dict[str, tuple[str, str]] = {
    "customer": ("核客户", "Customer"),
    "check": ("随瓶安检", "Check"),
    "exchange": ("换瓶", "Exchange"),
    "leak_test": ("检漏", "Leak test"),
    "sign": ("签收", "Signature"),
    "complete": ("完成", "Finish"),
    "done": ("已送达", "Delivered"),
    "stopped": ("不予供气", "Supply stopped"),
}
# The hazard types of the company's list that a delivery opens by itself.
CHECK_HAZARD = "other"
LEAK_HAZARD = "leak_sign"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What a restarted app needs to go on; photos lie in drafts of their own until a record takes them."""

    completed_id: str
    check_id: str
    step: Step = "customer"
    delivered: tuple[Scanned, ...] = ()
    returned: tuple[ReturnedCylinder, ...] = ()
    leak_test: LeakTest | None = None
    signature: Signature | None = None
    photo_ids: tuple[str, ...] = ()


class Delivery:
    """Open with `await Delivery.open(phone, task)`: it goes on where it was left."""

    def __init__(self, phone: Phone, task: DeliveryTask, progress: Progress) -> None:
        self.phone = phone
        self.task = task
        self._progress = progress

    @classmethod
    async def open(cls, phone: Phone, task: DeliveryTask) -> "Delivery":
        draft = await phone.draft(_draft_key(task))
        if draft is None:
            done = [r for r in await phone.recorded(DeliveryCompleted) if r.task_id == task.id]
            step: Step = "done" if done else "customer"
            fresh = Progress(completed_id=new_id("delivery.completed"), check_id=new_id("delivery.checked"), step=step)
            return cls(phone, task, fresh)
        delivery = cls(phone, task, msgspec.json.decode(draft.body, type=Progress))
        await delivery._catch_up()
        return delivery

    @property
    def step(self) -> Step:
        return self._progress.step

    @property
    def customer(self) -> CustomerCard:
        return self.task.customer

    @property
    def progress(self) -> Progress:
        return self._progress

    async def check_customer(self) -> CustomerCard:
        """The worker stands before this customer. Raises DeliveryBlocked while his record is incomplete."""
        self._expect("customer")
        await self._refuse_incomplete()
        await self._advance("check")
        return self.customer

    async def check(
        self, items: Sequence[DeliveryCheckItem], *, photos: Sequence[PhotoDraft] = (), note: str = ""
    ) -> DeliveryChecked:
        """Every item of the company's list is judged, a failed one with its photo; a failure stops the supply and
        opens a hazard. Raises FieldError naming what is missing.
        """
        self._expect("check")
        await self._check_answers(items)
        known = {photo.id: photo for photo in photos}
        for key in dict.fromkeys(item.photo for item in items if item.photo and item.photo not in known):
            known[key] = await self._photo(key)
        passed = supply_allowed(items)
        checked = await self.phone.record(
            DeliveryChecked,
            record_id=self._progress.check_id,
            photos=tuple(known.values()),
            task_id=self.task.id,
            customer_id=self.customer.customer_id,
            items=tuple(items),
            passed=passed,
            list_version=(await self.phone.lists("delivery_check_item")).version,
            note=note,
        )
        if passed:
            await self._advance("exchange")
        else:
            await self._open_check_hazard(checked)
            await self._advance("stopped")
        return checked

    async def exchange(self, delivered: Sequence[Scanned], returned: Sequence[ReturnedCylinder] = ()) -> None:
        """The full cylinders by their scans, as many of each size as were ordered, and the empties taken back."""
        self._expect("exchange")
        check_scans(delivered)
        sizes = [found.cylinder.specification for found in delivered if found.cylinder]
        wrong = short_of(self.task.lines, sizes)
        if wrong:
            raise _wrong_quantity(wrong)
        photo_ids = tuple(key for found in delivered for key in found.photo_ids)
        photo_ids += tuple(empty.scan.photo for empty in returned if empty.scan.photo)
        await self._advance("leak_test", delivered=tuple(delivered), returned=tuple(returned), photo_ids=photo_ids)

    async def take_back(self, scanned: Scanned, fault: str = "") -> None:
        """One more empty, at any step after the exchange; its fault by the company's list."""
        if self.step not in {"leak_test", "sign", "complete"}:
            self._expect("leak_test")
        empty = ReturnedCylinder(scan=scanned.scan, fault=fault)
        if any(known.scan.code == empty.scan.code for known in self._progress.returned):
            raise FieldError("scan.twice", f"{empty.scan.code} 扫了两次", f"{empty.scan.code} was scanned twice")
        await self._advance(
            self.step,
            returned=(*self._progress.returned, empty),
            photo_ids=(*self._progress.photo_ids, *scanned.photo_ids),
        )

    async def leak_test(
        self,
        *,
        method: Literal["instrument", "soap_water"],
        passed: bool,
        photo: PhotoDraft | None,
        reading_ppm: float | None = None,
    ) -> bool:
        """Whether it holds tight. A leak opens a hazard and the test stays to be done again after the repair."""
        self._expect("leak_test")
        if photo is None:
            raise FieldError("leak_test.no_photo", "请拍检漏照片", "Take a photo of the leak test", field="photo")
        if method == "instrument" and reading_ppm is None:
            raise FieldError(
                "leak_test.no_reading", "请填写检漏仪读数", "Give the instrument's reading", field="reading_ppm"
            )
        if not passed:
            await report_hazard(
                self.phone,
                hazard_type=LEAK_HAZARD,
                photos=[photo],
                task_id=self.task.id,
                customer_id=self.customer.customer_id,
                source="delivery_check",
                address=self.customer.address,
                detail=f"换瓶后检漏不合格：{reading_ppm} ppm" if reading_ppm is not None else "换瓶后检漏不合格",
            )
            return False
        test = LeakTest(method=method, passed=True, reading_ppm=reading_ppm, photo=photo.id)
        await self._advance("sign", leak_test=test, photo_ids=(*self._progress.photo_ids, photo.id))
        return True

    async def sign(
        self,
        *,
        kind: Literal["written", "door_photo"],
        receiver: str,
        relation: str = "self",
        photo: PhotoDraft | None = None,
    ) -> None:
        """A written signature's picture, or a photo at the door."""
        self._expect("sign")
        if not receiver.strip():
            raise FieldError("sign.no_receiver", "请填写签收人", "Say who receives", field="receiver")
        if photo is None:
            word = ("请签名", "Sign first") if kind == "written" else ("请拍门口照片", "Take a photo at the door")
            raise FieldError("sign.no_picture", *word, field="photo")
        sealed = await sealed_for_office(self.phone, receiver.strip(), self._progress.completed_id)
        signature = Signature(
            kind=kind,
            receiver="" if sealed else receiver.strip(),
            sealed=sealed,
            relation=relation,
            photo=photo.id,
        )
        await self._advance("complete", signature=signature, photo_ids=(*self._progress.photo_ids, photo.id))

    async def complete(
        self, payment: Payment | None = None, *, deposits: Sequence[DepositSlip] = (), note: str = ""
    ) -> DeliveryCompleted:
        """The record of the whole delivery. The customer's record is looked at once more (5.8.3-07)."""
        self._expect("complete")
        await self._refuse_incomplete()
        _check_slips(deposits)
        progress = self._progress
        assert progress.leak_test is not None
        assert progress.signature is not None
        photos = [await self._photo(photo_id) for photo_id in dict.fromkeys(progress.photo_ids)]
        completed = await self.phone.record(
            DeliveryCompleted,
            record_id=progress.completed_id,
            photos=photos,
            task_id=self.task.id,
            draft=_draft_key(self.task),
            customer_id=self.customer.customer_id,
            check_id=progress.check_id,
            delivered=tuple(found.scan for found in progress.delivered),
            returned=progress.returned,
            leak_test=progress.leak_test,
            signature=progress.signature,
            payment=payment,
            deposits=tuple(deposits),
            note=note,
        )
        self._progress = msgspec.structs.replace(progress, step="done")
        return completed

    # Inside

    async def _catch_up(self) -> None:
        """Killed between a record and its draft: the record counts."""
        checked = await self.phone.read(self._progress.check_id)
        if self.step == "check" and isinstance(checked, DeliveryChecked):
            if not checked.passed:
                await self._open_check_hazard(checked)
            await self._advance("exchange" if checked.passed else "stopped")

    async def _refuse_incomplete(self) -> None:
        missing = await missing_here(self.phone, self.customer)
        if not missing:
            return
        zh = "、".join(customer_field_label(name) for name in missing)
        en = ", ".join(customer_field_label(name, "en") for name in missing)
        raise DeliveryBlocked(
            "delivery.customer_incomplete",
            f"客户信息不全，不能录入配送：缺{zh}",
            f"The customer's record is incomplete, no delivery can be entered: {en} missing",
            action_zh="在这里补全，或请办公室补全后同步",
            action_en="complete it here, or ask the office to, then sync",
            missing=missing,
        )

    async def _check_answers(self, items: Sequence[DeliveryCheckItem]) -> None:
        entries = (await self.phone.lists("delivery_check_item")).entries
        words = {entry.code: (entry.zh, entry.en) for entry in entries}
        for code, zh, en, names in (
            ("check.unanswered", "还没有检查", "Not judged yet", unanswered(items, tuple(words))),
            ("check.no_photo", "不合格要拍照", "A failed item needs a photo", without_photo(items)),
        ):
            if names:
                raise FieldError(
                    code,
                    f"{zh}：{'、'.join(words.get(name, (name, name))[0] for name in names)}",
                    f"{en}: {', '.join(words.get(name, (name, name))[1] for name in names)}",
                    field="items",
                    items=names,
                )

    async def _open_check_hazard(self, checked: DeliveryChecked) -> None:
        """Once for each check, also after a kill: its id follows from the check's."""
        hazard_id = checked.id.replace("delivery.checked", "hazard.reported")
        if await self.phone.read(hazard_id) is not None:
            return
        entries = (await self.phone.lists("delivery_check_item")).entries
        words = {entry.code: entry.zh for entry in entries}
        failed = [item for item in checked.items if item.result == "fail"]
        await report_hazard(
            self.phone,
            hazard_type=CHECK_HAZARD,
            record_id=hazard_id,
            task_id=self.task.id,
            customer_id=self.customer.customer_id,
            source="delivery_check",
            address=self.customer.address,
            temporary_control="不予供气",
            detail="随瓶安检不合格：" + "、".join(words.get(item.item, item.item) for item in failed),
            photo_ids=tuple(item.photo for item in failed if item.photo),
        )

    async def _photo(self, photo_id: str) -> PhotoDraft:
        found = await photo_draft(self.phone, photo_id)
        if found is None:
            raise FieldError(
                "photo.gone",
                "照片不在手机里了，请重拍",
                "The photo is not on the phone any more, take it again",
                field="photos",
            )
        return found

    def _expect(self, step: Step) -> None:
        if self.step == step:
            return
        now_zh, now_en = STEP_TITLES[self.step]
        then_zh, then_en = STEP_TITLES[step]
        steps = get_args(Step)
        early = steps.index(self.step) < steps.index(step)
        raise OutOfOrder(
            "delivery.out_of_order",
            f"先做“{now_zh}”，再做“{then_zh}”" if early else f"“{then_zh}”已经过了，现在是“{now_zh}”",
            f"“{now_en}” comes before “{then_en}”" if early else f"“{then_en}” is over, now it is “{now_en}”",
            step=self.step,
            wanted=step,
        )

    async def _advance(self, step: Step, **fields: object) -> None:
        self._progress = msgspec.structs.replace(self._progress, step=step, **fields)
        await self.phone.save_draft(_draft_key(self.task), msgspec.json.encode(self._progress))


def _check_slips(deposits: Sequence[DepositSlip]) -> None:
    numbers = [slip.number for slip in deposits]
    if len(set(numbers)) != len(numbers):
        raise FieldError("deposit.twice", "押金单号重复", "A slip's number stands twice", field="number")
    for slip in deposits:
        if slip.kind == "moved" and not slip.moved_to:
            raise FieldError("deposit.moved_to", "转瓶要填转为哪种规格", "Say to which size it moves", field="moved_to")


def _draft_key(task: DeliveryTask) -> str:
    return f"delivery/{task.id}"


def _wrong_quantity(wrong: dict[str, int]) -> FieldError:
    zh = "、".join(f"{size} {'少' if n > 0 else '多'} {abs(n)} 瓶" for size, n in wrong.items())
    en = ", ".join(f"{size}: {abs(n)} too {'few' if n > 0 else 'many'}" for size, n in wrong.items())
    return FieldError(
        "exchange.quantity",
        f"与订单不符：{zh}",
        f"Not what was ordered: {en}",
        action_zh="按订单换瓶；要改数量请联系调度",
        action_en="exchange what was ordered; the dispatcher can change the order",
        field="delivered",
        short=wrong,
    )
