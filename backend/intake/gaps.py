"""Which record numbers of a phone never came: each counts without a gap for each device and kind of database."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.intake.models import IntakeEntry


class Gap(msgspec.Struct, frozen=True):
    """Numbers `first` to `last` are missing; `kind` is `user` or `media`."""

    kind: str
    first: int
    last: int


async def missing_numbers(session: AsyncSession, device_id: str) -> Sequence[Gap]:
    """Gaps below the highest number met; one may close by itself while the phone is still sending."""
    numbers = (
        select(
            IntakeEntry.kind,
            IntakeEntry.record_number.label("number"),
            func.lag(IntakeEntry.record_number, 1, 0)
            .over(partition_by=IntakeEntry.kind, order_by=IntakeEntry.record_number)
            .label("before"),
        )
        .where(IntakeEntry.device_id == device_id, IntakeEntry.record_number.is_not(None))
        .subquery()
    )
    found = await session.execute(
        select(numbers.c.kind, numbers.c.before + 1, numbers.c.number - 1)
        .where(numbers.c.number > numbers.c.before + 1)
        .order_by(numbers.c.kind, numbers.c.number)
    )
    return [Gap(kind, first, last) for kind, first, last in found]
