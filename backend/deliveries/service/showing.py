"""Deliveries and visits in vain, as the office and the regulator see them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.customers import service as customers
from backend.deliveries.models import Delivery, DeliveryCheck, FailedVisit
from backend.deliveries.schemas import CheckOut, DeliveryOut, OftenMissed, VisitOut
from backend.deliveries.service.slips import slips_of
from backend.pages import Page
from backend.scope import Caller, within

# From the second visit in vain a customer is on the list.
_OFTEN = 2
_DELIVERY = (
    *("id", "organisation_id", "task_id", "customer_id", "check_id", "staff_id", "at", "delivered", "returned"),
    *("leak_test", "signature_kind", "signature_photo", "receiver_relation", "payment", "photos", "note", "corrects"),
    *("voided_at", "void_reason"),
)


async def list_deliveries(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    staff_id: str = "",
    customer_id: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[DeliveryOut]:
    """Newest first."""
    wanted: list[ColumnElement[bool]] = [within(Delivery.organisation_id, caller)]
    wanted += [
        column == value
        for column, value in ((Delivery.staff_id, staff_id), (Delivery.customer_id, customer_id))
        if value
    ]
    if since is not None:
        wanted.append(Delivery.at >= since)
    if until is not None:
        wanted.append(Delivery.at < until)
    total = await session.scalar(select(func.count(Delivery.id)).where(*wanted))
    query = select(Delivery).where(*wanted).order_by(Delivery.at.desc(), Delivery.id.desc())
    rows = (await session.scalars(query.limit(limit).offset(offset))).all()
    return Page(await _deliveries(session, rows), total or 0)


async def _deliveries(session: AsyncSession, rows: Sequence[Delivery]) -> list[DeliveryOut]:
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    known = await customers.names_of(session, [row.customer_id for row in rows])
    slips = await slips_of(session, [row.id for row in rows])
    papers = await customers.list_paper_records(session, task_ids=[row.task_id for row in rows])
    agreed = await customers.agreements_of(session, [row.customer_id for row in rows])
    places = await session.execute(
        select(Delivery.id, func.ST_X(Delivery.point), func.ST_Y(Delivery.point)).where(
            one_of(Delivery.id, [row.id for row in rows])
        )
    )
    where = {delivery_id: (lon, lat) for delivery_id, lon, lat in places}
    return [
        DeliveryOut(
            deposits=slips.get(row.id, []),
            papers=[p for p in papers if p.task_id == row.task_id and p.customer_id == row.customer_id],
            agreement_on=agreed.get(row.customer_id, ""),
            lon=where[row.id][0],
            lat=where[row.id][1],
            staff_name=names.get(row.staff_id, ""),
            customer_name=known[row.customer_id].name if row.customer_id in known else "",
            receiver=await customers.unseal_for(session, row.customer_id, f"receiver/{row.id}", row.signature_sealed),
            **{name: getattr(row, name) for name in _DELIVERY},
        )
        for row in rows
    ]


async def records_of(
    session: AsyncSession, caller: Caller, order_id: str
) -> tuple[list[CheckOut], list[DeliveryOut], list[VisitOut]]:
    """What was recorded for an order, oldest first."""

    def own(table: Any) -> Any:
        return select(table).where(table.task_id == order_id, within(table.organisation_id, caller)).order_by(table.at)

    checks = await session.scalars(own(DeliveryCheck))
    delivered = await session.scalars(own(Delivery))
    visits = await session.scalars(own(FailedVisit))
    return (
        [CheckOut(**{name: getattr(row, name) for name in CheckOut.__struct_fields__}) for row in checks],
        await _deliveries(session, delivered.all()),
        await _visits(session, visits.all()),
    )


async def _visits(session: AsyncSession, rows: Sequence[FailedVisit]) -> list[VisitOut]:
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    known = await customers.names_of(session, [row.customer_id for row in rows])
    looked_up = {"customer_name", "staff_name", "witness"}
    own = [name for name in VisitOut.__struct_fields__ if name not in looked_up]
    return [
        VisitOut(
            staff_name=names.get(row.staff_id, ""),
            customer_name=known[row.customer_id].name if row.customer_id in known else "",
            witness=await customers.unseal_for(session, row.customer_id, f"witness/{row.id}", row.witness_sealed),
            **{name: getattr(row, name) for name in own},
        )
        for row in rows
    ]


async def list_failed_visits(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    outcome: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[VisitOut]:
    wanted: list[ColumnElement[bool]] = [within(FailedVisit.organisation_id, caller), FailedVisit.voided_at.is_(None)]
    if since is not None:
        wanted.append(FailedVisit.at >= since)
    if outcome:
        wanted.append(FailedVisit.outcome == outcome)
    total = await session.scalar(select(func.count(FailedVisit.id)).where(*wanted))
    query = select(FailedVisit).where(*wanted).order_by(FailedVisit.at.desc(), FailedVisit.id)
    rows = (await session.scalars(query.limit(limit).offset(offset))).all()
    return Page(await _visits(session, rows), total or 0)


async def list_often_missed(session: AsyncSession, caller: Caller, *, days: int = 90) -> list[OftenMissed]:
    """For the community (社区): customers who were visited in vain more than once and not supplied since."""
    stands = select(Delivery.customer_id, func.max(Delivery.at).label("at")).where(Delivery.voided_at.is_(None))
    latest = stands.group_by(Delivery.customer_id).subquery()
    query = (
        select(
            FailedVisit.customer_id,
            func.count(FailedVisit.id),
            func.max(FailedVisit.at),
            func.array_agg(aggregate_order_by(FailedVisit.outcome, FailedVisit.at.desc()))[1],
        )
        .outerjoin(latest, latest.c.customer_id == FailedVisit.customer_id)
        .where(
            within(FailedVisit.organisation_id, caller),
            FailedVisit.voided_at.is_(None),
            FailedVisit.at >= func.now() - timedelta(days=days),
            or_(latest.c.at.is_(None), FailedVisit.at > latest.c.at),
        )
        .group_by(FailedVisit.customer_id)
        .having(func.count(FailedVisit.id) >= _OFTEN)
        .order_by(func.count(FailedVisit.id).desc(), FailedVisit.customer_id)
    )
    rows = (await session.execute(query)).all()
    known = await customers.names_of(session, [row[0] for row in rows])
    communities = await customers.communities_of(session, [row[0] for row in rows])
    # 社区 by 社区, the most visited first.
    rows = sorted(rows, key=lambda row: (communities.get(row[0], ""), -row[1]))
    return [
        OftenMissed(
            customer_id=customer_id,
            customer_code=known[customer_id].code if customer_id in known else "",
            customer_name=known[customer_id].name if customer_id in known else "",
            community=communities.get(customer_id, ""),
            address=known[customer_id].address if customer_id in known else "",
            visits=visits,
            last_at=last_at,
            last_outcome=outcome,
        )
        for customer_id, visits, last_at, outcome in rows
    ]
