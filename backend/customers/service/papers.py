"""Agreement, safety notice, fittings replaced, in-home check: done and reviewed apart (E5.8.3-6)."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import one_of
from backend.customers.models import CustomerPaper, PaperRecord
from backend.customers.schemas import PaperOut, PaperRecordOut
from sync.databases import BEIJING
from sync.documents.customers import PaperKind

PAPERS: tuple[PaperKind, ...] = ("agreement", "safety_notice", "fittings", "in_home_check")


async def list_papers(session: AsyncSession, customer_id: str) -> list[PaperOut]:
    query = select(CustomerPaper).where(CustomerPaper.customer_id == customer_id)
    rows = {row.kind: row for row in await session.scalars(query.execution_options(populate_existing=True))}
    found = []
    for kind in PAPERS:
        row = rows.get(kind)
        found.append(
            PaperOut(
                kind=kind,
                done_on=row.done_on if row else None,
                done_by=row.done_by if row else "",
                record_id=row.record_id if row else "",
                reviewed_at=row.reviewed_at if row else None,
                reviewed_by=row.reviewed_by if row else "",
            )
        )
    return found


async def list_paper_records(
    session: AsyncSession, customer_id: str = "", *, task_ids: Sequence[str] | None = None
) -> list[PaperRecordOut]:
    """Newest first: of a customer, or those made at these deliveries (5.8.3-05)."""
    query = select(PaperRecord).order_by(PaperRecord.at.desc(), PaperRecord.id.desc())
    if customer_id:
        query = query.where(PaperRecord.customer_id == customer_id)
    if task_ids is not None:
        query = query.where(one_of(PaperRecord.task_id, sorted(set(task_ids) - {""})))
    own = PaperRecordOut.__struct_fields__
    return [PaperRecordOut(**{name: getattr(row, name) for name in own}) for row in await session.scalars(query)]


async def agreements_of(session: AsyncSession, customer_ids: Sequence[str]) -> dict[str, str]:
    """When each of them signed his 供用气合同; left out who has not."""
    rows = await session.execute(
        select(CustomerPaper.customer_id, CustomerPaper.done_on).where(
            one_of(CustomerPaper.customer_id, sorted(set(customer_ids))),
            CustomerPaper.kind == "agreement",
            CustomerPaper.done_on.is_not(None),
        )
    )
    return {customer_id: done_on.isoformat() for customer_id, done_on in rows if done_on is not None}


async def settle_papers(session: AsyncSession, customer_ids: Sequence[str]) -> None:
    """What is done, folded from the records: the newest by corrected time counts, whatever order they came in. What is
    newer than its review waits to be reviewed again; what the office itself wrote later stays.
    """
    query = select(PaperRecord).where(one_of(PaperRecord.customer_id, sorted(set(customer_ids))))
    newest: dict[tuple[str, str], PaperRecord] = {}
    for row in await session.scalars(query.order_by(PaperRecord.at, PaperRecord.id)):
        newest[row.customer_id, row.kind] = row
    for (customer_id, kind), row in sorted(newest.items()):
        known = await session.get(CustomerPaper, (customer_id, kind), populate_existing=True, with_for_update=True)
        done_on = row.at.astimezone(BEIJING).date()
        if known is not None and (known.record_id == row.id or (known.done_on is not None and known.done_on > done_on)):
            continue
        reviewed = known.reviewed_at if known is not None and (known.reviewed_at or row.at) > row.at else None
        fields = {
            "organisation_id": row.organisation_id,
            "done_on": done_on,
            "done_by": row.staff_id,
            "record_id": row.id,
            "reviewed_at": reviewed,
            "reviewed_by": known.reviewed_by if known is not None and reviewed else "",
        }
        made = insert(CustomerPaper).values(customer_id=customer_id, kind=kind, **fields)
        await session.execute(made.on_conflict_do_update(index_elements=["customer_id", "kind"], set_=fields))


def reviewed_fields(*, reviewed: bool, staff_id: str) -> dict[str, object]:
    return {"reviewed_at": datetime.now(UTC) if reviewed else None, "reviewed_by": staff_id if reviewed else ""}
