"""How each filling stands, from its record and its checks, whatever came first."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import one_of
from backend.changes import service as changes
from backend.filling.models import Filling, FillingAfterCheck
from backend.filling.rules import AfterCheck, state_of


def counts() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Neither replaced nor withdrawn."""
    return Filling.corrected_by == "", Filling.withdrawn_at.is_(None)


async def settle(session: AsyncSession, filling_ids: Collection[str]) -> None:
    """The regulator hears of each one that stands otherwise than before."""
    if not filling_ids:
        return
    query = select(Filling).where(one_of(Filling.id, set(filling_ids))).order_by(Filling.id)
    rows = (await session.scalars(query.with_for_update().execution_options(populate_existing=True))).all()
    checks = await checks_of(session, [row.id for row in rows])
    changed: dict[str, str] = {}
    for row in rows:
        state = state_of(
            net_kg=row.net_kg,
            tare_kg=row.tare_kg,
            least_kg=row.least_kg,
            most_kg=row.most_kg,
            checks=[_check(check) for check in checks[row.id]],
        )
        if row.state != state:
            row.state = state
            if not row.corrected_by and row.withdrawn_at is None:
                changed[row.id] = row.organisation_id
    await session.flush()
    await changes.changed_all(session, "T2-10", changed)


async def checks_of(session: AsyncSession, filling_ids: Collection[str]) -> dict[str, list[FillingAfterCheck]]:
    """By filling, oldest first."""
    found: dict[str, list[FillingAfterCheck]] = {filling_id: [] for filling_id in filling_ids}
    query = select(FillingAfterCheck).where(one_of(FillingAfterCheck.filled_id, set(filling_ids)))
    for check in await session.scalars(query.order_by(FillingAfterCheck.at, FillingAfterCheck.id)):
        found[check.filled_id].append(check)
    return found


def _check(row: FillingAfterCheck) -> AfterCheck:
    return AfterCheck(**{name: getattr(row, name) for name in AfterCheck.__struct_fields__})
