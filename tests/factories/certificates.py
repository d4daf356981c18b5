"""Invented certificates."""

import itertools
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateIn, CertificateOut
from sync.databases import BEIJING
from tests.factories.accounts import Company
from tests.factories.taken import office

_numbers = itertools.count(1)


def in_days(days: int) -> date:
    return datetime.now(BEIJING).date() + timedelta(days=days)


def certificate_in(company: Company, **fields: Any) -> CertificateIn:
    """The company's filling licence, good for two years more."""
    given: dict[str, Any] = {
        "holder_kind": "company",
        "holder_id": company.company.id,
        "kind": "filling_licence",
        "number": f"TS-{next(_numbers):05d}",
        "issued_by": "松河县市场监督管理局",
        "issued_on": in_days(-700),
        "expires_on": in_days(730),
    }
    return CertificateIn(**(given | fields))


async def make_certificate(session: AsyncSession, company: Company, staff: Staff, **fields: Any) -> CertificateOut:
    return await certificates.create_certificate(session, office(company, staff), certificate_in(company, **fields))
