"""A delivery and a visit that failed, as their screens see them."""

from dataclasses import dataclass, field
from typing import Any

import flet as ft

from mobile_app.components.forms import number_in, read_values
from mobile_app.components.signature import Point, Stroke
from mobile_app.deliveries.registering import given_here, missing_here
from mobile_app.deliveries.visits import attempt_of, fail_visit
from mobile_app.deliveries.work import Delivery, Step
from mobile_app.errors import NotReady
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.photos import take_photo, take_signature
from mobile_app.scanning.state import Scanning
from mobile_app.state import AppState
from mobile_app.tags.state import TagFollow
from mobile_app.tags.work import Refreshed, refresh_after_delivery
from sync.documents.cylinders import CylinderScan
from sync.documents.deliveries import DeliveryCheckItem, DepositSlip, Payment, ReturnedCylinder, VisitFailed
from sync.documents.forms import form_of
from sync.documents.reference import ListEntry
from sync.documents.tasks import DeliveryTask
from sync.rules.deliveries import short_of

LISTS = (
    *("delivery_check_item", "receiver_relation", "payment_method", "returned_cylinder_fault"),
    "customer_category",
)


@ft.observable
@dataclass
class DeliveryRun:
    app: AppState
    delivery: Delivery
    lists: dict[str, tuple[ListEntry, ...]] = field(default_factory=dict)
    answers: dict[str, DeliveryCheckItem] = field(default_factory=dict)
    open_item: str = ""
    measured: dict[str, str] = field(default_factory=dict)
    check_photos: dict[str, PhotoDraft] = field(default_factory=dict)
    returned: tuple[ReturnedCylinder, ...] = ()
    leak: dict[str, Any] = field(default_factory=dict)
    leak_photo: PhotoDraft | None = None
    signing: dict[str, Any] = field(default_factory=dict)
    signature: PhotoDraft | None = None
    strokes: tuple[Stroke, ...] = ()
    payment: dict[str, Any] = field(default_factory=dict)
    pay_note: str = ""
    deposits: tuple[DepositSlip, ...] = ()
    missing_customer: tuple[str, ...] = ()
    given_here: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.scanning = self.app.follow(Scanning(self.app, "delivery", self.delivery.task.id))
        self.tag = self.app.follow(TagFollow(self.app))
        self.taking_back = self.app.follow(Scanning(self.app, "return", self.delivery.task.id))

    @classmethod
    async def open(cls, app: AppState, task: DeliveryTask) -> "DeliveryRun":
        run = cls(app, await Delivery.open(app.phone, task))
        for name in LISTS:
            try:
                run.lists[name] = (await app.phone.lists(name)).entries
            except NotReady:
                continue
        await run.look_at_customer()
        run.scanning.kept = run.delivery.progress.delivered
        run.returned = run.delivery.progress.returned
        run.signing = {"receiver": task.customer.name, "relation": "self", "kind": "written"}
        run._open_next()
        return run

    @property
    def step(self) -> Step:
        return self.delivery.step

    @property
    def task(self) -> DeliveryTask:
        return self.delivery.task

    # 核客户

    async def look_at_customer(self) -> None:
        """What still keeps the delivery from being entered, and what was taken down here already."""
        phone, customer = self.app.phone, self.task.customer
        self.given_here = await given_here(phone, customer.customer_id)
        if self.app.settings is not None:
            self.missing_customer = await missing_here(phone, customer)

    async def check_customer(self) -> None:
        await self.app.attempt(self.delivery.check_customer())

    # 随瓶安检

    @property
    def items(self) -> tuple[ListEntry, ...]:
        return self.lists.get("delivery_check_item", ())

    @property
    def unanswered(self) -> int:
        return sum(entry.code not in self.answers for entry in self.items)

    @property
    def failed(self) -> bool:
        return any(answer.result == "fail" for answer in self.answers.values())

    def answer(self, code: str, result: Any, *, photo: str = "") -> None:
        value = number_in(self.measured.get(code, ""))
        item = DeliveryCheckItem(item=code, result=result, photo=photo, value=value)
        self.answers = {**self.answers, code: item}
        self._open_next()

    def measure(self, code: str, typed: str) -> None:
        """What was measured of an item that has a unit; judged by the worker, who sees the limit."""
        self.measured = {**self.measured, code: typed}

    async def fail_with_photo(self, code: str, picture: bytes, source: PhotoSource) -> None:
        taken = await self._photo(picture, source)
        if taken is not None:
            self.check_photos = {**self.check_photos, code: taken}
            self.answer(code, "fail", photo=taken.id)

    def reopen(self, code: str) -> None:
        self.open_item = code

    async def finish_check(self) -> None:
        await self.app.attempt(
            self.delivery.check(tuple(self.answers.values()), photos=tuple(self.check_photos.values()))
        )

    def _open_next(self) -> None:
        self.open_item = next((e.code for e in self.items if e.code not in self.answers), "")

    # 换瓶

    @property
    def still_short(self) -> dict[str, int]:
        return short_of(self.task.lines, (f.cylinder.specification for f in self.scanning.kept if f.cylinder))

    def take_back(self, fault: str) -> None:
        shown = self.taking_back.shown
        if shown is not None and shown.scan.code not in {r.scan.code for r in self.returned}:
            self.returned = (*self.returned, ReturnedCylinder(scan=shown.scan, fault=fault))
        self.taking_back.put_back()

    async def exchange(self) -> None:
        await self.app.attempt(self.delivery.exchange(self.scanning.kept, self.returned))

    # 检漏

    async def take_leak_photo(self, picture: bytes, source: PhotoSource) -> None:
        self.leak_photo = await self._photo(picture, source) or self.leak_photo

    async def leak_test(self, *, passed: bool) -> bool:
        work = self.delivery.leak_test(
            method=self.leak.get("method", "instrument"),
            passed=passed,
            photo=self.leak_photo,
            reading_ppm=number_in(self.leak.get("reading_ppm", "")),
        )
        tight = await self.app.attempt(work)
        self.leak_photo = None if tight is False else self.leak_photo
        return bool(tight)

    # 签收 and 完成

    def begin_stroke(self, point: Point) -> None:
        self.strokes = (*self.strokes, (point,))

    def go_on_with_stroke(self, point: Point) -> None:
        if self.strokes:
            self.strokes = (*self.strokes[:-1], (*self.strokes[-1], point))

    def clear_strokes(self, *_: Any) -> None:
        self.strokes = ()

    async def take_signature(self, picture: bytes) -> None:
        self.signature = await self.app.attempt(take_signature(self.app.phone, picture)) or self.signature

    async def take_door_photo(self, picture: bytes, source: PhotoSource) -> None:
        self.signature = await self._photo(picture, source, personal=True) or self.signature

    async def sign(self) -> None:
        signing = self.signing
        await self.app.attempt(
            self.delivery.sign(
                kind=signing.get("kind", "written"),
                receiver=signing.get("receiver", ""),
                relation=signing.get("relation", "self"),
                photo=self.signature,
            )
        )

    async def complete(self) -> bool:
        method, yuan = self.payment.get("method", ""), number_in(self.payment.get("yuan", ""))
        payment = None
        if method and yuan is not None:
            payment = Payment(method=method, amount_fen=round(yuan * 100))
        work = self.delivery.complete(payment, deposits=self.deposits, note=self.pay_note.strip())
        completed = await self.app.attempt(work)
        if completed is not None:
            self.tag.begin(completed.delivered, self._refresh)
        return completed is not None

    async def _refresh(self, told: CylinderScan) -> Refreshed:
        phone, customer = self.app.phone, self.task.customer
        return await refresh_after_delivery(
            phone, told, customer_name=customer.name, address=customer.address, delivered_on=phone.today()
        )

    def take_out_slip(self, number: str) -> None:
        self.deposits = tuple(slip for slip in self.deposits if slip.number != number)

    async def _photo(self, picture: bytes, source: PhotoSource, *, personal: bool = False) -> PhotoDraft | None:
        address = self.task.customer.address
        work = take_photo(self.app.phone, picture, source=source, address=address, personal=personal)
        return await self.app.attempt(work)


