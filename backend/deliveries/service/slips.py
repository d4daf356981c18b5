"""押金单: what was taken, paid back or moved to another size, and what the company still holds of each customer."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.customers import service as customers
from backend.deliveries.models import Delivery, DepositSlip
from backend.deliveries.rules import Slip, balance
from backend.deliveries.schemas import DepositBalance, SlipOut
from backend.pages import Page
from backend.scope import Caller, within

_LOOKED_UP = {"customer_code", "customer_name", "staff_name"}


async def list_slips(
    session: AsyncSession,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    customer_id: str = "",
    kind: str = "",
    search: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[SlipOut]:
    """Newest first; those of a voided delivery count no more and are left out. `search`: part of the slip's number."""
    wanted: list[ColumnElement[bool]] = [within(DepositSlip.organisation_id, caller), _stand()]
    wanted += [
        column == value for column, value in ((DepositSlip.customer_id, customer_id), (DepositSlip.kind, kind)) if value
    ]
    if since is not None:
        wanted.append(DepositSlip.at >= since)
    if until is not None:
        wanted.append(DepositSlip.at < until)
    if search:
        wanted.append(DepositSlip.number.icontains(search, autoescape=True))
    total = await session.scalar(select(func.count(DepositSlip.id)).where(*wanted))
    query = select(DepositSlip).where(*wanted).order_by(DepositSlip.at.desc(), DepositSlip.id.desc())
    rows = (await session.scalars(query.limit(limit).offset(offset))).all()
    return Page(await _out(session, rows), total or 0)


def _stand() -> ColumnElement[bool]:
    return DepositSlip.delivery_id.not_in(select(Delivery.id).where(Delivery.voided_at.is_not(None)))


async def slips_of(session: AsyncSession, delivery_ids: Sequence[str]) -> dict[str, list[SlipOut]]:
    rows = await session.scalars(
        select(DepositSlip).where(one_of(DepositSlip.delivery_id, sorted(delivery_ids))).order_by(DepositSlip.id)
    )
    found: dict[str, list[SlipOut]] = defaultdict(list)
    for slip in await _out(session, rows.all()):
        found[slip.delivery_id].append(slip)
    return found


async def _out(session: AsyncSession, rows: Sequence[DepositSlip]) -> list[SlipOut]:
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    known = await customers.names_of(session, [row.customer_id for row in rows])
    own = [name for name in SlipOut.__struct_fields__ if name not in _LOOKED_UP]
    return [
        SlipOut(
            staff_name=names.get(row.staff_id, ""),
            customer_code=known[row.customer_id].code if row.customer_id in known else "",
            customer_name=known[row.customer_id].name if row.customer_id in known else "",
            **{name: getattr(row, name) for name in own},
        )
        for row in rows
    ]


async def list_balances(
    session: AsyncSession, caller: Caller, *, customer_id: str = "", search: str = "", limit: int = 100, offset: int = 0
) -> Page[DepositBalance]:
    """Customers with slips, by code; folded from all of each one's slips in the order of time."""
    wanted: list[ColumnElement[bool]] = [within(DepositSlip.organisation_id, caller), _stand()]
    if customer_id:
        wanted.append(DepositSlip.customer_id == customer_id)
    if search:
        found = await customers.list_customers(session, caller, search=search, state="", limit=500)
        wanted.append(
            or_(
                one_of(DepositSlip.customer_id, [line.id for line in found.items]),
                DepositSlip.number.icontains(search, autoescape=True),
            )
        )
    whose = select(DepositSlip.customer_id).where(*wanted).distinct()
    total = await session.scalar(select(func.count()).select_from(whose.subquery()))
    page = (await session.scalars(whose.order_by(DepositSlip.customer_id).limit(limit).offset(offset))).all()
    rows = await session.scalars(
        select(DepositSlip)
        .where(one_of(DepositSlip.customer_id, list(page)), within(DepositSlip.organisation_id, caller), _stand())
        .order_by(DepositSlip.at, DepositSlip.id)
    )
    theirs: dict[str, list[DepositSlip]] = defaultdict(list)
    for row in rows:
        theirs[row.customer_id].append(row)
    known = await customers.names_of(session, list(page))
    return Page([_balance(key, theirs[key], known.get(key)) for key in page], total or 0)


def _balance(customer_id: str, rows: Sequence[DepositSlip], known: customers.CustomerLine | None) -> DepositBalance:
    held = balance(
        Slip(row.kind, row.specification, row.quantity, row.amount_fen, row.moved_to)  # type: ignore[arg-type]
        for row in rows
    )
    return DepositBalance(
        customer_id=customer_id,
        customer_code=known.code if known else "",
        customer_name=known.name if known else "",
        cylinders=held.cylinders,
        amount_fen=held.amount_fen,
        last_at=rows[-1].at,
    )
