"""Invented customers."""

import itertools
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.customers import sealing
from backend.customers import service as customers
from backend.customers.models import CardReading, Customer
from backend.customers.schemas import CustomerIn, CustomerOut, TakenDown
from sync.documents.envelope import new_id
from sync.identity_card import IdentityCard
from tests.factories.accounts import Company
from tests.factories.taken import office

# Invented: born in 1885, with a valid check digit.
IDENTITY = "220100188501010017"
_numbers = itertools.count(1)


def customer_in(company: Company, **fields: Any) -> CustomerIn:
    """A complete one."""
    given: dict[str, Any] = {
        "organisation_id": company.unit.id,
        "code": f"KH-{next(_numbers):05d}",
        "name": "演示-孙客户",
        "category": "residential",
        "district": "松河县",
        "road": "林场小区",
        "house": "3号楼2单元402",
        "phone": "100-0000-0402",
        "identity_number": IDENTITY,
        "opened_on": date(2020, 5, 1),
    }
    return CustomerIn(**(given | fields))


async def make_customer(session: AsyncSession, company: Company, staff: Staff, **fields: Any) -> CustomerOut:
    return await customers.create_customer(session, office(company, staff), customer_in(company, **fields))


async def add_reading(session: AsyncSession, customer_id: str, *, read: str) -> None:
    """A card that the office has read as somebody else's than was taken down."""
    customer = await session.get_one(Customer, customer_id)
    record_id = new_id("customer.completed")

    async def sealed(field: str, told: msgspec.Struct) -> bytes:
        text = msgspec.json.encode(told).decode()
        return await sealing.seal(session, customer.id, customer.organisation_id, f"{field}/{record_id}", text)

    card = IdentityCard(name=customer.name, number=read, sex="女", nation="汉", address="松河县江沿路7号")
    now = datetime.now(UTC)
    session.add(
        CardReading(
            record_id=record_id,
            organisation_id=customer.organisation_id,
            customer_id=customer.id,
            staff_id="",
            photo_id="photo:card",
            entry="keyed",
            taken_down_sealed=await sealed("card_taken_down", TakenDown(name=customer.name, identity_number=IDENTITY)),
            state="read",
            read_sealed=await sealed("card_read", card),
            differs=["identity_number"],
            recorded_at=now,
            read_at=now,
        )
    )
