"""The ledgers of the scene's company: what its office looks after."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateIn
from tests.factories.certificates import in_days


async def write_ledgers(session: AsyncSession, scene: Any) -> None:
    wang = scene.wang.staff
    for holder_kind, holder_id, kind, number, days in (
        ("company", scene.company.company.id, "gas_business", "JL-0001", 45),
        ("staff", wang.id, "delivery", "SQ-0001", -12),
        ("staff", wang.id, "dangerous_goods_driver", "JS-0001", 5),
        ("staff", scene.li.staff.id, "gas_operator", "CY-0007", 400),
    ):
        await certificates.create_certificate(
            session,
            scene.caller,
            CertificateIn(
                holder_kind=holder_kind,
                holder_id=holder_id,
                kind=kind,
                number=number,
                issued_by="松河县城市管理局",
                issued_on=in_days(0) - timedelta(days=900),
                expires_on=in_days(days),
            ),
        )
