"""Completing a customer's record, photographing his contract, a deposit slip: forms that are open beside a delivery."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import flet as ft
import msgspec

from mobile_app.components.forms import number_in
from mobile_app.deliveries.registering import (
    ADDRESS,
    address_parts,
    check_number,
    complete_customer,
    keep_paper,
)
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.errors import FieldError
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.photos import take_photo
from sync.documents.customers import IdentityEntry
from sync.documents.deliveries import DepositSlip
from sync.identity_card import CardReading, doubts_of, read_card
from sync.rules.customers import kind_of_identity
from sync.rules.identity import Finding, normal_identity


@ft.observable
@dataclass
class Registering:
    """Only what is missing is asked for; an address by its parts."""

    run: DeliveryRun
    values: dict[str, str] = field(default_factory=dict)
    photo: PhotoDraft | None = None
    # What was read on the photographed card; None before, while it is read, and where it is a licence.
    read: CardReading | None = None
    is_reading: bool = False

    @property
    def is_company(self) -> bool:
        settings = self.run.app.settings
        return settings is not None and kind_of_identity(self.category, settings.person_categories) == "organisation"

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
        app = self.run.app
        taken = await app.attempt(take_photo(app.phone, picture, source=source, personal=True))
        if taken is None:
            return
        self.photo, self.read = taken, None
        if self.is_company:
            return
        self.is_reading = True
        # Of the picture as it came: the one that is kept is smaller, and its watermark may lie over the number.
        self.read = await app.attempt(read_card(picture))
        self.is_reading = False
        self._fill()

    def _fill(self) -> None:
        """Only what is still empty, and no number that cannot be right."""
        for name, value in self._on_card().items():
            if name in self.asked and not self.values.get(name, "").strip() and not self.doubts(value, name):
                self.change(name, value)

    def _on_card(self) -> dict[str, str]:
        card = self.read.card if self.read else None
        found = {"name": card.name, "identity_number": card.number} if card else {}
        return {name: value for name, value in found.items() if value}

    def doubts(self, value: str, name: str = "identity_number") -> tuple[Finding, ...]:
        """What speaks against a number that was read."""
        if name != "identity_number" or self.read is None:
            return ()
        card = msgspec.structs.replace(self.read.card, number=value)
        return doubts_of(card, self.run.app.phone.today())

    def offers(self) -> dict[str, str]:
        """What the card says and the form does not: the driver takes it over, or leaves what he typed.

        An address is never filled in unasked: where somebody is registered is often not where he burns gas.
        """
        found = {name: value for name, value in self._on_card().items() if name in self.asked}
        if self.read and self.read.card.address and "house" in self.asked:
            found["address"] = self.read.card.address
        return {name: value for name, value in found.items() if self._typed(name) != value}

    def _typed(self, name: str) -> str:
        names = ADDRESS if name == "address" else (name,)
        return "".join(self.values.get(part, "").strip() for part in names)

    def accept(self, name: str) -> None:
        value = self.offers()[name]
        blank = dict.fromkeys(ADDRESS, "")
        self.values = {**self.values, **(blank | address_parts(value) if name == "address" else {name: value})}

    async def save(self) -> bool:
        number = normal_identity(self.values.get("identity_number", ""))
        entry: IdentityEntry = "scanned" if number and number == self._on_card().get("identity_number") else "keyed"
        app = self.run.app
        work = complete_customer(app.phone, self.run.task, self.values, photo=self.photo, entry=entry)
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
