"""Invented customers."""

import itertools
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.customers import service as customers
from backend.customers.schemas import CustomerIn, CustomerOut
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
