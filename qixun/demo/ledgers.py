"""The demo company's ledgers: licences and certificates, among them one that has run out and some that soon will."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateIn
from backend.scope import Caller

# Holder (the company where empty), kind, number, days that are left.
_CERTIFICATES = (
    ("", "filling_licence", "TS-DEMO-2026-01", 640),
    ("", "gas_business", "JL-DEMO-0001", 52),
    ("", "work_safety", "AQ-DEMO-0001", 25),
    ("演示-王送气", "delivery", "SQ-DEMO-0001", 410),
    ("演示-王送气", "dangerous_goods_driver", "JS-DEMO-0001", 5),
    ("演示-吴送气", "delivery", "SQ-DEMO-0002", -12),
    ("演示-钱安全", "safety_manager", "AQ-DEMO-0002", 300),
)


async def write_ledgers(session: AsyncSession, caller: Caller) -> None:
    today = datetime.now(UTC).date()
    people = {each.name: each.id for each in await accounts.list_staff(session, caller)}
    for name, kind, number, days in _CERTIFICATES:
        await certificates.create_certificate(
            session,
            caller,
            CertificateIn(
                holder_kind="staff" if name else "company",
                holder_id=people[name] if name else caller.company_id,
                kind=kind,
                number=number,
                issued_by="松河县城市管理局（演示）",
                issued_on=today - timedelta(days=700),
                expires_on=today + timedelta(days=days),
            ),
        )
