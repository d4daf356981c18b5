"""用户档案 (T2-02), as the regulator reads it: it watches supply and safety, so a person is told by his code alone."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import one_of
from backend.changes import service as changes
from backend.customers.models import Customer, CustomerPaper
from backend.customers.service.papers import PAPERS

# Down to the community and road: a household's door is nobody's business there.
_COARSE = ("district", "street", "community", "road")


async def tell_regulator(session: AsyncSession, customer_ids: Iterable[str]) -> None:
    """A further version of these files; of who was erased, that the file is gone."""
    wanted = sorted(set(customer_ids))
    rows = await session.execute(
        select(Customer.id, Customer.organisation_id, Customer.state).where(one_of(Customer.id, wanted))
    )
    kept: dict[str, str] = {}
    gone: dict[str, str] = {}
    for customer_id, organisation_id, state in rows:
        (gone if state == "erased" else kept)[customer_id] = organisation_id
    await changes.changed_all(session, "T2-02", kept)
    await changes.changed_all(session, "T2-02", gone, deleted=True)


async def regulator_items(session: AsyncSession, customer_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Name and house only of organisations; numbers of identity and telephone of nobody."""
    wanted = select(Customer).where(one_of(Customer.id, customer_ids), Customer.state != "erased")
    rows = (await session.scalars(wanted.execution_options(populate_existing=True))).all()
    papers: dict[str, dict[str, Any]] = {row.id: {} for row in rows}
    for paper in await session.scalars(select(CustomerPaper).where(one_of(CustomerPaper.customer_id, list(papers)))):
        papers[paper.customer_id][paper.kind] = {"done_on": paper.done_on, "reviewed_at": paper.reviewed_at}
    return {row.id: _item(row, papers[row.id]) for row in rows}


def _item(row: Customer, papers: dict[str, Any]) -> dict[str, Any]:
    is_organisation = row.identity_kind == "organisation"
    item: dict[str, Any] = {
        "code": row.code,
        "category": row.category,
        "customer_kind": row.identity_kind or "unknown",
        "real_name_registered": row.identity_sealed is not None,
        "opened_on": row.opened_on,
        "state": row.state,
        "papers": {kind: papers.get(kind) for kind in PAPERS},
        **{part: getattr(row, part) for part in _COARSE},
    }
    if is_organisation:
        item |= {"name": row.name, "house": row.house}
    return item
