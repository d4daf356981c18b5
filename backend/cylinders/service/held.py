"""What somebody holds now: the load of a vehicle, told by its driver."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import one_of
from backend.cylinders.models import Cylinder, CylinderMovement
from backend.cylinders.rules import HolderKind
from backend.scope import Caller, within


class HeldCylinder(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: the movement by which it came there; `customer_id`: from whom."""

    id: str
    code: str
    specification: str
    kind: str
    since: datetime
    customer_id: str


async def list_held(session: AsyncSession, caller: Caller, kind: HolderKind, holder_id: str) -> list[HeldCylinder]:
    came = and_(
        CylinderMovement.cylinder_id == Cylinder.id,
        CylinderMovement.record_id == Cylinder.last_record_id,
        CylinderMovement.kind.in_(("loaded", "returned")),
    )
    query = (
        select(Cylinder, CylinderMovement.kind, CylinderMovement.customer_id)
        .outerjoin(CylinderMovement, came)
        .where(Cylinder.holder_kind == kind, Cylinder.holder_id == holder_id, within(Cylinder.organisation_id, caller))
        .order_by(Cylinder.code)
    )
    return [
        HeldCylinder(
            id=row.id,
            code=row.code,
            specification=row.specification,
            kind=how or "",
            since=row.holder_since,
            customer_id=customer_id or "",
        )
        for row, how, customer_id in (await session.execute(query.execution_options(populate_existing=True)))
    ]


async def count_held(session: AsyncSession, kind: HolderKind, holder_ids: Collection[str]) -> dict[str, int]:
    rows = await session.execute(
        select(Cylinder.holder_id, func.count(Cylinder.id))
        .where(Cylinder.holder_kind == kind, one_of(Cylinder.holder_id, sorted(holder_ids)))
        .group_by(Cylinder.holder_id)
    )
    return {holder_id: number for holder_id, number in rows}  # noqa: C416
