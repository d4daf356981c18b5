"""气瓶配送记录 (T2-11) and 入户安检记录 (T2-07), as the regulator reads them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.customers import service as customers
from backend.deliveries.models import Delivery, DeliveryCheck, DeliveryOrder, FailedVisit


async def regulator_items(session: AsyncSession, delivery_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Cylinders by code, the customer by code and class; no personal data. A voided delivery is left out: the feed says
    that it is deleted.
    """
    wanted = select(Delivery, func.ST_X(Delivery.point), func.ST_Y(Delivery.point)).where(
        one_of(Delivery.id, list(delivery_ids)), Delivery.voided_at.is_(None)
    )
    found = (await session.execute(wanted)).all()
    rows = [row for row, _, _ in found]
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    known = await customers.names_of(session, [row.customer_id for row in rows])
    numbers = await session.execute(
        select(DeliveryOrder.id, DeliveryOrder.order_number, DeliveryOrder.vehicle, DeliveryOrder.station_id).where(
            one_of(DeliveryOrder.id, [row.task_id for row in rows])
        )
    )
    orders = {order_id: (number, vehicle, station) for order_id, number, vehicle, station in numbers}
    checked = await session.execute(
        select(DeliveryCheck.id, DeliveryCheck.passed).where(
            one_of(DeliveryCheck.id, [row.check_id for row in rows]), DeliveryCheck.voided_at.is_(None)
        )
    )
    passed = {check_id: result for check_id, result in checked}  # noqa: C416
    items: dict[str, dict[str, Any]] = {}
    for row, lon, lat in found:
        customer = known.get(row.customer_id)
        number, vehicle, station = orders.get(row.task_id, ("", "", ""))
        items[row.id] = {
            "organisation_id": row.organisation_id,
            "station_id": station,
            "order_number": number,
            "vehicle": vehicle,
            "staff_name": names.get(row.staff_id, ""),
            "delivered_at": row.at,
            "lon": lon,
            "lat": lat,
            "customer_code": customer.code if customer else "",
            "customer_category": customer.category if customer else "",
            "delivered": [scan["code"] for scan in row.delivered],
            "returned": [each["scan"]["code"] for each in row.returned],
            "check_id": row.check_id,
            "check_passed": passed.get(row.check_id),
            "leak_test_passed": row.leak_test["passed"],
            "signature_kind": row.signature_kind,
            "corrects": row.corrects,
        }
    return items


async def check_items(session: AsyncSession, record_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """入户安检记录 (T2-07): what was found at whose door, and where nobody was let in or was at home; the customer by
    code and class, no witness, no signature, no free text. A voided one is left out: the feed says that it is deleted.
    """

    def stands(table: Any) -> Any:
        return select(table).where(one_of(table.id, record_ids), table.voided_at.is_(None))

    checks = (await session.scalars(stands(DeliveryCheck))).all()
    visits = (await session.scalars(stands(FailedVisit))).all()
    both: list[DeliveryCheck | FailedVisit] = [*checks, *visits]
    names = await accounts.staff_names(session, [row.staff_id for row in both])
    known = await customers.names_of(session, [row.customer_id for row in both])
    items: dict[str, dict[str, Any]] = {}
    for row in both:
        customer = known.get(row.customer_id)
        items[row.id] = {
            "at": row.at,
            "staff_name": names.get(row.staff_id, ""),
            "customer_code": customer.code if customer else "",
            "customer_category": customer.category if customer else "",
            "photos": len(row.photos),
            "corrects": row.corrects,
            **(_found(row) if isinstance(row, DeliveryCheck) else _not_let_in(row)),
        }
    return items


def _found(row: DeliveryCheck) -> dict[str, Any]:
    failed = [each["item"] for each in row.items if each["result"] == "fail"]
    return {
        "outcome": "entered",
        "passed": row.passed,
        "items": [{"item": each["item"], "result": each["result"]} for each in row.items],
        "failed_items": failed,
        "hazard_id": row.hazard_id,
    }


def _not_let_in(row: FailedVisit) -> dict[str, Any]:
    return {
        "outcome": row.outcome,
        "passed": None,
        "attempt": row.attempt,
        "notice_posted": row.notice_posted,
        "next_appointment": row.next_appointment,
    }
