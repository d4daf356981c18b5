"""Wang's vehicle, where it drove, a deposit, a contract, what came back to the station and who was missed again."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.vehicles import service as vehicles
from backend.vehicles.schemas import VehicleIn
from sync.documents import deliveries as gas
from sync.documents.customers import CustomerPaperDone
from sync.documents.cylinders import CylinderScan, CylindersStored, StoredCylinder
from sync.documents.patrol import TrackPoint
from sync.documents.vehicles import VehicleTracked
from tests.web_console.town import crossing

PLATE = "吉·演示01"


async def write_round(session: AsyncSession, scene: Any, orders: list[Any], now: Any) -> None:
    wang = scene.wang
    given = VehicleIn(organisation_id=wang.unit_id, code="CL-001", plate=PLATE, driver_id=wang.staff.id)
    scene.vehicle_id = (await vehicles.create_vehicle(session, scene.caller, given)).vehicle.id
    started = now - timedelta(minutes=65)
    stretch = [crossing(8 - n / 6, 8 - n / 2) for n in range(7)]
    tracked = VehicleTracked(
        **wang.envelope("vehicle.tracked", started + timedelta(minutes=5), stretch[-1]),
        round_id="cylinders.loaded:1",
        vehicle=PLATE,
        chunk=0,
        started_at=started,
        points=tuple(TrackPoint(45.0 * n, lon, lat, 5.0, 8.0) for n, (lon, lat) in enumerate(stretch)),
    )
    (first, customer), (second, other) = orders[0], orders[1]
    contract = CustomerPaperDone(
        **wang.envelope("customer.paper_done", now - timedelta(minutes=15), crossing(8, 5), task_id=first.id),
        customer_id=customer.id,
        kind="agreement",
        number="HT-2026-0007",
        photos=("photo:" + "ab" * 32,),
    )
    extra = gas.DeliveryCompleted(
        **wang.envelope("delivery.completed", now - timedelta(minutes=11), crossing(8, 5)),
        customer_id=customer.id,
        check_id="delivery.checked:none",
        delivered=(CylinderScan(code="118-018270", method="qr"),),
        leak_test=gas.LeakTest(method="soap_water", passed=True),
        signature=gas.Signature(kind="text_code", receiver="演示-郑户", text_code="4821"),
        deposits=(
            gas.DepositSlip(kind="taken", number="YJ-0007", specification="YSP118", quantity=1, amount_fen=30_000),
        ),
    )
    spare = gas.DeliveryCompleted(
        **wang.envelope("delivery.completed", now - timedelta(minutes=10), crossing(8, 5)),
        customer_id=customer.id,
        check_id="delivery.checked:none",
        delivered=(CylinderScan(code="99-000001", method="qr"),),
        leak_test=gas.LeakTest(method="soap_water", passed=True),
        signature=gas.Signature(kind="text_code", receiver="演示-郑户", text_code="4821"),
    )
    refused = gas.VisitFailed(
        **wang.envelope("visit.failed", now - timedelta(minutes=5), crossing(8, 6), task_id=second.id),
        customer_id=other.id,
        outcome="refused",
        attempt=2,
        reason="家里没人做主",
        witness="演示-楼长",
        notice_handed_over=True,
    )
    stored = CylindersStored(
        **wang.envelope("cylinders.stored", now - timedelta(minutes=2), crossing(8, 8)),
        station_id=wang.unit_id,
        vehicle=PLATE,
        cylinders=(StoredCylinder(scan=CylinderScan(code="35-011111", method="qr"), full=False),),
        missing=("35-018268",),
        missing_reason="留在备用点",
    )
    await wang.send(session, tracked, contract, extra, spare, refused, stored)
