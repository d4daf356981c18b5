"""Completing a customer's record, photographing his contract, a deposit slip: forms that are open beside a delivery."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import flet as ft

from mobile_app.components.forms import number_in
from mobile_app.deliveries.registering import ADDRESS, check_number, complete_customer, keep_paper
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.errors import FieldError
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.photos import take_photo
from sync.documents.deliveries import DepositSlip
from sync.rules.identity import Finding


@ft.observable
@dataclass
class Registering:
    """Only what is missing is asked for; an address by its parts."""

    run: DeliveryRun
    values: dict[str, str] = field(default_factory=dict)
    photo: PhotoDraft | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        names: list[str] = []
        for name in self.run.missing_customer:
            names += ADDRESS if name == "address" else () if name == "agreement_on" else (name,)
        return tuple(names)

    @property
    def category(self) -> str:
        return self.values.get("category", "") or self.run.task.customer.category

    def change(self, name: str, value: Any) -> None:
        self.values = {**self.values, name: value}

    def findings(self) -> tuple[Finding, ...]:
        """About the number as it is typed: the worker sees a slip before he has left the door."""
        number, settings = self.values.get("identity_number", "").strip(), self.run.app.settings
        if not number or settings is None:
            return ()
        return check_number(self.run.app.phone, number, self.category, settings.person_categories)

    def open_fields(self) -> tuple[str, ...]:
        """What still keeps the record incomplete."""
        typed = {name for name, value in self.values.items() if value.strip()}
        left = [name for name in self.asked if name not in typed and name not in ADDRESS]
        if "house" in self.asked and not typed & {"road", "house"}:
            left.append("address")
        return tuple(left)

    async def take_card(self, picture: bytes, source: PhotoSource) -> None:
        work = take_photo(self.run.app.phone, picture, source=source, personal=True)
        self.photo = await self.run.app.attempt(work) or self.photo

    async def save(self) -> bool:
        work = complete_customer(self.run.app.phone, self.run.task, self.values, photo=self.photo)
        if await self.run.app.attempt(work) is None:
            return False
        await self.run.look_at_customer()
        return True


@ft.observable
@dataclass
class Contract:
    """供用气合同: photographed page by page."""

    run: DeliveryRun
    pictures: tuple[PhotoDraft, ...] = ()
    number: str = ""
    valid_until: str = ""

    def change(self, name: str, value: str) -> None:
        setattr(self, name, value)

    async def add_page(self, picture: bytes, source: PhotoSource) -> None:
        app = self.run.app
        address = self.run.task.customer.address
        taken = await app.attempt(take_photo(app.phone, picture, source=source, address=address, personal=True))
        if taken is not None:
            self.pictures = (*self.pictures, taken)

    async def save(self) -> bool:
        app = self.run.app
        if await app.attempt(self._keep()) is None:
            return False
        await self.run.look_at_customer()
        return True

    async def _keep(self) -> bool:
        try:
            until = date.fromisoformat(self.valid_until.strip()) if self.valid_until.strip() else None
        except ValueError as error:
            raise FieldError(
                "paper.date",
                "有效期写成 年-月-日，如 2028-11-22",
                "Write the date as year-month-day, e.g. 2028-11-22",
                field="valid_until",
            ) from error
        run = self.run
        await keep_paper(run.app.phone, run.task, "agreement", self.pictures, number=self.number, valid_until=until)
        return True


@ft.observable
@dataclass
class Slip:
    """押金单."""

    run: DeliveryRun
    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lines = self.run.task.lines
        first = lines[0] if lines else None
        self.values = {
            "kind": "taken",
            "specification": first.specification if first else "",
            "quantity": str(first.quantity) if first else "1",
        } | self.values

    @property
    def sizes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.specification for line in self.run.task.lines))

    def change(self, name: str, value: Any) -> None:
        self.values = {**self.values, name: value}

    def missing(self) -> str:
        """The first field that is not filled in, by name."""
        values = self.values
        if not str(values.get("number", "")).strip():
            return "number"
        if not str(values.get("specification", "")).strip():
            return "specification"
        quantity = str(values.get("quantity", "")).strip()
        if not (quantity.isdigit() and 1 <= int(quantity) <= 200):
            return "quantity"
        amount = number_in(str(values.get("yuan", "")))
        if amount is None or amount < 0:
            return "amount"
        return "moved_to" if values["kind"] == "moved" and not str(values.get("moved_to", "")).strip() else ""

    def add(self) -> bool:
        if self.missing():
            return False
        values, amount = self.values, number_in(str(self.values["yuan"]))
        assert amount is not None
        moved = values["kind"] == "moved"
        slip = DepositSlip(
            kind=values["kind"],
            number=str(values["number"]).strip(),
            specification=str(values["specification"]).strip(),
            quantity=int(values["quantity"]),
            amount_fen=round(amount * 100),
            moved_to=str(values.get("moved_to", "")).strip() if moved else "",
        )
        self.run.deposits = (*(s for s in self.run.deposits if s.number != slip.number), slip)
        return True