@ft.observable
@dataclass
class FailedVisit:
    """到访不遇, 拒检, 空置, 预约改期."""

    run: DeliveryRun
    outcome: str = ""
    attempt: int = 1
    door: PhotoDraft | None = None
    notice: PhotoDraft | None = None
    pictures: tuple[PhotoDraft, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)

    def change(self, name: str, value: Any) -> None:
        if name == "outcome":
            self.outcome = value
        else:
            self.values = {**self.values, name: value}

    async def count(self) -> None:
        self.attempt = await attempt_of(self.run.app.phone, self.run.task)

    async def take_door(self, picture: bytes, source: PhotoSource) -> None:
        self.door = await self._photo(picture, source) or self.door

    async def take_notice(self, picture: bytes, source: PhotoSource) -> None:
        self.notice = await self._photo(picture, source) or self.notice

    async def add_picture(self, picture: bytes, source: PhotoSource) -> None:
        taken = await self._photo(picture, source)
        if taken is not None:
            self.pictures = (*self.pictures, taken)

    async def _photo(self, picture: bytes, source: PhotoSource) -> PhotoDraft | None:
        app = self.run.app
        address = self.run.task.customer.address
        return await app.attempt(take_photo(app.phone, picture, source=source, address=address))

    async def save(self) -> bool:
        values = read_values(form_of(VisitFailed), self.values)
        outcome: Any = self.outcome
        work = fail_visit(
            self.run.app.phone,
            self.run.task,
            outcome,
            door=self.door,
            notice=self.notice,
            photos=self.pictures,
            **values,
        )
        return await self.run.app.attempt(work) is not None
